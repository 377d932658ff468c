"""Subscriptions of a file, read and checked ahead of the database: a piece is parsed while the last one is stored.

Rows are written as PostgreSQL's COPY takes them, here and at once: column by column through the driver took twice as
long as all the checks.
"""

import hashlib
import json
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from time import monotonic
from typing import BinaryIO, NamedTuple, TypeVar

from subscribers.importing.given import Subscription, our_columns, subscription_of
from subscribers.importing.reading import Head, Piece, Problem, read_piece

T = TypeVar("T")


class Row(NamedTuple):
    """`line` is of COPY, in the order of COLUMNS; the other two (`digest` in hexadecimal) say whether it was erased."""

    digest: str
    external_id: str
    line: str


@dataclass
class Parsed:
    """`left` is how many had left the other provider; what was refused is among the piece's problems."""

    piece: Piece
    rows: list[Row] = field(default_factory=list)
    left: int = 0


COLUMNS = (
    "endpoint text, digest bytea, service text, p256dh bytea, auth bytea, language text, country text, time_zone text,"
    " browser text, os text, device text, external_id text, tags varchar[], attributes jsonb,"
    " subscribed_at timestamptz, seen_at timestamptz"
)
_NULL = r"\N"


def parsed(
    file: BinaryIO, head: Head, *, offset: int, line: int, most: int, public: str, sandbox_origin: str
) -> Iterator[Parsed]:
    """Parse piece after piece from `offset` on; each begins where the one before ended. Raises FileRefused."""
    is_nested = head.form == "json"
    head = head if is_nested else replace(head, columns=our_columns(head.columns))
    is_end = False
    while not is_end:
        made = Parsed(read_piece(file, head, offset=offset, line=line, most=most))
        for record in made.piece.records:
            given = subscription_of(record, public=public, sandbox_origin=sandbox_origin, is_nested=is_nested)
            if isinstance(given, Problem):
                made.piece.problems.append(given)
            elif given is None:
                made.left += 1
            else:
                made.rows.append(_row(given))
        offset, line, is_end = made.piece.offset, made.piece.line, made.piece.is_end
        yield made


def ahead(items: Iterator[T], until: float) -> Generator[T, None, None]:
    """Make the next item in another thread while the caller works with this one.

    Not if the caller will probably have no time for it (`until` on the monotonic clock): what is parsed for nothing,
    and waited for, was a fifth of an import whose slices are two seconds.
    """
    coming: Future[T | None] | None = None
    took, began = 0.0, monotonic()
    with ThreadPoolExecutor(1) as pool:
        while (item := coming.result() if coming else next(items, None)) is not None:
            coming = pool.submit(next, items, None) if monotonic() + took < until else None
            yield item
            took, began = monotonic() - began, monotonic()


def _row(given: Subscription) -> Row:
    # The endpoint as it is stored, as subscribers.actions.subscription.digest_of hashes it.
    digest = hashlib.sha256(given.endpoint.url.encode()).hexdigest()
    external_id = given.external_id
    # Endpoints, codes, zones and moments have no sign that COPY reads; texts have backslashes at most, for everything
    # else that cannot be printed was refused.
    line = (
        f"{given.endpoint.url}\t\\\\x{digest}\t{given.endpoint.service.value}\t\\\\x{given.p256dh.hex()}"
        f"\t\\\\x{given.auth.hex()}\t{given.language}\t{given.country}\t{given.time_zone}\t{_safe(given.browser)}"
        f"\t{_safe(given.os)}\t{given.device}\t{_safe(external_id)}\t{_array(tuple(given.tags))}"
        f"\t{_safe(json.dumps(given.attributes)) if given.attributes else '{}'}\t{given.subscribed_at or _NULL}"
        f"\t{given.seen_at or _NULL}\n"
    )
    return Row(digest, external_id, line)


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\")


@lru_cache(maxsize=4096)
def _array(tags: tuple[str, ...]) -> str:
    """PostgreSQL's text of an array, every element quoted, in that of COPY. The same few come again and again."""
    quoted = (tag.replace("\\", "\\\\").replace('"', '\\"') for tag in tags)
    return _safe("{" + ",".join(f'"{tag}"' for tag in quoted) + "}")
