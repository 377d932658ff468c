"""Unsubscribe, tag, mark as a test device, erase: what the console's people do to one subscriber."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from subscribers.actions.person import tombstone_of
from subscribers.models import EventFact, Site, Subscriber, Tombstone
from subscribers.tags import TagsRefused, clean_tags
from tenants.doorway import in_tenant
from tenants.models import AuditEntry
from tests.conftest import Workspace
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(acme: Workspace, shop: Site) -> Subscriber:
    with in_tenant(acme.schema):
        return add_people(shop, [{"external_id": "anna@example.com", "tags": ["vip"]}])[0]


@pytest.fixture
def client(acme: Workspace, console: Callable[..., Client]) -> Client:
    return console(acme)


def fresh(place: Workspace, row: Subscriber) -> Subscriber:
    with in_tenant(place.schema):
        return Subscriber.objects.get(pk=row.pk)


def test_unsubscribing_takes_out_of_the_audience_once(
    acme: Workspace, client: Client, anna: Subscriber
) -> None:
    page = page_text(client.post(f"/subscribers/{anna.pk}/unsubscribe/", follow=True))
    assert "Unsubscribed. Nothing more is sent to this browser." in page
    row = fresh(acme, anna)
    assert (row.state, row.ended_why, row.ended_at is not None) == ("unsubscribed", "console", True)
    page = page_text(client.post(f"/subscribers/{anna.pk}/unsubscribe/", follow=True))
    assert "Nothing changed: this subscriber is unsubscribed already." in page
    assert fresh(acme, anna).ended_at == row.ended_at
    entries = AuditEntry.objects.filter(action="subscriber.unsubscribe", target=f"subscriber {anna.pk}")
    assert entries.count() == 1


def test_tags_are_replaced_sorted_and_each_once(acme: Workspace, client: Client, anna: Subscriber) -> None:
    client.post(f"/subscribers/{anna.pk}/tags/", {"tags": "plan=gold, b  c,,a\na"})
    assert fresh(acme, anna).tags == ["a", "b c", "plan=gold"]
    client.post(f"/subscribers/{anna.pk}/tags/", {"tags": " "})
    assert fresh(acme, anna).tags == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["x" * 65], "has 65 characters; a tag has at most 64. Shorten it."),
        (["=gold"], "“=gold” has no name before “=”. Write name=value."),
        (["a\x07b"], "has characters that cannot be shown. Type it anew."),
        ([str(n) for n in range(51)], "51 tags; a subscriber has at most 50. Take some away."),
        ([f"{n:03d}" + "é" * 40 for n in range(20)], "1,660 octets together; at most 1,500 are kept."),
    ],
)
def test_tags_that_cannot_be_kept_are_refused_and_nothing_changes(
    acme: Workspace, client: Client, anna: Subscriber, given: list[str], said: str
) -> None:
    with pytest.raises(TagsRefused) as refused:
        clean_tags(given)
    assert said in str(refused.value)
    page = page_text(client.post(f"/subscribers/{anna.pk}/tags/", {"tags": ",".join(given)}, follow=True))
    assert "The tags are as they were." in page
    assert fresh(acme, anna).tags == ["vip"]


def test_the_most_tags_that_are_taken_fit_the_audiences_index(acme: Workspace, shop: Site) -> None:
    """Random ones, which nothing compresses, beside the longest of every other column that the index holds."""
    long = {"language": 35, "country": 2, "time_zone": 64, "browser": 40, "os": 40, "device": 12}
    with in_tenant(acme.schema), connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(substr(md5(n::text), 1, 30)) FROM generate_series(1, 50) n")
        tags = clean_tags(cursor.fetchone()[0])
        assert sum(map(len, tags)) == 1500
        cursor.execute("SELECT string_agg(chr(19968 + n * 37 % 20000), '') FROM generate_series(1, 64) n")
        odd = cursor.fetchone()[0]
        values = {name: odd[:length] for name, length in long.items()}
        (row,) = add_people(shop, [{"tags": tags, **values}])
        assert Subscriber.objects.get(pk=row.pk).tags == tags


def test_a_test_device_is_out_of_the_audience_and_back(
    acme: Workspace, client: Client, shop: Site, anna: Subscriber
) -> None:
    client.post(f"/subscribers/{anna.pk}/test/", {"is_test": "on"})
    assert fresh(acme, anna).is_test
    assert "0 subscribed" in page_text(client.get(f"/sites/{shop.pk}/totals/"))
    client.post(f"/subscribers/{anna.pk}/test/")
    assert not fresh(acme, anna).is_test


def test_erasing_leaves_nothing_that_names_the_person(
    acme: Workspace, client: Client, anna: Subscriber
) -> None:
    now = timezone.now()
    with in_tenant(acme.schema):
        EventFact.objects.create(
            subscriber=anna, name="buy", count=1, first_at=now, last_at=now, recent=[now],
            last_properties={"mail": "anna@example.com"},
        )  # fmt: skip
    page = page_text(client.post(f"/subscribers/{anna.pk}/erase/", follow=True))
    assert f"Subscriber {anna.pk} is erased." in page
    assert client.get(f"/subscribers/{anna.pk}/").status_code == 404
    with in_tenant(acme.schema):
        assert not Subscriber.objects.exists()
        assert not EventFact.objects.exists()
        marks = {bytes(mark.digest) for mark in Tombstone.objects.all()}
        assert marks == {
            tombstone_of("endpoint", bytes(anna.endpoint_digest).hex()),
            tombstone_of("external", "anna@example.com"),
        }
    # A dump of every table of every schema, as text.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%anna@example%'")
            assert cursor.fetchone() == (0,), table
