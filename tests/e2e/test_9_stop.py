"""Last of these tests: it ends the installation."""

import urllib.request
from urllib.parse import urlsplit

from tests.e2e.installation import Installation, is_free


def test_ctrl_c_leaves_no_process_behind(truepush: Installation) -> None:
    with urllib.request.urlopen(f"{truepush.base}/healthz", timeout=10) as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")
    running = " ".join(truepush.processes())
    assert [name for name in ("granian", "worker", "sandbox", "shop") if name not in running] == []
    database = urlsplit(truepush.settings()["DATABASE_URL"]).port
    assert database and not is_free(database)
    assert truepush.stop() == 0
    assert truepush.processes() == []
    assert is_free(database)
