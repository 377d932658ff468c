"""Site keys that take no calls: unknown, suspended, gone; on every route of the SDK that names a site."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscribers.models import Site
from tenants.models import SiteIndex
from tenants.site_index import forget_all
from tests.conftest import Workspace
from tests.subscribers.samples import ORIGIN, Browser, count, only_row, subscribe, unsubscribe

READ = ["/sdk/v1/{}/settings.json", "/w/{}.js"]
WRITE = ["/sdk/v1/{}/subscriptions", "/sdk/v1/{}/unsubscribe"]
CLOSED = {"suspended": (403, "suspended"), "gone": (410, "tenant_gone")}


def ask(sdk: Client, path: str, key: str) -> Any:
    if path in READ:
        return sdk.get(path.format(key), headers={"origin": ORIGIN})
    return sdk.post(path.format(key), b"{}", content_type="application/json", headers={"origin": ORIGIN})


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def become(site: Site, state: str) -> None:
    SiteIndex.objects.filter(site_key=site.site_key).update(state=state)
    forget_all()


@pytest.mark.parametrize("path", [*READ, *WRITE])
def test_an_unknown_site_key_is_404(sdk: Client, acme: Workspace, path: str) -> None:
    assert error(ask(sdk, path, "0123456789abcdef01234567")) == (404, "unknown_site")


@pytest.mark.parametrize("path", [*READ, *WRITE])
@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_site_says_so_and_the_page_can_read_it(
    sdk: Client, shop: Site, path: str, state: str
) -> None:
    """TI-12, TI-14."""
    become(shop, state)
    answer = ask(sdk, path, shop.site_key)
    assert error(answer) == CLOSED[state]
    assert answer["Access-Control-Allow-Origin"] == ("*" if path in READ else ORIGIN)
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", WRITE)
@pytest.mark.parametrize("state", CLOSED)
def test_the_preflight_of_a_closed_site_is_granted_so_that_its_answer_can_be_read(
    sdk: Client, shop: Site, path: str, state: str
) -> None:
    become(shop, state)
    answer = sdk.options(path.format(shop.site_key), headers={"origin": ORIGIN})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (204, ORIGIN)


@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_site_takes_no_subscriber_and_loses_none(
    sdk: Client, acme: Workspace, shop: Site, state: str
) -> None:
    browser = Browser()
    token = subscribe(sdk, shop, browser.json()).json()["subscriber"]
    become(shop, state)
    assert error(subscribe(sdk, shop, Browser().json())) == CLOSED[state]
    assert error(unsubscribe(sdk, shop, browser.endpoint, token)) == CLOSED[state]
    assert only_row(acme).state == "active"
    become(shop, "active")
    assert unsubscribe(sdk, shop, browser.endpoint, token).status_code == 204


def test_a_key_that_is_too_long_is_unknown_without_a_query(
    sdk: Client, acme: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for key in ("a" * 33, "a" * 5000, "A-_" * 11):
        for path in (*READ, *WRITE):
            with django_assert_num_queries(0):
                assert error(ask(sdk, path, key)) == (404, "unknown_site")


def test_a_key_that_was_guessed_is_asked_for_once(
    sdk: Client, acme: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ask(sdk, READ[0], "guessed")
    with django_assert_num_queries(0):
        for path in [*READ, *WRITE]:
            assert error(ask(sdk, path, "guessed")) == (404, "unknown_site")


@pytest.mark.parametrize("path", [*READ, *WRITE])
def test_a_key_with_other_characters_is_no_route(sdk: Client, acme: Workspace, path: str) -> None:
    for key in ("%00", "a%00b", "..", "a%2Fb", "a b", "\N{GRINNING FACE}", "a.b", "%ed%a0%80", "'--"):
        assert ask(sdk, path, key).status_code == 404, key
    assert count(acme) == 0


def test_the_key_is_compared_exactly(sdk: Client, shop: Site) -> None:
    assert sdk.get(f"/w/{shop.site_key.upper()}.js").status_code == 404
    assert sdk.get(f"/w/{shop.site_key[:-1]}.js").status_code == 404
    assert sdk.get(f"/w/{shop.site_key}.js").status_code == 200
