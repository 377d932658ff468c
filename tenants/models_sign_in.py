"""What sign-in keeps count of; a part of tenants.models."""

import uuid

from django.db import models
from django.db.models.functions import Now


class AttemptCount(models.Model):
    """How often something was tried since the period began that ends at `until` (tenants.actions.attempts).

    The key is a keyed hash, so the table tells neither addresses nor e-mail addresses.
    """

    key = models.CharField(max_length=64, primary_key=True)
    times = models.IntegerField()
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.times} until {self.until}"


class KeptMail(models.Model):
    """A mail of an installation that sends none (EMAIL_URL=consolemail://), for its operator to read (tenants.outbox).

    It may hold a link that opens an account, so its text is under truepush.lib.fieldcrypt, and it goes after a day.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_default=Now())
    recipient = models.CharField(max_length=254)
    subject = models.CharField(max_length=200)
    sealed = models.TextField()

    class Meta:
        ordering = ["-at"]
        verbose_name = "mail not sent"
        verbose_name_plural = "mails not sent"

    def __str__(self) -> str:
        return self.subject


class SeenSession(models.Model):
    """A session as its person is shown it; the session itself is Django's. `address` is truncated.

    A sign-in on the public host has no parent; a console's session has the sign-in that it was opened from.
    """

    session_key = models.CharField(max_length=40, db_index=True)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    host = models.CharField(max_length=253)
    browser = models.CharField(max_length=120)
    address = models.CharField(max_length=45, blank=True)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-last_at"]

    def __str__(self) -> str:
        return f"{self.browser} on {self.host}"


class Handover(models.Model):
    """A single-use token that carries a signed-in person from the public host to a tenant's host.

    Only the SHA-256 of the token is kept. `challenge` is the SHA-256 of a secret in a cookie of the browser that
    asked, so a copied token is worth nothing elsewhere.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    challenge = models.CharField(max_length=64)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)
    host = models.CharField(max_length=253)
    # The sign-in that it was asked for with.
    seen_id = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} to {self.host}"
