"""Traps of the stack that are refused at start (design sections 2, 3 and 4)."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, run_checks
from django.core.exceptions import ImproperlyConfigured

from tenants.pooler import PROBLEM, REMEDY, is_direct

LEASE_MARGIN_SECONDS = 2.0
MOST_IN_BATCH = 65_535


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*_tenancy(), *_queue(), *_sandbox(), *_delivery()]


def _tenancy() -> Iterator[CheckMessage]:
    both = set(settings.SHARED_APPS) & set(settings.TENANT_APPS)
    if both:
        yield Error(f"In both SHARED_APPS and TENANT_APPS: {sorted(both)}.", id="truepush.E001")
    shared_only = {"django_q", "django.contrib.contenttypes"}
    if not shared_only <= set(settings.SHARED_APPS):
        yield Error(f"{sorted(shared_only)} belong in SHARED_APPS.", id="truepush.E002")
    if not settings.TENANT_LIMIT_SET_CALLS:
        yield Error("TENANT_LIMIT_SET_CALLS is off: every query would cost 70 % more.", id="truepush.E003")
    if settings.CACHES["default"].get("KEY_FUNCTION") != "django_tenants.cache.make_key":
        yield Error("The cache's KEY_FUNCTION must be django_tenants.cache.make_key.", id="truepush.E004")


def _queue() -> Iterator[CheckMessage]:
    queue = settings.Q_CLUSTER
    least = queue["timeout"] * (queue["queue_limit"] / queue["workers"] + 1)
    if queue["retry"] <= least:
        yield Error(
            f"Q_CLUSTER retry is {queue['retry']} s; it must exceed timeout x (queue_limit/workers + 1) = {least:g} s.",
            hint="A task waits in memory while its retry clock runs.",
            id="truepush.E005",
        )
    if queue["catch_up"] or queue["bulk"] != 1 or not queue["max_attempts"]:
        yield Error("Q_CLUSTER needs catch_up=False, bulk=1 and max_attempts set.", id="truepush.E006")
    if queue["timeout"] <= settings.PUSH_DRAIN_SECONDS + settings.PUSH_ATTEMPT_SECONDS:
        yield Error(
            "Q_CLUSTER timeout must exceed PUSH_DRAIN_SECONDS + PUSH_ATTEMPT_SECONDS.", id="truepush.E007"
        )


def _sandbox() -> Iterator[CheckMessage]:
    if not settings.SANDBOX_ORIGIN:
        return
    if not settings.DEMO:
        yield Error(
            "SANDBOX_ORIGIN is set without DEMO.", hint="Unset it: it is for demos.", id="truepush.E008"
        )
    origins = settings.SANDBOX_ORIGIN.split(",")
    if settings.BASE_DOMAIN != "localhost" or not all(map(_is_local, origins)):
        yield Error(
            f"The sandbox push service runs on localhost only, not for {settings.BASE_DOMAIN}.",
            id="truepush.E009",
        )
    if not settings.SANDBOX_CA:
        yield Error(
            "SANDBOX_CA is empty: say where the sandbox's certificate authority is.", id="truepush.E010"
        )


def _is_local(origin: str) -> bool:
    return origin.startswith("https://localhost:")


def _delivery() -> Iterator[CheckMessage]:
    if not 1 <= settings.BATCH_SIZE <= MOST_IN_BATCH:
        yield Error(
            f"BATCH_SIZE is {settings.BATCH_SIZE}; give 1 to {MOST_IN_BATCH:,}.",
            hint="A batch is read and written whole when its ledger is folded.",
            id="truepush.E013",
        )
    least = settings.PUSH_ATTEMPT_SECONDS + LEASE_MARGIN_SECONDS
    if least >= settings.PUSH_LEASE_SECONDS:
        yield Error(
            f"PUSH_LEASE_SECONDS is {settings.PUSH_LEASE_SECONDS:g}; it must exceed PUSH_ATTEMPT_SECONDS plus "
            f"{LEASE_MARGIN_SECONDS:g} s = {least:g} s, else two workers could hold one batch.",
            id="truepush.E011",
        )


def refuse_problems() -> None:
    """Stop a process whose settings fail a check; for entry points that run none by themselves."""
    problems = [str(problem) for problem in run_checks(databases=["default"]) if problem.is_serious()]
    if problems:
        raise ImproperlyConfigured(" ".join(problems))


def check_connection(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a pooler in front of PostgreSQL (tenants.pooler says why)."""
    if not databases or is_direct():
        return []
    return [Error(PROBLEM, hint=REMEDY, id="truepush.E012")]
