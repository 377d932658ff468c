"""What people of a workspace are told; a part of tenants.models."""

from django.db import models
from django.db.models.functions import Now


class Notice(models.Model):
    """Something that one person of one workspace should know: in the console's inbox, and by mail."""

    tenant_id = models.BigIntegerField()
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="notices", db_index=False)
    kind = models.CharField(max_length=20)
    text = models.CharField(max_length=300)
    # Where it is about, on the workspace's host.
    path = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["user", "tenant_id", "-id"], name="notice_inbox")]

    def __str__(self) -> str:
        return self.text
