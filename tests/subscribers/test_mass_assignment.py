"""SR-14: a body decides nothing but the subscription itself."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from subscribers.models import Site, Subscriber
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser, count, only_row, rows, subscribe

FIXED = {
    "id",
    "endpoint",
    "endpoint_digest",
    "p256dh",
    "auth",
    "subscribed_at",
    "seen_at",
    "first_seen_at",
    "hours",
}
GIVEN: dict[str, Any] = {
    "id": 4711,
    "pk": 4711,
    "subscriber_id": 4711,
    "site": 4711,
    "site_id": 4711,
    "site_key": "0123456789abcdef01234567",
    "vapid_key": 4711,
    "vapid_key_id": 4711,
    "state": "gone",
    "is_test": True,
    "service": "apple",
    "endpoint_digest": "00" * 32,
    "language": "xx",
    "country": "XX",
    "time_zone": "Europe/Paris",
    "browser": "Evil",
    "os": "Evil",
    "device": "tablet",
    "external_id": "admin",
    "tags": ["vip"],
    "attributes": {"admin": True},
    "subscribed_at": "2001-01-01T00:00:00Z",
    "created_at": "2001-01-01T00:00:00Z",
    "seen_at": "2001-01-01T00:00:00Z",
    "ended_at": "2001-01-01T00:00:00Z",
    "flooded_at": "2001-01-01T00:00:00Z",
    "wait_until": "2099-01-01T00:00:00Z",
    "first_seen_at": "2001-01-01T00:00:00Z",
    "region": "Evil",
    "city": "Evil",
    "address": "203.0.113.77",
    "sessions": 4711,
    "pages": 4711,
    "hours": "00" * 24,
    "sdk_version": "4711",
    "prompt": "Evil",
    "consent_origin": "https://evil.example",
    "ended_why": "410",
    "tenant": "globex",
    "tenant_id": 4711,
    "schema_name": "public",
}


def facts(row: Subscriber) -> dict[str, Any]:
    names = {field.attname for field in Subscriber._meta.concrete_fields} - FIXED
    return {name: getattr(row, name) for name in sorted(names)}


def test_every_column_is_among_the_names_that_are_tried() -> None:
    """A new column joins this test by failing it."""
    assert {field.attname for field in Subscriber._meta.concrete_fields} - set(GIVEN) == {
        "endpoint", "p256dh", "auth",
    }  # fmt: skip


@pytest.mark.parametrize("inside", ["", "profile", "keys"])
def test_other_fields_of_a_body_are_ignored(sdk: Client, acme: Workspace, shop: Site, inside: str) -> None:
    plain = Browser()
    subscribe(sdk, shop, plain.json())
    expected, first = facts(only_row(acme)), only_row(acme).pk
    with_more = Browser().json(profile={})
    (with_more[inside] if inside else with_more).update(
        {
            name: value
            for name, value in GIVEN.items()
            if inside != "profile" or name not in ("language", "time_zone")
        }
    )
    assert subscribe(sdk, shop, with_more).status_code == 201
    row = next(row for row in rows(acme) if row.pk != first)
    assert facts(row) == expected
    assert row.pk != 4711
    assert row.subscribed_at.date() == row.seen_at.date() == timezone.now().date()


def test_a_known_row_is_not_changed_by_them_either(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    subscribe(sdk, shop, browser.json())
    before = only_row(acme)
    assert subscribe(sdk, shop, browser.json(**GIVEN)).status_code == 200
    after = only_row(acme)
    assert facts(after) == facts(before)
    assert (after.pk, after.subscribed_at) == (before.pk, before.subscribed_at)


def test_another_workspace_named_in_the_body_gets_nothing(
    sdk: Client, acme: Workspace, globex: Workspace, shop: Site
) -> None:
    theirs = make_site(globex)
    names = {"site_key": theirs.site_key, "schema_name": globex.schema, "tenant_id": globex.tenant.pk}
    assert subscribe(sdk, shop, Browser().json(**names)).status_code == 201
    assert (count(acme), count(globex)) == (1, 0)
