"""One odd row costs that row at most: neither PostgreSQL nor a file's encoding may end the whole import over it."""

import json
from typing import Any

import pytest

from subscribers.job_files import errors_of
from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tests.conftest import Workspace
from tests.subscribers.import_files import ONESIGNAL, as_csv, as_lines, imported, onesignal, profiles
from tests.subscribers.people import add_people
from tests.subscribers.samples import Browser


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.FILES_DIR = str(tmp_path / "files")


def test_what_is_odd_in_one_row_never_ends_the_import(acme: Workspace, shop: Site) -> None:
    """Forms of moments that only Python reads, signs that no encoding has, states that are empty or another's."""
    odd = [
        {"created_at": "2026-W44-1", "last_active": "20261102T101112"},
        {"created_at": "0001-01-01", "last_active": "9999-12-31T23:59:59-23:59"},
        {"created_at": "99999999999999999999", "last_active": "x\\ty"},
        {"state": ""},
        {"state": "Subscribed"},
        {"state": "imported"},
    ]
    columns = (*ONESIGNAL, "state")
    with in_tenant(acme.schema):
        job = imported(acme, shop, as_csv([onesignal(Browser(), **one) for one in odd], columns))
        assert (job.state, job.detail, job.result["new"], job.result["left"]) == ("done", "", 6, 0)
        moments = Subscriber.objects.filter(subscribed_at__year=2026, subscribed_at__month=10)
        assert [f"{one.subscribed_at:%F} {one.seen_at:%F %T}" for one in moments] == [
            "2026-10-26 2026-11-02 10:11:12"
        ]
        lines = [
            {**onesignal(Browser()), "tags": ["\ud800" * 70], "browser": "\ud800"},
            {**onesignal(Browser()), "os": "\ud800"},
        ]
        job = imported(acme, shop, as_lines(lines))
        assert (job.state, job.result["new"], job.result["refused"]) == ("done", 1, 1)
        assert "\\ud800" in errors_of(job).read_text()


VALUES: list[Any] = [
    "", " ", "\0", "\\", "\\N", "\\.", "\t", "a\\tb", "{", "}", '"', "{}", "[]", "null", "NaN",
    "\ud800", "\U0001f375", "ü" * 70, "x" * 300, "-1", "1e400", "9" * 400, 0, -1, 1.5, 10**30,
    True, False, None, [], {}, [[]], [None], {"a": []}, {"": ""}, ["\0"], ["a=b", "a=c"], {"a": "\0"},
    "2026-11-02T10:00:00+14:00", "0000-00-00", "infinity", "epoch",
]  # fmt: skip
NAMES = (
    "external_id", "language", "country", "time_zone", "tags", "attributes", "created_at", "last_active", "browser",
    "os", "device", "state", "keys", "subscription", "pushToken", "meta", "userId", "device_type", "notification_types",
    "invalid_identifier", "vapid_public", "endpoint", "p256dh", "auth",
)  # fmt: skip


@pytest.mark.parametrize("form", ["json", "csv", "profiles"])
def test_whatever_stands_in_a_column_the_good_rows_are_stored(acme: Workspace, shop: Site, form: str) -> None:
    """Every odd value in every column, one at a time, between two good rows."""
    good = onesignal(Browser("https://fcm.googleapis.com/fcm/send/first"), external_user_id="first")
    last = onesignal(Browser("https://fcm.googleapis.com/fcm/send/last"), external_user_id="last")
    odd = [{**onesignal(Browser()), name: value} for name in NAMES for value in VALUES]
    with in_tenant(acme.schema):
        if form == "profiles":
            add_people(shop, [{"external_id": "first"}, {"external_id": "last"}])
            rows = [
                {"external_id": "first", "odd": text, "tags": text}
                for text in VALUES
                if isinstance(text, str)
            ]
            lines = [*rows, {"external_id": "last", "odd": "ok"}]
            job = profiles(acme, shop, as_lines(lines))
            assert Subscriber.objects.get(external_id="last").attributes == {"odd": "ok"}
        else:
            # A column of ours beside one of theirs is taken first, so only theirs are in this file.
            columns = (*ONESIGNAL, "attributes", "browser", "os", "device", "state", "vapid_public")
            odd = [{**onesignal(Browser()), name: value} for name in columns for value in VALUES]
            texts = [{name: _as_text(value) for name, value in row.items()} for row in [good, *odd, last]]
            octets = as_lines([good, *odd, last]) if form == "json" else as_csv(texts, columns)
            job = imported(acme, shop, octets)
            assert Subscriber.objects.filter(external_id__in=("first", "last")).count() == 2
            assert job.result["new"] > 400
        assert (job.state, job.detail) == ("done", "")
        assert job.result["refused"] > 0


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\ud800", "\ufffd")
