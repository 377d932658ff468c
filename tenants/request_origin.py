"""Where the request that is being answered came from, so that no verb has to pass it on to the audit log."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest

from tenants.client_address import client_address

_GIVEN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class Origin(NamedTuple):
    address: str
    request_id: str


NOWHERE = Origin("", "")
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current_origin() -> Origin:
    """That of the request which this thread answers, or which queued the task of this worker; else NOWHERE."""
    return _origin.get()


@contextmanager
def coming_from(request: HttpRequest) -> Iterator[Origin]:
    """Hold the request's origin for the block: a thread answers many, and the next is somebody else's."""
    token = _origin.set(Origin(client_address(request), _id_of(request)))
    try:
        yield _origin.get()
    finally:
        _origin.reset(token)


def follow(request_id: str) -> None:
    """Go on under the id of a task, until the next one: a worker does one after the other."""
    _origin.set(Origin("", request_id))


def _id_of(request: HttpRequest) -> str:
    """The proxy's number of the request, so that its log and ours can be laid side by side, else one of our own."""
    given = str(request.META.get("HTTP_X_REQUEST_ID", "")) if settings.BEHIND_PROXY else ""
    return given if _GIVEN_ID.fullmatch(given) else new_id()


def new_id() -> str:
    return uuid.uuid4().hex
