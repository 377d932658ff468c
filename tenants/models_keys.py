"""Keys of the REST API; a part of tenants.models."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone


class Scope(models.TextChoices):
    """What a key may do; none includes another."""

    READ_CAMPAIGNS = "campaigns:read", "Read campaigns and reports"
    SEND = "campaigns:send", "Make and send campaigns"
    READ_SUBSCRIBERS = "subscribers:read", "Read subscribers"
    WRITE_SUBSCRIBERS = "subscribers:write", "Change subscribers: tags, attributes, events, erasing"


class ApiKey(models.Model):
    """A key by which a customer's server comes in: `key_id` names it, and only the secret's SHA-256 is kept."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    key_id = models.CharField(max_length=8, unique=True)
    digest = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    # Addresses and networks from which it counts; empty is everywhere.
    addresses = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    per_minute = models.PositiveIntegerField()
    created_by = models.ForeignKey("tenants.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    # Null is never.
    expires_at = models.DateTimeField(null=True)
    # At most a minute older than its last use.
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # Refused since a restore: it may have been revoked after the backup was made. An admin lets it in again.
    held_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "API key"
        constraints = [models.CheckConstraint(condition=Q(per_minute__gt=0), name="api_key_per_minute")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_open(self) -> bool:
        return self.revoked_at is None and not self.is_over

    @property
    def start(self) -> str:
        """What may be shown of it, by which people tell it from others."""
        return f"tp_live_{self.key_id}"

    @property
    def scope_labels(self) -> list[str]:
        return [Scope(scope).label for scope in self.scopes]
