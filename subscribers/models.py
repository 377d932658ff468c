"""The tenant schema's audience side: websites, their keys, and the browsers that subscribed on them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Site(models.Model):
    """One website of the tenant: an origin plus aliases. Its `site_key` is public and names it to the SDK."""

    name = models.CharField(max_length=80)
    origin = models.CharField(max_length=255)
    aliases = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    icon_url = models.CharField(max_length=2000, blank=True)
    contact = models.CharField(max_length=254)
    site_key = models.CharField(max_length=32, unique=True)
    worker_path = models.CharField(max_length=200, default="/truepush/worker.js")
    is_demo = models.BooleanField(default=False)
    # Messages a minute of this website's sends together; null is as fast as it goes.
    rate_per_minute = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["origin"], name="site_origin_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def worker_scope(self) -> str:
        """The folder of the worker file: the scope that a browser grants it without extra headers."""
        return self.worker_path.rpartition("/")[0] + "/"


class VapidKey(models.Model):
    """A site's application server key (RFC 8292). A subscription works only with the key it was made with."""

    class State(models.TextChoices):
        CURRENT = "current", "In use"
        OLD = "old", "For older subscriptions"
        RETIRED = "retired", "Retired"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="vapid_keys")
    public = models.BinaryField(max_length=65)
    # The private scalar under truepush.lib.fieldcrypt, with a key that is not in the database.
    private_encrypted = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.CURRENT)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=Q(state="current"), name="vapid_key_one_current"
            )
        ]

    def __str__(self) -> str:
        return f"key {self.pk} of site {self.site_id}"


class Subscriber(models.Model):
    """One browser's push subscription on one site, with its profile."""

    class State(models.TextChoices):
        ACTIVE = "active", "Subscribed"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        GONE = "gone", "Gone"
        DISABLED = "disabled", "Paused with its key"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="subscribers")
    vapid_key = models.ForeignKey(VapidKey, on_delete=models.PROTECT, db_index=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    is_test = models.BooleanField(default=False)
    service = models.CharField(max_length=8)
    endpoint = models.CharField(max_length=2048)
    # SHA-256 of the endpoint: a narrow unique index over what may be 2,048 characters long.
    endpoint_digest = models.BinaryField(max_length=32)
    p256dh = models.BinaryField(max_length=65)
    auth = models.BinaryField(max_length=16)
    language = models.CharField(max_length=35, blank=True)
    country = models.CharField(max_length=2, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    browser = models.CharField(max_length=40, blank=True)
    os = models.CharField(max_length=40, blank=True)
    device = models.CharField(max_length=12, blank=True)
    external_id = models.CharField(max_length=128, blank=True)
    tags = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    subscribed_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    # A 429 of its push service asks this one subscription to wait (RFC 8030 section 8.4).
    wait_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "endpoint_digest"], name="subscriber_endpoint_once"),
            models.CheckConstraint(
                condition=Q(state="active", ended_at__isnull=True)
                | (~Q(state="active") & Q(ended_at__isnull=False)),
                name="subscriber_ended_when_not_active",
            ),
        ]

    def __str__(self) -> str:
        return f"subscriber {self.pk}"
