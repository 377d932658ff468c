"""Opt-in prompts of a website, and how often visitors took each step on the way to a subscription."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from tenants.site_limits import OfSites


class Prompt(models.Model):
    """One way in which a website asks its visitors. subscribers.prompts has the form of its JSON and the rules."""

    class Kind(models.TextChoices):
        BOX = "box", "Box"
        BAR = "bar", "Bar"
        BACKDROP = "backdrop", "Browser's question with a backdrop"
        NATIVE = "native", "Browser's question"
        TOPICS = "topics", "Box with topics"
        BELL = "bell", "Bell"
        BUTTON = "button", "Button in the page"

    site = models.ForeignKey("subscribers.Site", on_delete=models.CASCADE, related_name="prompts")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    is_live = models.BooleanField(default=False)
    # When it was first set live; null is a draft that no visitor ever met.
    live_at = models.DateTimeField(null=True)
    # Of those that ask, the first whose conditions hold is shown.
    position = models.PositiveIntegerField(default=0)
    # By language tag, "" for everybody else: those are in `language`.
    texts = models.JSONField()
    language = models.CharField(max_length=35, default="en")
    look = models.JSONField()
    when = models.JSONField()
    # Days to wait after the first, second... dismissal; the last number holds for every later one.
    again = ArrayField(models.PositiveSmallIntegerField())
    topics = models.JSONField(default=list, blank=True)
    # Grows with what visitors see: the consent record names it.
    version = models.PositiveIntegerField(default=1)
    # The B of an A/B test, of which `share` per cent of the visitors get. It is in no order of its own.
    rival = models.OneToOneField("self", on_delete=models.SET_NULL, null=True, related_name="rival_of")
    share = models.PositiveSmallIntegerField(default=50)
    created_by = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = OfSites["Prompt"]()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(share__gte=1, share__lte=99), name="prompt_share_of_visitors"),
            models.CheckConstraint(
                condition=Q(rival__isnull=True) | ~Q(rival=F("id")), name="prompt_no_rival_to_itself"
            ),
            models.CheckConstraint(
                condition=Q(is_live=False) | Q(live_at__isnull=False), name="prompt_live_since"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FunnelCount(models.Model):
    """How often visitors took one step on one day.

    What browsers say is added as rows that are not `folded`; the fold makes one row of all that have the same key. So
    the sum over both is right at every moment. `prompt` 0 is what has no row: the default bell, the page's own code.
    """

    site = models.ForeignKey("subscribers.Site", on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    # A path of the website, or "other" behind the first PAGES of a day (subscribers.actions.funnel).
    page = models.CharField(max_length=200)
    # No foreign key: figures outlive their prompt.
    prompt = models.BigIntegerField()
    version = models.IntegerField()
    step = models.CharField(max_length=10)
    browser = models.CharField(max_length=40, blank=True)
    country = models.CharField(max_length=2, blank=True)
    count = models.BigIntegerField()
    folded = models.BooleanField(default=False)

    objects = OfSites["FunnelCount"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "day", "page", "prompt", "version", "step", "browser", "country"],
                condition=Q(folded=True),
                name="funnel_count_once",
            ),
            models.CheckConstraint(condition=Q(count__gte=1), name="funnel_count_happened"),
        ]
        indexes = [models.Index(fields=["site", "day"], condition=Q(folded=False), name="funnel_count_raw")]

    def __str__(self) -> str:
        return f"{self.step} on {self.day}"
