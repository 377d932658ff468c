"""What django-q2 runs for this app. A delivery task may run twice, late or never: the books are in PostgreSQL."""

from campaigns.actions.breakdown import count_breakdown
from campaigns.actions.upkeep import count_up_all, settle_floods_all, tend_all
from campaigns.delivery.process import delivery_process


def deliver() -> int:
    """Drain what is due; answer how many recipients were resolved."""
    return delivery_process().deliver()


def warm_up(**spawned: object) -> None:
    """Let a process of the delivery queue say that it lives, before its first task (a receiver of post_spawn)."""
    delivery_process().live()


def tend(after: int = 0) -> int:
    """Fold old receipts and apply retention; answer how many tenants were tended."""
    return tend_all(after)


def engage(after: int = 0) -> int:
    """Count up what subscribers made of the newest campaigns; answer how many tenants were visited."""
    return count_up_all(after)


def settle_floods(after: int = 0) -> int:
    """Settle who came in floods of subscriptions; answer how many tenants were visited."""
    return settle_floods_all(after)


def break_down(schema_name: str, send_id: int) -> None:
    """Count whom a large send reached."""
    count_breakdown(schema_name, send_id)
