"""What support staff do in workspaces; a part of tenants.models."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class SupportView(models.Model):
    """A look of support staff into a workspace's console: a role for a while, and nobody's identity.

    `seen` is the sign-in that it began in; when that ends the view does. `pages` are the routes that were visited.
    """

    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="+")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+")
    seen = models.ForeignKey("tenants.SeenSession", on_delete=models.SET_NULL, null=True, related_name="+")
    role = models.CharField(max_length=8)
    reason = models.CharField(max_length=300)
    pages = ArrayField(models.CharField(max_length=120), default=list, db_default=[])
    started_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tenant"],
                condition=models.Q(ended_at__isnull=True),
                name="support_view_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}"
