"""Pages of imports: the form says what is wrong with a key, the file comes in pieces, the page says what to do next."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import Client

from subscribers.models import Job, Segment, Site, Subscriber, VapidKey
from tenants.doorway import in_tenant
from tests.conftest import Workspace
from tests.subscribers.import_files import as_csv, finish, imported, onesignal, profiles
from tests.subscribers.pages import field_errors, page_text
from tests.subscribers.samples import Browser, base64url
from truepush.lib.webpush.vapid import generate_key_pair


def pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.FILES_DIR = str(tmp_path / "files")


@pytest.fixture
def client(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


def asked(site: Site, **more: str) -> dict[str, Any]:
    return {"site": site.pk, "kind": "subscriptions", "provider": "onesignal", "key": "new", **more}


def test_a_key_pair_is_taken_in_the_forms_that_providers_give(
    client: Client, acme: Workspace, shop: Site
) -> None:
    pair = generate_key_pair()
    text = base64url(pair.private)
    for given in (text, f" {text}= ", f'{{"public": "x", "private": "{text}"}}', pem()):
        answer = client.post("/imports/new/", asked(shop, private_key=given))
        assert answer.status_code == 302, field_errors(answer)
    with in_tenant(acme.schema):
        keys = VapidKey.objects.filter(site=shop, state="old")
        assert [
            (bytes(key.public) == pair.public, key.provider, key.worker_path) for key in keys.order_by("pk")
        ] == [
            (True, "onesignal", "/OneSignalSDKWorker.js"),
            (False, "onesignal", "/OneSignalSDKWorker.js"),
        ]
        for job in Job.objects.all():
            assert text not in str(job.wish)


GOOD = base64url(b"1" * 32)


@pytest.mark.parametrize(
    "wrong",
    [
        ({}, "private_key", "Give the private key, or choose a key pair"),
        ({"private_key": "AAAA"}, "private_key", "The private key is 3 octets long, a P-256 scalar has 32."),
        ({"private_key": "ü"}, "private_key", "is neither base64url, PEM nor JSON"),
        ({"private_key": "{"}, "private_key", "is not JSON with a text called private"),
        ({"private_key": "-----BEGIN X"}, "private_key", "is PEM that cannot be read"),
        ({"private_key": base64url(bytes(32))}, "private_key", "is not a scalar of P-256"),
        ({"provider": "", "private_key": GOOD}, "provider", "Choose where the subscriptions come from."),
        ({"worker_path": "old.js", "private_key": GOOD}, "worker_path", "old.js is not a path of a script"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    client: Client, acme: Workspace, shop: Site, wrong: tuple[dict[str, str], str, str]
) -> None:
    given, field, text = wrong
    answer = client.post("/imports/new/", asked(shop, **given))
    assert answer.status_code == 200
    assert text in field_errors(answer)[field]
    with in_tenant(acme.schema):
        assert (Job.objects.count(), VapidKey.objects.count()) == (0, 1)


def test_the_whole_way_through_the_pages(client: Client, acme: Workspace, shop: Site) -> None:
    rows = [onesignal(Browser()) for _ in range(20)] + [
        onesignal(Browser(), identifier="https://evil.example/x")
    ]
    octets = as_csv(rows)
    private = base64url(generate_key_pair().private)
    page = client.post("/imports/new/", asked(shop, private_key=private)).headers["Location"]
    text = page_text(client.get(page))
    assert "Choose the file" in text
    assert "https://shop.example/OneSignalSDKWorker.js" in text
    stub = client.get(f"{page}worker.js").content.decode()
    assert stub.splitlines()[0] == "/* Truepush worker: keep this file at /OneSignalSDKWorker.js */"
    assert stub.splitlines()[1].endswith(f'/w/{shop.site_key}.js");')

    def send(at: int, piece: bytes) -> tuple[int, Any]:
        url = f"{page}chunk?at={at}&file=a.csv"
        answer = client.post(url, piece, content_type="application/octet-stream")
        return answer.status_code, answer.json()

    assert send(0, octets[:700]) == (200, {"size": 700})
    assert send(0, octets[:700]) == (409, {"size": 700})
    assert "have come already: choose the same file" in page_text(client.get(page))
    assert send(700, octets[700:]) == (200, {"size": len(octets)})
    assert client.post(f"{page}chunk?at=x", b"1", content_type="application/octet-stream").status_code == 400
    big = client.post(f"{page}chunk?at=0", bytes(245 * 1024), content_type="application/octet-stream")
    assert big.status_code == 400
    assert client.post(f"{page}start/", {"size": len(octets)}).json() == {"url": page}
    assert "Reading the file" in page_text(client.get(page))
    with in_tenant(acme.schema):
        finish(Job.objects.get())
    text = page_text(client.get(page))
    assert "Now send a test to one in a hundred 10 of them were let in, 10 wait." in text
    errors = client.get(f"{page}errors")
    assert b"".join(errors).decode().splitlines()[1].startswith("22,endpoint,")  # type: ignore[arg-type]
    test = client.post(f"{page}test/").headers["Location"]
    with in_tenant(acme.schema):
        segment = Segment.objects.get()
    assert (segment.name, test) == (
        "Import 1: OneSignal".replace("1", page.split("/")[2]),
        f"/campaigns/new/?site={shop.pk}&segment={segment.pk}",
    )
    assert f'<option value="{segment.pk}" selected>' in client.get(test).content.decode()
    client.post(f"{page}admit/")
    with in_tenant(acme.schema):
        finish(Job.objects.get())
        assert Subscriber.objects.filter(state="active").count() == 20
    assert "The import is done 20 of its people are subscribed." in page_text(client.get(page))
    assert "Subscriptions of OneSignal" in page_text(client.get("/imports/"))


def test_refusals_of_the_key_are_said(client: Client, acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        job = imported(acme, shop, as_csv([onesignal(Browser()) for _ in range(30)]))
        Subscriber.objects.filter(state="active").update(state="disabled", ended_at="2026-01-01T00:00:00Z")
    text = page_text(client.get(f"/imports/{job.pk}/"))
    assert "Push services refused 10 of these subscriptions: they were made with another key pair." in text
    client.post(f"/imports/{job.pk}/remove/")
    with in_tenant(acme.schema):
        finish(job)
        assert Subscriber.objects.count() == 0
    assert "These subscribers were taken away again" in page_text(client.get(f"/imports/{job.pk}/"))


def test_a_file_without_its_columns_is_said_and_another_can_come(client: Client, shop: Site) -> None:
    page = client.post("/imports/new/", {"site": shop.pk, "kind": "profiles"}).headers["Location"]
    client.post(f"{page}chunk?at=0&file=a", b"id,tags\n1,x\n", content_type="application/octet-stream")
    answer = client.post(f"{page}start/", {"size": 12})
    assert (answer.status_code, answer.json()["message"]) == (
        400, "Line 1 has no column “external_id”; it has: id, tags. Nothing was imported.",
    )  # fmt: skip
    assert "Choose the file" in page_text(client.get(page))
    client.post(f"{page}cancel/")
    assert "This import was cancelled" in page_text(client.get(page))


def test_profiles_have_no_test_and_no_way_back(client: Client, acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        job = profiles(acme, shop, b"external_id,tags\n1,x\n")
    text = page_text(client.get(f"/imports/{job.pk}/"))
    assert "The import is done Rows read 1 Applied 0 Refused rows 1" in text
    assert "Take this import away" not in text
    answer = client.post(f"/imports/{job.pk}/remove/", follow=True)
    assert "Tags and attributes are in the profiles already." in page_text(answer)
