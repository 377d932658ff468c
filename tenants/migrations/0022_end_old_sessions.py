from django.db import migrations

# Sessions of before tenants.session_store lie there readable, under keys that a browser could send; no browser's cookie
# finds them any more. Who signed in since signs in once again.
_END = """
UPDATE tenants_supportview SET seen_id = NULL WHERE seen_id IS NOT NULL;
DELETE FROM tenants_seensession;
DELETE FROM django_session;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('sessions', '0001_initial'),
        ('tenants', '0021_held_api_keys'),
    ]

    operations = [
        migrations.RunSQL(_END, migrations.RunSQL.noop),
    ]
