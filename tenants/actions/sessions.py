"""Sessions as their person sees them: where they are signed in, and how to end that from elsewhere.

A sign-in on the public host has a row, and each console that was opened from it has one below. Ending a sign-in removes
Django's sessions of all of them, so whatever host is asked next knows nobody. A look of support staff into a console
ends with the sign-in that it began in.
"""

from datetime import datetime
from typing import NamedTuple

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, Prefetch, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from tenants.actions import audit
from tenants.models import Handover, SeenSession, SupportView, User
from tenants.session_store import STORED_KEY


class Seen(NamedTuple):
    """What is known of a session: its key, and the host, browser and truncated address it was used with."""

    session_key: str
    host: str
    browser: str
    address: str


def open_session(user: User, seen: Seen, *, parent_id: int | None = None) -> SeenSession:
    """Note a session that was just opened, as old as the sign-in that it was opened from (its parent), if any.

    Who let the person in writes the audit row.
    """
    parent = SeenSession.objects.filter(pk=parent_id).first() if parent_id else None
    first_at = parent.first_at if parent else timezone.now()
    return SeenSession.objects.create(user=user, parent=parent, first_at=first_at, **seen._asdict())


def touch_session(user: User, pk: int, seen: Seen, *, first_at: datetime) -> int:
    """Note that a session is in use, whatever its key is now; answer its row's number, which is new if it had none."""
    mine = SeenSession.objects.filter(pk=pk, user=user)
    if mine.update(session_key=seen.session_key, address=seen.address, last_at=Now()):
        return pk
    return SeenSession.objects.create(user=user, first_at=first_at, **seen._asdict()).pk


def sessions_of(user: User) -> list[SeenSession]:
    """The sign-ins that are open, the last used first, each with its consoles as `children`."""
    open_ones = SeenSession.objects.filter(session_key__in=_open_keys())
    signed_in = open_ones.filter(user=user, parent=None)
    return list(signed_in.prefetch_related(Prefetch("children", open_ones.order_by("host"))))


def forget_closed() -> int:
    """Remove the rows of sessions that are no more; Django's own that have expired go too.

    And those that a process of before tenants.session_store has written, beside a newer one: nothing in them is sealed.
    """
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    Session.objects.exclude(session_key__regex=STORED_KEY).delete()
    number, _ = SeenSession.objects.exclude(session_key__in=_open_keys()).delete()
    return number


def _open_keys() -> QuerySet[Session, str]:
    return Session.objects.filter(expire_date__gt=timezone.now()).values_list("session_key", flat=True)


@transaction.atomic
def end_session(*, actor: User, pk: int) -> bool:
    """End one of one's own sign-ins with the consoles opened from it; False if there is no such one."""
    # Locked: a token that is asked for with it right now is made before, and ended below, or not at all.
    row = SeenSession.objects.select_for_update().filter(pk=pk, user=actor, parent=None).first()
    if row is None:
        return False
    rows = [row, *row.children.all()]
    _end_views(SupportView.objects.filter(seen=row))
    Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
    Handover.objects.filter(user=actor, used_at__isnull=True).update(used_at=timezone.now())
    SeenSession.objects.filter(pk__in=[row.pk for row in rows]).delete()
    audit.record("user.session_end", actor=actor, tenant_id=None, target=row.browser)
    return True


@transaction.atomic
def end_other_sessions(*, actor: User) -> None:
    """End all sessions; the caller renews the one that stays (update_session_auth_hash)."""
    forget_sessions(actor)
    audit.record("user.other_sessions_end", actor=actor, tenant_id=None, target=actor.email[:120])


@transaction.atomic
def end_everybodys_sessions() -> None:
    """End all there are: after a restore, which brings back what was ended since. No audit row: nobody did it."""
    SeenSession.objects.all().delete()
    Session.objects.all().delete()


def forget_sessions(user: User) -> None:
    """Make every session worthless, and tokens on their way to a console; in the transaction of what calls for it."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    Handover.objects.filter(user=user, used_at__isnull=True).update(used_at=timezone.now())
    _end_views(SupportView.objects.filter(user=user))
    SeenSession.objects.filter(user=user).delete()
    user.refresh_from_db(fields=["session_epoch"])


def _end_views(views: QuerySet[SupportView]) -> None:
    for view in views.filter(ended_at=None):
        end_view(view, why="signed out")


@transaction.atomic
def end_view(view: SupportView, *, why: str) -> bool:
    """End a view; False if it had ended. The support's own is the actor: nobody else could have begun it."""
    ended = SupportView.objects.filter(pk=view.pk, ended_at=None).update(ended_at=timezone.now())
    if ended:
        audit.record(
            "support.view_end", actor=User.objects.get(pk=view.user_id), tenant_id=view.tenant_id,
            role=view.role, why=why, until=view.until.isoformat(),
        )  # fmt: skip
    return bool(ended)
