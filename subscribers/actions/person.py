"""What the console's people change of one subscriber."""

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from subscribers.models import Inbox, Subscriber, Tombstone
from subscribers.tags import clean_tags
from tenants.actions import audit
from tenants.doorway import current_schema
from tenants.models import Tenant, User


@transaction.atomic
def unsubscribe_person(*, actor: User, tenant: Tenant, subscriber: Subscriber) -> bool:
    """Take somebody out of the audience on their wish; False if they had left already.

    The browser keeps its subscription: should it come back to the website and agree again, it is subscribed again.
    """
    changed = Subscriber.objects.filter(pk=subscriber.pk, state=Subscriber.State.ACTIVE).update(
        state=Subscriber.State.UNSUBSCRIBED, ended_at=Now(), ended_why="console"
    )
    if changed:
        audit.record("subscriber.unsubscribe", actor=actor, tenant_id=tenant.pk, target=_target(subscriber))
    return bool(changed)


@transaction.atomic
def set_tags(*, actor: User, tenant: Tenant, subscriber: Subscriber, tags: list[str]) -> list[str]:
    """Replace the tags; answer them as they are kept. Raises TagsRefused."""
    kept = clean_tags(tags)
    Subscriber.objects.filter(pk=subscriber.pk).update(tags=kept)
    audit.record("subscriber.tags", actor=actor, tenant_id=tenant.pk, target=_target(subscriber))
    return kept


@transaction.atomic
def mark_test(*, actor: User, tenant: Tenant, subscriber: Subscriber, is_test: bool) -> None:
    """Make a test device of a subscriber, out of the audience and of all figures, or a subscriber again."""
    Subscriber.objects.filter(pk=subscriber.pk).update(is_test=is_test)
    audit.record(
        "subscriber.test", actor=actor, tenant_id=tenant.pk, target=_target(subscriber), is_test=is_test
    )


@transaction.atomic
def erase(*, actor: User | None, tenant: Tenant, subscribers: list[Subscriber]) -> int:
    """Delete people with their events and what they made of messages; answer how many (GDPR article 17).

    Sends keep their totals, and a number that belongs to nobody any more. A message that is on its way is left out
    with the reason "erased". Hashes of the endpoint and of the external id stay, so that no import brings them back;
    whoever subscribes again in the browser has agreed anew.
    """
    _bar_imports()
    pks = sorted(subscriber.pk for subscriber in subscribers)
    rows = list(Subscriber.objects.select_for_update().filter(pk__in=pks).order_by("pk"))
    marks = {tombstone_of("endpoint", bytes(row.endpoint_digest).hex()) for row in rows}
    marks |= {tombstone_of("external", row.external_id) for row in rows if row.external_id}
    Tombstone.objects.bulk_create((Tombstone(digest=mark) for mark in sorted(marks)), ignore_conflicts=True)
    Subscriber.objects.filter(pk__in=[row.pk for row in rows]).delete()
    Inbox.objects.filter(subscriber_id__in=[row.pk for row in rows]).delete()
    for row in rows:
        audit.record("subscriber.erase", actor=actor, tenant_id=tenant.pk, target=_target(row))
    return len(rows)


@transaction.atomic
def erase_external_id(*, actor: User, tenant: Tenant, external_id: str) -> int:
    """Erase everybody who has this external id, on all websites; answer how many. It stays barred if nobody has it."""
    _bar_imports()
    people = list(Subscriber.objects.filter(external_id=external_id))
    Tombstone.objects.bulk_create(
        [Tombstone(digest=tombstone_of("external", external_id))], ignore_conflicts=True
    )
    return erase(actor=actor, tenant=tenant, subscribers=people)


# What an erasure holds alone until its end, and a piece of an import from its last look at tombstones to its own end.
_BAR = "(hashtext('erase'), hashtext(current_schema()))"


def _bar_imports() -> None:
    """Wait for pieces that are being committed, to find their rows; others see the tombstones. So ids grow in order."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{_BAR}")


def newest_tombstone(*, bar: bool = False) -> int:
    """Answer the newest tombstone's id, 0 if there is none; `bar` keeps erasures waiting until the transaction ends."""
    with connection.cursor() as cursor:
        if bar:
            cursor.execute(f"SELECT pg_advisory_xact_lock_shared{_BAR}")
        cursor.execute("SELECT coalesce(max(id), 0) FROM subscribers_tombstone")
        return int(cursor.fetchone()[0])


def tombstone_of(kind: str, value: str) -> bytes:
    """Hash what must not come back, with a key that is not in the database: guesses cannot be tried against it."""
    text = f"{current_schema()}:{kind}:{value}"
    return salted_hmac("subscribers.tombstone", text, algorithm="sha256").digest()


def _target(subscriber: Subscriber) -> str:
    return f"subscriber {subscriber.pk}"
