"""Which campaigns a segment cannot be taken from."""

from django.db.models import Model

from subscribers.rules.uses import Users


def campaign_users(campaign: type[Model]) -> Users:
    """Make the entry of the list; the model is given, since this is asked before Django's models are there."""

    def waiting(segment_id: int) -> list[str]:
        drafts = campaign._default_manager.filter(segment_id=segment_id, state="draft")
        return [f"campaign “{name}”" for name in drafts.order_by("pk").values_list("name", flat=True)]

    def forget(segment_id: int) -> None:
        """Those that were sent keep the rule that they used in their sends."""
        campaign._default_manager.filter(segment_id=segment_id, state="launched").update(segment=None)

    return Users(waiting, forget)
