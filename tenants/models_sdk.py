"""Releases of the SDK that this installation holds; a part of tenants.models."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SdkRelease(models.Model):
    """The files of one version as they travel, and to which share of all websites they go (tenants.sdk_rings).

    Websites get the newest start whose share they are in; what was called back is passed over.
    """

    version = models.CharField(max_length=20, unique=True)
    # Name to text: the loader, the worker, the loader's modules.
    files = models.JSONField()
    digest = models.CharField(max_length=32)
    percent = models.PositiveSmallIntegerField(default=0)
    kept_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    called_back_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "SDK release"
        permissions = [("release_sdk", "Can start SDK releases and call them back")]
        constraints = [
            models.CheckConstraint(condition=Q(percent__lte=100), name="sdk_release_percent"),
            models.CheckConstraint(
                condition=Q(started_at__isnull=False) | Q(percent=0), name="sdk_release_started"
            ),
        ]

    def __str__(self) -> str:
        return self.version
