"""What a person may ask for: what is known of them, and to be forgotten (PR-02, PR-04)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.freeze import freeze
from campaigns.delivery.work import Work
from subscribers.actions.profile import fold, tell
from subscribers.models import EventFact, Inbox, Subscriber, Tombstone
from subscribers.profiles import Event, Told
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, DueWork
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people

WHO = "ada@customer.example"
CONTENT = {"title": "Sale", "body": "Half price", "url": "https://shop.example/sale", "icon_url": ""}


@pytest.fixture
def people(acme: Workspace) -> list[Subscriber]:
    """Two browsers of one person on two websites, and one of somebody else."""
    shop = make_site(acme)
    other = make_site(acme, origin="https://other.example")
    with in_tenant(acme.schema):
        profile = {"tags": ["vip"], "attributes": {"first_name": "Ada"}, "city": "Graz", "prompt": "bell"}
        [first] = add_people(shop, [{"external_id": WHO, **profile}])
        [second] = add_people(other, [{"external_id": WHO}])
        [third] = add_people(shop, [{"external_id": "grace@customer.example", "tags": ["hers"]}])
        told = Told(events=[Event("purchase", {"total": 20})])
        for person in (first, third):
            tell(tenant_id=acme.tenant.pk, subscriber_id=person.pk, told=told)
        fold()
        given: dict[str, Any] = {"actor": acme.owner, "tenant": acme.tenant}
        launch_campaign(**given, campaign=save_draft(**given, site=shop, content=CONTENT), ttl=3600)
        due = DueWork.objects.get(tenant_id=acme.tenant.pk)
        assert freeze(Work(due.tenant_id, due.schema_name, due.send_id))
        tell(tenant_id=acme.tenant.pk, subscriber_id=first.pk, told=Told(attributes={"note": "on its way"}))
        return [first, second, third]


@pytest.fixture
def client(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


def dump(place: Workspace) -> str:
    """Every row of every table of the workspace, and of the public ones that say something of it, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", [place.schema]
        )
        tables = [f'"{place.schema}"."{name}"' for (name,) in cursor.fetchall()]
        rows: list[str] = []
        for table in [*tables, "public.tenants_auditentry", "public.django_q_ormq"]:
            cursor.execute(f"SELECT t::text FROM {table} t")
            rows += [text for (text,) in cursor.fetchall()]
    return "\n".join(rows)


def test_all_that_is_known_of_a_person_and_nothing_of_others(
    client: Client, acme: Workspace, people: list[Subscriber]
) -> None:
    answer = client.post("/privacy/data.json", {"external_id": WHO})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="person.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    first, second = answer.json()["subscriptions"]
    assert (first["number"], second["number"]) == (people[0].pk, people[1].pk)
    assert first["consent"] == {"at": people[0].subscribed_at.isoformat(), "origin": "", "prompt": "bell"}
    assert {name: first["profile"][name] for name in ("external_id", "tags", "attributes", "city")} == {
        "external_id": WHO, "tags": ["vip"], "attributes": {"first_name": "Ada"}, "city": "Graz",
    }  # fmt: skip
    [event] = first["events"]
    assert (event["name"], event["count"], event["last_properties"]) == ("purchase", 1, {"total": 20})
    [message] = first["messages"]["newest"]
    assert (message["title"], message["outcome"]) == ("Sale", "waiting")
    text = answer.content.decode()
    assert people[0].endpoint[-16:] == first["endpoint_ends_with"]
    assert people[0].endpoint not in text
    assert "grace" not in text
    assert "hers" not in text
    assert AuditEntry.objects.filter(action="subscriber.data").count() == 2
    one = client.post(f"/subscribers/{people[2].pk}/data.json").json()["subscriptions"]
    assert [each["profile"]["external_id"] for each in one] == ["grace@customer.example"]


def test_nobody_is_everybody_for_an_empty_id(client: Client, people: list[Subscriber]) -> None:
    assert client.post("/privacy/data.json", {"external_id": " "}).json() == {"subscriptions": []}
    answer = client.post("/privacy/erase/", {"external_id": ""}, follow=True)
    assert "Give the external ID of the person to erase." in page_text(answer)


def test_erased_by_external_id_a_dump_finds_nothing(
    client: Client, acme: Workspace, people: list[Subscriber]
) -> None:
    before = dump(acme)
    assert WHO in before
    assert "on its way" in before
    answer = client.post("/privacy/person/", {"external_id": WHO})
    assert "2 browsers have this external ID." in page_text(answer)
    answer = client.post("/privacy/erase/", {"external_id": WHO}, follow=True)
    assert "2 subscribers were erased. No import will bring this external ID back." in page_text(answer)
    after = dump(acme)
    for secret in (WHO, people[0].endpoint, people[1].endpoint, "Ada", "on its way", "Graz"):
        assert secret not in after
    assert people[2].endpoint in after
    with in_tenant(acme.schema):
        assert list(Subscriber.objects.values_list("pk", flat=True)) == [people[2].pk]
        assert set(EventFact.objects.values_list("subscriber_id", flat=True)) == {people[2].pk}
        assert Inbox.objects.count() == 0
        # Two endpoints and one external id.
        assert Tombstone.objects.count() == 3


def test_an_id_that_nobody_has_is_barred_all_the_same(client: Client, acme: Workspace) -> None:
    answer = client.post("/privacy/erase/", {"external_id": "later"}, follow=True)
    assert "Nobody has it. No import will bring this external ID back." in page_text(answer)
    with in_tenant(acme.schema):
        assert Tombstone.objects.count() == 1


def test_a_message_on_its_way_to_the_erased_is_not_sent(
    client: Client, acme: Workspace, people: list[Subscriber]
) -> None:
    """Its place in the frozen audience is a number that belongs to nobody; tests/campaigns say what a sender does."""
    client.post("/privacy/erase/", {"external_id": WHO})
    with in_tenant(acme.schema):
        assert json.dumps(people[0].pk) in str(list(_ids()))
        assert not Subscriber.objects.filter(pk=people[0].pk).exists()


def _ids() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT unnest(ids) FROM campaigns_batch")
        return [pk for (pk,) in cursor.fetchall()]


def test_retention_is_set_on_the_page_and_bounded(client: Client, acme: Workspace) -> None:
    assert "Left empty: 90 days." in page_text(client.get("/privacy/"))
    client.post("/privacy/", {"recipients": "30", "events": "60"})
    acme.tenant.refresh_from_db()
    assert (acme.tenant.retention_days, acme.tenant.event_days) == (30, 60)
    for wrong in ("0", "3651", "x"):
        assert client.post("/privacy/", {"recipients": wrong, "events": ""}).status_code == 200
    acme.tenant.refresh_from_db()
    assert (acme.tenant.retention_days, acme.tenant.event_days) == (30, 60)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.after) == ("workspace.retention", {"recipients": 30, "events": 60})
    assert timezone.now() > entry.at
