from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0007_ab")]

    operations = [
        migrations.AddField("send", "request_id", models.CharField(blank=True, db_default="", max_length=64))
    ]
