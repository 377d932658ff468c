"""Requests and the rows of tenants.actions.sessions: when a session opens, and now and then while it is used."""

import time
from datetime import UTC, datetime

from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest

from tenants.actions.sessions import Seen, open_session, touch_session
from tenants.client_address import client_address, truncated
from tenants.models import User
from tenants.session_store import stored_key
from truepush.lib.user_agent import read_user_agent

# How exact "last seen" is: each note costs two writes.
_NOTE_EVERY_SECONDS = 300
# However much it is used, a session ends so long after the sign-in that it comes from.
ABSOLUTE_SECONDS = 30 * 86_400


def opened(request: HttpRequest, user: User, *, parent_id: int | None = None) -> None:
    """Note that this request signed the person in on this host."""
    row = open_session(user, _seen(request), parent_id=parent_id)
    request.session["seen"] = {
        "pk": row.pk,
        "key": _key(request),
        "first": row.first_at.timestamp(),
        "at": time.time(),
    }


def used(request: HttpRequest) -> bool:
    """Note that the session is in use, if that is due; False if it is too old and was ended."""
    seen = request.session.get("seen")
    if not seen:
        return True
    is_due = time.time() - seen["at"] > _NOTE_EVERY_SECONDS or seen["key"] != _key(request)
    if not is_due or not isinstance(request.user, User):
        return True
    if time.time() - seen["first"] > ABSOLUTE_SECONDS:
        request.session.flush()
        return False
    first_at = datetime.fromtimestamp(seen["first"], UTC)
    pk = touch_session(request.user, seen["pk"], _seen(request), first_at=first_at)
    request.session["seen"] = {**seen, "pk": pk, "key": _key(request), "at": time.time()}
    return True


def renew(request: HttpRequest, user: User) -> None:
    """Let this session outlive a change that made all others worthless."""
    update_session_auth_hash(request, user)


def own_row(request: HttpRequest) -> int:
    """The number of this session's row; 0 if it has none."""
    return int(request.session.get("seen", {}).get("pk", 0))


def _key(request: HttpRequest) -> str:
    return stored_key(str(request.session.session_key))


def _seen(request: HttpRequest) -> Seen:
    browser, system, _ = read_user_agent(str(request.META.get("HTTP_USER_AGENT", "")))
    name = " on ".join(part for part in (browser, system) if part) or "Unknown browser"
    return Seen(_key(request), request.get_host().partition(":")[0], name, truncated(client_address(request)))
