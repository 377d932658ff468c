"""What segments have to do with campaigns: which ones a segment cannot be taken from, and which a rule can name."""

from django.db.models import F, Func, Model, Q, Value

from subscribers.rules.things import Thing
from subscribers.rules.uses import Users

MOST_CHOICES = 200


def _uses(segment_id: int) -> Q:
    return Q(segment_id=segment_id) | Q(also__contains=[segment_id]) | Q(excluded__contains=[segment_id])


def campaign_users(campaign: type[Model]) -> Users:
    """Make the entry of the list; the model is given, since this is asked before Django's models are there."""

    def waiting(segment_id: int) -> list[str]:
        drafts = campaign._default_manager.filter(
            _uses(segment_id), state__in=("draft", "scheduled", "template")
        )
        return [f"campaign “{name}”" for name in drafts.order_by("pk").values_list("name", flat=True)]

    def forget(segment_id: int) -> None:
        """Those that were sent keep the rule that they used in their sends."""
        sent = campaign._default_manager.filter(_uses(segment_id), state="launched")
        sent.filter(segment_id=segment_id).update(segment=None)
        for name in ("also", "excluded"):
            without = Func(F(name), Value(segment_id), function="array_remove")
            campaign._default_manager.filter(**{f"{name}__contains": [segment_id]}, state="launched").update(
                **{name: without}
            )

    return Users(waiting, forget)


def campaign_thing(campaign: type[Model]) -> Thing:
    """Say how the builder lists campaigns, and what a rule's sentence calls them."""

    def choices(site_id: int) -> list[tuple[int, str]]:
        sent = campaign._default_manager.filter(site_id=site_id, state="launched").order_by("-pk")
        return list(sent.values_list("pk", "name")[:MOST_CHOICES])

    def name_of(pk: int) -> str:
        found = campaign._default_manager.filter(pk=pk).values_list("name", flat=True).first()
        return found or f"campaign {pk}, which is no longer there"

    return Thing(choices, name_of)
