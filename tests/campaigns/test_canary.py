"""A few first: who they are, what is compared, and what becomes of the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign
from campaigns.actions.control import cancel, resume
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import Speed, check_together
from campaigns.breakdown import Typical
from campaigns.delivery.ab import AbTest
from campaigns.delivery.canary import Canary, judge
from campaigns.models import Batch, Send
from campaigns.plan import Plan
from campaigns.timing import Timing
from campaigns.waits import why_it_waits
from campaigns.why import verdict_of
from tenants.doorway import in_tenant
from tenants.models import DueWork, Notice
from tests.campaigns.places import (
    TTL,
    Place,
    add_subscribers,
    check_conservation,
    drain_once,
    finish,
    fresh,
    minutes_pass,
    new_campaign,
)
from truepush.local.sandbox.subscriptions import Answer, Behaviour

PEOPLE = 300


def launch(place: Place, canary: Canary, **given: Any) -> Send:
    campaign = new_campaign(place)
    with in_tenant(place.schema):
        return launch_campaign(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=campaign, ttl=TTL,
            speed=Speed(canary=canary), **given,
        )  # fmt: skip


def waves(place: Place, send: Send) -> dict[int, int]:
    with in_tenant(place.schema):
        rows = Batch.objects.filter(send=send, root=None).values_list("wave", "size")
        return {wave: sum(size for one, size in rows if one == wave) for wave in (0, 1)}


def test_the_rest_gets_it_after_the_few_were_as_usual(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * PEOPLE)
    send = launch(place, Canary(10, 15))
    drain_once(transport)
    few = waves(place, send)
    assert 10 < few[0] < 60
    assert few[0] + few[1] == PEOPLE
    drain_once(transport)
    now = fresh(place, send)
    assert (now.accepted, now.state, now.canary["state"]) == (few[0], "running", "out")
    due = DueWork.objects.get(send_id=send.pk).due_at
    assert timedelta(minutes=14) < due - timezone.now() < timedelta(minutes=16)
    minutes_pass(place, send, "canary")
    done = finish(place, send, transport)
    assert (done.accepted, done.canary["state"], done.canary["said"]) == (
        PEOPLE, "go", f"All as usual among the first {few[0]:,}.",
    )  # fmt: skip
    check_conservation(place, done)


def test_the_few_may_be_so_many_people(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 40)
    send = launch(place, Canary(50, 15, number=7))
    drain_once(transport)
    assert waves(place, send) == {0: 7, 1: 33}
    with in_tenant(place.schema):
        [why] = why_it_waits(Send.objects.get(pk=send.pk), place.workspace.tenant)
    assert why.startswith("7 got it first and are looked at after ")
    all_of_them = launch(place, Canary(50, 15, number=41))
    drain_once(transport)
    assert waves(place, all_of_them) == {0: 40, 1: 0}
    with pytest.raises(CampaignRefused, match="1 to 100,000 people, not 0"):
        launch(place, Canary(50, 15, number=0))


def test_a_third_gone_stops_it_with_not_one_more_request(place: Place, transport: Any) -> None:
    add_subscribers(
        place, [Behaviour(Answer.GONE if number % 3 == 0 else Answer.ACCEPT) for number in range(PEOPLE)]
    )
    send = launch(place, Canary(20, 15))
    drain_once(transport)
    drain_once(transport)
    few = waves(place, send)
    posts = place.sandbox.control("GET", "counts").json()
    minutes_pass(place, send, "canary")
    drain_once(transport)
    drain_once(transport)
    done = fresh(place, send)
    assert (done.state, done.cancelled, done.canary["state"]) == ("cancelled", few[1], "stop")
    [why] = why_it_waits(done, place.workspace.tenant)
    assert why.startswith("Stopped before the rest got it: ")
    assert place.sandbox.control("GET", "counts").json() == posts
    assert done.accepted + done.gone + done.cancelled == done.audience == PEOPLE
    told = Notice.objects.filter(kind="canary").get()
    assert (told.user, "are gone" in told.text) == (place.workspace.owner, True)


def test_who_wants_to_be_asked_is_and_answers_with_resume_or_cancel(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 60)
    given: dict[str, Any] = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    ends = []
    for answer in (resume, cancel):
        send = launch(place, Canary(50, 15, "ask"))
        drain_once(transport)
        drain_once(transport)
        minutes_pass(place, send, "canary")
        drain_once(transport)
        now = fresh(place, send)
        assert (now.state, now.canary["state"]) == ("paused", "ask")
        assert now.state_detail.startswith("The rest waits for you: All as usual")
        with in_tenant(place.schema):
            answer(**given, send=now)
        for _ in range(3):
            drain_once(transport)
        ends.append(fresh(place, send))
    assert [end.state for end in ends] == ["finished", "cancelled"]
    assert ends[0].accepted == 60
    assert 0 < ends[1].cancelled < 60


def figures(**counts: int) -> Send:
    return Send(
        **{"accepted": 0, "gone": 0, "failed": 0, "expired": 0, "displayed": 0, "clicked": 0, **counts}
    )


USUAL = Typical(20, accepted=96.0, displayed=40.0, clicked=6.0, gone=3.0)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"accepted": 960, "gone": 40, "displayed": 380, "clicked": 20}, "go"),
        ({"accepted": 860, "gone": 140}, "stop"),  # eleven points more than usual
        ({"accepted": 870, "gone": 130, "displayed": 400, "clicked": 30}, "go"),
        ({"accepted": 700, "failed": 300, "displayed": 300, "clicked": 30}, "stop"),
        ({"accepted": 960, "displayed": 190, "clicked": 10}, "ask"),  # less than half of what is usual
        ({"accepted": 49, "displayed": 0}, "go"),  # too few to say
        ({"accepted": 960, "displayed": 400, "clicked": 7}, "ask"),
        ({"accepted": 400, "displayed": 199, "clicked": 0}, "go"),
        ({}, "ask"),
    ],
)
def test_what_is_compared(counts: dict[str, int], verdict: str) -> None:
    assert judge(figures(**counts), USUAL)[0] == verdict


def test_a_website_without_a_past_is_judged_by_what_is_usual_anywhere() -> None:
    assert judge(figures(accepted=90, gone=10, displayed=0), None)[0] == "go"
    assert judge(figures(accepted=80, gone=20), None)[0] == "stop"


def test_who_waits_is_told_so(place: Place, transport: Any) -> None:
    people = add_subscribers(place, [Behaviour()] * 40)
    send = launch(place, Canary(10, 15))
    drain_once(transport)
    with in_tenant(place.schema):
        [rest] = Batch.objects.filter(send=send, wave=1)
        waiting = next(one for one in people if one.pk == rest.ids[0])
        verdict = verdict_of(waiting, send.pk)
    assert verdict is not None
    assert (verdict.at, verdict.why) == (None, "not sent yet: a few get it first")


def test_what_is_no_share_is_refused(place: Place) -> None:
    add_subscribers(place, [Behaviour()])
    for canary in (Canary(0, 15), Canary(51, 15), Canary(1, 0), Canary(1, 1441)):
        with pytest.raises(CampaignRefused, match=r"A few first: give 0\.1 to 50 %"):
            launch(place, canary)
    local = Timing(datetime.now() + timedelta(days=2), is_local=True)
    with pytest.raises(CampaignRefused, match="exclude each other"):
        launch(place, Canary(1, 15), timing=local)


def test_each_of_a_series_goes_to_a_few_first(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 20)
    wall = (datetime.now(UTC) + timedelta(hours=2)).replace(tzinfo=None, second=0, microsecond=0)
    send = launch(place, Canary(20, 15), timing=Timing(wall, rule="FREQ=DAILY"))
    with in_tenant(place.schema):
        Send.objects.filter(pk=send.pk).update(due_at=timezone.now())
    DueWork.objects.update(due_at=timezone.now())
    drain_once(transport)
    with in_tenant(place.schema):
        assert Send.objects.get(state="scheduled").canary == Canary(20, 15).as_json()


def test_it_excludes_other_times() -> None:
    speed = Speed(canary=Canary(1, 15), ab=AbTest(shares=(50, 50), delays=(60,)))
    with pytest.raises(CampaignRefused, match="the rest would get all at one time"):
        check_together(speed, Plan(timezone.now()))


def test_who_is_held_out_is_not_among_the_few(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 40)
    campaign = new_campaign(place)
    speed = Speed(canary=Canary(50, 15, number=8), ab=AbTest(hold_out=50))
    with in_tenant(place.schema):
        send = launch_campaign(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            campaign=campaign,
            ttl=TTL,
            speed=speed,
        )
    drain_once(transport)
    assert waves(place, send)[0] == 8
    with in_tenant(place.schema):
        cancel(actor=place.workspace.owner, tenant=place.workspace.tenant, send=fresh(place, send))
    for _ in range(3):
        drain_once(transport)
    done = fresh(place, send)
    held = done.reasons["skipped hold-out"]
    assert (done.accepted, done.skipped, done.cancelled) == (8, held, 32 - held)
