"""The OpenAPI documents and the server say the same: what they allow, and much that they do not, is never a 500.

schemathesis makes the calls from the documents, the same ones in every run, and gives them to the WSGI application.
bench/trust makes more of them; OPENAPI_EXAMPLES says how many.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks

from subscribers import flood
from subscribers.models import Site
from tenants.actions.keys import create_key
from tests.conftest import Workspace
from tests.rules.source import ROOT
from tests.rules.test_access_table import walk
from tests.subscribers.samples import ORIGIN, Browser, subscribe

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "20"))
SDK_HOST = "sdk.localhost:8000"
# What they answer hangs on a name in the address, which is not guessed.
BY_NAME = {"/i/{site_key}/{name}", "/sdk/a/{content_hash}/{part}.js"}
FOLDER = ROOT / "docs" / "openapi"
CONFORM = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def document(name: str) -> Any:
    schema = schemathesis.openapi.from_path(FOLDER / f"{name}.yaml")
    schema.app = WSGIHandler()
    return schema


SDK, API = document("sdk"), document("api")
OPERATIONS = [operation.ok() for operation in SDK.get_all_operations()]


def in_document(route: str) -> str:
    return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)


def test_every_route_of_the_sdk_s_host_is_in_the_document() -> None:
    routes = {in_document(route) for route, _ in walk(get_resolver(django_settings.SDK_URLCONF), "")}
    assert {operation.path for operation in OPERATIONS} == routes


def test_so_is_every_route_of_the_rest_api() -> None:
    routes = {in_document(route) for route, _ in walk(get_resolver(django_settings.ROOT_URLCONF), "")}
    documented = {operation.ok().path for operation in API.get_all_operations()}
    assert documented == {route for route in routes if route.startswith("/api/")}


@dataclass(frozen=True)
class Shop:
    """A website with one subscriber whose capability is known, and what a call needs to be taken."""

    site: Site
    browser: Browser
    own: dict[str, Any]

    def truthful(self, body: Any) -> Any:
        """Have a body name what there is, so that a call comes further than to the first refusal."""
        if not isinstance(body, dict):
            return body
        known = {**self.own, "keys": self.browser.json()["keys"], "page": "/"}
        return {**body, **{name: value for name, value in known.items() if name in body}}


@contextmanager
def one_connection() -> Iterator[None]:
    """Keep the test's transaction between requests, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.fixture
def there(shop: Site, sdk: Client) -> Shop:
    browser = Browser()
    token = subscribe(sdk, shop, browser.json()).json()["subscriber"]
    return Shop(shop, browser, {"endpoint": browser.endpoint, "subscriber": token})


def hold(operation: Any, *, examples: int, call: Callable[[Any, bool], None], **fixed: Any) -> None:
    """Make so many calls of the operation, half of them as the document allows, half not."""
    modes = [operation.as_strategy(mode, **fixed) for mode in schemathesis.GenerationMode]

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(modes), st.booleans())
    def each(case: Any, truthful: bool) -> None:
        call(case, truthful)

    with one_connection():
        each()


def checked(case: Any, host: str, **headers: str) -> int:
    """Make a call and hold its answer against the document; answer its status."""
    sent = {"Accept-Encoding": "identity", **headers}
    return int(case.call_and_validate(base_url=f"http://{host}", headers=sent, checks=CONFORM).status_code)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method}-{one.path}")
def test_calls_of_the_sdk_are_answered_as_the_document_says(there: Shop, operation: Any) -> None:
    seen = set()

    def call(case: Any, truthful: bool) -> None:
        flood.forget_all()
        if truthful:
            case.body = there.truthful(case.body)
        seen.add(checked(case, SDK_HOST, Origin=ORIGIN))

    keys = {"path_parameters": {"site_key": there.site.site_key}} if "{site_key}" in operation.path else {}
    hold(operation, examples=EXAMPLES, call=call, **keys)
    if operation.path not in BY_NAME:
        assert {status // 100 for status in seen} >= {2}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method}-{one.path}")
def test_so_are_those_with_keys_and_names_that_nobody_has(db: None, operation: Any) -> None:
    hold(operation, examples=EXAMPLES // 5, call=lambda case, _: checked(case, SDK_HOST, Origin=ORIGIN))


def test_calls_of_the_rest_api_are_answered_as_the_document_says(acme: Workspace) -> None:
    given: dict[str, Any] = {"actor": acme.owner, "tenant": acme.tenant, "per_minute": 2}
    _, over = create_key(**given, name="Shop", scopes=["campaigns:send"], expires_at=timezone.now())
    _, good = create_key(**given, name="Shop", scopes=["campaigns:send"], expires_at=None)
    seen = set()
    for operation in API.get_all_operations():
        for known in (good, good, good, over, f"{good[:-1]}é", ""):
            bearer = {"Authorization": f"Bearer {known}"}

            def call(case: Any, _: bool, bearer: dict[str, str] = bearer) -> None:
                seen.add(checked(case, acme.host, **bearer))

            hold(operation.ok(), examples=EXAMPLES, call=call)
    assert seen == {200, 401, 429}
