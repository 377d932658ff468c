"""Guards that stop a tenant's sending: a key that push services refuse, and sends that run away."""

from campaigns.delivery.throttles import Source


def refuse_key(source: Source) -> None:
    """A key that a push service refuses for more than a fifth of requests: its tenant's sending is paused."""
