"""What people compose: campaigns, their messages, and the pictures of these."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from subscribers.models import Segment, Site
from tenants.site_limits import OfSites


class Purpose(models.TextChoices):
    """What a campaign is for: a website's caps and quiet hours are about promotion alone."""

    PROMOTION = "promotion", "Promotion or news"
    SERVICE = "service", "Service: about an order, an account, a delivery"


class Campaign(models.Model):
    """What a person composes. Once launched its content is fixed: the send has its own frozen copy."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        # A second person is asked to approve it.
        WAITING = "waiting", "Waiting for approval"
        # Its send, or the next of them, waits for its time.
        SCHEDULED = "scheduled", "Scheduled"
        # Never sent itself: drafts are made from it.
        TEMPLATE = "template", "Template"
        LAUNCHED = "launched", "Sent"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    purpose = models.CharField(max_length=9, choices=Purpose.choices, db_default=Purpose.PROMOTION)
    # Whom it is for; null is everyone who subscribed. A launched one remembers it until the segment is deleted.
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # Further segments that it goes to, and those whose people are left out (campaigns.whom).
    also = ArrayField(models.BigIntegerField(), db_default=[], blank=True)
    excluded = ArrayField(models.BigIntegerField(), db_default=[], blank=True)
    # Who of these is left out besides (campaigns.whom.LeaveOut.as_json()), and which campaigns it is a copy of.
    leave_out = models.JSONField(db_default={}, blank=True)
    copied_from = ArrayField(models.BigIntegerField(), db_default=[], blank=True)
    # What was typed in the composer since it was last saved, as a form's query string; empty when all of it is saved.
    typed = models.TextField(db_default="", blank=True)
    # Out of the lists, and nothing else.
    archived_at = models.DateTimeField(null=True, blank=True)
    # When it goes out, as campaigns.timing.Timing.as_json() writes it; empty is at once.
    schedule = models.JSONField(db_default={}, blank=True)
    # While it waits for approval, how it is to go out: Speed.as_json() with "timing" and "by": who asked.
    wish = models.JSONField(db_default={}, blank=True)
    # Longer than Firefox on Android takes (campaigns.delivery.payload.MAX_BRIDGED).
    oversize_bridged = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = OfSites["Campaign"]()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One variant of a campaign's content, counted from 0. What a later one leaves empty is as in the first."""

    class Urgency(models.TextChoices):
        """RFC 8030 section 5.3."""

        NORMAL = "normal", "Normal"
        VERY_LOW = "very-low", "Very low: on power and Wi-Fi only"
        LOW = "low", "Low: on power or Wi-Fi"
        HIGH = "high", "High: at once, even with a low battery"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="messages")
    variant = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=200)
    body = models.TextField(max_length=2000, blank=True)
    url = models.CharField(max_length=2000)
    icon_url = models.CharField(max_length=2000, blank=True)
    image_url = models.CharField(max_length=2000, db_default="", blank=True)
    badge_url = models.CharField(max_length=2000, db_default="", blank=True)
    # At most two: {"title", "url", "icon_url"}.
    buttons = models.JSONField(db_default=[], blank=True)
    # One of the same name on this website takes its place where it is still shown or waiting.
    replaces = models.CharField(max_length=40, db_default="", blank=True)
    # {"source", "medium", "campaign", "term", "content"}: what `utm_` parameters say, each as typed.
    utm = models.JSONField(db_default={}, blank=True)
    # By language tag: {"title", "body", "url"}, an empty one as in the default.
    translations = models.JSONField(db_default={}, blank=True)
    # Stays until the visitor acts; makes no sound.
    sticky = models.BooleanField(db_default=False)
    silent = models.BooleanField(db_default=False)
    urgency = models.CharField(max_length=8, choices=Urgency.choices, db_default=Urgency.NORMAL)
    # Seconds that push services keep it for a browser that is offline; null is the installation's PUSH_TTL_SECONDS.
    ttl = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["variant"]
        constraints = [models.UniqueConstraint(fields=["campaign", "variant"], name="message_variant_once")]

    def __str__(self) -> str:
        return self.title


class Image(models.Model):
    """A picture for messages, as it is served: `digest` are the first 16 octets of the SHA-256 of its own."""

    class Kind(models.TextChoices):
        ICON = "icon", "Icon"
        BADGE = "badge", "Badge"
        IMAGE = "image", "Large image"

    kind = models.CharField(max_length=5, choices=Kind.choices)
    digest = models.CharField(max_length=32)
    extension = models.CharField(max_length=4)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    octets = models.PositiveIntegerField()
    # What was brought: how large it was and what it was called.
    original_octets = models.PositiveIntegerField()
    name = models.CharField(max_length=120, blank=True)
    created_by = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["digest", "kind"], name="image_once")]

    def __str__(self) -> str:
        return self.name or self.digest[:12]

    @property
    def file_name(self) -> str:
        return f"{self.digest}.{self.extension}"
