"""What sign-in keeps count of; a part of tenants.models."""

from django.db import models


class AttemptCount(models.Model):
    """How often something was tried since the period began that ends at `until` (tenants.actions.attempts).

    The key is a keyed hash, so the table tells neither addresses nor e-mail addresses.
    """

    key = models.CharField(max_length=64, primary_key=True)
    times = models.IntegerField()
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.times} until {self.until}"
