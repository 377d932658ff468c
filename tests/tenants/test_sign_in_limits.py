"""Guessing is limited by account and by address, exactly, and the counts are where a restart does not reach (AU-01)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils.crypto import salted_hmac

from tenants.actions import attempts
from tenants.actions.attempts import Attempt
from tenants.models import AttemptCount, AuditEntry, User
from tests.conftest import PASSWORD, Workspace

OWNER = "owner@acme.test"


def guess(email: str, address: str, typed: str = "wrong") -> Any:
    client = Client(headers={"host": "localhost:8000"}, REMOTE_ADDR=address)
    return client.post("/sign-in/", {"login": email, "password": typed})


def test_one_account_from_twenty_addresses_is_tried_ten_times(acme: Workspace) -> None:
    answers = [guess(OWNER, f"203.0.113.{n}") for n in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 10
    assert {890 < int(answer["Retry-After"]) <= 900 for answer in answers[10:]} == {True}
    assert b"Try again in 15 minutes." in answers[10].content


def test_twenty_accounts_from_one_address_are_tried_fifteen_times(acme: Workspace) -> None:
    answers = [guess(f"person{n}@acme.test", "203.0.113.9") for n in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 15 + [429] * 5
    assert guess("another@acme.test", "203.0.113.10").status_code == 200


def test_past_the_limit_the_right_password_is_not_tried_either(acme: Workspace) -> None:
    for n in range(10):
        guess(OWNER, f"203.0.113.{n}")
    assert guess(OWNER, "198.51.100.1", PASSWORD).status_code == 429


def test_the_owner_can_sign_in_when_the_period_is_over(acme: Workspace) -> None:
    """AU-01: after at most a quarter of an hour."""
    assert Attempt.SIGN_IN.value.seconds == 900
    for n in range(11):
        guess(OWNER, f"203.0.113.{n}")
    AttemptCount.objects.update(until="2020-01-01T00:00Z")
    assert guess(OWNER, "198.51.100.1", PASSWORD).status_code == 302
    assert attempts.forget_lapsed() == 11


def test_signing_in_well_costs_no_try_and_wipes_no_guesses(acme: Workspace) -> None:
    for _ in range(12):
        assert guess(OWNER, "203.0.113.1", PASSWORD).status_code == 302
    for _ in range(9):
        guess("globex@acme.test", "203.0.113.1")
        assert guess(OWNER, "203.0.113.1", PASSWORD).status_code == 302
    assert [guess(f"n{n}@acme.test", "203.0.113.1").status_code for n in range(7)] == [200] * 6 + [429]


def test_capital_letters_make_no_second_account(acme: Workspace) -> None:
    for n in range(10):
        guess("Owner@Acme.test" if n % 2 else OWNER, f"203.0.113.{n}")
    assert guess("OWNER@acme.test", "198.51.100.1").status_code == 429


def test_unknown_accounts_answer_alike(acme: Workspace) -> None:
    """AU-02: the same number of tries, the same status, the same page but for the address that was typed."""
    pages = {}
    for email in (OWNER, "nobody@acme.test"):
        answers = [guess(email, f"203.0.{len(email)}.{n}") for n in range(11)]
        pages[email] = [
            (answer.status_code, _without_token(answer.content.decode()).replace(email, ""))
            for answer in answers
        ]
    assert pages[OWNER] == pages["nobody@acme.test"]


def _without_token(page: str) -> str:
    return "".join(line for line in page.splitlines() if "csrfmiddlewaretoken" not in line)


def test_an_unknown_account_s_password_is_hashed_too(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AU-02: what takes the time at sign-in is the password's hash, and it is made once in both cases."""
    hashed = []
    check, make = User.check_password, User.set_password
    monkeypatch.setattr(User, "check_password", lambda *a: hashed.append("check") or check(*a))
    monkeypatch.setattr(User, "set_password", lambda *a: hashed.append("make") or make(*a))
    guess(OWNER, "203.0.113.1")
    guess("nobody@acme.test", "203.0.113.1")
    assert hashed == ["check", "make"]


def test_whoever_has_an_ipv6_network_is_one_caller(acme: Workspace) -> None:
    for n in range(15):
        guess(f"n{n}@acme.test", f"2001:db8:1:2::{n}")
    assert guess("another@acme.test", "2001:db8:1:2:ffff::1").status_code == 429
    assert guess("another@acme.test", "2001:db8:1:3::1").status_code == 200


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted"),
    [
        (0, "198.51.100.1", "203.0.113.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "192.0.2.99, 198.51.100.1", "198.51.100.1"),
        (2, "192.0.2.99, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "203.0.113.1"),
        (1, "nonsense", ""),
    ],
    ids=["no proxy", "one", "one, forged", "two, forged", "past the outer one", "no address"],
)
def test_the_address_is_the_one_that_our_outermost_proxy_saw(
    acme: Workspace, settings: Any, proxies: int, forwarded: str, counted: str
) -> None:
    settings.BEHIND_PROXY, settings.PROXIES = proxies > 0, proxies
    client = Client(
        headers={"host": "localhost:8000", "x-forwarded-for": forwarded}, REMOTE_ADDR="203.0.113.1"
    )
    client.post("/sign-in/", {"login": "x@acme.test", "password": "wrong"})
    kept = set(AttemptCount.objects.values_list("key", flat=True))
    expected = {"account:x@acme.test"} | ({f"address:{counted}"} if counted else set())
    assert kept == {_key(f"SIGN_IN:{what}") for what in expected}


def _key(text: str) -> str:
    return salted_hmac("tenants.attempts", text, algorithm="sha256").hexdigest()


def test_the_table_tells_neither_addresses_nor_accounts(acme: Workspace) -> None:
    guess(OWNER, "203.0.113.1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM tenants_attemptcount t")
        (stored,) = cursor.fetchone()
    assert (OWNER in stored, "203.0.113.1" in stored) == (False, False)


def test_failed_and_successful_sign_ins_are_in_the_audit_log(acme: Workspace) -> None:
    """AU-14."""
    guess(OWNER, "203.0.113.1")
    guess("nobody@acme.test", "203.0.113.1")
    guess(OWNER, "203.0.113.1", PASSWORD)
    rows = AuditEntry.objects.filter(action__startswith="user.").order_by("pk")
    assert list(rows.values_list("action", "actor", "target", "detail")) == [
        ("user.sign_in_failed", "system", OWNER, {}),
        ("user.sign_in_failed", "system", "nobody@acme.test", {}),
        ("user.sign_in", OWNER, OWNER, {"methods": ["password"]}),
    ]


def test_sign_up_is_limited_by_address(db: None) -> None:
    def sign_up(n: int) -> int:
        form = {"workspace": "W", "email": f"new{n}@new.test", "password1": PASSWORD}
        return Client(headers={"host": "localhost:8000"}).post("/sign-up/", form).status_code

    assert [sign_up(n) for n in range(21)] == [302] * 20 + [429]


@pytest.fixture
def _swept(alone: Workspace) -> Iterator[None]:
    yield
    AttemptCount.objects.all().delete()


def test_fifty_tries_at_once_are_ten(_swept: None, alone: Workspace) -> None:
    """AU-01: each on a connection of its own."""
    start = Barrier(50)

    def run(index: int) -> bool:
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            attempts.take(Attempt.SIGN_IN, account="a@b.test", address=f"203.0.113.{index}")
        except attempts.TooMany:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(50) as pool:
        passed = list(pool.map(run, range(50)))
    assert passed.count(True) == 10
    assert AttemptCount.objects.get(times__gt=1).times == 50


def test_fifty_wrong_passwords_at_once_are_ten_answers_and_forty_refusals(
    _swept: None, alone: Workspace
) -> None:
    start = Barrier(50)

    def run(index: int) -> int:
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            return int(guess(alone.owner.email, f"203.0.113.{index}").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(run, range(50)))
    assert (statuses.count(200), statuses.count(429)) == (10, 40)


def test_takes_and_returns_of_the_same_rows_at_once_never_lock_each_other_out(
    _swept: None, alone: Workspace
) -> None:
    def run(index: int) -> None:
        try:
            for _ in range(20):
                given = {"account": f"{index % 2}@b.test", "address": "203.0.113.1"}
                attempts.take(Attempt.RESET, **given)
                attempts.give_back(Attempt.RESET, **given)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [None] * 4
    assert set(AttemptCount.objects.values_list("times", flat=True)) == {0}


def test_a_code_is_used_once(db: None) -> None:
    assert [attempts.use_once("totp:1:123456", seconds=120) for _ in range(3)] == [True, False, False]
    assert attempts.use_once("totp:2:123456", seconds=120)
