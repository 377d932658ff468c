"""An index of ours on django-q2's queue: its broker asks by key and lock, and has none for it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("django_q", "0018_task_success_index"),
        ("tenants", "0003_chores"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX truepush_queue_by_key ON django_q_ormq (key, lock)",
            "DROP INDEX truepush_queue_by_key",
        ),
    ]
