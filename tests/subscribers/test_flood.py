"""RL-03: a flood of subscriptions is refused above a rate, marked, told of once, and settled; nobody known suffers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.actions.upkeep import settle_floods_all
from campaigns.models import Engagement
from subscribers import flood
from subscribers.actions.flood import LASTS, flooded
from subscribers.losses import losses
from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tenants.models import Alert, Notice
from tests.conftest import Workspace
from tests.subscribers.people import add_people
from tests.subscribers.samples import Browser, post, subscribe

# At once; ten times as many in a minute.
MOST = 5


@pytest.fixture(autouse=True)
def clock(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A website takes few here, one address three, and time stands still."""
    settings.SUBSCRIBE_PER_MINUTE = 10 * MOST
    monkeypatch.setattr(flood, "_new_of_address", flood.Buckets(3, 3))
    now = [1000.0]
    monkeypatch.setattr(flood, "monotonic", lambda: now[0])
    flood.forget_all()
    yield now
    flood.forget_all()


def come(sdk: Client, shop: Site, number: int, browser: Browser | None = None, **more: Any) -> Any:
    """Subscribe from an address of one's own."""
    body = (browser or Browser()).json(**more)
    return subscribe(sdk, shop, body, **{"x-forwarded-for": f"203.0.113.{number}"})


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings: Any) -> None:
    settings.BEHIND_PROXY = True


def marked(acme: Workspace) -> list[bool]:
    with in_tenant(acme.schema):
        rows = Subscriber.objects.order_by("pk").values_list("flooded_at", flat=True)
        return [at is not None for at in rows]


def test_rl03_above_the_rate_new_ones_are_refused_and_what_came_before_is_marked(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    assert [come(sdk, shop, number).status_code for number in range(MOST)] == [201] * MOST
    assert marked(acme) == [False] * MOST
    refused = come(sdk, shop, 100)
    assert (refused.status_code, refused["Retry-After"]) == (429, "2")
    assert refused["Access-Control-Allow-Origin"] == "https://shop.example"
    assert refused.json()["error"] == {
        "code": "too_many",
        "message": "Too many new subscriptions. Wait 2 s.",
        "field": None,
    }
    assert marked(acme) == [True] * MOST
    with in_tenant(acme.schema):
        assert flooded(shop.pk) == MOST


def test_rl03_whoever_was_imported_or_came_long_before_is_not_marked(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    with in_tenant(acme.schema):
        add_people(shop, [{}, {"consent_origin": "https://shop.example"}])
        Subscriber.objects.update(first_seen_at=timezone.now() - timedelta(minutes=2))
        add_people(shop, [{"consent_origin": ""}])
    for number in range(MOST + 1):
        come(sdk, shop, number)
    assert marked(acme) == [False] * 3 + [True] * MOST


def test_rl03_who_came_by_other_web_processes_is_marked_too_up_to_a_limit(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    most = 10 * 10 * MOST
    with in_tenant(acme.schema):
        add_people(shop, [{"consent_origin": "https://shop.example"}] * (most - MOST + 1))
    for number in range(MOST + 1):
        come(sdk, shop, number)
    assert marked(acme) == [False] + [True] * most


def test_rl03_a_website_takes_a_tenth_of_its_minute_at_once_and_the_rest_in_its_course(
    sdk: Client, shop: Site, clock: list[float]
) -> None:
    taken = 0
    for second in range(61):
        clock[0] = 1000.0 + second
        while flood.room_for_new(1, shop.pk, f"10.0.{taken}.1").wait == 0:
            taken += 1
    assert taken == 11 * MOST


def test_rl03_who_is_known_subscribes_renews_and_leaves_as_ever(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    known, moving = Browser(), Browser()
    token = come(sdk, shop, 1, known).json()["subscriber"]
    come(sdk, shop, 2, moving)
    for number in range(20):
        come(sdk, shop, 10 + number)
    assert [come(sdk, shop, 1, known).status_code for _ in range(20)] == [200] * 20
    moved = Browser()
    assert come(sdk, shop, 2, moved, old_endpoint=moving.endpoint).status_code == 200
    body = {"endpoint": known.endpoint, "subscriber": token}
    assert post(sdk, shop.site_key, "unsubscribe", body).status_code == 204
    with in_tenant(acme.schema):
        assert Subscriber.objects.get(endpoint=moved.endpoint).state == "active"
        assert Subscriber.objects.count() == MOST


def test_who_is_known_takes_nobodys_room(sdk: Client, shop: Site) -> None:
    known = Browser()
    for _ in range(4 * MOST):
        come(sdk, shop, 1, known)
    assert [come(sdk, shop, 10 + number).status_code for number in range(MOST)] == [201] * (MOST - 1) + [429]


def test_what_is_refused_for_its_key_takes_nobodys_room(sdk: Client, shop: Site) -> None:
    for number in range(2 * MOST):
        assert come(sdk, shop, 1 + number % 2, server_key="AAAA").status_code == 400
    assert [come(sdk, shop, 1).status_code for _ in range(4)] == [201, 201, 201, 429]
    assert [come(sdk, shop, 10 + number).status_code for number in range(3)] == [201, 201, 429]


def test_rl03_one_address_alone_is_refused_while_others_come(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    assert [come(sdk, shop, 1).status_code for _ in range(5)] == [201, 201, 201, 429, 429]
    assert come(sdk, shop, 2).status_code == 201
    # The website's room is not used up by what was refused.
    assert come(sdk, shop, 3).status_code == 201
    # Nobody is marked for it, and people are told.
    assert marked(acme) == [False] * 5
    assert Notice.objects.get(tenant_id=acme.tenant.pk).text.startswith(
        "A flood of new subscriptions on Shop, from one address."
    )
    assert come(sdk, shop, 4).status_code == 429
    assert marked(acme) == [True] * 5


def test_who_comes_while_it_lasts_is_marked_and_after_it_no_more(
    sdk: Client, acme: Workspace, shop: Site, clock: list[float]
) -> None:
    for number in range(MOST + 1):
        come(sdk, shop, number)
    clock[0] += 60
    assert come(sdk, shop, 50).status_code == 201
    clock[0] += flood.FLOOD_SECONDS
    assert come(sdk, shop, 51).status_code == 201
    assert marked(acme) == [True] * MOST + [True, False]


def test_rl03_people_and_staff_are_told_once_a_day(
    sdk: Client, acme: Workspace, shop: Site, clock: list[float]
) -> None:
    for _ in range(3):
        for number in range(MOST + 3):
            come(sdk, shop, number)
        clock[0] += flood.FLOOD_SECONDS
    notice = Notice.objects.get(tenant_id=acme.tenant.pk)
    assert notice.user_id == acme.owner.pk
    assert notice.path == f"/sites/{shop.pk}/"
    assert notice.text.startswith("A flood of new subscriptions on Shop.")
    assert Alert.objects.get(tenant_id=acme.tenant.pk, kind="subscription_flood").times == 1
    with in_tenant(acme.schema):
        Site.objects.update(flooded_at=timezone.now() - timedelta(hours=25))
    for number in range(MOST + 3):
        come(sdk, shop, number)
    assert Alert.objects.get(tenant_id=acme.tenant.pk, kind="subscription_flood").times == 2


def test_rl03_a_sign_of_life_takes_the_mark_away_and_none_for_thirty_days_ends_it(
    acme: Workspace, shop: Site
) -> None:
    now = timezone.now()
    old, young = now - LASTS - timedelta(minutes=1), now - LASTS + timedelta(minutes=5)
    with in_tenant(acme.schema):
        displayed, clicked, reached, back, left, silent, waiting, other, paused = people = add_people(
            shop, [{}] * 9
        )
        Subscriber.objects.update(flooded_at=old, first_seen_at=old, seen_at=old)
        for person, facts in (
            (displayed, {"displayed_at": now}),
            (clicked, {"clicked_at": now}),
            (reached, {}),
        ):
            Engagement.objects.create(subscriber=person, received_at=now, sends=[1], **facts)
        rows = Subscriber.objects
        rows.filter(pk=back.pk).update(seen_at=old + timedelta(hours=1))
        rows.filter(pk=left.pk).update(state="unsubscribed", ended_at=now, ended_why="visitor")
        rows.filter(pk=waiting.pk).update(flooded_at=young)
        rows.filter(pk=other.pk).update(flooded_at=None)
        rows.filter(pk=paused.pk).update(state="disabled", ended_at=now, ended_why="key")
        assert flooded(shop.pk) == 6
    settle_floods_all()
    with in_tenant(acme.schema):
        found = {row.pk: row for row in Subscriber.objects.all()}
        ended = {pk for pk, row in found.items() if row.ended_why == "flood"}
        assert ended == {reached.pk, silent.pk}
        assert {found[pk].state for pk in ended} == {"gone"}
        assert [pk for pk, row in found.items() if row.flooded_at] == [waiting.pk, paused.pk]
        assert found[left.pk].ended_why == "visitor"
        assert len(found) == len(people)
        said = "Came in a flood of subscriptions, and nobody was ever there"
        assert losses(shop.pk)[0].counts[said] == 2


def test_the_list_and_the_page_of_a_subscriber_say_so(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    with in_tenant(acme.schema):
        person, _ = add_people(shop, [{}, {}])
        Subscriber.objects.filter(pk=person.pk).update(flooded_at=timezone.now())
    client = console(acme)
    totals = client.get(f"/sites/{shop.pk}/totals/").content.decode()
    assert "2 subscribed" in totals
    assert "1 came in a flood and have not shown up yet" in totals
    assert "Came in a flood" in client.get(f"/subscribers/{person.pk}/").content.decode()
