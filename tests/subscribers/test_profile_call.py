"""What a browser may say of its own subscriber, and what it is told when it may not."""

from typing import Any

import pytest
from django.test import Client

from subscribers.actions.profile import fold
from subscribers.actions.site import renew_identity
from subscribers.identity import signature_of
from subscribers.models import EventFact, Inbox, Site
from tenants.doorway import in_tenant
from tenants.models import Tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser, only_row, post, subscribe


@pytest.fixture
def browser(sdk: Client, shop: Site) -> tuple[Browser, str]:
    made = Browser()
    return made, str(subscribe(sdk, shop, made.json()).json()["subscriber"])


def say(sdk: Client, shop: Site, browser: tuple[Browser, str], **told: Any) -> Any:
    endpoint, token = browser[0].endpoint, browser[1]
    return post(sdk, shop.site_key, "profile", {"endpoint": endpoint, "subscriber": token, **told})


def folded(acme: Workspace) -> int:
    with in_tenant(acme.schema):
        return fold() or 0


def facts(acme: Workspace) -> list[tuple[str, int, dict[str, Any], int]]:
    with in_tenant(acme.schema):
        found = EventFact.objects.order_by("name")
        return [(fact.name, fact.count, fact.last_properties, len(fact.recent)) for fact in found]


def test_it_is_put_down_at_once_and_in_the_profile_after_the_fold(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    answer = say(
        sdk, shop, browser, tags={"add": ["vip", "plan=gold"]}, attributes={"age": 41, "city": "Graz"},
        events=[{"name": "purchase", "properties": {"total": 20.5}, "ago": 60}], sessions=1, pages=3,
    )  # fmt: skip
    assert (answer.status_code, answer.content) == (202, b"")
    assert only_row(acme).tags == []
    assert Tenant.objects.get(pk=acme.tenant.pk).told_at is not None
    assert folded(acme) == 1
    row = only_row(acme)
    assert (row.tags, row.attributes) == (["plan=gold", "vip"], {"age": 41, "city": "Graz"})
    assert (row.sessions, row.pages) == (1, 3)
    assert facts(acme) == [("purchase", 1, {"total": 20.5}, 1)]
    with in_tenant(acme.schema):
        fact = EventFact.objects.get()
        assert 59 < (row.seen_at - fact.last_at).total_seconds() < 61
        assert Inbox.objects.count() == 0


def test_many_calls_are_one_change_each_in_its_turn(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    for number in range(25):
        events = [{"name": "view", "properties": {"number": number}}]
        say(sdk, shop, browser, events=events, tags={"add": [f"seen={number}"]}, pages=1)
    say(sdk, shop, browser, tags={"remove": ["seen=24"], "add": ["vip"]}, attributes={"a": 1, "b": "x"})
    say(sdk, shop, browser, attributes={"a": None})
    assert folded(acme) == 27
    row = only_row(acme)
    assert (row.tags, row.attributes, row.pages) == (["vip"], {"b": "x"}, 25)
    assert facts(acme) == [("view", 25, {"number": 24}, 20)]


def test_a_second_fold_adds_to_what_is_known(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    say(sdk, shop, browser, events=[{"name": "view", "properties": {"page": "new"}}])
    assert folded(acme) == 1
    say(
        sdk,
        shop,
        browser,
        events=[{"name": "view", "properties": {"page": "old"}, "ago": 3600}, {"name": "buy"}],
    )
    assert folded(acme) == 1
    assert folded(acme) == 0
    # What happened an hour ago came late: the newest properties stay.
    assert facts(acme) == [("buy", 1, {}, 1), ("view", 2, {"page": "new"}, 2)]
    with in_tenant(acme.schema):
        fact = EventFact.objects.get(name="view")
        assert fact.first_at < fact.last_at
        assert fact.recent == [fact.last_at, fact.first_at]


@pytest.mark.parametrize(
    "wrong",
    [
        ({"tags": ["vip"]}, "tags", "['vip'] is not an object"),
        ({"tags": {"add": "vip"}}, "tags.add", "is not a list of texts"),
        ({"tags": {"add": [str(n) for n in range(51)]}}, "tags.add", "51 tags; a subscriber has at most 50"),
        ({"tags": {"add": ["x" * 65]}}, "tags.add", "65 characters"),
        ({"attributes": {"a": []}}, "attributes.a", "[] is neither text, number, true nor false"),
        ({"attributes": {"a": 1e300}}, "attributes.a", "1e+300 is not a number up to"),
        ({"attributes": {"a": "x" * 256}}, "attributes.a", "256 characters"),
        ({"attributes": {"a": "\ud800"}}, "attributes.a", "characters that are none"),
        ({"attributes": {" a": 1}}, "attributes", "' a' is not a name"),
        ({"attributes": {f"a{n}": n for n in range(51)}}, "attributes", "51 of them"),
        ({"events": [{"name": "x"}] * 51}, "events", "51 of them; at most 50"),
        ({"events": [{"name": "x", "ago": -1}]}, "events[0].ago", "-1 is not a number of seconds"),
        ({"events": [{"name": "x"}, {}]}, "events[1].name", "None is not a name"),
        ({"events": [{"name": "x", "properties": {"p": {}}}]}, "events[0].properties.p", "{} is neither"),
        ({"sessions": True}, "sessions", "True is not a whole number"),
        ({"pages": 10_001}, "pages", "10001 is not a whole number from 0 to 10,000"),
        ({"external_id": 4711}, "external_id", "4711 is not text"),
        ({"external_id": "x" * 129}, "external_id", "129 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place_and_nothing_is_kept(
    sdk: Client,
    acme: Workspace,
    shop: Site,
    browser: tuple[Browser, str],
    wrong: tuple[dict[str, Any], str, str],
) -> None:
    told, field, text = wrong
    answer = say(sdk, shop, browser, **told)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (400, "invalid_profile", field)
    assert error["message"].startswith(f"{field}: ")
    assert text in error["message"]
    with in_tenant(acme.schema):
        assert Inbox.objects.count() == 0


def test_tags_that_are_too_many_together_are_refused(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    say(sdk, shop, browser, tags={"add": [f"tag {n}" for n in range(50)]})
    folded(acme)
    answer = say(sdk, shop, browser, tags={"add": ["one more"]})
    assert answer.status_code == 400
    assert "51 tags; a subscriber has at most 50. Take some away." in answer.json()["error"]["message"]
    # Two calls at the same moment, each of which was well by itself: the earlier one is kept.
    say(sdk, shop, browser, tags={"remove": ["tag 0"], "add": ["first"]})
    say(sdk, shop, browser, tags={"remove": ["tag 0"], "add": ["second"]})
    folded(acme)
    assert "first" in only_row(acme).tags
    assert "second" not in only_row(acme).tags
    assert len(only_row(acme).tags) == 50


def test_more_than_a_hundred_names_of_events_are_not_kept(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    for start in (0, 50, 100):
        say(sdk, shop, browser, events=[{"name": f"event {start + n}"} for n in range(50)])
    folded(acme)
    assert len(facts(acme)) == 100
    say(sdk, shop, browser, events=[{"name": "event 3"}, {"name": "another"}])
    folded(acme)
    assert ("event 3", 2, {}, 2) in facts(acme)
    assert len(facts(acme)) == 100


def test_another_s_capability_says_nothing(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    other = Browser()
    token = subscribe(sdk, shop, other.json()).json()["subscriber"]
    for pair in ((browser[0], token), (Browser(), browser[1]), (browser[0], "")):
        answer = say(sdk, shop, pair, tags={"add": ["vip"]})
        assert answer.status_code == (404 if pair[1] else 400)
    with in_tenant(acme.schema):
        assert Inbox.objects.count() == 0


def test_an_external_id_needs_the_customer_s_signature(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    """SR-14: an anonymous visitor cannot become somebody; a secret of another website signs nothing here."""
    assert say(sdk, shop, browser, external_id="4711", signature=signature_of("", "4711")).status_code == 401
    other = make_site(acme, origin="https://other.example")
    with in_tenant(acme.schema):
        secret = renew_identity(actor=acme.owner, tenant=acme.tenant, site=shop)
        foreign = renew_identity(actor=acme.owner, tenant=acme.tenant, site=other)
        assert secret not in Site.objects.get(pk=shop.pk).identity_encrypted
    wrong: list[Any] = [
        None, "", 7, "\ud800", signature_of(foreign, "4711"), signature_of(secret, "4712"),
        signature_of(secret, "4711")[:-1],
    ]  # fmt: skip
    for signature in wrong:
        answer = say(sdk, shop, browser, external_id="4711", signature=signature, tags={"add": ["vip"]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_signature")
    assert folded(acme) == 0
    assert (
        say(sdk, shop, browser, external_id="4711", signature=signature_of(secret, "4711")).status_code == 202
    )
    folded(acme)
    assert only_row(acme).external_id == "4711"
    say(sdk, shop, browser, tags={"add": ["vip"]})
    folded(acme)
    assert only_row(acme).external_id == "4711"
    # Signing out needs no signature: it only makes less known.
    assert say(sdk, shop, browser, external_id="").status_code == 202
    folded(acme)
    assert only_row(acme).external_id == ""


def test_what_was_said_of_somebody_erased_meanwhile_is_dropped(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    say(sdk, shop, browser, tags={"add": ["vip"]}, events=[{"name": "buy"}])
    with in_tenant(acme.schema):
        only_row(acme).delete()
    assert folded(acme) == 1
    assert facts(acme) == []


def test_who_asks_for_privacy_is_not_counted(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    endpoint, token = browser[0].endpoint, browser[1]
    body = {"endpoint": endpoint, "subscriber": token, "sessions": 1, "pages": 4, "tags": {"add": ["vip"]}}
    assert post(sdk, shop.site_key, "profile", body, **{"sec-gpc": "1"}).status_code == 202
    folded(acme)
    row = only_row(acme)
    assert (row.sessions, row.pages, row.tags) == (0, 0, ["vip"])


def test_tags_are_told_to_whoever_has_the_capability_and_nobody_else(
    sdk: Client, acme: Workspace, shop: Site, browser: tuple[Browser, str]
) -> None:
    say(sdk, shop, browser, tags={"add": ["vip", "plan=gold"]})
    folded(acme)
    mine = {"endpoint": browser[0].endpoint, "subscriber": browser[1]}
    answer = post(sdk, shop.site_key, "tags", mine)
    assert (answer.status_code, answer.json()) == (200, {"tags": ["plan=gold", "vip"]})
    for wrong in ({"subscriber": "0" * 40}, {"endpoint": Browser().endpoint}):
        answer = post(sdk, shop.site_key, "tags", {**mine, **wrong})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_subscription")
