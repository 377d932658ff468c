"""Entries carry the address and the number of the request that they were written by, and of no other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tenants.middleware import RequestOriginMiddleware
from tenants.models import AuditEntry
from tenants.request_origin import NOWHERE, current_origin
from tests.conftest import Workspace

Console = Callable[..., Client]


def rated(client: Client, **headers: str) -> tuple[AuditEntry, str]:
    answer = client.post("/sending/", {"workspace": "600"}, headers=headers)
    assert answer.status_code == 302
    return AuditEntry.objects.filter(action="workspace.rate").latest("pk"), answer["X-Request-ID"]


def test_an_entry_has_address_and_number_of_its_request(acme: Workspace, console: Console) -> None:
    entry, request_id = rated(console(acme))
    assert (entry.address, entry.request_id) == ("127.0.0.1", request_id)
    assert len(request_id) == 32
    assert current_origin() == NOWHERE


def test_what_callers_claim_counts_only_behind_a_proxy(
    acme: Workspace, console: Console, settings: Any
) -> None:
    given = {"x-forwarded-for": "198.51.100.7, 203.0.113.9", "x-request-id": "edge-0123456789"}
    entry, request_id = rated(console(acme), **given)
    assert (entry.address, request_id == "edge-0123456789") == ("127.0.0.1", False)
    settings.BEHIND_PROXY = True
    console(acme).post("/sending/", {"workspace": ""}, headers={**given, "x-forwarded-proto": "https"})
    entry = AuditEntry.objects.filter(action="workspace.rate").latest("pk")
    assert (entry.address, entry.request_id) == ("203.0.113.9", "edge-0123456789")


@pytest.mark.parametrize("given", ["short", "a" * 65, "line\nbreak-12345", "-begins-wrong", "<b>0123456789"])
def test_a_number_that_could_not_be_one_is_replaced(settings: Any, given: str) -> None:
    settings.BEHIND_PROXY = True
    request: Any = RequestFactory().get("/", HTTP_X_REQUEST_ID=given)
    request.urlconf = settings.ROOT_URLCONF
    answer = RequestOriginMiddleware(lambda request: HttpResponse())(request)
    assert answer["X-Request-ID"] != given
    assert len(answer["X-Request-ID"]) == 32


def test_an_error_leaves_no_origin_behind() -> None:
    def fail(request: Any) -> HttpResponse:
        raise ValueError(current_origin().address)

    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        RequestOriginMiddleware(fail)(RequestFactory().get("/"))  # type: ignore[arg-type]
    assert current_origin() == NOWHERE


def test_threads_do_not_mix_their_origins() -> None:
    def ask(number: int) -> bool:
        address = f"192.0.2.{number}"
        middleware = RequestOriginMiddleware(lambda request: HttpResponse(current_origin().address))
        request: Any = RequestFactory().get("/", REMOTE_ADDR=address)
        request.urlconf = settings.ROOT_URLCONF
        return middleware(request).content.decode() == address

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(1, 200)))
