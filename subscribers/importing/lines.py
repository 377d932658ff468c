"""Subscriptions as lines of PostgreSQL's COPY, written at once: column by column through the driver took twice as long
as all the checks."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from subscribers.importing.given import Subscription

COLUMNS = (
    "endpoint text, digest bytea, service text, p256dh bytea, auth bytea, external_id text, tags varchar[],"
    " attributes jsonb, subscribed_at timestamptz, seen_at timestamptz, language text, country text, time_zone text,"
    " browser text, os text, device text"
)
_NULL = r"\N"


class Row(NamedTuple):
    """`line` is of COPY, in the order of COLUMNS; the other two (`digest` in hexadecimal) say whether it was erased."""

    digest: str
    external_id: str
    line: str


def row_of(given: Subscription) -> Row:
    return write_row(
        given.endpoint.url,
        given.endpoint.service,
        given.p256dh + given.auth,
        external_id=given.external_id,
        tags=array_of(tuple(given.tags)),
        attributes=object_of(given.attributes),
        moments=(given.subscribed_at, given.seen_at),
        profile=profile_of(given),
    )


def write_row(
    url: str,
    service: str,
    keys: bytes,
    *,
    external_id: str,
    tags: str,
    attributes: str,
    moments: tuple[str, str],
    profile: str,
) -> Row:
    """Write a line; `keys` are p256dh and auth, tags, attributes and profile as the functions below write them.

    Endpoints, codes, zones and moments have no sign that COPY reads; texts have backslashes at most, for everything
    else that cannot be printed was refused.
    """
    subscribed_at, seen_at = moments
    # The endpoint as it is stored, as subscribers.actions.subscription.digest_of hashes it.
    digest = hashlib.sha256(url.encode()).hexdigest()
    octets = keys.hex()
    line = (
        f"{url}\t\\\\x{digest}\t{service}\t\\\\x{octets[:130]}\t\\\\x{octets[130:]}\t{_safe(external_id)}\t{tags}"
        f"\t{attributes}\t{subscribed_at or _NULL}\t{seen_at or _NULL}{profile}\n"
    )
    return Row(digest, external_id, line)


def profile_of(given: Subscription) -> str:
    """Write the columns behind the moments."""
    return (
        f"\t{given.language}\t{given.country}\t{given.time_zone}\t{_safe(given.browser)}\t{_safe(given.os)}"
        f"\t{given.device}"
    )


@lru_cache(maxsize=4096)
def array_of(tags: tuple[str, ...]) -> str:
    """PostgreSQL's text of an array, every element quoted, in that of COPY. The same few come again and again."""
    quoted = (tag.replace("\\", "\\\\").replace('"', '\\"') for tag in tags)
    return _safe("{" + ",".join(f'"{tag}"' for tag in quoted) + "}")


def object_of(attributes: Mapping[str, Any]) -> str:
    return _safe(json.dumps(attributes)) if attributes else "{}"


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\")
