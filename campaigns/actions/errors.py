"""Refusals of this app's verbs."""


class CampaignRefused(ValueError):
    """The campaign cannot do that now; the text says why, for the person who asked."""
