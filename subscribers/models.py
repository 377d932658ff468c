"""The tenant schema's audience side: websites, their keys, and the browsers that subscribed on them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate, Now, Reverse, Right

from subscribers.models_prompts import FunnelCount, Prompt
from tenants.site_limits import OfSites, Sites

__all__ = [
    "EventFact", "FunnelCount", "Inbox", "Job", "Prompt", "Segment", "Site", "Subscriber", "Tombstone", "VapidKey",
]  # fmt: skip


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
    # Of campaigns that go out at a time: an IANA name.
    time_zone = models.CharField(max_length=64, db_default="UTC")
    # Messages a minute of this website's sends together; null is as fast as it goes.
    rate_per_minute = models.PositiveIntegerField(null=True, blank=True)
    # How much its subscribers may get (subscribers.restraint.Restraint).
    restraint = models.JSONField(db_default={}, blank=True)
    # Of a large audience, what subscribers.figures counted last: counting it for each page would be too slow.
    figures = models.JSONField(db_default={}, blank=True)
    # What the last check of its installation found (subscribers.actions.site_check).
    checked = models.JSONField(db_default={}, blank=True)
    # When people were last told of a flood of subscriptions.
    flooded_at = models.DateTimeField(null=True)
    # What the customer's server signs external ids with, sealed like private keys; made when it is first asked for.
    identity_encrypted = models.TextField(db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = Sites["Site"]()

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
    # Of a pair that came from another provider: who, and where that provider's worker file lies on the website.
    provider = models.CharField(max_length=20, db_default="", blank=True)
    worker_path = models.CharField(max_length=200, db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=Q(state="current"), name="vapid_key_one_current"
            ),
            # What subscribers refer to.
            models.UniqueConstraint(fields=["id", "site"], name="vapid_key_of_site"),
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
        # In no audience until a test message has reached some of its import.
        IMPORTED = "imported", "Waiting for a test"

    # Found by the unique key and by the audience's index, both of which begin with it. The database holds one foreign
    # key, on the pair (subscriber_key_of_site, in the migrations): the key is of this website, and both are there. Each
    # looks its row up and locks it for every subscriber that is stored.
    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="subscribers", db_index=False, db_constraint=False
    )
    vapid_key = models.ForeignKey(VapidKey, on_delete=models.PROTECT, db_index=False, db_constraint=False)
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
    # Region and city need a database that the operator supplies; the address is truncated before it is stored.
    region = models.CharField(max_length=80, db_default="", blank=True)
    city = models.CharField(max_length=80, db_default="", blank=True)
    address = models.CharField(max_length=39, db_default="", blank=True)
    first_seen_at = models.DateTimeField(db_default=Now())
    sessions = models.IntegerField(db_default=0)
    pages = models.IntegerField(db_default=0)
    # How often it was active in each hour of the day (UTC), an octet each; null where nothing is known
    # (subscribers.hours).
    hours = models.BinaryField(max_length=24, null=True)
    sdk_version = models.CharField(max_length=16, db_default="", blank=True)
    # The consent record: when is `subscribed_at`; on which page's origin, and by which version of which prompt.
    prompt = models.CharField(max_length=40, db_default="", blank=True)
    consent_origin = models.CharField(max_length=255, db_default="", blank=True)
    # What took it out of the audience: "410", "404", "visitor", "console", "key", "flood" ("" where nobody said).
    ended_why = models.CharField(max_length=20, db_default="", blank=True)
    # It came in a flood of subscriptions, and nothing has shown yet that there is a browser behind it; said beside the
    # website's figures, and left out of none of them (subscribers.actions.flood).
    flooded_at = models.DateTimeField(null=True)

    objects = OfSites["Subscriber"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "endpoint_digest"], name="subscriber_endpoint_once"),
            models.CheckConstraint(
                condition=Q(state="active", ended_at__isnull=True)
                | (~Q(state="active") & Q(ended_at__isnull=False)),
                name="subscriber_ended_when_not_active",
            ),
        ]
        # What segments ask most is read from here alone, a quarter of the table: counting a country takes 0.1 s of a
        # million people instead of 0.4 s, a tag 0.2 s instead of 0.7 s. An entry of a tree has at most 2,704 octets;
        # subscribers.tags bounds them.
        indexes = [
            models.Index(
                fields=["site", "id"],
                include=[
                    "country", "language", "browser", "os", "device", "time_zone", "subscribed_at", "seen_at",
                    "sessions", "pages", "tags",
                ],
                condition=Q(state="active", is_test=False),
                name="subscriber_audience",
            ),
            # Everybody else of a website, by id: the list of subscribers is both, merged.
            models.Index(
                fields=["site", "id"],
                include=["state", "is_test"],
                condition=~Q(state="active", is_test=False),
                name="subscriber_others",
            ),
            # Why an audience shrank, week by week; the others are many more.
            models.Index(
                fields=["site", "ended_at"],
                include=["state", "ended_why", "service", "is_test"],
                condition=~Q(state__in=("active", "imported")),
                name="subscriber_left",
            ),
            # What support staff and marketers look people up by: their own number for them, the end of an endpoint.
            models.Index(
                fields=["external_id"], opclasses=["varchar_pattern_ops"], condition=~Q(external_id=""),
                name="subscriber_by_external",
            ),
            models.Index(Collate(Reverse(Right("endpoint", 16)), "C"), name="subscriber_by_tail"),
            models.Index(
                fields=["site", "flooded_at"], condition=Q(flooded_at__isnull=False), name="subscriber_flooded"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"subscriber {self.pk}"


class EventFact(models.Model):
    """How often and when a subscriber did one thing, rolled up by subscribers.actions.profile.

    `recent` are the newest moments, the newest first, at most 20: "at least N times within D days" is one comparison
    with the N-th of them, exact for N up to 20.
    """

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    name = models.CharField(max_length=64)
    count = models.IntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    last_properties = models.JSONField(default=dict)
    recent = ArrayField(models.DateTimeField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "name"], name="event_fact_once"),
            models.CheckConstraint(condition=Q(count__gte=1), name="event_fact_happened"),
        ]
        indexes = [
            models.Index(
                fields=["name", "last_at"], include=["subscriber", "count"], name="event_fact_by_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of subscriber {self.subscriber_id}"


class Inbox(models.Model):
    """What a browser said of its subscriber and is not in the profile yet (subscribers.profiles.Told as JSON)."""

    # No foreign key: what was said of somebody who was erased meanwhile is dropped when it is read.
    subscriber_id = models.BigIntegerField()
    told = models.JSONField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "inbox"

    def __str__(self) -> str:
        return f"said of subscriber {self.subscriber_id}"


class Segment(models.Model):
    """A named rule over one site's audience (docs/segments.md has the rule's form)."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="segments")
    name = models.CharField(max_length=120)
    rule = models.JSONField()
    created_by = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    # The last count, when it was taken and how long it took: what is slow says so.
    counted = models.IntegerField(null=True)
    counted_at = models.DateTimeField(null=True)
    count_ms = models.IntegerField(null=True)

    objects = OfSites["Segment"]()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name


class Tombstone(models.Model):
    """A hash of what was erased and must not be imported again (subscribers.actions.person.tombstone_of)."""

    digest = models.BinaryField(max_length=32, unique=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"tombstone {self.pk}"


class Job(models.Model):
    """Something long that a person asked for and watches. It goes on where it was after a kill.

    An export: `cursor` is the last subscriber's id that is in the file, whose first `octets` are good. An import:
    `octets` of the file have come, `result` says where reading goes on, `wish` is subscribers.importing.wish.Wish.
    """

    class Kind(models.TextChoices):
        EXPORT = "export", "Export"
        IMPORT = "import", "Import"
        # Unsubscribes who was not seen since `wish` says.
        PRUNE = "prune", "Prune"

    class State(models.TextChoices):
        UPLOADING = "uploading", "Uploading"
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    MOVING = (State.WAITING, State.RUNNING)

    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    # What was asked for; its form is subscribers.exports.Wish for an export.
    wish = models.JSONField()
    # What an import did, by kind: {"new": 9000, "known": 12, "refused": 3}.
    result = models.JSONField(db_default={}, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    total = models.IntegerField(null=True)
    done = models.IntegerField(default=0)
    cursor = models.BigIntegerField(default=0)
    octets = models.BigIntegerField(default=0)
    # Claims: a worker that lost its lease finds another number here and writes nothing more.
    fence = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    created_by = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    # When the file is removed; null once it is.
    expires_at = models.DateTimeField(null=True)

    objects = OfSites["Job"]()
    # For limits of the whole workspace.
    everywhere = models.Manager["Job"]()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_moving(self) -> bool:
        return self.state in self.MOVING
