"""A/B tests: variants drawn in shares, a group that is held out, and the winner of a test on a part for the rest.

Who gets what is drawn by hash at the freeze, and a batch has one variant, so nothing of it costs a message anything.
The rest of a test waits in batches of WAVE_REST that are due in the far future; their variant is decided with the
winner. Rates are of everybody whom a variant was accepted for, since that is who was drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Self

from django.db import connection

from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.personal import title_of
from campaigns.delivery.rest import hold_rest, release
from campaigns.delivery.work import Work
from campaigns.models import WAVE_REST, Batch, Send, SendStat
from campaigns.paths import report_path
from tenants.actions import audit
from tenants.actions.notices import tell
from truepush.lib.odds import chances

MOST_VARIANTS = 5
LETTERS = "ABCDE"
MOST_HELD_OUT = 50
LEAST_FIRST, MOST_FIRST = 1, 90
SHORTEST_TEST, LONGEST_TEST = 1, 7 * 1440
# How much later than the first a variant may go out, in minutes.
LONGEST_DELAY = 7 * 1440
# Of fewer a rate says nothing.
LEAST_ACCEPTED = 15
Metric = Literal["clicked", "displayed"]


@dataclass(frozen=True)
class AbTest:
    """`shares` are the variants' parts in percent, none for a single message; `hold_out` is the part that gets
    nothing. With `first`, that part of the others gets the test, and `minutes` after its end the winner by `metric`
    goes to the rest. Variants that differ in time go out `delays` minutes after the first one."""  # fmt: skip

    shares: tuple[int, ...] = ()
    hold_out: float = 0.0
    first: float | None = None
    minutes: int = 60
    metric: Metric = "clicked"
    then: Literal["go", "ask"] = "go"
    delays: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        made = {**vars(self), "shares": list(self.shares), "delays": list(self.delays)}
        return {**made, "state": "out"} if self.first else made

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self | None:
        """Read what as_json() wrote; nothing of it is None."""
        if not stored:
            return None
        known = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        return cls(**{**known, "shares": tuple(known["shares"]), "delays": tuple(known["delays"])})

    def times(self, first: datetime) -> list[datetime]:
        """When each variant goes out, the first one at `first`; only that one where times are not tried."""
        return [first + timedelta(minutes=delay) for delay in (0, *self.delays)]

    def check(self) -> None:
        """Raise CampaignRefused for what is no test."""
        for is_wrong, problem in self._problems():
            if is_wrong:
                raise CampaignRefused(f"A/B test: {problem}")

    def _problems(self) -> list[tuple[bool, str]]:
        variants = len(self.shares)
        return [
            (variants > MOST_VARIANTS, f"{variants} versions; {MOST_VARIANTS} are possible."),
            (variants == 1, "one version alone is no test. Write a second one."),
            (min(self.shares, default=1) < 1, "each version needs a part of 1 % or more."),
            (
                variants > 0 and sum(self.shares) != 100,
                f"the parts come to {sum(self.shares)} %. Make it 100 %.",
            ),
            (
                not 0 <= self.hold_out <= MOST_HELD_OUT,
                f"hold out 0 to {MOST_HELD_OUT} %, not {self.hold_out:g} %.",
            ),
            (self.first is not None and not variants, "without other versions there is no winner."),
            (
                self.first is not None and not LEAST_FIRST <= self.first <= MOST_FIRST,
                f"test it on {LEAST_FIRST} to {MOST_FIRST} %, not {self.first or 0:g} %.",
            ),
            (
                self.first is not None and not SHORTEST_TEST <= self.minutes <= LONGEST_TEST,
                f"choose the winner after {SHORTEST_TEST} to {LONGEST_TEST:,} minutes, not {self.minutes:,}.",
            ),
            (
                self.first is not None and max(self.delays, default=0) + self.minutes > LONGEST_TEST,
                "the last time and the wait for the winner come to more than 7 days. Choose less.",
            ),
            (
                bool(self.delays) and len(self.delays) != variants - 1,
                "each other time is a version of its own; give parts for all of them.",
            ),
            (
                any(not 1 <= delay <= LONGEST_DELAY for delay in self.delays)
                or len(set(self.delays)) < len(self.delays),
                "other times are later than the first, by 7 days at most, and differ from each other.",
            ),
        ]


def equal_shares(variants: int) -> tuple[int, ...]:
    """Split 100 % into as equal parts as whole numbers allow, the first ones larger."""
    part, rest = divmod(100, variants)
    return tuple(part + (place < rest) for place in range(variants))


class Standing(NamedTuple):
    """How a variant did in its test: `chance` is the probability that it is the best, None for one that nobody got."""

    variant: int
    audience: int
    accepted: int
    displayed: int
    clicked: int
    chance: float | None


# What one version's browsers reported within as long after it went out as the others had.
_IN_TIME = """
SELECT batch.variant, count(*) FILTER (WHERE receipt.kind = 1), count(*) FILTER (WHERE receipt.kind = 2)
FROM campaigns_batch batch JOIN campaigns_receipt receipt ON receipt.batch_id = batch.id
    AND receipt.at <= batch.due_at + make_interval(mins => %s)
WHERE batch.send_id = %s AND batch.root_id IS NULL AND batch.wave = 0 GROUP BY 1
"""


def standings(send: Send) -> list[Standing]:
    """Read the figures of the test, one for each variant; without a winner to choose those of everybody.

    Times that are tried for a winner are compared over the same length each until one is chosen. Of a test that was
    decided the chances are those by which it was.
    """
    test = AbTest.from_json(send.ab)
    if test is None:
        return []
    sums: list[list[int]] = [[0, 0, 0, 0] for _ in test.shares]
    for stat in SendStat.objects.filter(send=send, wave__in=[0] if test.first else [0, WAVE_REST]):
        if stat.variant < len(sums):
            figures = (stat.audience, stat.accepted, stat.displayed, stat.clicked)
            sums[stat.variant] = [a + b for a, b in zip(sums[stat.variant], figures, strict=True)]
    if test.delays and is_open(send):
        _count_in_time(send, test, sums)
    odds = send.ab.get("chances") or _odds(sums, test.metric)
    return [
        Standing(place, people, accepted, displayed, clicked, chance)
        for place, ((people, accepted, displayed, clicked), chance) in enumerate(zip(sums, odds, strict=True))
    ]


def is_open(send: Send) -> bool:
    """Whether a winner is still to be found."""
    return send.ab.get("state") == "out" and send.state in (Send.State.RUNNING, Send.State.PAUSED)


def _count_in_time(send: Send, test: AbTest, sums: list[list[int]]) -> None:
    for one in sums:
        one[2:] = [0, 0]
    with connection.cursor() as cursor:
        cursor.execute(_IN_TIME, [test.minutes, send.pk])
        for variant, displayed, clicked in cursor.fetchall():
            sums[variant][2:] = [displayed, clicked]


def _odds(sums: list[list[int]], metric: Metric) -> list[float | None]:
    reached = [place for place, one in enumerate(sums) if one[1]]
    column = 3 if metric == "clicked" else 2
    odds = chances([sums[place][column] for place in reached], [sums[place][1] for place in reached])
    known = dict(zip(reached, odds, strict=True))
    return [known.get(place) for place in range(len(sums))]


def weigh(send: Send) -> list[Standing]:
    """Read the figures, and keep the chances with the send for its report; save `ab` afterwards."""
    found = standings(send)
    send.ab = {**send.ab, "chances": [one.chance for one in found]}
    return found


def judge(found: Sequence[Standing], metric: Metric) -> tuple[int | None, str]:
    """Choose the winner and say why; None where nothing speaks for one of them."""
    few = [one for one in found if one.accepted < LEAST_ACCEPTED]
    if few:
        letters = ", ".join(LETTERS[one.variant] for one in few)
        return None, f"Fewer than {LEAST_ACCEPTED} got {letters}, too few to compare."
    known = [one for one in found if getattr(one, metric)]
    if not known:
        return None, f"Nobody has {metric} any version yet, so nothing speaks for one of them."
    best = max(known, key=lambda one: one.chance or 0.0)
    chance = sure(best.chance or 0.0)
    return best.variant, f"{LETTERS[best.variant]} is the best by {_NOUNS[metric]} with {chance}."


_NOUNS = {"clicked": "clicks", "displayed": "displays"}


def sure(chance: float) -> str:
    """Say a probability: 97 % probability, never 100 %."""
    percent = 100 * chance
    return "over 99 % probability" if percent > 99 else f"{percent:.0f} % probability"


def decide(work: Work, send: Send, now: datetime) -> None:
    """Choose the winner, or ask somebody to; call with the send locked, inside the tenant."""
    test = AbTest.from_json(send.ab)
    if test is None:
        return
    winner, said = judge(weigh(send), test.metric)
    if winner is None or test.then == "ask":
        send.ab = {**send.ab, "state": "ask", "said": said}
        send.save(update_fields=["ab"])
        hold_rest(work, send, f"Choose which version the rest gets: {said}")
    else:
        crown(work.tenant_id, send, winner, now, said)
        text = f"“{title_of(send.content)[:60]}”: {said} The rest gets it now."
        tell(
            work.tenant_id,
            [send.created_by],
            site_id=send.site_id,
            kind="winner",
            text=text,
            path=report_path(send.pk),
        )
    audit.record(
        "send.ab", actor=None, tenant_id=work.tenant_id, target=f"send {send.pk}", winner=winner, said=said
    )


def crown(tenant_id: int, send: Send, winner: int, now: datetime, said: str) -> None:
    """Give the rest this variant, at once, or at its time of the day if times were tested. Lock the send first."""
    send.ab = {**send.ab, "state": "won", "winner": winner, "said": said}
    send.save(update_fields=["ab"])
    rest = Batch.objects.filter(send=send, wave=WAVE_REST, root=None, state=Batch.State.OPEN)
    people = sum(rest.values_list("size", flat=True))
    rest.update(variant=winner)
    SendStat.objects.create(send=send, wave=WAVE_REST, variant=winner, audience=people)
    release(tenant_id, send, _next_time(send, winner, now))


def _next_time(send: Send, winner: int, now: datetime) -> datetime:
    """Now, or the next time that the clock shows what it showed when the winner went out."""
    test = AbTest.from_json(send.ab)
    if test is None or not test.delays:
        return now
    went = test.times(send.due_at)[winner]
    days = -((went - now) // timedelta(days=1))
    return went + timedelta(days=max(days, 0))
