"""A pooler between Truepush and PostgreSQL is refused (TI-07): it would put rows into other tenants' schemas.

PgBouncer drops or refuses the start-up option that settings send with each connection. So here is a real connection
that came without the option, as it arrives through a pooler.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections

from tenants.pooler import refuse_pooler
from truepush.checks import check_connection


@pytest.fixture
def pooled(db: None) -> Iterator[None]:
    """Replace this thread's connection by one that PostgreSQL was not told the option on."""
    usual = connections["default"]
    other = usual.copy()
    # A copy shares nothing but the settings, and these are its own from here on.
    other.settings_dict = {**usual.settings_dict, "OPTIONS": {}}
    other.set_schema_to_public()
    connections["default"] = other
    yield
    connections["default"] = usual
    other.close()


def test_a_connection_of_ours_passes(db: None) -> None:
    assert check_connection(None, databases=["default"]) == []
    refuse_pooler()


def test_a_connection_through_a_pooler_is_refused(pooled: None) -> None:
    (problem,) = check_connection(None, databases=["default"])
    assert problem.id == "truepush.E012"
    assert "connection pooler stands between Truepush and PostgreSQL" in problem.msg


def test_processes_that_run_no_checks_refuse_it_too(pooled: None) -> None:
    with pytest.raises(ImproperlyConfigured, match="Point DATABASE_URL at PostgreSQL itself"):
        refuse_pooler()


def test_django_runs_it_for_commands_that_touch_the_database(pooled: None) -> None:
    assert [problem.id for problem in run_checks(databases=["default"])] == ["truepush.E012"]
    with pytest.raises(Exception, match=r"truepush.E012"):
        call_command("check", databases=["default"])


def test_the_worker_does_not_start_behind_one(pooled: None) -> None:
    with pytest.raises(ImproperlyConfigured, match="connection pooler"):
        call_command("worker", skip_checks=True)


def test_the_web_process_does_not_start_behind_one(start: Any) -> None:
    """The web server imports the application; without the option the import fails."""
    name = "truepush.settings.DATABASES['default']['OPTIONS'].clear()"
    code, said = start(f"import truepush.settings; {name}; import truepush.wsgi")
    assert code != 0
    assert "A connection pooler stands between Truepush and PostgreSQL" in said
    code, said = start("import truepush.wsgi; print('serving')")
    assert (code, said.strip()) == (0, "serving")
