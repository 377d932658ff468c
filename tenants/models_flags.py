"""What is released workspace by workspace, and how it goes; a part of tenants.models."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class FeatureFlag(models.Model):
    """Who gets a change that tenants.flags names. Without a row it is as the code says."""

    name = models.CharField(max_length=40, primary_key=True)
    percent = models.PositiveSmallIntegerField(db_default=0)
    # Workspaces that have it, or not, whatever the share says.
    on_for = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True)
    off_for = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True)
    # One more with each start: figures are of one step.
    step = models.PositiveIntegerField(db_default=1)
    started_at = models.DateTimeField(db_default=Now())
    # Set while nobody has it, named or not.
    stopped_at = models.DateTimeField(null=True)
    stopped_why = models.CharField(max_length=300, blank=True, db_default="")

    class Meta:
        ordering = ["name"]
        permissions = [("release_flags", "Can start and stop feature flags")]
        constraints = [models.CheckConstraint(condition=Q(percent__lte=100), name="feature_flag_percent")]

    def __str__(self) -> str:
        return self.name


class FlagFigure(models.Model):
    """What happened since a step began to workspaces that have it, and to the others."""

    flag = models.ForeignKey(FeatureFlag, on_delete=models.CASCADE, related_name="figures")
    step = models.PositiveIntegerField()
    is_on = models.BooleanField()
    kind = models.CharField(max_length=10)
    events = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["flag", "step", "is_on", "kind"], name="flag_figure_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.flag_id}"
