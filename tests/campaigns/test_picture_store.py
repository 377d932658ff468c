"""Pictures in an object store that speaks S3: the real client against a server that keeps what it is given."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from django.core.files.storage import storages
from django.test import Client

from campaigns.actions.images import add_image, remove_image
from tenants.doorway import in_tenant
from tests.campaigns.picture_files import png
from tests.conftest import Workspace, make_site


class Bucket(BaseHTTPRequestHandler):
    """PUT, HEAD, GET and DELETE of objects, path style."""

    kept: ClassVar[dict[str, bytes]] = {}
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Sat, 28 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=key-id/")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "aws-chunked":
            size, _, rest = body.partition(b"\r\n")
            body = rest[: int(size.partition(b";")[0], 16)]
        self.kept[self.path] = body
        self._answer(200)

    def do_GET(self) -> None:
        found = self.kept.get(self.path.partition("?")[0])
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        self.kept.pop(self.path, None)
        self._answer(204)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key-secret")
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = {
            "bucket_name": "pictures",
            "endpoint_url": f"http://127.0.0.1:{server.server_address[1]}",
            "region_name": "us-east-1",
            "addressing_style": "path",
        }
        settings.STORAGES = {
            **settings.STORAGES,
            "images": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
        }
        Bucket.kept.clear()
        yield Bucket.kept
        server.shutdown()


def test_they_are_kept_served_and_removed_there(
    acme: Workspace, bucket: dict[str, bytes], django_capture_on_commit_callbacks: Any
) -> None:
    site = make_site(acme)
    given: dict[str, Any] = {"actor": acme.owner, "tenant": acme.tenant}
    with in_tenant(acme.schema):
        image = add_image(**given, kind="icon", brought=png(colour=(9, 9, 9)))
        assert type(storages["images"]).__name__ == "S3Storage"
    assert list(bucket) == [f"/pictures/{acme.schema}/{image.file_name}"]
    answer = Client(headers={"host": "sdk.localhost:8000"}).get(f"/i/{site.site_key}/{image.file_name}")
    assert [answer.content] == list(bucket.values())
    with in_tenant(acme.schema), django_capture_on_commit_callbacks(execute=True):
        remove_image(**given, image=image)
    assert bucket == {}
