"""TI-04 on the wire: whatever a request line and headers say, page and session are of one workspace.

The server (granian) hands over the Host header and keeps the authority of an absolute-form request line to itself, so
the Host header alone decides. Two of them, or none, or more than a name in it, are no host of ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client

from tests.conftest import Workspace, make_site, make_workspace, remove_workspace
from tests.isolation.live import Server, granian

ONE, OTHER = "alone.localhost:8000", "other.localhost:8000"
GET = "GET /sites/ HTTP/1.1"
OWN_PAGE = {
    "plain": (GET, f"Host: {ONE}"),
    "HTTP/1.0": ("GET /sites/ HTTP/1.0", f"Host: {ONE}"),
    "absolute form": (f"GET http://{ONE}/sites/ HTTP/1.1", f"Host: {ONE}"),
    "absolute form naming the other": (f"GET http://{OTHER}/sites/ HTTP/1.1", f"Host: {ONE}"),
    "forwarded for the other": (
        GET,
        f"Host: {ONE}",
        f"X-Forwarded-Host: {OTHER}",
        f"Forwarded: host={OTHER}",
    ),
}
SIGN_IN_OF_THE_OTHER = {
    "plain": (GET, f"Host: {OTHER}"),
    "capital letters": (GET, f"Host: {OTHER.upper()}"),
    "absolute form naming the one": (f"GET http://{ONE}/sites/ HTTP/1.1", f"Host: {OTHER}"),
    "forwarded for the one": (GET, f"Host: {OTHER}", f"X-Forwarded-Host: {ONE}", f"Forwarded: host={ONE}"),
    "headers that look alike": (
        GET,
        f"Host: {OTHER}",
        f"X-Host: {ONE}",
        f"HTTP_HOST: {ONE}",
        f"X_Forwarded_Host: {ONE}",
    ),
}
NOBODY = {
    "two hosts": (GET, f"Host: {ONE}", f"Host: {OTHER}"),
    "two hosts, the other first": (GET, f"Host: {OTHER}", f"Host: {ONE}"),
    "a list": (GET, f"Host: {ONE}, {OTHER}"),
    "a space": (GET, f"Host: {ONE} {OTHER}"),
    "user information": (GET, f"Host: {OTHER}@{ONE}"),
    "user information of the one": (GET, f"Host: {ONE}@{OTHER}"),
    "a path": (GET, f"Host: {ONE}/{OTHER}"),
    "a fragment": (GET, f"Host: {ONE}#{OTHER}"),
    "a dot at the end": (GET, "Host: alone.localhost.:8000"),
    "empty": (GET, "Host: "),
    "none": (GET,),
    "none in HTTP/1.0": ("GET /sites/ HTTP/1.0",),
    "two slashes": (f"GET //{ONE}/sites/ HTTP/1.1", f"Host: {OTHER}"),
    "a folded line": (GET, f"Host: {OTHER}", f" {ONE}"),
    "a space before the colon": (GET, f"Host : {ONE}"),
}


@dataclass(frozen=True)
class Wire:
    server: Server
    cookie: str

    def ask(self, lines: tuple[str, ...]) -> tuple[int, str, set[str]]:
        """Answer status, start of the Location, and whose canaries were in the answer."""
        reply = self.server.ask(*lines, self.cookie)
        seen = {name for name in ("canary-of-one", "canary-of-other") if name in reply.text}
        return reply.status, reply.location.partition("?")[0], seen


@pytest.fixture
def wire(alone: Workspace) -> Iterator[Wire]:
    """Two workspaces with a website each, and the session of the owner of the first."""
    other = make_workspace("other")
    try:
        make_site(alone, name="canary-of-one")
        make_site(other, name="canary-of-other")
        client = Client(headers={"host": alone.host})
        client.force_login(alone.owner)
        session = client.session
        session["tenant_id"] = alone.tenant.pk
        session.save()
        with granian() as server:
            yield Wire(server, f"Cookie: truepush_session={session.session_key}")
        session.delete()
    finally:
        remove_workspace(other)


def test_the_host_header_decides_for_page_and_session_alike(wire: Wire) -> None:
    for case, lines in OWN_PAGE.items():
        assert wire.ask(lines) == (200, "", {"canary-of-one"}), case
    for case, lines in SIGN_IN_OF_THE_OTHER.items():
        assert wire.ask(lines) == (302, "http://localhost:8000/open/other/", set()), case
    for case, lines in NOBODY.items():
        status, location, seen = wire.ask(lines)
        assert (status in (400, 404), location, seen) == (True, "", set()), case
