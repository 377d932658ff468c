"""Steps on the way to a subscription: appended as browsers tell them, folded into one row a day and key.

A call costs one statement. The fold takes rows away and adds their sums in one transaction, so a run that is killed has
done nothing, and one that is repeated counts nothing twice.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from django.db import connection, transaction

from subscribers.actions.told import mark_told

STEPS = ("shown", "accepted", "dismissed", "native", "granted", "denied", "closed", "subscribed")
MOST_PAGE = 200
# Different pages of a website and day; what comes behind them is counted as OTHER.
PAGES = 200
OTHER = "other"
FOLD_ROWS = 5_000
FORGET_ROWS = 5_000
KEPT_DAYS = 400

# What names a prompt that is not one of this website, or a version that it has not reached, is counted as nothing.
_INSERT = """
INSERT INTO subscribers_funnelcount (site_id, day, page, prompt, version, step, browser, country, count, folded)
SELECT %(site)s, (now() AT TIME ZONE 'UTC')::date, %(page)s, given.prompt,
    CASE WHEN given.prompt = 0 THEN 0 ELSE given.version END, given.step, %(browser)s, %(country)s, given.count, false
FROM unnest(%(prompts)s::bigint[], %(versions)s::int[], %(steps)s::varchar[], %(counts)s::bigint[])
    AS given (prompt, version, step, count)
WHERE given.prompt = 0 OR EXISTS (SELECT FROM subscribers_prompt known
    WHERE known.id = given.prompt AND known.site_id = %(site)s AND given.version BETWEEN 1 AND known.version)
"""
_TAKE = """
WITH taken AS (DELETE FROM subscribers_funnelcount WHERE id IN
    (SELECT id FROM subscribers_funnelcount WHERE NOT folded LIMIT %s) RETURNING *)
SELECT site_id, day, page, prompt, version, step, browser, country, sum(count)::bigint, count(*) FROM taken
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
# From one page to the next by the key's index: 200 look-ups, however many rows a day has.
_KNOWN = """
WITH RECURSIVE known (page) AS (
    SELECT min(page) FROM subscribers_funnelcount WHERE folded AND site_id = %(site)s AND day = %(day)s
    UNION ALL
    SELECT (SELECT min(page) FROM subscribers_funnelcount
        WHERE folded AND site_id = %(site)s AND day = %(day)s AND page > known.page)
    FROM known WHERE known.page IS NOT NULL
) SELECT page FROM known WHERE page IS NOT NULL
"""
_ADD = """
INSERT INTO subscribers_funnelcount AS known
    (site_id, day, page, prompt, version, step, browser, country, count, folded)
SELECT *, true FROM unnest(%s::bigint[], %s::date[], %s::varchar[], %s::bigint[], %s::int[], %s::varchar[],
    %s::varchar[], %s::varchar[], %s::bigint[])
ON CONFLICT (site_id, day, page, prompt, version, step, browser, country) WHERE folded
DO UPDATE SET count = known.count + excluded.count
"""
# By website, since the key's index begins with it.
_FORGET = """
DELETE FROM subscribers_funnelcount WHERE id IN (SELECT old.id FROM subscribers_site site
    JOIN subscribers_funnelcount old ON old.folded AND old.site_id = site.id AND old.day < %s LIMIT %s)
"""


class Taken(NamedTuple):
    """How often a step of a prompt was taken."""

    prompt: int
    version: int
    step: str
    times: int


def tell_steps(
    *, tenant_id: int, site_id: int, page: str, browser: str, country: str, taken: list[Taken]
) -> None:
    """Count what a page's browser did. The visitor is the actor, and nobody is named. Call inside the tenant."""
    if not taken:
        return
    sums: defaultdict[tuple[int, int, str], int] = defaultdict(int)
    for prompt, version, step, times in taken:
        sums[prompt, version, step] += times
    prompts, versions, steps = (list(column) for column in zip(*sums, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "site": site_id, "page": page[:MOST_PAGE], "browser": browser, "country": country,
                "prompts": prompts, "versions": versions, "steps": steps, "counts": list(sums.values()),
            },
        )  # fmt: skip
        is_kept = cursor.rowcount > 0
    if is_kept:
        mark_told(tenant_id)


@transaction.atomic
def fold_steps() -> int | None:
    """Fold rows of this tenant; answer how many, None while another process is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('funnel'), hashtext(current_schema()))")
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_TAKE, [FOLD_ROWS])
        taken = cursor.fetchall()
        if taken:
            _add(taken)
    return sum(int(row[-1]) for row in taken)


def _add(taken: list[Any]) -> None:
    by_day: defaultdict[tuple[int, date], set[str]] = defaultdict(set)
    for site_id, day, page, *_ in taken:
        by_day[site_id, day].add(page)
    kept = {key: _within_limit(*key, pages) for key, pages in by_day.items()}
    sums: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for site_id, day, page, *rest, count, _ in taken:
        sums[site_id, day, page if page in kept[site_id, day] else OTHER, *rest] += count
    # In one order, as everything that locks several rows does.
    rows = sorted((*key, count) for key, count in sums.items())
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])


def _within_limit(site_id: int, day: date, pages: set[str]) -> set[str]:
    """Those that are known, and as many new ones as there is room for."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"site": site_id, "day": day})
        known = {page for (page,) in cursor.fetchall()}
    new = sorted(pages - known)
    return (pages & known) | set(new[: max(0, PAGES - len(known - {OTHER}))])


def forget_steps(before: date) -> Iterator[int]:
    """Remove rows of before, a transaction at a time; gives how many."""
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_FORGET, [before, FORGET_ROWS])
            removed = cursor.rowcount
        if not removed:
            return
        yield removed
