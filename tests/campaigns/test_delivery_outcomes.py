"""A send to an audience in which everything happens, against a real push service."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from campaigns.delivery.ledger import Entry
from campaigns.delivery.outcomes import MOST_ATTEMPTS, Outcome
from campaigns.delivery.transport import Transport
from campaigns.models import Send
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    figures,
    finish,
    launch,
    ledger,
    new_campaign,
)
from tests.sandbox.driver import free_port
from truepush.local.sandbox.subscriptions import Answer, Behaviour

GONE, MISSING = Behaviour(Answer.GONE), Behaviour(Answer.MISSING)
SLOW, OFFLINE = Behaviour(slow=True), Behaviour(offline=True)
REFUSED_FOR_GOOD = (302, 400, 401, 403, 406, 413, 418)


@dataclass
class Delivered:
    place: Place
    send: Send
    groups: dict[str, list[Subscriber]]
    ledger: dict[int, Entry]

    def entries(self, group: str) -> list[Entry]:
        return [self.ledger[row.pk] for row in self.groups[group]]

    def states(self, group: str) -> set[str]:
        with in_tenant(self.place.schema):
            ids = [row.pk for row in self.groups[group]]
            return set(Subscriber.objects.filter(pk__in=ids).values_list("state", flat=True))


@pytest.fixture
def delivered(place: Place, transport: Transport, settings: object) -> Iterator[Delivered]:
    """313 recipients in six batches and twelve grants."""
    settings.BATCH_SIZE, settings.GRANT_SIZE = 60, 30  # type: ignore[attr-defined]
    groups = {
        "normal": add_subscribers(place, [NORMAL] * 200),
        "gone": add_subscribers(place, [GONE] * 20),
        "missing": add_subscribers(place, [MISSING] * 10),
        "slow": add_subscribers(place, [SLOW] * 10),
        "offline": add_subscribers(place, [OFFLINE] * 10),
        "throttled": add_subscribers(place, [NORMAL] * 10),
        "twice 503": add_subscribers(place, [NORMAL] * 10),
        "always 500": add_subscribers(place, [NORMAL] * 5),
        "202": add_subscribers(place, [NORMAL] * 5),
        "short": add_subscribers(place, [NORMAL] * 5),
        **{f"{status}": add_subscribers(place, [NORMAL] * 4) for status in REFUSED_FOR_GOOD},
    }
    answer(place, groups["throttled"], status=429, headers={"Retry-After": "7"}, times_each=1)
    answer(place, groups["twice 503"], status=503, body="busy", times_each=2)
    answer(place, groups["always 500"], status=500, body="oh\n no")
    answer(place, groups["202"], status=202)
    answer(place, groups["short"], status=201, headers={"TTL": "60"})
    for status in REFUSED_FOR_GOOD:
        target = {"Location": f"https://localhost:{free_port()}/"} if status == 302 else {}
        answer(place, groups[f"{status}"], status=status, body='{"reason":"No"}', headers=target)
    send = finish(place, launch(place), transport)
    yield Delivered(place, send, groups, ledger(place, send))


def answer(place: Place, rows: list[Subscriber], **script: object) -> None:
    for row in rows:
        place.sandbox.script(match={"subscription": row.endpoint}, **script)


def test_every_recipient_has_one_end_and_the_push_service_counts_the_same(delivered: Delivered) -> None:
    """RE-01, RE-02, CR-04"""
    place, send = delivered.place, delivered.send
    check_conservation(place, send)
    assert send.audience == 313
    assert figures(send) == {"accepted": 250, "gone": 30, "failed": 33}
    assert counts_of(place, send) == {"accepted": 250, "distinct": 250, "repeated": 0}
    counts = place.sandbox.counts()
    assert counts["answers"] == {
        "201": 245, "202": 5, "302": 4, "400": 4, "401": 4, "403": 4, "404": 10, "406": 4, "410": 20, "413": 4,
        "418": 4, "429": 10, "500": 5 * MOST_ATTEMPTS, "503": 20,
    }  # fmt: skip
    assert (counts["faults"], counts["undecryptable"]) == ({"gone": 20, "no_such_subscription": 10}, 0)
    assert (
        counts["bodies"] == counts["requests"] == counts["distinct_salts"] == counts["distinct_keys"] == 363
    )
    # Without the services' own words, which have no bound.
    assert send.reasons == {
        "gone gone 410": 20,
        "gone gone 404": 10,
        "failed server_error 500": 5,
        "failed redirect 302": 4,
        "failed bad_request 400": 4,
        "failed not_authorised 401": 4,
        "failed not_authorised 403": 4,
        "failed other 406": 4,
        "failed too_large 413": 4,
        "failed other 418": 4,
    }
    # CR-13: one token, and PS-16: the connections were kept.
    assert counts["vapid_tokens"] == 1
    assert counts["connections"] <= 50


def test_the_ledger_tells_of_each_how_it_ended(delivered: Delivered) -> None:
    """PS-04, PS-10"""
    seen = {
        group: {(e.outcome, e.attempts, e.status, e.reason, e.ttl) for e in delivered.entries(group)}
        for group in delivered.groups
    }
    accepted = {(Outcome.ACCEPTED, 1, 201, "", 0)}
    assert seen == {
        "normal": accepted,
        "slow": accepted,
        "offline": accepted,
        "gone": {(Outcome.GONE, 1, 410, gone_words(410, 103, "gone", "The subscription is gone."), 0)},
        "missing": {
            (Outcome.GONE, 1, 404, gone_words(404, 102, "no_such_subscription", "No such subscription."), 0)
        },
        "throttled": {(Outcome.ACCEPTED, 2, 201, "", 0)},
        "twice 503": {(Outcome.ACCEPTED, 3, 201, "", 0)},
        "always 500": {(Outcome.FAILED, MOST_ATTEMPTS, 500, "server_error 500: oh no", 0)},
        "202": {(Outcome.ACCEPTED, 1, 202, "", 0)},
        "short": {(Outcome.ACCEPTED, 1, 201, "", 60)},
        "302": {(Outcome.FAILED, 1, 302, 'redirect 302: {"reason":"No"}', 0)},
        "400": {(Outcome.FAILED, 1, 400, 'bad_request 400: {"reason":"No"}', 0)},
        "401": {(Outcome.FAILED, 1, 401, 'not_authorised 401: {"reason":"No"}', 0)},
        "403": {(Outcome.FAILED, 1, 403, 'not_authorised 403: {"reason":"No"}', 0)},
        "406": {(Outcome.FAILED, 1, 406, 'other 406: {"reason":"No"}', 0)},
        "413": {(Outcome.FAILED, 1, 413, 'too_large 413: {"reason":"No"}', 0)},
        "418": {(Outcome.FAILED, 1, 418, 'other 418: {"reason":"No"}', 0)},
    }


def gone_words(status: int, errno: int, name: str, message: str) -> str:
    said = json.dumps({"code": status, "errno": errno, "error": name, "message": message})
    return f"gone {status}: {said}"


def test_only_the_dead_leave_the_audience(delivered: Delivered, transport: Transport) -> None:
    """PS-05, PS-06, PS-13: 401, 403 and 413 keep the row; a later send does not knock at a dead one's door."""
    assert {group: delivered.states(group) for group in delivered.groups} == {
        group: {"gone"} if group in ("gone", "missing") else {"active"} for group in delivered.groups
    }
    place = delivered.place
    assert place.sandbox.control("POST", "reset").status_code == 204
    later = finish(place, launch(place), transport)
    assert (later.audience, figures(later)) == (283, {"accepted": 283})
    assert place.sandbox.counts()["requests"] == 283


def test_what_arrived_is_what_was_written(place: Place, transport: Transport) -> None:
    [row] = add_subscribers(place, [NORMAL])
    campaign = new_campaign(place, title="Tee 🍵", body="Zeile\nzwei", url="https://shop.example/a?b=1#c")
    send = finish(place, launch(place, campaign), transport)
    [message] = place.sandbox.messages(row)  # type: ignore[arg-type]
    payload = json.loads(str(message["payload"]))
    token = payload["tp"]["t"]
    assert payload["notification"] == {
        "title": "Tee 🍵",
        "body": "Zeile\nzwei",
        "navigate": f"https://shop.example/a?b=1&tp_c={token}#c",
        "tag": send.tag,
    }
    assert (message["urgency"], message["topic"]) == ("normal", send.topic)
    assert 86390 < int(str(message["ttl"])) <= 86400
