"""Which verb is allowed from which state of a campaign. Verbs look here, and so do the pages that offer them."""

from campaigns.models import Campaign

_State = Campaign.State

ALLOWED: dict[str, tuple[str, ...]] = {
    "save": (_State.DRAFT, _State.TEMPLATE),
    "keep_typed": (_State.DRAFT, _State.TEMPLATE),
    "launch": (_State.DRAFT,),
    "ask": (_State.DRAFT,),
    "approve": (_State.WAITING,),
    "decline": (_State.WAITING,),
    "withdraw": (_State.WAITING,),
    "test": (_State.DRAFT, _State.TEMPLATE),
    "call_back": (_State.SCHEDULED,),
    "copy": (_State.DRAFT, _State.WAITING, _State.TEMPLATE, _State.SCHEDULED, _State.LAUNCHED),
    "archive": (_State.DRAFT, _State.TEMPLATE, _State.LAUNCHED),
    "restore": (_State.DRAFT, _State.TEMPLATE, _State.LAUNCHED),
    "delete": (_State.DRAFT, _State.TEMPLATE),
}


def verbs_for(campaign: Campaign) -> frozenset[str]:
    """What can be done with it now."""
    found = {verb for verb, states in ALLOWED.items() if campaign.state in states}
    return frozenset(found - {"archive" if campaign.archived_at else "restore"})
