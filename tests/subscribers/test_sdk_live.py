"""The SDK's files from the web server that production runs: what is on the wire, and two servers of one mind."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage

import brotli
import pytest
from django.db import connection

from subscribers.models import Site
from tenants.actions.sdk_release import call_back_release
from tenants.models import SdkRelease
from tenants.sdk_rings import LIFETIME_SECONDS, installed
from tests.conftest import Workspace, make_site
from tests.isolation.live import granian
from tests.sandbox.driver import until

SECONDS = 10


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    wire = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    wire.request(method, path, headers={"Host": "sdk.localhost:8000", "Accept-Encoding": "identity", **named})
    answer = wire.getresponse()
    read = Answer(answer.status, answer.headers, answer.read())
    wire.close()
    return read


@pytest.fixture
def site(alone: Workspace) -> Site:
    return make_site(alone)


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    with granian() as server:
        yield server.port


def test_on_the_wire_they_are_packed_once_and_head_and_304_are_right(site: Site, port: int) -> None:
    """A second packing on the way would make octets that no browser reads."""
    [kept] = SdkRelease.objects.all()
    assert (kept.version, kept.digest, kept.percent) == (installed().version, installed().digest, 100)
    for path in (
        f"/sdk/v1/{site.site_key}/truepush.js",
        f"/sdk/v1/{site.site_key}/settings.json",
        f"/w/{site.site_key}.js",
        f"/sdk/a/{installed().parts['ask']}/ask.js",
    ):
        plain = ask(port, path)
        for coding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
            packed = ask(port, path, Accept_Encoding=coding)
            assert (packed.status, packed.headers["Content-Encoding"]) == (200, coding)
            assert unpack(packed.body) == plain.body
            assert packed.headers["Content-Length"] == str(len(packed.body))
            head = ask(port, path, "HEAD", Accept_Encoding=coding)
            assert (head.status, head.body) == (200, b"")
            for name in ("Content-Length", "Content-Encoding", "ETag", "Vary", "Cache-Control"):
                assert head.headers[name] == packed.headers[name], (path, name)
            known = ask(port, path, Accept_Encoding=coding, If_None_Match=packed.headers["ETag"])
            assert (known.status, known.body, known.headers["ETag"]) == (304, b"", packed.headers["ETag"])


def test_a_call_back_reaches_every_server_within_seconds_and_takes_loader_and_worker_together(
    site: Site, port: int
) -> None:
    old = {"truepush.js": "old loader", "worker.js": "old worker", "ask.js": "old ask"}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_sdkrelease SET started_at = now()")
    before = SdkRelease.objects.create(version="0.9.0", files=old, digest="old")
    SdkRelease.objects.filter(pk=before.pk).update(percent=100, started_at="2020-01-01T00:00Z")
    paths = f"/sdk/v1/{site.site_key}/truepush.js", f"/w/{site.site_key}.js"
    with granian() as second:
        ports = port, second.port
        assert not any(b"old" in ask(one, path).body[-20:] for one in ports for path in paths)
        assert call_back_release(actor=None) == "0.9.0"

        def all_old() -> bool:
            return all(
                ask(one, path).body.split(b"\n")[-1].startswith(b"old") for one in ports for path in paths
            )

        until(all_old, seconds=2 * LIFETIME_SECONDS)
