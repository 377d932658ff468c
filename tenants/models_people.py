"""Who is in a workspace, and who is asked to join; a part of tenants.models."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Role(models.TextChoices):
    """What a member may do; each role includes the ones after it (`tenants.access.RANK`)."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    SENDER = "sender", "Sender"
    EDITOR = "editor", "Editor"
    ANALYST = "analyst", "Analyst"


class Membership(models.Model):
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices)
    # Whether what comes into the inbox is mailed too.
    by_mail = models.BooleanField(db_default=True)
    # The websites that the member may see; empty is all of them.
    site_ids = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["tenant__name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=~models.Q(role="owner") | models.Q(site_ids=[]), name="owners_see_all"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}"

    @property
    def runs_workspace(self) -> bool:
        """Whether what concerns all of it is theirs: settings, people, the audit log."""
        return self.role in (Role.OWNER, Role.ADMIN) and not self.site_ids

    @property
    def may_write(self) -> bool:
        """Whether they may make campaigns and segments, and not only read them."""
        return self.role != Role.ANALYST


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
