"""Each recipient reads their own values and language; what is missing leaks nothing (payload, delivery)."""

import json
from typing import Any

import pytest
from django.utils import timezone

from campaigns.delivery.compose_push import Composer, replaced_by, tag_of, topic_of
from campaigns.delivery.payload import payload_octets, template_of, templates_of, with_utm
from campaigns.delivery.personal import MOST_VALUE, as_text, stray_braces, with_defaults
from campaigns.delivery.recipients import read_recipients
from campaigns.models import Message
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import Place, add_subscribers, finish, launch, new_campaign
from tests.sandbox.driver import SEED
from tests.subscribers.pages import page_text
from truepush.lib.webpush.encryption import MAX_PLAINTEXT, decrypt
from truepush.local.sandbox.subscriptions import Behaviour, receiver_keys

CONTENT = {
    "title": 'Hi {{ first_name|default:"there" }}', "body": "{{ city }}: {{ points|default:'no' }} points",
    "url": "https://a.example/{{ city|default:'all' }}?q={{ first_name }}",
}  # fmt: skip


def read(content: dict[str, Any], values: dict[str, Any], language: str = "") -> dict[str, Any]:
    written = templates_of(content, tag="t").of(language).fill("TOKEN", values)
    return dict(json.loads(written)["notification"])


def test_a_known_value_stands_in_text_and_percent_encoded_in_the_address() -> None:
    shown = read(CONTENT, {"first_name": 'Zoë "Z" & <b>', "city": "São Paulo/Centro", "points": 12.0})
    assert shown["title"] == 'Hi Zoë "Z" & <b>'
    assert shown["body"] == "São Paulo/Centro: 12 points"
    assert shown["navigate"] == (
        "https://a.example/S%C3%A3o%20Paulo%2FCentro?q=Zo%C3%AB%20%22Z%22%20%26%20%3Cb%3E&tp_c=TOKEN"
    )


def test_what_is_missing_is_the_default_or_nothing_and_never_braces() -> None:
    for values in (
        {},
        {"first_name": "", "city": None, "points": []},
        {"first_name": "\u202e\n", "points": {"a": 1}},
    ):
        shown = read(CONTENT, values)
        assert (shown["title"], shown["body"]) == ("Hi there", ": no points")
        assert shown["navigate"] == "https://a.example/all?q=&tp_c=TOKEN"


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\r\n\tb\x00", "a b"), (True, "yes"), (False, "no"), (3.5, "3.5"), (7, "7"), (None, ""), (["x"], ""),
     ("x" * 500, "x" * MOST_VALUE), ("{{ city }}", "{{ city }}")],
)  # fmt: skip
def test_how_values_are_written(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_value_is_never_read_as_a_placeholder_or_a_mark() -> None:
    shown = read(CONTENT, {"first_name": "{{ city }}\\u0000token\\u0000", "city": "X"})
    assert shown["title"] == "Hi {{ city }}\\u0000token\\u0000"
    typed = template_of({**CONTENT, "title": "\\u0000token\\u0000 \\u00000\\u0000"}, tag="t").fill("TOKEN")
    assert json.loads(typed)["notification"]["title"] == "\\u0000token\\u0000 \\u00000\\u0000"


def test_values_that_would_make_it_too_long_give_way_to_the_defaults() -> None:
    places = "{{ first_name }}" * 12
    content = {**CONTENT, "body": "x" * (MAX_PLAINTEXT - 600) + places}
    assert payload_octets(content, tag="t") <= MAX_PLAINTEXT
    shown = read(content, {"first_name": "ü" * 100})
    assert shown["title"] == "Hi there"


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("{{ a }} and {{ b|default:“x” }}", ""), ("50 % {off}", ""), ("{{ a", "{{ a"), ("a }} b", "a }}"),
        ("{{ a.b|upper }}", "{{ a.b|upper }}"), ("{{}}", "{{}}"), ("{{ 1a }}", "{{ 1a }}"),
        ("{{{ a }}}", ""), ("{{ a|default:\"{{ b }}\" }}", "{{ a|default:\"…\" }}"),
    ],
)  # fmt: skip
def test_braces_that_are_no_placeholder_are_found(text: str, stray: str) -> None:
    assert stray_braces(text) == stray


def test_defaults_alone() -> None:
    assert with_defaults(CONTENT["title"]) == "Hi there"


def test_the_language_is_the_exact_one_then_the_wider_then_the_default() -> None:
    content = {**CONTENT, "title": "Hello", "translations": {
        "de": {"title": "Hallo", "body": "", "url": ""}, "de-CH": {"title": "Grüezi", "body": "", "url": ""},
        "zh-Hant": {"title": "你好", "body": "", "url": "https://a.example/zh"}}}  # fmt: skip
    said = {
        tag: read(content, {}, tag)["title"] for tag in ("de", "de-AT", "de-CH", "zh-Hant-TW", "zh", "", "d")
    }
    assert said == {
        "de": "Hallo", "de-AT": "Hallo", "de-CH": "Grüezi", "zh-Hant-TW": "你好", "zh": "Hello", "": "Hello",
        "d": "Hello",
    }  # fmt: skip
    german = read(content, {}, "de-AT")
    assert (german["lang"], german["body"]) == ("de", ": no points")
    assert read(content, {}, "zh-Hant")["navigate"] == "https://a.example/zh?tp_c=TOKEN"
    assert "lang" not in read(content, {})


def test_the_longest_language_counts() -> None:
    long = {**CONTENT, "translations": {"de": {"title": "x" * 199, "body": "", "url": ""}}}
    in_german = {**CONTENT, "title": "x" * 199, "lang": "de"}
    assert payload_octets(long, tag="t") == payload_octets(in_german, tag="t")


def test_tracking_is_added_to_every_page_and_overrides_nothing() -> None:
    utm = {"source": "true push", "term": "", "campaign": "{{ city|default:'all' }}"}
    button = {"title": "Buy", "url": "https://a.example/buy#x", "icon_url": ""}
    shown = read(
        {**CONTENT, "url": "https://a.example/?utm_source=mine", "utm": utm, "buttons": [button]},
        {"city": "Bern 1"},
    )
    assert shown["navigate"] == "https://a.example/?utm_source=mine&utm_campaign=Bern%201&tp_c=TOKEN"
    assert shown["actions"][0]["navigate"] == (
        "https://a.example/buy?utm_source=true%20push&utm_campaign=Bern%201&tp_c=TOKEN#x"
    )
    assert with_utm("https://a.example/x", {}) == "https://a.example/x"


def test_ps03_sends_of_one_name_replace_each_other_and_no_others() -> None:
    assert "renotify" not in read(CONTENT, {})
    assert read({**CONTENT, "replaces": "prices"}, {})["renotify"] is True
    assert "renotify" not in read({**CONTENT, "replaces": "prices", "silent": True}, {})
    same, again, other, site = (replaced_by(*one) for one in ((1, "a"), (1, "a"), (1, "b"), (2, "a")))
    made = [topic_of("t_acme", one) for one in (same, again, other, site)]
    assert made[0] == made[1]
    assert len({*made, topic_of("t_globex", same), topic_of("t_acme", 1)}) == 5
    assert tag_of("t_acme", same) == tag_of("t_acme", again)


def test_everybody_is_written_to_in_their_own_words(place: Place) -> None:
    """Through the real rows: read with their profile, encrypted for them, decrypted with their keys."""
    stored = add_subscribers(place, [Behaviour(), Behaviour()])
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk=stored[0].pk).update(
            language="de-AT", attributes={"first_name": "Zoë"}, city="Wien"
        )
    campaign = new_campaign(place, **{**CONTENT, "url": "https://shop.example/{{ city }}"})
    with in_tenant(place.schema):
        german = {"de": {"title": "Servus {{ first_name }}", "body": "", "url": ""}}
        Message.objects.filter(campaign=campaign).update(translations=german, replaces="prices")
        sends = [launch(place, campaign)]
        composer = Composer(sends[0], place.workspace.tenant.pk, place.site.contact)
        rows = read_recipients([one.pk for one in stored], with_profile=composer.is_personal)
        shown = []
        for one in stored:
            row = rows[one.pk]
            post = composer.post(7, row, root_id=31, ordinal=5, now=timezone.now())
            keys = receiver_keys(SEED, row.endpoint.rpartition("/")[2])
            shown.append(json.loads(decrypt(post.body, keys.private, keys.auth))["notification"])
    assert [one["title"] for one in shown] == ["Servus Zoë", "Hi there"]
    assert [one["body"] for one in shown] == ["Wien: no points", ": no points"]
    assert shown[0]["navigate"].startswith("https://shop.example/Wien?tp_c=")
    assert sends[0].tag == tag_of(place.schema, replaced_by(place.site.pk, "prices")) == shown[0]["tag"]


def test_nobody_in_the_console_reads_braces_either(place: Place, transport: Any, console: Any) -> None:
    add_subscribers(place, [Behaviour()])
    send = finish(place, launch(place, new_campaign(place, **CONTENT)), transport)
    client = console(place.workspace)
    for path in ("/", "/campaigns/", f"/sends/{send.pk}/", "/campaigns/calendar/", "/inbox/"):
        text = page_text(client.get(path))
        assert ("Hi there" in text, "{{" in text) == (True, False), path
