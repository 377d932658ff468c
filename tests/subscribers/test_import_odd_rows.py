"""One odd row costs that row at most: neither PostgreSQL nor a file's encoding may end the whole import over it."""

from typing import Any

import pytest

from subscribers.job_files import errors_of
from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tests.conftest import Workspace
from tests.subscribers.import_files import ONESIGNAL, as_csv, as_lines, imported, onesignal
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
