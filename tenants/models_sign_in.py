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
