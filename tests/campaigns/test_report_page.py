"""Reports and lists: the figures, their denominators, what is live, and what they cost."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.delivery.transport import Transport
from campaigns.models import Campaign, Send
from tenants.doorway import in_tenant
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    drain_once,
    finish,
    launch,
    let_time_pass,
    new_campaign,
    open_place,
)
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import text_of
from truepush.local.sandbox.subscriptions import Answer, Behaviour

SignIn = Callable[..., Client]
NONE = "\u2013"  # what stands where there is no number
# A finished send as it may be on some later day.
FIGURES = {
    "audience": 12345, "accepted": 10000, "gone": 2000, "failed": 300, "expired": 40, "skipped": 5,
    "displayed": 8567, "clicked": 500,
}  # fmt: skip
REASONS = {
    "gone gone 410": 2000,
    "failed server_error 503": 200,
    "failed not_authorised 403": 60,
    "failed network": 30,
    "failed other 418": 7,
    "failed not_sendable": 3,
    "expired expired": 40,
    "skipped unsubscribed": 3,
    "skipped key paused": 1,
    "skipped erased": 1,
}


def change(place: Place, send: Send, **values: Any) -> None:
    with in_tenant(place.schema):
        Send.objects.filter(pk=send.pk).update(**values)


@pytest.fixture
def send(place: Place) -> Send:
    add_subscribers(place, [NORMAL])
    return launch(place)


@pytest.fixture
def old(place: Place, send: Send) -> Send:
    """Finished two days ago."""
    long_ago = timezone.now() - timedelta(days=2)
    change(
        place, send, state="finished", reasons=REASONS, launched_at=long_ago, finished_at=long_ago, **FIGURES
    )
    return send


def stats(page: Any) -> dict[str, str]:
    """Map each figure's label to its value and note."""
    parts = re.findall(
        r'stat-label">(\w+)</dt>\s*<dd class="stat-value num">(.*?)</dd>\s*<dd class="stat-note num">(.*?)</dd>',
        page.content.decode(),
        re.S,
    )
    return {label: f"{value.strip()} | {note.strip()}" for label, value, note in parts}


def test_each_rate_names_what_it_is_of(place: Place, old: Send, console: SignIn) -> None:
    page = console(place.workspace).get(f"/sends/{old.pk}/")
    assert stats(page) == {
        "Audience": "12,345 | frozen at launch",
        "Accepted": "10,000 | 81.0 % of audience",
        "Displayed": "8,567 | 85.7 % of accepted",
        "Clicked": "500 | 5.8 % of displayed",
    }


def test_a_rate_of_nothing_is_no_number(place: Place, send: Send, console: SignIn) -> None:
    change(place, send, state="running", audience=10)
    assert stats(console(place.workspace).get(f"/sends/{send.pk}/")) == {
        "Audience": "10 | frozen at launch",
        "Accepted": "0 | 0.0 % of audience",
        "Displayed": f"0 | {NONE} of accepted",
        "Clicked": f"0 | {NONE} of displayed",
    }


def test_while_the_audience_is_counted_no_number_is_shown(place: Place, send: Send, console: SignIn) -> None:
    """Design section 8: never an empty page where a count is still running."""
    page = console(place.workspace).get(f"/sends/{send.pk}/")
    assert stats(page)["Audience"] == f"{NONE} | being counted"
    assert "The audience is being frozen." in text_of(page)


def test_failures_are_told_in_words_the_most_frequent_first(place: Place, old: Send, console: SignIn) -> None:
    page = console(place.workspace).get(f"/sends/{old.pk}/").content.decode()
    listed = re.findall(
        r'<li><div><span class="strong">(.*?)</span><span class="cell-note">(.*?)</span></div>'
        r'<span class="num strong">(.*?)</span></li>',
        page,
    )
    assert listed == [
        ("The push service had an error (HTTP 503)", "Failed", "200"),
        ("The push service refused the website&#x27;s key (HTTP 403)", "Failed", "60"),
        ("The message&#x27;s time was over before it could be sent", "Expired", "40"),
        ("The push service could not be reached", "Failed", "30"),
        ("Unexpected answer of the push service (HTTP 418)", "Failed", "7"),
        ("The message could not be encrypted for this browser", "Failed", "3"),
        ("Unsubscribed before it was sent", "Skipped", "3"),
        ("Erased before it was sent", "Skipped", "1"),
        ("Paused together with the website&#x27;s key", "Skipped", "1"),
    ]


def test_what_became_of_each_adds_up(place: Place, old: Send, console: SignIn) -> None:
    page = console(place.workspace).get(f"/sends/{old.pk}/").content.decode()
    counts = re.findall(
        r"<span>([A-Z][a-z ]+)<span class=\"cell-note\">.*?<dd class=\"num\">([\d,]+)</dd>", page, re.S
    )
    assert counts == [
        ("Accepted", "10,000"), ("Gone", "2,000"), ("Failed", "300"), ("Expired", "40"), ("Skipped", "5"),
        ("Cancelled", "0"), ("Still to come", "0"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "is_live"),
    [
        ({"state": "preparing"}, True),
        ({"state": "running", "audience": 5}, True),
        ({"state": "paused", "audience": 5}, False),
        ({"state": "finished", "finished_ago": timedelta(seconds=3)}, True),
        ({"state": "finished", "finished_ago": timedelta(minutes=29)}, True),
        ({"state": "finished", "finished_ago": timedelta(minutes=31)}, False),
    ],
)
def test_the_figures_ask_again_only_while_they_move(
    place: Place, send: Send, console: SignIn, values: dict[str, Any], is_live: bool
) -> None:
    values = dict(values)
    if "finished_ago" in values:
        values["finished_at"] = timezone.now() - values.pop("finished_ago")
    change(place, send, **values)
    client = console(place.workspace)
    for path in (f"/sends/{send.pk}/", f"/sends/{send.pk}/figures/"):
        assert (f'hx-get="/sends/{send.pk}/figures/"' in client.get(path).content.decode()) is is_live


def test_the_live_part_is_only_a_part(place: Place, old: Send, console: SignIn) -> None:
    client = console(place.workspace)
    part, page = client.get(f"/sends/{old.pk}/figures/"), client.get(f"/sends/{old.pk}/")
    assert part.content.decode().strip().startswith('<section class="figures"')
    assert "<html" not in part.content.decode()
    assert stats(part) == stats(page)


def test_a_send_is_watched_from_its_start_to_its_end(
    place: Place, transport: Transport, console: SignIn
) -> None:
    """Nothing stubbed: a real delivery between two looks."""
    add_subscribers(place, [*[NORMAL] * 6, Behaviour(Answer.GONE), Behaviour(Answer.UNAVAILABLE)])
    send, client = launch(place), console(place.workspace)
    path = f"/sends/{send.pk}/figures/"
    assert stats(client.get(path))["Accepted"] == f"0 | {NONE} of audience"
    drain_once(transport)
    between = client.get(path)
    assert stats(between)["Accepted"] == "6 | 75.0 % of audience"
    assert "1 still to send" in text_of(between)
    for _ in range(4):
        let_time_pass(place)
        drain_once(transport)
    after = client.get(path)
    assert stats(after)["Accepted"] == "6 | 75.0 % of audience"
    assert "The push service had an error (HTTP 503)" in text_of(after)
    assert "Finished now; still counting" in text_of(after)


def test_what_a_push_service_says_is_never_markup(place: Place, send: Send, console: SignIn) -> None:
    """PS-15"""
    change(place, send, state="running", audience=3, failed=3, reasons={"failed <script>x</script>": 3})
    assert "<script>x" not in console(place.workspace).get(f"/sends/{send.pk}/").content.decode()


@pytest.mark.parametrize("number", [0, 10**9, 10**30])
@pytest.mark.parametrize("path", ["/sends/{}/", "/sends/{}/figures/"])
def test_a_send_that_is_not_there_is_a_404(acme: Workspace, console: SignIn, path: str, number: int) -> None:
    assert console(acme).get(path.format(number)).status_code == 404


def test_a_report_costs_the_same_however_large_the_send(
    place: Place, transport: Transport, console: SignIn, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.BATCH_SIZE = 5
    client = console(place.workspace)
    add_subscribers(place, [NORMAL])
    small = finish(place, launch(place), transport)
    add_subscribers(place, [NORMAL] * 40)
    large = finish(place, launch(place), transport)
    client.get(f"/sends/{small.pk}/")
    for send in (small, large):
        for path in (f"/sends/{send.pk}/", f"/sends/{send.pk}/figures/"):
            with django_assert_num_queries(7):
                client.get(path)


def test_an_empty_list_says_what_to_do(acme: Workspace, console: SignIn) -> None:
    page = console(acme).get("/campaigns/")
    assert "No campaigns yet" in text_of(page)
    assert 'href="/campaigns/new/"' in page.content.decode()


def test_the_list_shows_drafts_and_sends_the_newest_first(place: Place, old: Send, console: SignIn) -> None:
    draft = new_campaign(place, title="Not sent yet")
    page = console(place.workspace).get("/campaigns/")
    links = re.findall(r'<a href="(/(?:sends|campaigns)/\d+/)">(.*?)</a>', page.content.decode())
    assert links == [(f"/campaigns/{draft.pk}/", "Not sent yet"), (f"/sends/{old.pk}/", "Sale")]
    text = text_of(page)
    assert "12,345" in text
    assert "10,000 81.0 %" in text
    assert "8,567 85.7 %" in text
    assert "500 5.8 %" in text


def test_tests_are_no_campaigns_of_the_list(place: Place, old: Send, console: SignIn) -> None:
    change(place, old, kind="test")
    with in_tenant(place.schema):
        Campaign.objects.update(state="draft")
    page = console(place.workspace).get("/campaigns/").content.decode()
    assert f"/sends/{old.pk}/" not in page


def test_the_list_has_pages_of_twenty_five(acme: Workspace, console: SignIn) -> None:
    site = make_site(acme)
    with in_tenant(acme.schema):
        Campaign.objects.bulk_create(Campaign(site=site, name=f"Campaign {n}") for n in range(60))
    client = console(acme)

    def titles(page: str) -> list[int]:
        answer = client.get(f"/campaigns/{page}")
        return [int(n) for n in re.findall(r">Campaign (\d+)</a>", answer.content.decode())]

    assert titles("") == titles("?page=1") == list(range(59, 34, -1))
    assert titles("?page=2") == list(range(34, 9, -1))
    assert titles("?page=3") == titles("?page=99") == list(range(9, -1, -1))
    assert titles("?page=x") == titles("")
    assert "Page 2 of 3" in text_of(client.get("/campaigns/?page=2"))


def test_the_list_costs_the_same_for_one_and_for_many(
    place: Place, old: Send, console: SignIn, django_assert_num_queries: Any
) -> None:
    client = console(place.workspace)
    client.get("/campaigns/")
    with django_assert_num_queries(9):
        client.get("/campaigns/")
    for _ in range(5):
        new_campaign(place)
        launch(place)
    with django_assert_num_queries(9):
        client.get("/campaigns/")


def test_the_first_page_shows_the_last_five_sends(place: Place, console: SignIn) -> None:
    add_subscribers(place, [NORMAL])
    sends = [launch(place, new_campaign(place, title=f"Send {n}")) for n in range(7)]
    page = console(place.workspace).get("/").content.decode()
    assert (
        re.findall(r'<a href="(/sends/\d+/)">(.*?)</a>', page)
        == [(f"/sends/{send.pk}/", f"Send {n}") for n, send in reversed(list(enumerate(sends)))][:5]
    )


def test_the_first_page_says_one_thing_to_do_next(place: Place, sandbox: Any, console: SignIn) -> None:
    client = console(place.workspace)
    assert "Nobody has subscribed to Shop yet." in text_of(client.get("/"))
    add_subscribers(place, [NORMAL])
    assert "Send your first campaign" in text_of(client.get("/"))
    launch(place)
    assert "What to do next" not in client.get("/").content.decode()
    other = open_place(place.workspace, sandbox, origin="https://b.example", name="Blog")
    text = text_of(client.get("/"))
    assert "Blog" in text
    assert other.site.pk != place.site.pk
