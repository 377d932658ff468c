"""How long a token lives and how often it changes (CR-12, CR-13)."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from truepush.lib.webpush.keys import KeyRefused
from truepush.lib.webpush.vapid import HeaderCache, generate_key_pair, verify

PAIR = generate_key_pair()
ORIGIN = "https://fcm.googleapis.com"
SUB = "mailto:ops@example.com"
HOUR = 3600
NOON = 1_800_014_400.0  # a multiple of 12 hours: where windows meet


def header(cache: HeaderCache, now: float, *, origin: str = ORIGIN, sub: str = SUB) -> str:
    return cache.header(PAIR.private, PAIR.public, origin, sub, now)


def claims(text: str) -> dict[str, object]:
    token = text.removeprefix("vapid t=").partition(", k=")[0]
    verified = verify(token, PAIR.public)
    assert verified is not None
    return verified


def remaining(text: str, now: float) -> float:
    expires = claims(text)["exp"]
    assert isinstance(expires, int)
    return expires - now


def test_the_header_names_origin_and_contact() -> None:
    made = claims(header(HeaderCache(), NOON))
    assert (made["aud"], made["sub"]) == (ORIGIN, SUB)


def test_cr12_a_token_in_use_for_three_days_always_has_5_to_18_hours_left() -> None:
    """Bounds of the item: 5 minutes and 24 hours less 5 minutes, at the moment of sending."""
    cache = HeaderCache()
    left = [remaining(header(cache, now), now) for now in (NOON + step * 419 for step in range(620))]
    assert min(left) >= 5 * HOUR > 5 * 60
    assert max(left) <= 18 * HOUR < 24 * HOUR - 5 * 60


@pytest.mark.parametrize(
    "made", [NOON, NOON + 1, NOON + 6 * HOUR, NOON + 11 * HOUR, NOON + 12 * HOUR - 0.001]
)
def test_cr12_a_message_that_waited_23_hours_gets_a_token_for_its_sending(made: float) -> None:
    cache = HeaderCache()
    first = header(cache, made)
    later = made + 23 * HOUR
    assert header(cache, later) != first
    assert 5 * HOUR <= remaining(header(cache, later), later) <= 18 * HOUR


def test_cr12_a_token_made_as_its_window_ends_still_has_5_hours_when_it_is_let_go() -> None:
    cache = HeaderCache()
    made = NOON - 0.001
    first = header(cache, made)
    assert header(cache, made + HOUR) == first
    assert remaining(first, made + HOUR) >= 5 * HOUR
    assert header(cache, made + HOUR + 1) != first


def test_cr13_10000_sends_of_4_workers_within_60_minutes_use_one_token() -> None:
    caches = [HeaderCache() for _ in range(4)]
    sent = [header(caches[step % 4], NOON + step * 0.36) for step in range(10_000)]
    assert len(set(sent)) == 1


def test_cr13_60_minutes_across_a_change_of_window_use_one_token_in_a_worker_that_began_there() -> None:
    cache = HeaderCache()
    assert len({header(cache, NOON - HOUR / 2 + step * 0.36) for step in range(10_000)}) == 1


def test_cr13_the_token_has_rotated_after_24_hours_and_never_within_one() -> None:
    cache = HeaderCache()
    changes, current = [], ""
    for minute in range(48 * 60):
        made = header(cache, NOON - 600 + minute * 60)
        if made != current:
            changes.append(minute)
            current = made
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(changes))
    assert changes == [0, 61, 730, 1450, 2170]


def test_cr13_a_restart_in_the_same_window_gives_the_same_token() -> None:
    assert header(HeaderCache(), NOON + 1) == header(HeaderCache(), NOON + 11 * HOUR)


def test_key_origin_and_contact_each_have_their_own_header() -> None:
    cache = HeaderCache()
    other = generate_key_pair()
    made = {
        header(cache, NOON),
        header(cache, NOON, origin="https://web.push.apple.com"),
        header(cache, NOON, sub="https://example.com/contact"),
        cache.header(other.private, other.public, ORIGIN, SUB, NOON),
    }
    assert len(made) == 4


def test_a_clock_that_is_set_back_gets_a_token_of_its_own_time() -> None:
    cache = HeaderCache()
    header(cache, NOON + 30)
    earlier = NOON - 20 * HOUR
    assert 5 * HOUR <= remaining(header(cache, earlier), earlier) <= 18 * HOUR


def test_threads_share_one_header() -> None:
    cache = HeaderCache()
    barrier = threading.Barrier(8)

    def send(worker: int) -> set[str]:
        barrier.wait()
        return {header(cache, NOON + worker + step) for step in range(500)}

    with ThreadPoolExecutor(8) as pool:
        made = set().union(*pool.map(send, range(8)))
    assert len(made) == 1


def test_the_cache_keeps_the_entries_used_last() -> None:
    cache = HeaderCache(max_entries=2)
    for origin in ("https://a.example", "https://b.example", "https://a.example", "https://c.example"):
        header(cache, NOON, origin=origin)
    assert [key[1] for key in cache._entries] == ["https://a.example", "https://c.example"]


def test_a_private_key_that_cannot_sign_leaves_no_entry() -> None:
    cache = HeaderCache()
    with pytest.raises(KeyRefused):
        cache.header(b"short", PAIR.public, ORIGIN, SUB, NOON)
    assert len(cache._entries) == 0
