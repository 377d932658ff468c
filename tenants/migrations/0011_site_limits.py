"""A member may be limited to some websites."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0010_audit")]

    operations = [
        migrations.AddField(
            "membership",
            "site_ids",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, size=None
            ),
        ),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                condition=models.Q(("role", "owner"), _negated=True) | models.Q(("site_ids", [])),
                name="owners_see_all",
            ),
        ),
    ]
