"""One request id from the console through the queue to the worker's log and the push service; no secret in any log."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as known
from django.db import IntegrityError, transaction
from django.test import Client
from django_q.models import OrmQ
from django_q.signals import pre_execute

from campaigns.delivery.transport import Transport
from campaigns.models import Send
from subscribers.keyring import unseal
from subscribers.models import Subscriber, VapidKey
from tenants.actions.workspace import create_workspace
from tenants.doorway import in_tenant
from tenants.request_origin import current_origin, follow
from tenants.trail import Trail
from tests.campaigns.places import NORMAL, Place, add_subscribers, drain_once, launch, new_campaign
from tests.conftest import PASSWORD, Workspace
from tests.sandbox.driver import Subscription
from tests.subscribers.samples import Browser, subscribe
from truepush.lib import base64url
from truepush.lib.log_lines import LOG_FORMATS
from truepush.local.sandbox.subscriptions import Answer, Behaviour

GIVEN = "edge-0f8fad5b-d9cb"


@pytest.fixture(params=sorted(LOG_FORMATS))
def logged(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Everything that is logged at any level, as a process of ours writes it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    secrets = known.LOGGING["formatters"]["line"]["secrets"]
    handler.setFormatter(LOG_FORMATS[request.param](secrets))
    handler.addFilter(Trail())
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


@pytest.fixture(autouse=True)
def _no_request_left_over() -> Iterator[None]:
    yield
    follow("")


def as_json(logged: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged.getvalue().splitlines()]


@pytest.mark.parametrize("logged", ["json"], indirect=True)
def test_one_id_goes_from_the_console_to_the_push_service(
    place: Place, console: Callable[..., Client], transport: Transport, logged: io.StringIO, settings: Any
) -> None:
    """OB-08."""
    settings.BEHIND_PROXY = True
    subscriber, _ = add_subscribers(place, [NORMAL, Behaviour(answer=Answer.UNAVAILABLE)])
    campaign = new_campaign(place)
    # 1. The console: the proxy's id is taken, and said again.
    answer = console(place.workspace).post(
        f"/campaigns/{campaign.pk}/send/", headers={"x-request-id": GIVEN, "x-forwarded-for": "203.0.113.9"}
    )
    assert answer["X-Request-ID"] == GIVEN
    # 2. The outbox: the task and the send's row carry it.
    tasks = [row.task for row in OrmQ.objects.all()]
    assert [task.get("group") for task in tasks if task["func"] == "campaigns.tasks.deliver"] == [GIVEN]
    with in_tenant(place.schema):
        send = Send.objects.get(campaign=campaign)
    assert send.request_id == GIVEN
    # 3. The worker, which works on many sends at once.
    drain_once(transport)
    lines = [line for line in as_json(logged) if line.get("request_id") == GIVEN]
    request = next(line for line in lines if line["message"] == "request")
    assert (request["path"], request["status"]) == ("/campaigns/<int:pk>/send/", 302)
    assert request["tenant"] == place.schema
    refused = next(line for line in lines if line["message"] == "push server_error status=503")
    assert (refused["tenant"], refused["send"], refused["attempt"]) == (place.schema, send.pk, 1)
    # 4. The push service.
    at = Subscription(subscriber.endpoint, b"", b"")
    assert [message["request_id"] for message in place.sandbox.messages(at)] == [GIVEN]


@pytest.mark.parametrize(
    "given", ["short", "a" * 65, "a b c d e f g h", "x\ny" * 8, "../../../etc/passwd", ""]
)
def test_an_id_that_could_do_harm_is_replaced(public: Client, db: None, settings: Any, given: str) -> None:
    settings.BEHIND_PROXY = True
    said = public.get("/", headers={"x-request-id": given})["X-Request-ID"]
    assert said != given
    assert len(said) == 32


def test_without_a_proxy_of_ours_nobody_chooses_the_id(public: Client, db: None) -> None:
    assert public.get("/", headers={"x-request-id": GIVEN})["X-Request-ID"] != GIVEN


def test_a_task_goes_on_under_its_id_and_the_next_one_does_not(db: None) -> None:
    def begin(**task: str) -> str:
        pre_execute.send(sender="django_q", func=None, task=task)
        return current_origin().request_id

    assert begin(group=GIVEN) == GIVEN
    others = {begin(), begin()}
    assert len(others) == 2
    assert GIVEN not in others


def test_no_secret_is_in_any_log(
    place: Place, transport: Transport, public: Client, sdk: Client, logged: io.StringIO
) -> None:
    """AU-09: signing up and in, subscribing, sending, reporting, and errors that quote rows."""
    people = add_subscribers(place, [Behaviour(answer=answer) for answer in Answer])
    secrets = {"password": PASSWORD}
    # 1. People.
    public.post("/sign-up/", {"email": "new@acme.test", "password1": PASSWORD, "workspace": "Newco"})
    public.post("/sign-in/", {"login": place.workspace.owner.email, "password": PASSWORD})
    public.post("/sign-in/", {"login": place.workspace.owner.email, "password": f"{PASSWORD}!"})
    secrets |= {name: cookie.value for name, cookie in public.cookies.items()}
    # 2. Visitors, also one whom the database refuses.
    browser = Browser()
    secrets["capability"] = subscribe(sdk, place.site, browser.json()).json()["subscriber"]
    secrets["endpoint"] = browser.endpoint
    secrets["p256dh"], secrets["auth"] = base64url.encode(browser.p256dh), base64url.encode(browser.auth)
    break_a_constraint(place, people[0])
    # 3. A send, whatever the push service answers, and what browsers report.
    launch(place)
    drain_once(transport)
    (message,) = place.sandbox.messages(Subscription(people[0].endpoint, b"", b""))
    token = json.loads(str(message["payload"]))["tp"]["t"]
    secrets["receipt token"] = token
    for body in (
        {"receipts": [{"token": token, "kind": "displayed"}]},
        {"receipts": [{"token": token[:-1]}]},
    ):
        sdk.post("/sdk/v1/receipts", json.dumps(body), content_type="text/plain")
    # 4. What only the configuration knows.
    secrets |= {f"endpoint {row.pk}": row.endpoint.rpartition("/")[2] for row in people}
    secrets |= {f"auth {row.pk}": base64url.encode(bytes(row.auth)) for row in people}
    with in_tenant(place.schema):
        key = VapidKey.objects.get(site=place.site)
        secrets["vapid"] = base64url.encode(unseal(key.private_encrypted, bytes(key.public)))
    secrets |= {
        str(number): text for number, text in enumerate(known.LOGGING["formatters"]["line"]["secrets"])
    }
    text = logged.getvalue()
    assert "push " in text
    # The tests' own database may have a password of two letters.
    assert {name for name, secret in secrets.items() if len(secret) > 7 and secret in text} == set()


def break_a_constraint(place: Place, subscriber: Subscriber) -> None:
    """As an error of ours would be logged: PostgreSQL quotes the whole row."""
    try:
        with in_tenant(place.schema), transaction.atomic():
            Subscriber.objects.bulk_create([subscriber])
    except IntegrityError:
        logging.getLogger("subscribers").exception("not stored")


def test_what_is_queued_without_a_request_has_no_id(acme: Workspace) -> None:
    create_workspace(actor=acme.owner, name="Later")
    assert "group" not in OrmQ.objects.latest("pk").task
