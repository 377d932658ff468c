"""Figures of the funnel for its page: steps of a period, by prompt, page, browser and country; and tests of two.

Rows that are folded and rows that are not are added up in the same statement, so a fold changes no figure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from subscribers.actions.funnel import OTHER, STEPS
from subscribers.models import Prompt, Site
from subscribers.names import name_of
from truepush.lib.odds import chances

PERIODS = (7, 30, 90)
ROWS = 20
# The way to a subscription; the others are ways out of it.
WAY = {
    "shown": "Shown",
    "accepted": "Accepted",
    "native": "Browser asked",
    "granted": "Granted",
    "subscribed": "Subscribed",
}
DIMENSIONS = {"prompt": "Prompt", "page": "Page", "browser": "Browser", "country": "Country"}
# With fewer the probability says more about chance than about the prompts.
LEAST_SHOWN, LEAST_SUBSCRIBED = 100, 10
SURE = 0.95

_ROWS = """
FROM (
    SELECT * FROM subscribers_funnelcount WHERE folded AND site_id = %(site)s AND day >= %(since)s
    UNION ALL
    SELECT * FROM subscribers_funnelcount WHERE NOT folded AND site_id = %(site)s AND day >= %(since)s
) counted
"""
_ALL = f"""
SELECT prompt, page, browser, country, step, sum(count)::bigint {_ROWS}
GROUP BY GROUPING SETS ((step), (step, prompt), (step, page), (step, browser), (step, country))
"""
_BY_PROMPT = f"SELECT prompt, step, sum(count)::bigint {_ROWS} GROUP BY 1, 2"


class Steps(dict[str, int]):
    """How often each step was taken; 0 where it was not."""

    def __missing__(self, step: str) -> int:
        return 0


@dataclass(frozen=True)
class Line:
    """One row of a table; its rates are in per cent, None where nobody was."""

    label: str
    steps: Steps

    @property
    def rate(self) -> float | None:
        return share(self.steps["subscribed"], self.steps["shown"])

    @property
    def way(self) -> list[tuple[str, int, float | None]]:
        """Each step of the way in words, with its rate from the one before, from the last one that was taken at all."""
        made, before = [], 0
        for step, label in WAY.items():
            number = self.steps[step]
            made.append((label, number, share(number, before) if step != "shown" else None))
            before = number or before
        return made


@dataclass(frozen=True)
class Comparison:
    """A test: `chance` is the probability that B is the better one, None where there is too little to tell."""

    prompt: Prompt
    rival: Prompt
    a: Line
    b: Line
    since: date
    chance: float | None
    says: str

    @property
    def percent(self) -> float:
        return min(max(100 * (self.chance or 0.0), 0.1), 99.9)

    @property
    def others(self) -> int:
        """Visitors who get A, per cent."""
        return 100 - self.prompt.share


def share(part: int, whole: int) -> float | None:
    return min(100 * part / whole, 100.0) if whole else None


def day_of(days: int, today: date) -> date:
    """The first of so many days, today being the last."""
    return today - timedelta(days=days - 1)


def steps_by_prompt(site: Site, since: date) -> Mapping[int, Steps]:
    found: defaultdict[int, Steps] = defaultdict(Steps)
    with connection.cursor() as cursor:
        cursor.execute(_BY_PROMPT, {"site": site.pk, "since": since})
        for prompt, step, number in cursor.fetchall():
            found[prompt][step] = number
    return found


def tables(site: Site, since: date, names: Mapping[int, str]) -> tuple[Line, dict[str, list[Line]]]:
    """Read all figures of a website since a day: the whole, and of each dimension the largest and all others."""
    whole = Steps()
    by: dict[str, defaultdict[Any, Steps]] = {name: defaultdict(Steps) for name in DIMENSIONS}
    with connection.cursor() as cursor:
        cursor.execute(_ALL, {"site": site.pk, "since": since})
        for *values, step, number in cursor.fetchall():
            given = [
                (name, value) for name, value in zip(DIMENSIONS, values, strict=True) if value is not None
            ]
            for name, value in given:
                by[name][value][step] = number
            if not given:
                whole[step] = number
    made = {
        name: _largest(
            [
                (name == "page" and value == OTHER, _label(name, value, names), steps)
                for value, steps in rows.items()
            ]
        )
        for name, rows in by.items()
    }
    return Line("All", whole), made


def _label(dimension: str, value: Any, names: Mapping[int, str]) -> str:
    if dimension == "prompt":
        default = "Without a prompt of the list" if value == 0 else f"Removed prompt {value}"
        return names.get(value, default)
    if dimension == "country":
        return name_of("country", value) if value else "Not known"
    return str(value) or "Not known"


def _largest(rows: Iterable[tuple[bool, str, Steps]]) -> list[Line]:
    """The first rows by what was shown; all the others, and what the fold put together, as one."""
    ordered = sorted(rows, key=lambda row: (row[0], -row[2]["shown"], -row[2]["subscribed"], row[1]))
    first = [Line(label, steps) for is_rest, label, steps in ordered[:ROWS] if not is_rest]
    rest = ordered[len(first) :]
    if not rest:
        return first
    others = Steps({step: sum(steps[step] for _, _, steps in rest) for step in STEPS})
    return [*first, Line("Other", others)]


def compare(site: Site, prompts: Iterable[Prompt], today: date) -> list[Comparison]:
    """Weigh every test of a website, each from the day on which its B was first set live."""
    rows = {one.pk: one for one in prompts}
    return [
        _compare(site, one, rows[one.rival_id], today)
        for one in rows.values()
        if one.rival_id and one.rival_id in rows
    ]


def _compare(site: Site, prompt: Prompt, rival: Prompt, today: date) -> Comparison:
    since = rival.live_at.date() if rival.live_at else today
    found = steps_by_prompt(site, since)
    a, b = Line(prompt.name, found[prompt.pk]), Line(rival.name, found[rival.pk])
    shown = [one.steps["shown"] for one in (a, b)]
    subscribed = [one.steps["subscribed"] for one in (a, b)]
    chance = None
    if not rival.live_at:
        says = "Not begun: set B live to begin."
    elif min(shown) < LEAST_SHOWN or sum(subscribed) < LEAST_SUBSCRIBED:
        says = f"Too little to tell yet: it takes {LEAST_SHOWN} shown of each, {LEAST_SUBSCRIBED} subscribed in all."
    else:
        chance = chances(subscribed, shown)[1]
        says = _verdict(chance)
    return Comparison(prompt, rival, a, b, since, chance, says)


def _verdict(chance: float) -> str:
    if chance >= SURE:
        return "B is the better one."
    if chance <= 1 - SURE:
        return "A is the better one."
    return "No clear winner yet: what there is could be chance."
