"""What travels in a push, octet by octet, and the headers beside it."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from campaigns.delivery.compose_push import Composer, tag_of, topic_of
from campaigns.delivery.payload import TOKEN_LENGTH, payload_octets, spread_of, template_of, with_token
from campaigns.delivery.recipients import read_recipients
from campaigns.models import Send
from subscribers.models import Subscriber, VapidKey
from tenants.doorway import in_tenant
from tests.campaigns.places import Place, add_subscribers, launch, new_campaign
from tests.sandbox.driver import SEED
from truepush.lib import base64url
from truepush.lib.receipt_token import ReceiptToken, unpack
from truepush.lib.webpush.encryption import decrypt
from truepush.local.sandbox.subscriptions import Behaviour, receiver_keys

CONTENT = {"title": "Tea", "body": "“20 %” off 🍵", "url": "https://shop.example/tea", "icon_url": ""}
TOKEN = "T" * TOKEN_LENGTH


def filled(**changes: str) -> dict[str, Any]:
    return dict(json.loads(template_of({**CONTENT, **changes}, tag="tp-0").fill(TOKEN)))


def test_the_payload_is_declarative_web_push_and_says_where_to_report() -> None:
    """PS-17"""
    assert filled() == {
        "web_push": 8030,
        "notification": {
            "title": "Tea",
            "body": "“20 %” off 🍵",
            "navigate": f"https://shop.example/tea?tp_c={TOKEN}",
            "tag": "tp-0",
        },
        "mutable": True,
        "tp": {"v": 1, "t": TOKEN},
    }


def test_an_icon_is_named_only_where_there_is_one() -> None:
    assert (
        filled(icon_url="https://shop.example/i.png")["notification"]["icon"] == "https://shop.example/i.png"
    )
    assert "icon" not in filled()["notification"]


def test_the_payload_is_written_without_spaces_and_in_utf8() -> None:
    text = template_of(CONTENT, tag="tp-0").fill("t").decode()
    assert text == (
        '{"web_push":8030,"notification":{"title":"Tea","body":"“20 %” off 🍵",'
        '"navigate":"https://shop.example/tea?tp_c=t","tag":"tp-0"},"mutable":true,"tp":{"v":1,"t":"t"}}'
    )


@pytest.mark.parametrize(
    "tricky", ['"}', "\\", "\\u0000token\\u0000", "\x7f", "line\nline", "</script>", "tp_c=", "{}%s%(x)s"]
)
def test_no_text_breaks_the_payload_or_the_place_of_the_token(tricky: str) -> None:
    made = filled(title=tricky, body=tricky)
    assert (made["notification"]["title"], made["notification"]["body"]) == (tricky, tricky)
    assert made["tp"]["t"] == TOKEN


@pytest.mark.parametrize(
    ("url", "with_parameter"),
    [
        ("https://a.example/x", "https://a.example/x?tp_c=t"),
        ("https://a.example", "https://a.example/?tp_c=t"),
        ("https://a.example/x?a=1&b=%20", "https://a.example/x?a=1&b=%20&tp_c=t"),
        ("https://a.example/x#top", "https://a.example/x?tp_c=t#top"),
        ("https://a.example?a=1#/r?q=1", "https://a.example/?a=1&tp_c=t#/r?q=1"),
        ("https://a.example:8443/x;v=1?", "https://a.example:8443/x;v=1?tp_c=t"),
        ("https://bücher.example/straße?ü=é", "https://bücher.example/straße?ü=é&tp_c=t"),
        ("http://localhost:8001/", "http://localhost:8001/?tp_c=t"),
    ],
)
def test_the_click_parameter_joins_any_address(url: str, with_parameter: str) -> None:
    assert with_token(url, "t") == with_parameter


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"body": "", "title": "x"},
        {"body": '"quoted"\n\\ and 🍵'},
        {"url": "https://a.example?x=1#y", "icon_url": "https://a.example/i.png"},
    ],
)
def test_the_counted_octets_are_the_octets_that_travel(changes: dict[str, str]) -> None:
    content = {**CONTENT, **changes}
    assert payload_octets(content, tag="tp-0") == len(template_of(content, tag="tp-0", spread=3).fill(TOKEN))


@pytest.mark.parametrize(
    ("audience", "seconds"), [(0, 0), (1, 0), (999, 0), (1000, 1), (2999, 2), (3000, 3), (10_000_000, 3)]
)
def test_browsers_of_a_large_audience_report_within_seconds_for_six_octets(
    audience: int, seconds: int
) -> None:
    assert spread_of(audience) == seconds
    made = template_of(CONTENT, tag="tp-0", spread=seconds).fill(TOKEN)
    plain = template_of(CONTENT, tag="tp-0").fill(TOKEN)
    assert json.loads(made)["tp"] == {"v": 1, "t": TOKEN, **({"s": seconds} if seconds else {})}
    assert len(made) - len(plain) == (6 if seconds else 0)


def test_a_send_is_written_for_the_size_of_its_audience(place: Place) -> None:
    [stored] = add_subscribers(place, [Behaviour()])
    with in_tenant(place.schema):
        send = launch(place)
        send.audience = 2500
        row = read_recipients([stored.pk])[stored.pk]
        composer = Composer(send, place.workspace.tenant.pk, place.site.contact)
        body = composer.post(7, row, root_id=31, ordinal=5, now=timezone.now()).body
    keys = receiver_keys(SEED, row.endpoint.rpartition("/")[2])
    assert json.loads(decrypt(body, keys.private, keys.auth))["tp"]["s"] == 2


@pytest.fixture
def composed(place: Place) -> tuple[Composer, Send, Subscriber]:
    [row] = add_subscribers(place, [Behaviour()])
    send = launch(place)
    with in_tenant(place.schema):
        return Composer(send, place.workspace.tenant.pk, place.site.contact), send, row


def compose(place: Place, composed: tuple[Composer, Send, Subscriber]) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a push to the subscriber."""
    composer, _, stored = composed
    with in_tenant(place.schema):
        row = read_recipients([stored.pk])[stored.pk]
        post = composer.post(7, row, root_id=31, ordinal=5, now=timezone.now())
    assert (post.key, post.origin + post.target, post.is_sandbox) == (7, row.endpoint, True)
    return dict(post.headers), post.body


def test_a_push_carries_the_headers_of_the_protocol_and_no_others(
    place: Place, composed: tuple[Composer, Send, Subscriber]
) -> None:
    """PS-01, CR-06, OB-08"""
    headers, _ = compose(place, composed)
    authorization = headers.pop("authorization")
    with in_tenant(place.schema):
        public = bytes(VapidKey.objects.get(site=place.site).public)
    assert re.fullmatch(r"vapid t=[\w-]+\.[\w-]+\.[\w-]{86}, k=" + base64url.encode(public), authorization)
    assert headers == {
        "ttl": "86400",
        "urgency": "normal",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "topic": composed[1].topic,
        "x-request-id": composed[1].request_id,
    }
    assert re.fullmatch(r"[0-9a-f]{32}", composed[1].request_id)


def test_the_body_decrypts_to_the_payload_with_the_recipients_own_token(
    place: Place, composed: tuple[Composer, Send, Subscriber]
) -> None:
    _, send, row = composed
    _, body = compose(place, composed)
    keys = receiver_keys(SEED, row.endpoint.rpartition("/")[2])
    payload = json.loads(decrypt(body, keys.private, keys.auth))
    token = unpack(settings.RECEIPT_KEYS, payload["tp"]["t"])
    assert token == ReceiptToken(place.workspace.tenant.pk, send.pk, 31, 5, 0)
    assert payload["notification"]["navigate"] == f"https://shop.example/sale?tp_c={payload['tp']['t']}"
    assert payload["notification"]["tag"] == send.tag


def test_two_pushes_to_one_browser_share_neither_salt_nor_key(
    place: Place, composed: tuple[Composer, Send, Subscriber]
) -> None:
    """CR-04, CR-05"""
    first, second = compose(place, composed), compose(place, composed)
    assert first[1][:16] != second[1][:16]
    assert first[1][21:86] != second[1][21:86]
    assert first[0] == second[0]
    assert base64url.encode(first[1][21:86]) not in first[0]["authorization"]


@pytest.mark.parametrize(
    ("endpoint", "own"),
    [
        ("https://fcm.googleapis.com/fcm/send/x", {}),
        ("https://updates.push.services.mozilla.com/wpush/v2/x", {"topic"}),
        ("https://web.push.apple.com/x", {"topic"}),
        ("https://wns2-par02p.notify.windows.com/w/?token=x", {"x-wns-cache-policy"}),
    ],
)
def test_each_push_service_gets_its_own_headers(
    place: Place, composed: tuple[Composer, Send, Subscriber], endpoint: str, own: set[str]
) -> None:
    """PS-08, design section 4: Topic on Apple and Mozilla always, on FCM the tag alone."""
    composer, _, stored = composed
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk=stored.pk).update(endpoint=endpoint)
        row = read_recipients([stored.pk])[stored.pk]
        post = composer.post(0, row, root_id=1, ordinal=0, now=timezone.now())
    names = {name for name, _ in post.headers}
    common = {"authorization", "ttl", "urgency", "content-encoding", "content-type", "x-request-id"}
    assert names - common == set(own)
    assert not post.is_sandbox
    assert ("x-wns-cache-policy", "cache") in post.headers or "x-wns-cache-policy" not in own


def test_topic_and_tag_are_the_sends_own_and_the_same_at_a_repeat() -> None:
    """PS-03; Apple refuses Topics whose length is 1 mod 4."""
    sends = [("t_acme", 1), ("t_acme", 2), ("t_globex", 1)]
    topics = [topic_of(*send) for send in sends]
    tags = [tag_of(*send) for send in sends]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{24}", topic) for topic in topics)
    assert all(re.fullmatch(r"tp-[0-9a-f]{16}", tag) for tag in tags)
    assert len({*topics, *tags}) == 6
    assert topics == [topic_of(*send) for send in sends]
    assert tags == [tag_of(*send) for send in sends]


def test_the_time_to_live_is_what_is_left_and_never_zero(
    place: Place, composed: tuple[Composer, Send, Subscriber]
) -> None:
    composer, _, _ = composed
    now = timezone.now()
    for left, ttl in ((86400, 86400), (59.9, 59), (1.5, 1), (0.2, 1), (-5, 1)):
        composer.expires_at = now + timedelta(seconds=left)
        assert composer.ttl_left(now) == ttl


FULL = {
    "title": "Sale", "body": "Half price", "url": "https://a.example/x", "icon_url": "https://a.example/i.png",
    "image_url": "https://a.example/big.png", "badge_url": "https://a.example/badge.png", "sticky": True,
    "silent": True, "buttons": [
        {"title": "Buy", "url": "https://a.example/buy?x=1#y", "icon_url": "https://a.example/buy.png"},
        {"title": "Later", "url": "https://a.example", "icon_url": ""},
    ],
}  # fmt: skip


def test_options_travel_by_the_names_of_the_notification_api() -> None:
    sent = json.loads(template_of(FULL, tag="tp-0").fill(TOKEN))
    assert sent["notification"] == {
        "title": "Sale", "body": "Half price", "navigate": f"https://a.example/x?tp_c={TOKEN}", "tag": "tp-0",
        "icon": "https://a.example/i.png", "image": "https://a.example/big.png",
        "badge": "https://a.example/badge.png", "silent": True, "requireInteraction": True,
        "actions": [
            {"action": "a1", "title": "Buy", "navigate": f"https://a.example/buy?x=1&tp_c={TOKEN}#y",
             "icon": "https://a.example/buy.png"},
            {"action": "a2", "title": "Later", "navigate": f"https://a.example/?tp_c={TOKEN}"},
        ],
    }  # fmt: skip
    assert payload_octets(FULL, tag="tp-0") == len(template_of(FULL, tag="tp-0", spread=3).fill(TOKEN))


def test_what_is_not_asked_for_is_not_in_it() -> None:
    plain = {"title": "Sale", "url": "https://a.example/x"}
    sent = json.loads(template_of(plain, tag="tp-0").fill(TOKEN))
    assert set(sent["notification"]) == {"title", "body", "navigate", "tag"}


def test_cr09_padded_messages_have_one_length(place: Place, settings: Any) -> None:
    """10 and 300 octets of text become bodies of one length, and the browser reads what was meant."""
    settings.PUSH_PAD_TO = 1500
    [stored] = add_subscribers(place, [Behaviour()])
    found = []
    for text in ("x" * 10, "x" * 300):
        campaign = new_campaign(place, body=text)
        with in_tenant(place.schema):
            send = launch(place, campaign)
            composer = Composer(send, place.workspace.tenant.pk, place.site.contact)
            row = read_recipients([stored.pk])[stored.pk]
            body = composer.post(7, row, root_id=31, ordinal=5, now=timezone.now()).body
        keys = receiver_keys(SEED, row.endpoint.rpartition("/")[2])
        assert json.loads(decrypt(body, keys.private, keys.auth))["notification"]["body"] == text
        found.append(len(body))
    assert found == [86 + 1500 + 17] * 2
