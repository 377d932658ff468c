"""The whitelist: every field that a rule can ask for. Apps above register theirs when they are ready."""

from dataclasses import dataclass

from subscribers.rules.arguments import Argument, Whole
from subscribers.rules.named import ATTRIBUTE, EVENT, NAME, TAG
from subscribers.rules.operators import CHOICE, LANGUAGE, MOMENT, NUMBERS, TEXT, Operator, pair
from subscribers.rules.sql import Sql


@dataclass(frozen=True)
class Field:
    """`column` is SQL over `person`, a row of Subscriber. What is in another table has `ids` instead: a query of the
    subscribers' ids (named id), with {} for what an operator writes.

    `subject` begins what is said of it: "whose country" or "who". `group` orders the builder's list.
    """

    name: str
    label: str
    group: str
    subject: str
    operators: dict[str, Operator]
    column: str = ""
    ids: str = ""
    arguments: tuple[Argument, ...] = ()
    # In the audience's index (Subscriber.Meta), or an index of its own: counted without a look at the rows themselves.
    is_indexed: bool = False


FIELDS: dict[str, Field] = {}


def register(*fields: Field) -> None:
    """Add fields to the whitelist; a name is taken once."""
    for field in fields:
        if FIELDS.setdefault(field.name, field) != field:
            raise ValueError(f"the field {field.name} of rules is there already")


def by_name(operators: tuple[Operator, ...]) -> dict[str, Operator]:
    return {operator.name: operator for operator in operators}


def _profile(name: str, label: str, group: str, operators: tuple[Operator, ...], *, indexed: bool) -> Field:
    return Field(
        name,
        label,
        group,
        f"whose {label[0].lower()}{label[1:]}",
        by_name(operators),
        f"person.{name}",
        is_indexed=indexed,
    )


SEGMENT = Whole("segment", "segment", most=2**53)

register(
    _profile("country", "Country", "Place", CHOICE, indexed=True),
    _profile("region", "Region", "Place", CHOICE, indexed=False),
    _profile("city", "City", "Place", CHOICE, indexed=False),
    _profile("time_zone", "Time zone", "Place", CHOICE, indexed=True),
    _profile("language", "Language", "Browser", LANGUAGE, indexed=True),
    _profile("browser", "Browser", "Browser", CHOICE, indexed=True),
    Field(
        "os",
        "Operating system",
        "Browser",
        "whose operating system",
        by_name(CHOICE),
        "person.os",
        is_indexed=True,
    ),
    _profile("device", "Device", "Browser", CHOICE, indexed=True),
    Field("service", "Push service", "Browser", "whose push service", by_name(CHOICE[:2]), "person.service"),
    Field(
        "sdk_version", "SDK version", "Browser", "whose SDK version", by_name(CHOICE), "person.sdk_version"
    ),
    Field(
        "subscribed_at",
        "Subscribed",
        "Visits",
        "whose subscription",
        by_name(MOMENT),
        "person.subscribed_at",
        is_indexed=True,
    ),
    Field(
        "first_seen_at", "First seen", "Visits", "whose first visit", by_name(MOMENT), "person.first_seen_at"
    ),
    Field(
        "seen_at",
        "Last seen",
        "Visits",
        "whose last visit",
        by_name(MOMENT),
        "person.seen_at",
        is_indexed=True,
    ),
    Field(
        "sessions",
        "Sessions",
        "Visits",
        "whose number of sessions",
        by_name(NUMBERS),
        "person.sessions",
        is_indexed=True,
    ),
    Field(
        "pages",
        "Pages seen",
        "Visits",
        "whose number of pages",
        by_name(NUMBERS),
        "person.pages",
        is_indexed=True,
    ),
    Field("prompt", "Opt-in prompt", "Visits", "whose opt-in prompt", by_name(CHOICE), "person.prompt"),
    Field("external_id", "External ID", "Customer", "whose external ID", by_name(TEXT), "person.external_id"),
    Field("tag", "Tag", "Customer", "whose tags", by_name(TAG), "person.tags", is_indexed=True),
    Field(
        "attribute",
        "Attribute",
        "Customer",
        "whose attribute",
        by_name(ATTRIBUTE),
        "person.attributes",
        arguments=(NAME,),
    ),
    Field(
        "event",
        "Event",
        "Customer",
        "who",
        by_name(EVENT),
        ids="SELECT did.subscriber_id AS id FROM subscribers_eventfact did WHERE {}",
        arguments=(NAME,),
        is_indexed=True,
    ),
    Field(
        "segment",
        "Segment",
        "Customer",
        "who",
        by_name(
            pair(
                ("in", "not_in"),
                ("is in", "is not in"),
                lambda column, given, now: Sql(""),  # compile_rule puts the segment's own rule here
                (lambda given: "are in", lambda given: "are not in"),
                (SEGMENT,),
            )
        ),
    ),
)
