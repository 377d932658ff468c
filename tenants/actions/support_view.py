"""Support's look into a console: begun with a reason, half an hour at most, read-only, in the workspace's own log."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, Func, Value
from django.utils import timezone

from tenants.actions import audit
from tenants.actions.second_factor import is_missing_for_staff
from tenants.actions.sessions import end_view
from tenants.actions.support import SupportRefused, check_reason
from tenants.models import Membership, Role, SeenSession, SupportView, Tenant, User

LONGEST = timedelta(minutes=30)
PERMISSION = "tenants.view_as_tenant"


@transaction.atomic
def start_view(*, actor: User, tenant: Tenant, role: str, why: str, seen_id: int) -> SupportView:
    """Open a view for the sign-in `seen_id`; raises SupportRefused.

    The person's view of this workspace that is open already, begun in whichever sign-in, ends.
    """
    why = check_reason(why)
    if role not in Role.values:
        raise SupportRefused("Choose one of the roles of the list.")
    if not tenant.has_schema:
        raise SupportRefused("The workspace is not set up, so there is nothing to see yet.")
    if Membership.objects.filter(tenant=tenant, user=actor).exists():
        raise SupportRefused("You are a member of this workspace: open it as yourself.")
    User.objects.select_for_update().get(pk=actor.pk)
    seen = SeenSession.objects.filter(pk=seen_id, user=actor, parent=None).first()
    if seen is None or not may_view(actor):
        raise SupportRefused("Sign in again, with your second factor, then ask once more.")
    for row in SupportView.objects.filter(user=actor, tenant=tenant, ended_at=None):
        end_view(row, why="another was begun")
    until = timezone.now() + LONGEST
    view = SupportView.objects.create(
        user=actor, tenant=tenant, seen=seen, role=role, reason=why, until=until
    )
    audit.record(
        "support.view_start", actor=actor, tenant_id=tenant.pk, role=role, why=why, until=until.isoformat()
    )
    return view


def may_view(user: User) -> bool:
    """Whether this person is staff who may look into consoles, as of now: asked again at every page."""
    return user.is_active and user.is_staff and user.has_perm(PERMISSION) and not is_missing_for_staff(user)


def open_view(user: User, tenant: Tenant, *, seen_id: int | None = None) -> SupportView | None:
    """Find the person's open view of the tenant, if what it rests on is still there; what does not rest ends.

    With `seen_id` only one that began in that sign-in.
    """
    view = SupportView.objects.select_related("seen").filter(user=user, tenant=tenant, ended_at=None).first()
    if view is None or (seen_id is not None and view.seen_id != seen_id):
        return None
    return None if _end_if_over(view, user) else view


def _end_if_over(view: SupportView, user: User) -> bool:
    why = _why_over(view, user)
    if why:
        end_view(view, why=why)
    return bool(why)


def _why_over(view: SupportView, user: User) -> str:
    if timezone.now() >= view.until:
        return "time is up"
    if not may_view(user):
        return "no longer support staff"
    alive = Session.objects.filter(expire_date__gt=timezone.now())
    if view.seen is None or not alive.filter(session_key=view.seen.session_key).exists():
        return "signed out"
    return ""


@transaction.atomic
def note_page(view: SupportView, page: str) -> None:
    """Write a page into the workspace's log the first time that it is visited in this view."""
    page = page[:120]
    if page in view.pages:
        return
    added = Func(F("pages"), Value(page), function="array_append")
    fresh = SupportView.objects.filter(pk=view.pk).exclude(pages__contains=[page])
    if fresh.update(pages=added):
        user = User.objects.get(pk=view.user_id)
        audit.record("support.view_page", actor=user, tenant_id=view.tenant_id, target=page, role=view.role)


def end_lapsed_views() -> int:
    """End views that rest on nothing any more, and that nobody asked for since; answer how many."""
    opened = SupportView.objects.select_related("seen", "user").filter(ended_at=None)
    return sum(_end_if_over(view, view.user) for view in opened)
