"""What segments can ask about past messages: Engagement for the newest ones, the books of a campaign for that one."""

from datetime import datetime

from campaigns.delivery.outcomes import Outcome
from subscribers.rules.arguments import Whole
from subscribers.rules.fields import Field, by_name
from subscribers.rules.operators import MOMENT, Given, Operator, Say, pair, plain
from subscribers.rules.sql import Sql
from subscribers.rules.suggested import Suggestion

MOST_SENDS = 20
_KNOWN = "SELECT known.subscriber_id AS id FROM campaigns_engagement known WHERE {}"
_LAST = Whole("last", "whole", label="of the newest", most=MOST_SENDS)
_TIMES = Whole("times", "whole", label="or more", default=1, is_optional=True, most=MOST_SENDS)
_CAMPAIGN = Whole("campaign", "campaign", most=2**53)

# One operator of the two that MOMENT has, and "ever", since nobody who never got a message has a row.
_LAST_TIME: tuple[Operator, ...] = (
    *(operator for operator in MOMENT if operator.name in ("within", "not_within")),
    *pair(
        ("exists", "not_exists"),
        ("ever", "never"),
        plain("({column} IS NOT NULL)"),
        (lambda given: "ever happened", lambda given: "never happened"),
    ),
)


def _moment(verb: str, label: str) -> Field:
    return Field(
        f"{verb}_at",
        f"Last {label}",
        "Notifications",
        f"whose last {label} notification",
        by_name(_LAST_TIME),
        f"known.{verb}_at",
        _KNOWN,
        is_indexed=True,
    )


def _newest(column: str, given: Given, now: datetime) -> Sql:
    """Bit n of the column is about the n-th newest; with fewer than that the other bits are 0."""
    window = (1 << given["last"]) - 1
    if given["times"] == 1:
        return Sql(f"({column} & %s) <> 0", (window,))
    return Sql(f"bit_count(({column} & %s)::bit(32)) >= %s", (window, given["times"]))


def _received(column: str, given: Given, now: datetime) -> Sql:
    return Sql("cardinality(known.sends) >= %s", (given["times"],))


def _of_newest(verb: str) -> Say:
    def say(given: Given) -> str:
        many = "one" if given["times"] == 1 else str(given["times"])
        return f"{verb} at least {many} of the newest {given['last']} notifications"

    return say


def _received_words(verb: str) -> Say:
    def say(given: Given) -> str:
        return f"{verb} at least {given['times']} of the newest {MOST_SENDS} notifications"

    return say


_NEWEST = (
    *pair(
        ("displayed", "not_displayed"),
        ("displayed", "did not display"),
        lambda column, given, now: _newest("known.displayed", given, now),
        (_of_newest("displayed"), _of_newest("did not display")),
        (_TIMES, _LAST),
    ),
    *pair(
        ("clicked", "not_clicked"),
        ("clicked", "did not click"),
        lambda column, given, now: _newest("known.clicked", given, now),
        (_of_newest("clicked"), _of_newest("did not click")),
        (_TIMES, _LAST),
    ),
    *pair(
        ("received", "not_received"),
        ("received", "did not receive"),
        _received,
        (_received_words("received"), _received_words("did not receive")),
        (_TIMES,),
    ),
)

# The root batches of a campaign's sends, each recipient with its place.
_ROOTS = "campaigns_send send JOIN campaigns_batch root ON root.send_id = send.id AND root.root_id IS NULL"
_OF = "send.campaign_id = %s AND send.kind = 'campaign'"
# Accepted at the first try is a bit, later an entry of 18 octets (campaigns.delivery.ledger).
_ACCEPTED = f"""
SELECT member.id AS id FROM {_ROOTS} JOIN campaigns_ledgerpage page ON page.root_id = root.id
CROSS JOIN LATERAL unnest(root.ids[page.first + 1 : page.last + 1]) WITH ORDINALITY member (id, place)
WHERE {_OF} AND get_bit(page.accepted, ((member.place - 1) / 8 * 8 + 7 - mod(member.place - 1, 8))::int) = 1
UNION ALL
SELECT root.ids[1 + (get_byte(page.entries, n * 18) << 24) + (get_byte(page.entries, n * 18 + 1) << 16)
                  + (get_byte(page.entries, n * 18 + 2) << 8) + get_byte(page.entries, n * 18 + 3)]
FROM {_ROOTS} JOIN campaigns_ledgerpage page ON page.root_id = root.id
CROSS JOIN LATERAL generate_series(0, length(page.entries) / 18 - 1) n
WHERE {_OF} AND get_byte(page.entries, n * 18 + 4) = {int(Outcome.ACCEPTED)}
"""  # noqa: S608  # nothing of it is given from outside


def _reported(kind: int, bits: str) -> str:
    """Reports that are folded are bits of the batch, newer ones rows."""
    return f"""
SELECT member.id AS id FROM {_ROOTS} CROSS JOIN LATERAL unnest(root.ids) WITH ORDINALITY member (id, place)
LEFT JOIN campaigns_receipt receipt
    ON receipt.batch_id = root.id AND receipt.ordinal = member.place - 1 AND receipt.kind = {kind}
WHERE {_OF} AND (receipt.id IS NOT NULL OR CASE WHEN (member.place - 1) / 8 < length(root.{bits})
    THEN get_bit(root.{bits}, ((member.place - 1) / 8 * 8 + 7 - mod(member.place - 1, 8))::int) = 1 END)
"""  # noqa: S608  # nothing of it is given from outside


def _campaign(verb: str, negated: str, query: str) -> tuple[Operator, Operator]:
    values = query.count("%s")
    return pair(
        (verb, f"not_{verb}"),
        (verb, f"did not {negated}"),
        lambda column, given, now: Sql(query, (given["campaign"],) * values),
        (
            lambda given: f"{verb} campaign",
            lambda given: f"did not {negated} campaign",
        ),
        (_CAMPAIGN,),
    )


CAMPAIGN_FIELDS = (
    _moment("received", "received"),
    _moment("displayed", "displayed"),
    _moment("clicked", "clicked"),
    Field(
        "newest",
        "Newest notifications",
        "Notifications",
        "who",
        by_name(_NEWEST),
        ids=_KNOWN,
        is_indexed=True,
    ),
    Field(
        "campaign",
        "Campaign",
        "Notifications",
        "who",
        by_name(
            (
                *_campaign("received", "receive", _ACCEPTED),
                *_campaign("displayed", "display", _reported(1, "displayed")),
                *_campaign("clicked", "click", _reported(2, "clicked")),
            )
        ),
        ids="{}",
    ),
)

CAMPAIGN_SUGGESTIONS = (
    Suggestion(
        "clicked",
        "Clicked in the last 30 days",
        30,
        {"match": "all", "rules": [{"field": "clicked_at", "op": "within", "days": 30}]},
    ),
    Suggestion(
        "never-clicked",
        "Never clicked",
        40,
        {
            "match": "all",
            "rules": [
                {"field": "newest", "op": "received"},
                {"field": "clicked_at", "op": "not_exists"},
            ],
        },
    ),
)
