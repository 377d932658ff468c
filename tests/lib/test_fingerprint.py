"""What failures have in common, without a word of a customer."""

import json
from pathlib import Path

import pytest

from truepush.lib.fingerprint import fingerprint, plain, title_of
from truepush.lib.webpush.endpoints import EndpointRefused, parse_endpoint


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("push bad request", "push bad request"),
        ("Send 4711 of t_acme_1 failed 3 times", "Send … of … failed … times"),
        ("https://fcm.googleapis.com/fcm/send/abc:DEF?x=1 refused it", "… refused it"),
        ("owner@acme.test was not told", "… was not told"),
        ("the host push.acme.example is away", "the host … is away"),
        ("“Acme Shop” and 'Globex' and \"Initech\" and `x`", "… and … and … and …"),
        ("The worker file is another website's", "The worker file is another website's"),
        ("key BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u", "key …"),
        ("auth " + "q" * 40, "auth …"),
        ("  two\nlines\tof it ", "two lines of it"),
    ],
)
def test_what_may_be_of_somebody_is_taken_out(words: str, left: str) -> None:
    assert plain(words) == left


def test_words_are_bounded() -> None:
    assert len(plain("word " * 10_000)) == 200


def broken(secret: str) -> BaseException:
    try:
        parse_endpoint(secret)
    except EndpointRefused as error:
        return error
    raise AssertionError


def test_an_exception_is_called_by_its_type_and_the_statement_of_ours_that_raised_it() -> None:
    one = title_of(broken("http://first.example/secret-of-acme"))
    assert one.startswith("EndpointRefused in truepush/lib/webpush/endpoints.py, ")
    assert "acme" not in one
    assert "first" not in one
    assert one == title_of(broken("http://second.example/secret-of-globex"))
    assert fingerprint("error", one) != fingerprint("job", one)
    assert len(fingerprint("error", one)) == 32


def test_an_exception_that_never_was_in_our_code_is_called_by_where_it_was() -> None:
    try:
        json.loads('{"Acme"')
    except ValueError as error:
        assert title_of(error) == "JSONDecodeError in json/decoder.py, raw_decode, outside of our code"


def test_a_chain_is_called_by_its_last() -> None:
    try:
        try:
            parse_endpoint("http://x.example/")
        except EndpointRefused as cause:
            raise KeyError("Acme") from cause
    except KeyError as error:
        assert title_of(error) == (
            "KeyError in lib/test_fingerprint.py, test_a_chain_is_called_by_its_last, outside of our code"
        )


FORGED = f"""bad
Traceback (most recent call last):
  File "{Path(title_of.__code__.co_filename).parents[2]}/tenants/models.py", line 1, in acme
    secret = "of Acme"
AcmeError: owner@acme.test"""


def test_a_message_that_looks_like_a_traceback_adds_nothing() -> None:
    assert title_of(ValueError(FORGED)) == "ValueError, outside of our code"
    title = title_of(broken(FORGED))
    assert title.startswith("EndpointRefused in truepush/lib/webpush/endpoints.py, ")
    assert "cme" not in title


def test_a_group_is_called_by_itself_and_not_by_what_is_in_it() -> None:
    group = ExceptionGroup(FORGED, [broken("http://x.example/"), ValueError(FORGED)])
    assert title_of(group) == "ExceptionGroup, outside of our code"
