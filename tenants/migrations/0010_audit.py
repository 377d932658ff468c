"""The audit log says where from and what was before, and the database itself refuses to change it.

The role that runs is the owner of the table, so rights alone would not hold it: a trigger does. Whoever may change
the schema can still drop that; docs/operating.md says how the roles are set apart.
"""

from django.db import migrations, models

GUARD = """
CREATE FUNCTION tenants_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND coalesce(current_setting('truepush.audit_retention', true), '') = 'on'
            AND OLD.at < now() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION tenants_audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON tenants_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit_append_only();
"""
NO_GUARD = """
DROP TRIGGER audit_no_truncate ON tenants_auditentry;
DROP TRIGGER audit_append_only ON tenants_auditentry;
DROP FUNCTION tenants_audit_append_only();
"""
MOVE = """
UPDATE tenants_auditentry SET before = detail -> 'before', after = detail -> 'after',
    detail = detail - 'before' - 'after' WHERE detail ? 'before' AND detail ? 'after'
"""
MOVE_BACK = """
UPDATE tenants_auditentry SET detail = detail || jsonb_build_object('before', before, 'after', after)
    WHERE before IS NOT NULL OR after IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0009_sdk_release")]

    operations = [
        migrations.AddField("auditentry", "before", models.JSONField(null=True)),
        migrations.AddField("auditentry", "after", models.JSONField(null=True)),
        migrations.AddField("auditentry", "address", models.CharField(blank=True, db_default="", max_length=45)),
        migrations.AddField("auditentry", "request_id", models.CharField(blank=True, db_default="", max_length=64)),
        migrations.RunSQL(MOVE, MOVE_BACK),
        migrations.RemoveIndex("auditentry", "audit_by_tenant"),
        migrations.AddIndex(
            "auditentry", models.Index(fields=["tenant_id", "-at", "-id"], name="audit_by_time")
        ),
        migrations.AddIndex(
            "auditentry", models.Index(fields=["tenant_id", "actor", "-at", "-id"], name="audit_by_actor")
        ),
        migrations.AddIndex(
            "auditentry", models.Index(fields=["tenant_id", "action", "-at", "-id"], name="audit_by_action")
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
    ]
