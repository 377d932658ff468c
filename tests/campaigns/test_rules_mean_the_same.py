"""Issue: the compiled SQL of any rule finds exactly those whom a plain reading of it finds, on random subscribers."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.models import Engagement
from subscribers.audience import where
from subscribers.models import EventFact, Site, Subscriber
from subscribers.rules.fields import FIELDS
from subscribers.rules.rule import read
from tenants.doorway import in_tenant
from tests.campaigns.plain_rules import Person, means
from tests.conftest import Workspace, make_site
from tests.subscribers.people import add_people

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
COUNTRIES = ["DE", "AT", "US", ""]
LANGUAGES = ["de-DE", "de-AT", "de", "en-US", "den", "de-AT-1996", ""]
ODD = [
    "",
    "it's",
    "%s",
    "100%",
    "' OR 1=1--",
    "\\",
    "ünïcode",
    "{}",
    "2026-11-20",
    "2026-02-31 or so",
    "12",
    "x=1",
    "é",
]
TAGS = ["vip", "vip=1", "plan=gold", "plan", "plan=a=b", *ODD[1:]]
NAMES = ["age", "city", "born", "it's", "%s", "{column}"]
EVENTS = ["purchase", "cart_added", "it's", "%(x)s"]
PEOPLE = 80


def moment(draw: random.Random) -> datetime:
    """On whole days too, so that limits are met exactly."""
    return NOW - timedelta(days=draw.choice([0, 1, 2, 7, 30, 31]), seconds=draw.choice([0, 1, 43200]))


def attribute(draw: random.Random) -> Any:
    return draw.choice(
        [
            draw.choice(ODD),
            draw.randint(-3, 40),
            12.5,
            True,
            False,
            None,
            [1],
            {"a": 1},
            "2026-11-27",
            "2026-10-01T09:00:00Z",
        ]
    )


def person(draw: random.Random) -> Person:
    events = {name: sorted((moment(draw) for _ in range(draw.randint(1, 25))), reverse=True)
              for name in EVENTS if draw.random() < 0.5}  # fmt: skip
    sends = [
        {"displayed": draw.random() < 0.5, "clicked": draw.random() < 0.2}
        for _ in range(draw.choice([0, 0, 1, 5, 20]))
    ]
    return {
        "country": draw.choice(COUNTRIES), "language": draw.choice(LANGUAGES), "region": draw.choice(ODD),
        "city": draw.choice(ODD), "time_zone": draw.choice(["Europe/Vienna", ""]), "browser": draw.choice(ODD),
        "os": draw.choice(ODD), "device": draw.choice(["mobile", ""]), "service": draw.choice(["fcm", "apple"]),
        "sdk_version": draw.choice(["1.0", ""]), "prompt": draw.choice(["bell", ""]), "external_id": draw.choice(ODD),
        "subscribed_at": moment(draw), "first_seen_at": moment(draw), "seen_at": moment(draw),
        "sessions": draw.randint(0, 5), "pages": draw.randint(0, 5),
        "tags": draw.sample(TAGS, draw.randint(0, 4)),
        "attributes": {name: attribute(draw) for name in NAMES if draw.random() < 0.7},
        "events": events, "sends": sends,
        **{f"{verb}_at": moment(draw) if sends and draw.random() < 0.7 else None for verb in ("displayed", "clicked")},
        "received_at": moment(draw) if sends else None,
    }  # fmt: skip


def store(site: Site, people: list[Person]) -> list[int]:
    columns = [field.name for field in Subscriber._meta.concrete_fields]
    rows = add_people(site, [{key: value for key, value in one.items() if key in columns} for one in people])
    for row, one in zip(rows, people, strict=True):
        for name, moments in one["events"].items():
            EventFact.objects.create(
                subscriber=row,
                name=name,
                count=len(moments),
                first_at=moments[-1],
                last_at=moments[0],
                recent=moments[:20],
            )
        if one["sends"]:
            bits = {
                verb: sum(flags[verb] << place for place, flags in enumerate(one["sends"]))
                for verb in ("displayed", "clicked")
            }
            times = {f"{verb}_at": one[f"{verb}_at"] for verb in ("received", "displayed", "clicked")}
            Engagement.objects.create(subscriber=row, sends=list(range(len(one["sends"]))), **bits, **times)
    return [row.pk for row in rows]


WORDS = {
    "country": COUNTRIES, "language": ["de", "DE-at", "en", "EN-US"], "time_zone": ["Europe/Vienna", "UTC"],
    "device": ["mobile", "tablet"], "service": ["fcm", "wns"], "sdk_version": ["1.0"], "prompt": ["bell"], "tag": TAGS,
}  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    field = FIELDS[draw(st.sampled_from(sorted(set(FIELDS) - {"segment", "campaign"})))]
    operator = field.operators[draw(st.sampled_from(sorted(field.operators)))]
    words = st.sampled_from([word for word in WORDS.get(field.name, ODD) if word])
    numbers = st.one_of(st.integers(-3, 40), st.just(12.5))
    low, high = sorted((draw(numbers), draw(numbers)))
    values = {
        "value": words, "values": st.lists(words, min_size=1, max_size=3, unique=True), "number": numbers,
        "from": st.just(low), "to": st.just(high), "days": st.sampled_from([1, 2, 7, 30]),
        "date": st.sampled_from(["2026-11-27", "2026-11-26", "2026-10-28", "2026-11-20"]),
        "name": st.sampled_from({"event": EVENTS, "attribute": NAMES}.get(field.name, ["vip", "plan", "it's", "%s"])),
        "times": st.sampled_from([1, 2, 3, 19, 20, 21, 25]), "last": st.integers(1, 20),
    }  # fmt: skip
    made = {"field": field.name, "op": operator.name}
    for argument in (*field.arguments, *operator.arguments):
        if not argument.is_optional or draw(st.booleans()):
            made[argument.key] = draw(values[argument.key])
    if field.name == "newest" or "days" in made:
        made = {key: min(value, 20) if key == "times" else value for key, value in made.items()}
    return made


def groups(members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"match": st.sampled_from(["all", "any"]), "rules": st.lists(members, min_size=1, max_size=3)}
    )


RULES = groups(st.one_of(conditions(), conditions(), groups(conditions())))


def found(site: Site, rule: dict[str, Any]) -> set[int]:
    meant = where(site.pk, read(rule), NOW)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM subscribers_subscriber person WHERE {meant.text}", meant.values)
        return {pk for (pk,) in cursor.fetchall()}


def test_sql_and_a_plain_reading_find_the_same_people(db: None, acme: Workspace) -> None:
    draw = random.Random(4)
    people = [person(draw) for _ in range(PEOPLE)]
    site, other = make_site(acme), make_site(acme, origin="https://other.example")
    with in_tenant(acme.schema):
        ids = store(site, people)
        store(other, people[:5])

        @settings(max_examples=600, deadline=None, derandomize=True, database=None)
        @given(RULES)
        def same(rule: dict[str, Any]) -> None:
            rule = json.loads(json.dumps(rule))
            expected = {pk for pk, one in zip(ids, people, strict=True) if means(rule, one, NOW)}
            assert found(site, rule) == expected

        same()
