"""A database that cannot be reached: 503 with Retry-After at once, on every host."""

import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.campaigns.faults import installation
from tests.sandbox.driver import Sandbox, free_port, until
from truepush.local.answers import web_answers


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Named in the settings and not started: nothing is sent here."""
    return Sandbox(tmp_path_factory.mktemp("sandbox"))


def test_pages_and_sdk_calls_say_503_while_the_database_is_away(sandbox: Sandbox, tmp_path: Path) -> None:
    """FT-05, FT-06: fast, and not an error of ours; after its return everything answers again."""
    port = free_port()
    with installation(tmp_path, sandbox) as place:
        command = ["granian", "--interface", "wsgi", "--port", str(port), "truepush.wsgi:application"]
        with (tmp_path / "web.log").open("wb") as output:
            web = subprocess.Popen(
                [str(Path(subprocess.sys.executable).parent / command[0]), *command[1:]],  # type: ignore[attr-defined]
                env={**place.settings, "PATH": "/usr/bin:/bin"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            until(lambda: web_answers(port, "/healthz"), 30)
            place.kill_database()
            check_away(port)
            place.start_database()
            until(lambda: ask(port, "nowhere.localhost", "/").status_code == 404, 10)
        finally:
            web.terminate()
            web.wait(10)


def ask(port: int, host: str, path: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{port}{path}", headers={"Host": f"{host}:8000"}, timeout=10)


def check_away(port: int) -> None:
    for host, path in (("nowhere.localhost", "/"), ("sdk.localhost", "/sdk/v1/abc/settings.json")):
        started = time.monotonic()
        answer = ask(port, host, path)
        assert time.monotonic() - started < 2
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), (host, answer.text)
        assert "Traceback" not in answer.text
