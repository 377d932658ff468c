"""What staff should look at: one open row for each kind and tenant, counted when it comes again."""

from django.db import connection, transaction
from django.db.models.functions import Now

from tenants.actions import audit
from tenants.models import Alert, Problem, User
from tenants.problem_notes import note

# What people did themselves, and what they have to do: no problem of the product.
NO_PROBLEMS = {"everything_stopped", "held", "reported"}
_RAISE = """
INSERT INTO tenants_alert (kind, tenant_id, text, times, first_at, last_at)
VALUES (%s, %s, %s, 1, clock_timestamp(), clock_timestamp())
ON CONFLICT (kind, tenant_id) WHERE closed_at IS NULL
DO UPDATE SET times = tenants_alert.times + 1, text = excluded.text, last_at = clock_timestamp()
"""


def raise_alert(
    kind: str, tenant_id: int | None, text: str, *, send_id: int | None = None, site_id: int | None = None
) -> None:
    """Open an alert, or count one more on the one that is open. The system is the actor, so no audit row.

    It is noted as a problem too, by its kind: others may have it.
    """
    if kind not in NO_PROBLEMS:
        note(
            Problem.Kind.ALERT,
            kind.replace("_", " ").capitalize(),
            tenant_id=tenant_id,
            send_id=send_id,
            site_id=site_id,
        )
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [kind, tenant_id, text[:500]])


@transaction.atomic
def close_alert(*, actor: User | None, kind: str, tenant_id: int | None) -> bool:
    """Close the open alert of this kind; False if there is none."""
    closed = Alert.objects.filter(kind=kind, tenant_id=tenant_id, closed_at=None).update(closed_at=Now())
    if closed:
        audit.record("alert.close", actor=actor, tenant_id=tenant_id, target=kind)
    return bool(closed)
