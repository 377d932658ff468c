"""Each trap of the stack that is refused at start, sprung by the one setting that springs it."""

from typing import Any

import pytest
from django.conf import settings as known
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS

from truepush.checks import check_settings

SANDBOX = {
    "DEMO": True,
    "SANDBOX_ORIGIN": "https://localhost:8002",
    "SANDBOX_CA": "var/sandbox/ca.pem",
    "BASE_DOMAIN": "localhost",
}


def queue(**changes: Any) -> dict[str, Any]:
    return {"Q_CLUSTER": {**known.Q_CLUSTER, **changes}}


def without(app: str) -> dict[str, Any]:
    return {"SHARED_APPS": [name for name in known.SHARED_APPS if name != app]}


TRAPS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an app on both sides": (
        {"TENANT_APPS": [*known.TENANT_APPS, "django_htmx"]},
        "truepush.E001",
        "In both SHARED_APPS and TENANT_APPS: ['django_htmx'].",
    ),
    "the queue in tenants": (without("django_q"), "truepush.E002", "belong in SHARED_APPS"),
    "content types in tenants": (
        without("django.contrib.contenttypes"),
        "truepush.E002",
        "belong in SHARED_APPS",
    ),
    "a SET before every query": ({"TENANT_LIMIT_SET_CALLS": False}, "truepush.E003", "70 % more"),
    "one cache for all tenants": (
        {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}},
        "truepush.E004",
        "KEY_FUNCTION must be django_tenants.cache.make_key",
    ),
    "a retry before the time-out": (
        queue(retry=180),
        "truepush.E005",
        "retry is 180 s; it must exceed timeout x (queue_limit/workers + 1) = 180 s.",
    ),
    "a queue longer than its workers": (
        queue(queue_limit=4, workers=2),
        "truepush.E005",
        "= 270 s.",
    ),
    "catching up on schedules": (queue(catch_up=True), "truepush.E006", "catch_up=False"),
    "tasks in bulk": (queue(bulk=2), "truepush.E006", "bulk=1"),
    "endless attempts": (queue(max_attempts=0), "truepush.E006", "max_attempts set"),
    "a task longer than its time-out": ({"PUSH_DRAIN_SECONDS": 75.0}, "truepush.E007", "timeout must exceed"),
    "a sandbox outside of a demo": ({**SANDBOX, "DEMO": False}, "truepush.E008", "without DEMO"),
    "a sandbox on a public domain": (
        {**SANDBOX, "BASE_DOMAIN": "push.example.com"},
        "truepush.E009",
        "on localhost only, not for push.example.com",
    ),
    "a sandbox elsewhere": (
        {**SANDBOX, "SANDBOX_ORIGIN": "https://sandbox.example.com"},
        "truepush.E009",
        "on localhost only",
    ),
    "a sandbox without TLS": (
        {**SANDBOX, "SANDBOX_ORIGIN": "http://localhost:8002"},
        "truepush.E009",
        "on localhost only",
    ),
    "a sandbox without its authority": (
        {**SANDBOX, "SANDBOX_CA": ""},
        "truepush.E010",
        "SANDBOX_CA is empty",
    ),
    "a lease shorter than an attempt": (
        {"PUSH_LEASE_SECONDS": 17.0, "PUSH_ATTEMPT_SECONDS": 15.0},
        "truepush.E011",
        "PUSH_LEASE_SECONDS is 17; it must exceed PUSH_ATTEMPT_SECONDS plus 2 s = 17 s",
    ),
    "batches that are too large": (
        {"BATCH_SIZE": 65_536},
        "truepush.E013",
        "BATCH_SIZE is 65536; give 1 to 65,535",
    ),
}


@pytest.mark.parametrize("case", TRAPS)
def test_a_trap_is_refused_by_its_number(settings: Any, case: str) -> None:
    """RE-09 among them: a lease that an attempt could outlive, a queue that repeats what still runs."""
    changes, number, words = TRAPS[case]
    for name, value in changes.items():
        setattr(settings, name, value)
    (problem,) = check_settings(None)
    assert problem.id == number
    assert words in problem.msg
    assert problem.is_serious()


def test_the_settings_as_they_are_pass(settings: Any) -> None:
    assert check_settings(None) == []
    for name, value in SANDBOX.items():
        setattr(settings, name, value)
    assert check_settings(None) == []


def test_every_number_is_sprung_here() -> None:
    numbers = {number for _, number, _ in TRAPS.values()}
    assert numbers == {f"truepush.E{number:03}" for number in (*range(1, 12), 13)}


def test_django_s_own_checks_pass_together_with_ours(db: None) -> None:
    assert run_checks(databases=[DEFAULT_DB_ALIAS]) == []


def test_a_command_does_not_start_with_a_trap(settings: Any) -> None:
    settings.TENANT_LIMIT_SET_CALLS = False
    with pytest.raises(Exception, match=r"truepush.E003"):
        call_command("check")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "localhost:8000"),
        ("BASE_URL", "https://push.example.com/console"),
        ("SDK_URL", "ftp://sdk.example.com"),
        ("FIELD_KEYS", "k1:c2hvcnQ"),
        ("FIELD_KEYS", ""),
        ("RECEIPT_KEYS", "AAAA"),
    ],
)
def test_a_setting_that_cannot_be_right_stops_the_start(start: Any, name: str, value: str) -> None:
    """House rule 12: typed readers that fail loudly, naming the setting."""
    code, said = start(**{name: value})
    assert code != 0
    assert name in said
    assert ImproperlyConfigured.__name__ in said


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "FIELD_KEYS", "RECEIPT_KEYS", "VAPID_CONTACT", "DATABASE_URL"]
)
def test_a_setting_without_a_default_must_be_given(start: Any, name: str) -> None:
    code, said = start(**{name: None})
    assert code != 0
    assert f"Set the {name} environment variable" in said


def test_addresses_are_compared_with_what_browsers_send(start: Any) -> None:
    """Browsers send origins in small letters and without a slash at the end."""
    code, said = start(
        "from truepush import settings; print(settings.BASE_URL, settings.BASE_DOMAIN)",
        BASE_URL="https://Push.Example.com/",
    )
    assert (code, said.strip()) == (0, "https://push.example.com push.example.com")
