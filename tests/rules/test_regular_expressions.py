"""RL-08: no compiled regular expression of ours takes more than in proportion to text of repeated pieces."""

import importlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.rules.source import product

SHORT, FACTOR = 2_000, 4
# Twice in proportion: what backtracks takes the square, sixteen times as long.
MOST_GROWTH = FACTOR * 2
# Below that, noise is all there is to measure.
LEAST_SECONDS = 0.004
PIECES = (
    "a", "A", "0", " ", "\t", "-", "_", ".", "/", "<", ">", '"', "'", "=", "{", "}", "[", "\\", "&", "%", ":", ";", ",",
    "a.", "a-", "a ", " a", "a=", "1.", "{{", "<a ", "<script ", "x='", 'x="', "https://", "https://a", "a://", "auth=",
    "token: ", "\\x0f", "é", "\n", "a\n", "--", "{{ a",
)  # fmt: skip
Way = Callable[[re.Pattern[Any], Any], object]
# From the front, as `match` and `fullmatch` read; the others try anew at each place.
WAYS: dict[bool, Way] = {
    True: lambda pattern, text: (pattern.match(text), pattern.fullmatch(text)),
    False: lambda pattern, text: pattern.search(text),
}


def patterns() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Name every regular expression that a module makes, also in a list, and whether it reads from the front."""
    for module in product():
        if "re.compile(" in module.text and not module.name.startswith(("bench", "truepush.local")):
            for name, value in vars(importlib.import_module(module.name)).items():
                from_front = re.search(rf"\b{name}\.(?:full)?match\b", module.text) is not None
                anywhere = re.search(rf"\b{name}\.(?!(?:full)?match\b)", module.text) is not None
                for found in flat(value):
                    yield f"{module.name}.{name}", found, from_front and not anywhere


def flat(value: Any, depth: int = 3) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from flat(one, depth - 1)
    elif depth and isinstance(value, dict):
        for one in value.values():
            yield from flat(one, depth - 1)


def seconds(way: Way, pattern: re.Pattern[Any], text: str) -> float:
    given = text.encode() if isinstance(pattern.pattern, bytes) else text
    began = time.thread_time()
    way(pattern, given)
    return time.thread_time() - began


def grows(pattern: re.Pattern[Any], piece: str, *, from_front: bool) -> bool:
    """Whether four times the text takes out of proportion longer."""
    texts = [piece * (length // len(piece)) + "!" for length in (SHORT, SHORT * FACTOR)]
    short, long = (seconds(WAYS[from_front], pattern, text) for text in texts)
    return long > LEAST_SECONDS and long > MOST_GROWTH * short


def test_none_takes_out_of_proportion_long() -> None:
    ours = {(name, one.pattern): (one, front) for name, one, front in patterns()}
    assert len(ours) > 40
    slow = {
        f"{name} on {piece!r}"
        for (name, _), (pattern, front) in ours.items()
        for piece in PIECES
        # Twice: what else runs on the machine slows one of them down.
        if all(grows(pattern, piece, from_front=front) for _ in range(2))
    }
    assert slow == set()


@pytest.mark.parametrize("slow", [r"a+$", r"<[^>]*>x"])
def test_one_that_goes_back_is_found(slow: str) -> None:
    """The control."""
    assert [piece for piece in ("a", "<", "<a ") if grows(re.compile(slow), piece, from_front=False)] != []
