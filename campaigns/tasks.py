"""What django-q2 runs for this app. A delivery task may run twice, late or never: the books are in PostgreSQL."""

from functools import lru_cache

from django.conf import settings

from campaigns.delivery.sender import drain
from campaigns.delivery.transport import Transport
from tenants.stop import stopping


@lru_cache(maxsize=1)
def _transport() -> Transport:
    """Keep this process's connections between tasks."""
    return Transport(
        concurrency=settings.PUSH_CONCURRENCY,
        attempt_seconds=settings.PUSH_ATTEMPT_SECONDS,
        sandbox_ca=settings.SANDBOX_CA,
    )


def deliver() -> int:
    """Drain what is due; answer how many recipients were resolved."""
    return drain(_transport(), stopping)
