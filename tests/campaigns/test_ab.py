"""A/B tests: who is drawn for what, who is held out, how sure the winner is, and what the rest gets."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.actions.campaign import save_draft, send_test
from campaigns.actions.control import cancel, choose_version, resume
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import Speed
from campaigns.actions.resend import resend
from campaigns.delivery.ab import AbTest, equal_shares
from campaigns.delivery.canary import Canary
from campaigns.models import Batch, Campaign, Send, SendStat
from campaigns.timing import Timing
from campaigns.why import verdict_of
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tenants.models import DueWork, Notice
from tests.campaigns.places import (
    CONTENT,
    TTL,
    Place,
    add_subscribers,
    check_conservation,
    drain_once,
    finish,
    fresh,
    minutes_pass,
)
from tests.campaigns.versions import HALVES, launch, report, versions
from truepush.local.sandbox.subscriptions import Behaviour

PEOPLE = 300


def people_by_wave(place: Place, send: Send) -> dict[tuple[int, int | None], int]:
    found: Counter[tuple[int, int | None]] = Counter()
    with in_tenant(place.schema):
        for wave, variant, size in Batch.objects.filter(send=send, root=None).values_list(
            "wave", "variant", "size"
        ):
            found[wave, variant] += size
    return dict(found)


def titles_shown(place: Place) -> Counter[str]:
    """What every browser of the website was sent."""
    with in_tenant(place.schema):
        endpoints = list(Subscriber.objects.filter(site=place.site).values_list("endpoint", flat=True))
    shown = [
        message
        for endpoint in endpoints
        for message in place.sandbox.control("GET", "messages", params={"subscription": endpoint}).json()[
            "messages"
        ]
    ]
    return Counter(json.loads(message["payload"])["notification"]["title"] for message in shown)


def stats(place: Place, send: Send) -> dict[tuple[int, int], tuple[int, int, int, int]]:
    with in_tenant(place.schema):
        return {
            (one.wave, one.variant): (one.audience, one.accepted, one.displayed, one.clicked)
            for one in SendStat.objects.filter(send=send)
        }


def test_versions_are_drawn_in_their_shares_and_never_by_id(place: Place, transport: Any) -> None:
    people = add_subscribers(place, [Behaviour()] * PEOPLE)
    send = launch(place, versions(place, "Version B"), AbTest(shares=(70, 30)))
    done = finish(place, send, transport)
    parts = people_by_wave(place, done)
    assert set(parts) == {(0, 0), (0, 1)}
    assert 180 < parts[0, 0] < 240
    assert titles_shown(place) == {"Version A": parts[0, 0], "Version B": parts[0, 1]}
    assert stats(place, done) == {
        (0, 0): (parts[0, 0], parts[0, 0], 0, 0), (0, 1): (parts[0, 1], parts[0, 1], 0, 0),
    }  # fmt: skip
    with in_tenant(place.schema):
        of_a = {pk for batch in Batch.objects.filter(send=done, variant=0) for pk in batch.ids}
    first_half = {person.pk for person in people[: PEOPLE // 2]}
    assert 85 < len(of_a & first_half) < 125
    with in_tenant(place.schema):
        for person in people[:3]:
            told = verdict_of(person, done.pk)
            letter = "A" if person.pk in of_a else "B"
            assert told is not None
            assert (told.version, told.title) == (letter, f"Version {letter}")
    check_conservation(place, done)


def test_without_a_word_about_it_versions_get_equal_parts(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 30)
    send = launch(place, versions(place, "Version B", "Version C"))
    assert send.ab["shares"] == [34, 33, 33]
    assert [equal_shares(number) for number in (2, 4, 5)] == [
        (50, 50), (25, 25, 25, 25), (20, 20, 20, 20, 20),
    ]  # fmt: skip


def test_who_is_held_out_gets_nothing_and_is_told_apart(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * PEOPLE)
    send = launch(place, versions(place), AbTest(hold_out=20))
    done = finish(place, send, transport)
    parts = people_by_wave(place, done)
    assert 35 < parts[2, None] < 90
    assert (done.accepted, done.skipped) == (parts[0, None], parts[2, None])
    assert done.reasons == {"skipped hold-out": parts[2, None]}
    assert sum(titles_shown(place).values()) == done.accepted
    check_conservation(place, done)
    given: dict[str, Any] = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    with in_tenant(place.schema), pytest.raises(CampaignRefused, match="nobody to send it to again"):
        resend(**given, send=done, what="missed")


def test_the_rest_gets_what_won_the_test(place: Place, transport: Any) -> None:
    """The whole of it: a part gets both, after the hour the one that more clicked goes to all others."""
    add_subscribers(place, [Behaviour()] * PEOPLE)
    send = launch(place, versions(place, "Version B"), AbTest(shares=HALVES, first=30, hold_out=10))
    drain_once(transport)
    drain_once(transport)
    parts = people_by_wave(place, send)
    assert set(parts) == {(0, 0), (0, 1), (1, None), (2, None)}
    now = fresh(place, send)
    assert (now.state, now.accepted, now.ab["state"]) == ("running", parts[0, 0] + parts[0, 1], "out")
    due = DueWork.objects.get(send_id=send.pk).due_at
    assert timedelta(minutes=59) < due - timezone.now() < timedelta(minutes=61)
    report(place, send, 0, clicks=1, displays=20)
    report(place, send, 1, clicks=12, displays=20)
    minutes_pass(place, send, "ab")
    done = finish(place, send, transport)
    assert (done.ab["state"], done.ab["winner"]) == ("won", 1)
    assert done.ab["said"] == "B is the best by clicks with over 99 % probability."
    assert titles_shown(place) == {"Version A": parts[0, 0], "Version B": parts[0, 1] + parts[1, None]}
    assert stats(place, done) == {
        (0, 0): (parts[0, 0], parts[0, 0], 20, 1), (0, 1): (parts[0, 1], parts[0, 1], 20, 12),
        (1, 1): (parts[1, None], parts[1, None], 0, 0),
    }  # fmt: skip
    assert (done.displayed, done.clicked, done.skipped) == (40, 13, parts[2, None])
    check_conservation(place, done)
    [told] = Notice.objects.filter(kind="winner")
    assert "B is the best" in told.text


def test_where_nobody_clicked_a_person_chooses(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 120)
    given: dict[str, Any] = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    send = launch(place, versions(place, "Version B"), AbTest(shares=HALVES, first=50))
    for _ in range(2):
        drain_once(transport)
    minutes_pass(place, send, "ab")
    drain_once(transport)
    now = fresh(place, send)
    assert (now.state, now.ab["state"]) == ("paused", "ask")
    assert now.state_detail.startswith(
        "Choose which version the rest gets: Nobody has clicked any version yet"
    )
    before = stats(place, send)
    with in_tenant(place.schema):
        with pytest.raises(CampaignRefused, match="Choose which version"):
            resume(**given, send=now)
        for wrong in ("C", "", "AB", "0"):
            with pytest.raises(CampaignRefused, match=f"no version “{wrong}” of it"):
                choose_version(**given, send=now, version=wrong)
        choose_version(**given, send=now, version="B")
        with pytest.raises(CampaignRefused, match="waits for no choice"):
            choose_version(**given, send=now, version="A")
    done = finish(place, send, transport)
    assert done.ab["said"] == f"{place.workspace.owner.email} chose B."
    assert titles_shown(place)["Version B"] == before[0, 1][0] + 120 - before[0, 0][0] - before[0, 1][0]


def test_a_person_can_choose_before_the_time_is_over(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 40)
    send = launch(place, versions(place, "Version B"), AbTest(shares=HALVES, first=50))
    drain_once(transport)
    with in_tenant(place.schema):
        choose_version(
            actor=place.workspace.owner, tenant=place.workspace.tenant, send=fresh(place, send), version="A"
        )
    assert finish(place, send, transport).accepted == 40


def test_a_test_that_is_cancelled_reaches_nobody_else(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 40)
    send = launch(place, versions(place, "Version B"), AbTest(shares=HALVES, first=50))
    for _ in range(2):
        drain_once(transport)
    reached = fresh(place, send).accepted
    with in_tenant(place.schema):
        cancel(actor=place.workspace.owner, tenant=place.workspace.tenant, send=fresh(place, send))
    for _ in range(3):
        drain_once(transport)
    done = fresh(place, send)
    assert (done.accepted, done.cancelled, done.state) == (reached, 40 - reached, "cancelled")
    assert done.finished_at is not None


def test_what_is_sent_again_is_the_version_that_won(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 40)
    send = launch(place, versions(place, "Version B"), AbTest(shares=HALVES, first=50))
    drain_once(transport)
    given: dict[str, Any] = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    with in_tenant(place.schema):
        choose_version(**given, send=fresh(place, send), version="B")
    done = finish(place, send, transport)
    with in_tenant(place.schema):
        again = resend(**given, send=done, what="not_displayed")
    assert [content["title"] for content in again.content] == ["Version B"]
    assert again.ab == {}


@pytest.mark.parametrize(
    ("ab", "problem"),
    [
        (AbTest(shares=(60, 30)), "come to 90 %"),
        (AbTest(shares=(100,)), "one version alone"),
        (AbTest(shares=(100, 0)), "1 % or more"),
        (AbTest(shares=(20, 20, 60)), "3 parts for 2 versions"),
        (AbTest(shares=HALVES, hold_out=51), "hold out 0 to 50 %, not 51 %"),
        (AbTest(first=20), "without other versions there is no winner"),
        (AbTest(shares=HALVES, first=95), "1 to 90 %, not 95 %"),
        (AbTest(shares=HALVES, first=20, minutes=0), "after 1 to 10,080 minutes, not 0"),
        (AbTest(shares=HALVES, delays=(5, 10)), "each other time is a version"),
        (AbTest(shares=(34, 33, 33), delays=(5, 5)), "differ from each other"),
        (AbTest(shares=HALVES, delays=(60,)), "not both at once"),
    ],
)
def test_what_is_no_test_is_refused_and_it_stays_a_draft(place: Place, ab: AbTest, problem: str) -> None:
    add_subscribers(place, [Behaviour()])
    is_of_texts = ab.shares and (not ab.delays or "not both" in problem)
    campaign = versions(place, "Version B") if is_of_texts else versions(place)
    with pytest.raises(CampaignRefused, match=problem):
        launch(place, campaign, ab)
    with in_tenant(place.schema):
        assert Campaign.objects.get(pk=campaign.pk).state == "draft"
        assert not Send.objects.filter(campaign=campaign).exists()


@pytest.mark.parametrize(
    "given",
    [
        {"speed": Speed(canary=Canary(1, 15), ab=AbTest(shares=HALVES, first=20))},
        {
            "speed": Speed(ab=AbTest(shares=HALVES, first=20)),
            "timing": Timing(datetime(2099, 1, 1, 9), is_local=True),
        },
        {
            "speed": Speed(ab=AbTest(shares=HALVES, delays=(60,))),
            "timing": Timing(datetime(2099, 1, 1, 9), is_best=True),
        },
    ],
)
def test_what_excludes_each_other_is_said(place: Place, given: dict[str, Any]) -> None:
    add_subscribers(place, [Behaviour()])
    with pytest.raises(CampaignRefused, match=r"Choose one|days ahead"):
        launch(place, versions(place, "Version B"), **given)


def test_a_version_may_differ_in_one_language_and_says_else_what_the_first_says(place: Place) -> None:
    with in_tenant(place.schema):
        campaign = save_draft(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            site=place.site,
            content={
                **CONTENT,
                "translations": {"de": {"title": "Schluss", "body": "Halber Preis", "url": ""}},
            },
            variants=[{"body": "Only today", "translations": {"de": {"title": "Nur heute"}}}],
        )
    add_subscribers(place, [Behaviour()])
    first, second = launch(place, campaign).content
    assert (second["title"], second["body"], second["url"]) == (
        CONTENT["title"],
        "Only today",
        CONTENT["url"],
    )
    assert second["translations"]["de"] == {"title": "Nur heute", "body": "Halber Preis", "url": ""}
    assert first["translations"]["de"]["title"] == "Schluss"


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        ([{"title": "Sale"}], "Version B is the same as A"),
        ([{"title": "One"}, {}], "Version C is the same as A"),
        ([{"title": f"Number {number}"} for number in range(5)], "6 versions; 5 are possible"),
        ([{"title": "Hello {{ name"}], "is no placeholder"),
    ],
)
def test_versions_that_are_none_are_refused(
    place: Place, variants: list[dict[str, Any]], problem: str
) -> None:
    with in_tenant(place.schema), pytest.raises(CampaignRefused, match=problem):
        save_draft(
            actor=place.workspace.owner, tenant=place.workspace.tenant, site=place.site, content=CONTENT,
            variants=variants,
        )  # fmt: skip


def test_a_test_on_ones_own_browser_is_of_the_version_that_was_chosen(place: Place) -> None:
    [device] = add_subscribers(place, [Behaviour()], is_test=True)
    campaign = versions(place, "Version B")
    given: dict[str, Any] = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    with in_tenant(place.schema):
        sends = [
            send_test(**given, campaign=campaign, subscriber_id=device.pk, ttl=TTL, variant=variant)
            for variant in (0, 1, 7)
        ]
    assert [[one["title"] for one in send.content] for send in sends] == [
        ["Version A"], ["Version B"], ["Version A"],
    ]  # fmt: skip
