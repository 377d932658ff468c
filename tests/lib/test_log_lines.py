"""Log lines: what a program reads, what nobody may write into them, and what is taken out (OB-08, AU-09)."""

import json
import logging
import sys
from typing import Any

import pytest

from truepush.lib.log_lines import JsonLines, TextLines

KEY = "sJ3v9wQx1mZ8kLpR4tYbN7cD2fGhA5eU6iOo0qWzXyM"
AUTH = "9hJk2LmN4pQrS6tU8vWxYz"


def record(message: str, *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("a.b", logging.WARNING, __file__, 1, message, args, None)
    made.created = 1_700_000_000.25
    made.__dict__.update(extra)
    return made


def test_a_line_is_a_json_object_with_utc_time_and_trail() -> None:
    line = JsonLines().format(
        record(
            "push %s status=%s",
            "gone",
            410,
            request_id="abc-1234",
            tenant="t_acme",
            send=7,
            attempt=2,
            other=1,
        )
    )
    assert json.loads(line) == {
        "at": "2023-11-14T22:13:20.250Z",
        "level": "WARNING",
        "logger": "a.b",
        "message": "push gone status=410",
        "request_id": "abc-1234",
        "tenant": "t_acme",
        "send": 7,
        "attempt": 2,
    }


def test_people_get_a_line_too() -> None:
    line = TextLines().format(record("started", request_id="abc-1234", send=7))
    assert line == "2023-11-14 22:13:20Z WARNING a.b started request_id=abc-1234 send=7"


@pytest.mark.parametrize("form", [JsonLines, TextLines])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\x1b[2J"])
def test_nobody_begins_a_line_of_their_own(form: type[logging.Formatter], end: str) -> None:
    line = form().format(record("Not Found: %s", f"/x{end}2023 ERROR forged", tenant=f"a{end}b"))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_a_traceback_cannot_pass_for_a_line() -> None:
    try:
        raise ValueError("a\n2023-11-14 22:13:20Z ERROR forged")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    assert all(line.startswith("  ") for line in TextLines().format(made).splitlines()[1:])
    text = JsonLines().format(made)
    assert len(text.splitlines()) == 1
    assert "ValueError: a\n2023" in json.loads(text)["error"]


@pytest.mark.parametrize(
    "said",
    [
        "https://updates.push.services.mozilla.com/wpush/v2/{}",
        "Key (endpoint)=(https://fcm.googleapis.com/fcm/send/{}) already exists.",
        "postgres://truepush:{}@db.example:5432/truepush",
        "authorization: vapid t={}, k={}",
        "Authorization: Bearer {}",
        '{{"auth": "{}", "p256dh": "x"}}',
        "password={}&next=/",
        "Cookie: truepush_session={}; a=b",
        "api_key={}",
        "api-key: {}",
        "token={}",
        "Key (auth)=({}) already exists.",
        "GET /sdk?secret={} HTTP/1.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [JsonLines, TextLines])
def test_what_looks_like_a_secret_is_hidden(form: type[logging.Formatter], said: str) -> None:
    made = record("%s", said.format(AUTH, AUTH))
    try:
        raise ValueError(said.format(AUTH, AUTH))
    except ValueError:
        made.exc_info = sys.exc_info()
    line = form().format(made)
    assert AUTH not in line
    assert "[hidden]" in line


@pytest.mark.parametrize("said", ["made {}", "row (1, {}, x)", f"\\x{'0a' * 16}", f"{'0a' * 32}"])
def test_keys_are_hidden_wherever_they_stand(said: str) -> None:
    text = said.format(KEY)
    assert "[hidden]" in JsonLines().format(record("%s", text))


def test_configured_secrets_are_hidden_to_the_letter() -> None:
    line = JsonLines(secrets=["correct horse", "short"]).format(record("it was correct horse, and short"))
    assert json.loads(line)["message"] == "it was [hidden], and short"


@pytest.mark.parametrize(
    "said",
    [
        "push gone status=410 send=7",
        "worker: the cluster of queue short has ended and is started again",
        "request 0f8fad5bd9cb469fa16570867728950e took 12 ms",
        "subscribers_subscriber_endpoint_digest_site_id_key of t_acme_0a1b2c",
        "https://fcm.googleapis.com cannot be reached",
    ],
)
def test_other_words_stay(said: str) -> None:
    assert json.loads(JsonLines().format(record("%s", said)))["message"] == said
