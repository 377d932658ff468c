"""Segments are saved, use each other, and are not taken from whoever uses them."""

from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from subscribers.actions.segment import SegmentRefused, delete_segment, save_segment
from subscribers.audience import count, name_in, where
from subscribers.models import Segment, Site
from subscribers.rules.arguments import RuleRefused
from subscribers.rules.rule import read
from subscribers.rules.sentence import sentence
from subscribers.segment_users import users_of
from tenants.doorway import in_tenant
from tenants.models import AuditEntry
from tests.conftest import Workspace, make_site
from tests.subscribers.people import add_people

GERMAN = {"field": "country", "op": "is", "values": ["DE"]}
VIP = {"field": "tag", "op": "has", "values": ["vip"]}

pytestmark = pytest.mark.django_db


def rule(*members: dict[str, Any], match: str = "all") -> dict[str, Any]:
    return {"match": match, "rules": list(members)}


def within(segment: Segment, op: str = "in") -> dict[str, Any]:
    return {"field": "segment", "op": op, "segment": segment.pk}


def save(place: Workspace, site: Site, name: str, raw: Any, segment: Segment | None = None) -> Segment:
    return save_segment(
        actor=place.owner, tenant=place.tenant, site=site, name=name, rule=read(raw), segment=segment
    )


def size(site: Site, raw: Any) -> int:

    return count(where(site.pk, read(raw), timezone.now()), milliseconds=5000).total


def test_a_segment_includes_and_excludes_others(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        add_people(shop, [{"country": "DE"}, {"country": "DE", "tags": ["vip"]}, {"tags": ["vip"]}, {}])
        german = save(acme, shop, "German", rule(GERMAN))
        vip = save(acme, shop, "Best", rule(VIP))
        both = rule(within(german), within(vip, "not_in"))
        assert size(shop, both) == 1
        assert size(shop, rule(within(german), within(vip), match="any")) == 3
        outer = save(acme, shop, "Ordinary", both)
        assert size(shop, rule(within(outer, "not_in"))) == 3
        assert sentence(read(both), name_of=name_in(shop.pk)) == (
            "Subscribers who are in “German” and who are not in “Best”."
        )
        assert users_of(german) == ["segment “Ordinary”"]
    entry = AuditEntry.objects.get(action="segment.save", after__name="German")
    assert (entry.target, entry.tenant_id) == (f"segment {german.pk}", acme.tenant.pk)
    assert (entry.before, entry.after["conditions"]) == (None, ["country is"])


def test_segments_in_a_circle_are_refused_and_nothing_changes(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        first = save(acme, shop, "First", rule(GERMAN))
        second = save(acme, shop, "Second", rule(within(first)))
        with pytest.raises(RuleRefused, match=f"segment {first.pk} uses itself"):
            save(acme, shop, "First", rule(within(second)), segment=Segment.objects.get(pk=first.pk))
        with pytest.raises(RuleRefused, match="uses itself"):
            save(acme, shop, "First", rule(within(first)), segment=Segment.objects.get(pk=first.pk))
        assert Segment.objects.get(pk=first.pk).rule == rule(GERMAN)


def test_segments_inside_each_other_end_at_a_depth_and_a_number_of_conditions(
    acme: Workspace, shop: Site
) -> None:
    with in_tenant(acme.schema):
        last = save(acme, shop, "0", rule(*[GERMAN] * 50))
        chain = [last]
        while len(chain) < 4:
            chain.append(save(acme, shop, str(len(chain)), rule(within(chain[-1]))))
        with pytest.raises(RuleRefused, match="more than 3 deep"):
            save(acme, shop, "deeper", rule(within(chain[-1])))
        with pytest.raises(RuleRefused, match="more than 200 conditions"):
            save(acme, shop, "wider", rule(*[within(last)] * 4))
        with pytest.raises(
            RuleRefused, match="“2” uses this segment, and then: with its segments it has more"
        ):
            save(acme, shop, "1", rule(*[within(last)] * 3, *[GERMAN] * 47), segment=chain[1])
        assert Segment.objects.count() == 4


def test_a_segment_of_another_website_does_not_exist(acme: Workspace, shop: Site) -> None:
    other = make_site(acme, origin="https://other.example")
    with in_tenant(acme.schema):
        foreign = save(acme, other, "Foreign", rule(GERMAN))
        with pytest.raises(RuleRefused, match=f"there is no segment {foreign.pk} on this website"):
            save(acme, shop, "Mine", rule(within(foreign)))


def test_a_name_is_taken_once_on_a_website(acme: Workspace, shop: Site) -> None:
    other = make_site(acme, origin="https://other.example")
    with in_tenant(acme.schema):
        save(acme, shop, "German", rule(GERMAN))
        save(acme, other, "German", rule(GERMAN))
        with pytest.raises(SegmentRefused, match="There is a segment “German” on this website already"):
            save(acme, shop, "German", rule(VIP))


def test_a_segment_that_another_uses_is_not_deleted(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        german = save(acme, shop, "German", rule(GERMAN))
        outer = save(acme, shop, "Outer", rule(within(german)))
        with pytest.raises(SegmentRefused, match="“German” is used by segment “Outer”"):
            delete_segment(actor=acme.owner, tenant=acme.tenant, segment=german)
        delete_segment(actor=acme.owner, tenant=acme.tenant, segment=outer)
        delete_segment(actor=acme.owner, tenant=acme.tenant, segment=german)
        assert Segment.objects.count() == 0


def test_only_who_is_subscribed_and_no_test_device_is_meant(acme: Workspace, shop: Site) -> None:

    gone = {"country": "DE", "state": "gone", "ended_at": timezone.now()}
    with in_tenant(acme.schema):
        add_people(shop, [{"country": "DE"}, gone, {"country": "DE", "is_test": True}])
        assert size(shop, rule(GERMAN)) == 1


def test_sql_is_shown_with_its_values_and_runs_as_it_is_shown(acme: Workspace, shop: Site) -> None:

    odd = "it's 100% \\ %s"
    with in_tenant(acme.schema):
        add_people(shop, [{"tags": [odd]}, {}])
        shown = where(
            shop.pk, read(rule({"field": "tag", "op": "has", "values": [odd]})), timezone.now()
        ).shown()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM subscribers_subscriber person WHERE {shown}")
            assert cursor.fetchone() == (1,)


def test_a_value_with_an_or_in_it_is_said_as_it_is() -> None:
    tags = {"field": "tag", "op": "has_all", "values": ["black or green", "vip"]}
    assert sentence(read(rule(tags)), name_of=lambda key, pk: "") == (
        "Subscribers whose tags include “black or green” and “vip”."
    )
