"""Two prompts of the demonstration's website, and what became of them on the last 30 days: plausible, and made up."""

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.utils import timezone

from subscribers.actions.prompt import add_prompt, set_live
from subscribers.models import FunnelCount, Prompt, Site
from subscribers.prompts import new_design
from tenants.models import Tenant

DAYS = 30
# What visitors come to, from where, and with what, by how many of them do.
_PAGES = {"/": 30, "/new-arrivals": 24, "/tea/smoked-lapsang": 14, "/tea/first-flush": 12, "/cart": 6}
_COUNTRIES = {"US": 28, "GB": 16, "DE": 14, "IN": 10, "FR": 9, "NL": 5, "BR": 4, "": 2}
_BROWSERS = {
    "Chrome": 36, "Chrome Mobile": 34, "Edge": 8, "Safari": 8, "Firefox": 7, "Mobile Safari": 5, "Samsung Internet": 4,
}  # fmt: skip
# Which part of those who agree answers the browser's own question with yes.
_GRANTS = {
    "Chrome": 0.86, "Chrome Mobile": 0.78, "Edge": 0.84, "Safari": 0.7, "Firefox": 0.66, "Mobile Safari": 0.55,
    "Samsung Internet": 0.74,
}  # fmt: skip
# Of those who are shown it: who agrees, and who says no.
_BOX, _BELL = (0.11, 0.52), (0.012, 0.0)
_TEXTS = {
    "": {
        "title": "A note when the new harvest is in?", "text": "Two or three a month, and never at night.",
        "allow": "Yes, please", "later": "Not now",
    },
    "de": {
        "title": "Eine Nachricht, wenn die neue Ernte da ist?", "text": "Zwei oder drei im Monat, und nie nachts.",
        "allow": "Ja, gern", "later": "Nicht jetzt",
    },
}  # fmt: skip


def make_prompts(tenant: Tenant, site: Site) -> None:
    """Add a box and the bell, live, with their figures; the system itself is the actor, as of the rest of the demo."""
    box = new_design("box")
    box |= {"texts": _TEXTS, "look": {**box["look"], "position": "bottom-left", "accent": "#3a8261"}}
    box["when"] = {**box["when"], "delay": 5, "pages": 2, "never": ["/cart*"]}
    made = [
        add_prompt(actor=None, tenant=tenant, site=site, name=name, design=design)
        for name, design in (("New harvest", box), ("Bell", new_design("bell")))
    ]
    for prompt in made:
        set_live(actor=None, tenant=tenant, prompt=prompt, live=True)
    draw = random.Random(site.site_key)  # noqa: S311  # a demonstration's dice, not a secret
    FunnelCount.objects.bulk_create(
        [*_figures(draw, site, made[0], _BOX, 260), *_figures(draw, site, made[1], _BELL, 420)],
        batch_size=2_000,
    )


def _figures(
    draw: random.Random, site: Site, prompt: Prompt, rates: tuple[float, float], visitors: int
) -> Iterator[FunnelCount]:
    """Rows as the fold leaves them: one for each day, page, browser, country and step."""
    today, agrees, dismisses = timezone.now().date(), *rates
    for ago in range(DAYS):
        counts: dict[tuple[str, str, str, str], int] = {}
        for _ in range(round(visitors * draw.uniform(0.75, 1.25) * (1 - ago / 90))):
            page, country, browser = (_one(draw, choices) for choices in (_PAGES, _COUNTRIES, _BROWSERS))
            for step in _steps(draw, agrees, dismisses, _GRANTS[browser]):
                key = page, browser, country, step
                counts[key] = counts.get(key, 0) + 1
        for (page, browser, country, step), number in counts.items():
            yield FunnelCount(
                site=site, day=today - timedelta(days=ago), page=page, prompt=prompt.pk, version=prompt.version,
                step=step, browser=browser, country=country, count=number, folded=True,
            )  # fmt: skip


def _one(draw: random.Random, choices: Mapping[str, int]) -> str:
    return draw.choices(list(choices), list(choices.values()))[0]


def _steps(draw: random.Random, agrees: float, dismisses: float, grants: float) -> Iterator[str]:
    yield "shown"
    luck = draw.random()
    if luck >= agrees:
        if luck < agrees + dismisses:
            yield "dismissed"
        return
    yield from ("accepted", "native")
    answer = draw.random()
    if answer >= grants:
        yield "denied" if answer < grants + (1 - grants) / 2 else "closed"
        return
    yield "granted"
    if draw.random() < 0.98:
        yield "subscribed"
