"""The audit log's table; a part of tenants.models."""

from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """Who did what, when, from where. Written by the verb that did it, in its transaction.

    A trigger of the table refuses every change and removal but that of tenants.actions.audit_retention.
    """

    at = models.DateTimeField(db_default=Now())
    tenant_id = models.BigIntegerField(null=True)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=254)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=120, blank=True)
    detail = models.JSONField(default=dict)
    # Of settings: what was and what is, by name; null where there is no such thing.
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    # Of the request that it was done by; empty where the system did it.
    address = models.CharField(max_length=45, blank=True, db_default="")
    request_id = models.CharField(max_length=64, blank=True, db_default="")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["tenant_id", "-at", "-id"], name="audit_by_time"),
            models.Index(fields=["tenant_id", "actor", "-at", "-id"], name="audit_by_actor"),
            models.Index(fields=["tenant_id", "action", "-at", "-id"], name="audit_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
