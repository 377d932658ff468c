"""What the tests of people and workspaces share: a way to sign in as a person would, migrations, processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.test import Client

from tenants.models import User
from tenants.schema import steps
from tests.conftest import PASSWORD
from tests.tenants.people import add_person, give_second_factor
from truepush.lib import base64url


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """Make a client that is signed in on the public host, through the form."""

    def sign_in(user: User) -> Client:
        client = Client(headers={"host": "localhost:8000"})
        answer = client.post("/sign-in/", {"login": user.email, "password": PASSWORD})
        assert answer.status_code == 302, answer.content
        return client

    return sign_in


@pytest.fixture
def support(db: None) -> User:
    return add_person("support@truepush.test", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(support: User, signed_in: Callable[[User], Client]) -> Client:
    """Support staff with every right, who has passed the second factor."""
    client = signed_in(support)
    give_second_factor(support)
    return client


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Callable[[str], None]]:
    """Give `subscribers` one more migration for this test: call it with the Python text of its operations."""

    def add(operations: str) -> None:
        package = tmp_path / f"later_{next(_NUMBERS)}"
        package.mkdir()
        (package / "__init__.py").touch()
        known = 'from importlib import import_module\n\nMigration = import_module("{}").Migration\n'
        for name in _migrations("subscribers"):
            (package / f"{name}.py").write_text(known.format(f"subscribers.migrations.{name}"))
        last = [(app, _migrations(app)[-1]) for app in ("subscribers", "campaigns")]
        (package / "9999_later.py").write_text(_LATER.format(operations=operations, last=last))
        settings.MIGRATION_MODULES = {"subscribers": package.name}
        steps.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield add
    steps.cache_clear()


def _migrations(app: str) -> list[str]:
    folder = django_settings.BASE_DIR / app / "migrations"
    return sorted(path.stem for path in folder.glob("[0-9]*.py"))


_NUMBERS = count(1)
_LATER = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = {last}
    operations = [{operations}]
"""


@pytest.fixture
def start(django_db_setup: None) -> Callable[..., tuple[int, str]]:
    """Run Python in a process of its own, with settings changed or (None) missing; answer its code and what it said."""

    def run(code: str = "import truepush.settings", **changes: str | None) -> tuple[int, str]:
        given = {name: value for name, value in {**_environment(), **changes}.items() if value is not None}
        process = subprocess.run(
            [sys.executable, "-c", code],
            env=given,
            cwd=django_settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return process.returncode, process.stdout + process.stderr

    return run


def _environment() -> dict[str, str]:
    """Every setting without a default, and the database of this run; no file of settings."""
    database = django_settings.DATABASES["default"]
    who = f"{database['USER']}:{quote(database['PASSWORD'], safe='')}"
    place = f"{database['HOST']}:{database['PORT']}".removesuffix(":")
    secret = base64url.encode(bytes(32))
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "truepush.settings",
        "STATIC_MANIFEST": "false",
        "TRUEPUSH_ENV_FILE": os.devnull,
        "SECRET_KEY": "x" * 50,
        "FIELD_KEYS": f"k1:{secret}",
        "RECEIPT_KEYS": f"1:{secret}",
        "VAPID_CONTACT": "mailto:ops@example.com",
        "DATABASE_URL": f"postgres://{who}@{place}/{database['NAME']}",
    }
