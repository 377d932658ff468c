"""The tenant schema's sending side: what is sent, to whom it was frozen, and what became of each recipient."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from campaigns.models_content import Campaign, Image, Message, Purpose
from subscribers.models import Site, Subscriber
from tenants.site_limits import OfSites

__all__ = [
    "HELD_OUT", "WAVE_REST", "Batch", "Campaign", "CapUse", "Engagement", "Image", "LedgerPage", "Message", "Purpose",
    "Receipt", "Send", "SendStat",
]  # fmt: skip


_CONSERVED = Q(
    audience=F("accepted") + F("gone") + F("failed") + F("expired") + F("skipped") + F("cancelled")
)


class Send(models.Model):
    """One run of a campaign over a frozen audience."""

    class Kind(models.TextChoices):
        CAMPAIGN = "campaign", "Campaign"
        TEST = "test", "Test"

    class State(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        PREPARING = "preparing", "Preparing"
        RUNNING = "running", "Sending"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"
        FINISHED = "finished", "Finished"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="sends")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    purpose = models.CharField(max_length=9, choices=Purpose.choices, db_default=Purpose.PROMOTION)
    # Which run of the campaign this is ("" for its only one): with the campaign it makes a second launch impossible.
    occurrence = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PREPARING)
    state_detail = models.CharField(max_length=300, blank=True)
    # The variants as they were at launch: a list of the fields that campaigns.delivery.payload.FIELDS names.
    content = models.JSONField(encoder=DjangoJSONEncoder)
    # Who was meant, kept for "by which rule", and its SQL: {"everyone": true}, {"subscribers": [ids]}, or {"segment":
    # id, "name", "says": the rule in English, "rules": {id: rule}, of it and of those that it uses}.
    rule = models.JSONField()
    rule_sql = models.TextField(blank=True)
    # Draws (variant, canary, hold-out) hash the subscriber with this, so ids never decide.
    seed = models.BigIntegerField()
    ttl = models.PositiveIntegerField()
    urgency = models.CharField(max_length=8, default="normal")
    topic = models.CharField(max_length=32, blank=True)
    tag = models.CharField(max_length=40)
    audience = models.IntegerField(default=0)
    accepted = models.IntegerField(default=0)
    gone = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    expired = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    cancelled = models.IntegerField(default=0)
    displayed = models.IntegerField(default=0)
    clicked = models.IntegerField(default=0)
    closed = models.IntegerField(default=0)
    # How many of failed, expired and skipped had which reason: {"failed 413": 3}. Bounded by the closed list.
    reasons = models.JSONField(default=dict)
    # {"zone", "local", "past"} of one that goes out at a time in each subscriber's own zone, and from its freeze on
    # "left_out": how many were not in its audience because their time had passed, by offset. {"best": true} of one
    # that goes out in each subscriber's best hour.
    timing = models.JSONField(db_default={}, blank=True)
    # Messages a minute, and "spread over so many minutes", which sets it at the freeze. Their state is in Pace.
    rate_per_minute = models.PositiveIntegerField(null=True, blank=True)
    spread_minutes = models.PositiveIntegerField(null=True, blank=True)
    # A few first (campaigns.delivery.canary.Canary.as_json()), and what became of it: "state", "done_at", "said".
    canary = models.JSONField(db_default={}, blank=True)
    # How variants are drawn and who is held out (campaigns.delivery.ab.AbTest.as_json()), and of a test on a part
    # first what became of it: "state", "done_at", "said", "winner", and the "chances" by which it was decided.
    ab = models.JSONField(db_default={}, blank=True)
    # As campaigns.breakdown.break_down() counted it.
    breakdown = models.JSONField(db_default={})
    created_by = models.BigIntegerField(null=True)
    # Of the request that made it: in the logs of workers, and with each message in those of the push service.
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    launched_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects = OfSites["Send"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "kind", "occurrence"], name="send_once"),
            models.CheckConstraint(
                name="send_conserves_recipients", condition=~Q(state="finished") | _CONSERVED
            ),
            # The same for a cancelled one, whose end is when the last recipient was written down.
            models.CheckConstraint(
                name="send_conserves_when_ended", condition=Q(finished_at__isnull=True) | _CONSERVED
            ),
        ]

    def __str__(self) -> str:
        return f"send {self.pk}"


WAVE_REST, HELD_OUT = 1, 2


class Batch(models.Model):
    """A slice of a send's frozen audience. A recipient's place in the *root* batch is the ordinal of its token.

    A root batch holds `ids` sorted; its `ordinals` are null, meaning 0..size-1. What could not be finished leaves as
    a child batch: same root, the ids that are left with their ordinals in the root, one attempt more.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"

    send = models.ForeignKey(Send, on_delete=models.CASCADE, related_name="batches", db_index=False)
    root = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="+")
    number = models.IntegerField()
    attempt = models.PositiveSmallIntegerField(default=1)
    ids = ArrayField(models.BigIntegerField())
    ordinals = ArrayField(models.IntegerField(), null=True)
    size = models.IntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    zone = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=5, choices=State.choices, default=State.OPEN)
    due_at = models.DateTimeField()
    # Every recipient before the cursor has an entry in the ledger.
    cursor = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=80, blank=True)
    # A child whose recipients wait for one throttled lane (tenants.Throttle); empty for the others.
    lane = models.CharField(max_length=320, blank=True, db_default="")
    # Claims since something of it was last recorded: one that kills its worker must not come back for ever.
    claims = models.PositiveSmallIntegerField(db_default=0)
    # When its messages expire, where that is not the send's own end.
    expires_at = models.DateTimeField(null=True)
    # Receipts of a root batch, folded: one bit per ordinal, the first in the highest bit of the first octet.
    displayed = models.BinaryField(null=True)
    clicked = models.BinaryField(null=True)
    closed = models.BinaryField(null=True)
    # WAVE_REST is for those who come after a few who got it first, HELD_OUT for those who get nothing, to compare.
    wave = models.PositiveSmallIntegerField(db_default=0)
    # Which of the send's variants its recipients get; null is the only one, or not decided yet.
    variant = models.PositiveSmallIntegerField(null=True)
    # Whether the finished root batch is in its recipients' Engagement.
    is_counted = models.BooleanField(db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cursor__gte=0, cursor__lte=F("size")), name="batch_cursor_inside"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(cursor=F("size")), name="batch_done_when_cursor_at_end"
            ),
        ]
        indexes = [
            models.Index(fields=["send", "due_at"], condition=Q(state="open"), name="batch_due"),
            models.Index(
                fields=["send", "first_id"], condition=Q(root__isnull=True), name="batch_by_recipient"
            ),
            models.Index(
                fields=["id"],
                condition=Q(root__isnull=True, state="done", is_counted=False),
                name="batch_to_count",
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.number} of send {self.send_id}"


class SendStat(models.Model):
    """The figures of one variant of a send, apart for those who got it in a test first (wave 0) and for the rest."""

    send = models.ForeignKey(Send, on_delete=models.CASCADE, related_name="stats", db_index=False)
    wave = models.PositiveSmallIntegerField()
    variant = models.PositiveSmallIntegerField()
    audience = models.IntegerField(default=0)
    accepted = models.IntegerField(default=0)
    displayed = models.IntegerField(default=0)
    clicked = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["send", "wave", "variant"], name="send_stat_once")]

    def __str__(self) -> str:
        return f"variant {self.variant} of send {self.send_id}"


class LedgerPage(models.Model):
    """What became of some recipients of one batch, appended as it becomes known (campaigns.delivery.ledger).

    `first` and `last` are ordinals in the root batch. "Accepted at the first try" is a bit in `accepted` (relative to
    `first`); every other outcome is an entry of `entries`. A finished root batch has one page that holds them all.
    """

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="pages", db_index=False)
    root = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    first = models.IntegerField()
    last = models.IntegerField()
    accepted = models.BinaryField()
    entries = models.BinaryField()
    reasons = ArrayField(models.TextField(), default=list)
    is_folded = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["root"], condition=Q(is_folded=True), name="ledger_folded_once")
        ]

    def __str__(self) -> str:
        return f"page of batch {self.batch_id}"


class Receipt(models.Model):
    """A browser's own report, as it came; counted once by its unique key."""

    class Kind(models.IntegerChoices):
        DISPLAYED = 1
        CLICKED = 2
        CLOSED = 3

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, db_index=False, related_name="+")
    ordinal = models.IntegerField()
    kind = models.PositiveSmallIntegerField(choices=Kind.choices)
    variant = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "ordinal", "kind"], name="receipt_once")]
        # They come in order of time: 24 kB of index for a million rows of 60 MB.
        indexes = [BrinIndex(fields=["at"], name="receipt_by_time", autosummarize=True, pages_per_range=32)]

    def __str__(self) -> str:
        return f"receipt of batch {self.batch_id}"


class CapUse(models.Model):
    """Which sends count against a subscriber's caps, and when: parallel arrays, the newest last. Narrow, so no foreign
    key: upkeep removes rows that nothing counts in any more (campaigns.delivery.restraint)."""  # fmt: skip

    subscriber_id = models.BigIntegerField(primary_key=True)
    sends = ArrayField(models.BigIntegerField())
    times = ArrayField(models.DateTimeField())

    def __str__(self) -> str:
        return f"caps of subscriber {self.subscriber_id}"


class Engagement(models.Model):
    """What a subscriber made of the newest campaigns, counted up by campaigns.actions.engagement.

    `sends` are those that were accepted for them, the newest first, at most 20; bit n of `displayed` and `clicked` is
    about the n-th, the lowest bit about the newest. Nobody who was never sent to has a row.
    """

    subscriber = models.OneToOneField(
        Subscriber, on_delete=models.CASCADE, primary_key=True, related_name="engagement"
    )
    received_at = models.DateTimeField()
    displayed_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    sends = ArrayField(models.BigIntegerField())
    displayed = models.IntegerField(default=0)
    clicked = models.IntegerField(default=0)

    class Meta:
        # A quarter of the table, which is wide with `sends`: segments read this alone.
        indexes = [
            models.Index(
                fields=["subscriber"],
                include=["displayed", "clicked", "received_at", "displayed_at", "clicked_at"],
                name="engagement_facts",
            )
        ]

    def __str__(self) -> str:
        return f"engagement of subscriber {self.subscriber_id}"
