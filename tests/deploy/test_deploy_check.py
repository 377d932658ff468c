"""Django's own checks for production find nothing with the settings that deploy/ shows."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.campaigns.faults import Installation
from tests.deploy.conftest import Roles
from tests.deploy.test_files import settings_of
from tests.rules.source import ROOT
from tests.tenants.test_readiness import web


def production() -> dict[str, str]:
    """deploy/env.example with the secrets filled in."""
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_KEYS": f"k1:{secrets.token_urlsafe(32)}",
        "RECEIPT_KEYS": f"1:{secrets.token_urlsafe(32)}",
    }
    return {**settings_of("env.example"), **made, "TRUEPUSH_ENV_FILE": os.devnull}


def check(**changes: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **production(), **changes},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_settings_that_deploy_shows_pass() -> None:
    code, said = check()
    assert code == 0, said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": ""}, {"SECRET_KEY"}),  # as .env.example has it
        ({"FIELD_KEYS": ""}, {"FIELD_KEYS is empty"}),
        (
            {"SECRET_KEY": "short", "DEBUG": "true", "BASE_URL": "http://push.example.com"},
            {"security.W009", "security.W018", "security.W012"},
        ),
    ],
)
def test_what_is_not_for_production_is_said(changes: dict[str, str], said: set[str]) -> None:
    code, text = check(**changes)
    assert code != 0
    assert {words for words in said if words in text} == said


def test_plain_http_is_led_to_https_but_for_probes(roles: Roles, tmp_path: Path) -> None:
    """Through a proxy that sets X-Forwarded-Proto, on the host of BASE_URL."""
    place = Installation(tmp_path, None, roles.server, None)  # type: ignore[arg-type]
    place.settings = {**production(), "DATABASE_URL": roles.url("truepush_app"), "STATIC_MANIFEST": "false"}
    with web(place) as port:
        found = {}
        for path in ("/sign-in/", "/healthz"):
            for scheme in ("http", "https"):
                answer = requests.get(
                    f"http://127.0.0.1:{port}{path}",
                    headers={"Host": "push.example.com", "X-Forwarded-Proto": scheme},
                    timeout=10,
                    allow_redirects=False,
                )
                found[path, scheme] = answer.status_code
    assert found == {
        ("/sign-in/", "http"): 301,
        ("/sign-in/", "https"): 200,
        ("/healthz", "http"): 200,
        ("/healthz", "https"): 200,
    }
