"""Who is asked to join a workspace; a part of tenants.models."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Invitation(models.Model):
    """A person is asked by mail to join. Only the SHA-256 of the link's token is kept, from when it is mailed on.

    It is open until it is accepted, withdrawn, or over; rows stay for a while, since limits count them.
    """

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    role = models.CharField(max_length=8)
    site_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    invited_by = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=32, null=True, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    # Null while it waits for the next mail.
    mailed_at = models.DateTimeField(null=True)
    mails = models.SmallIntegerField(default=0)
    mail_failed = models.BooleanField(default=False)
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="invitation_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.tenant}"

    @property
    def is_over(self) -> bool:
        return self.expires_at <= timezone.now()
