"""The list of subscribers: searched, filtered, page by page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from subscribers import subscriber_list
from subscribers.models import Site
from subscribers.subscriber_list import PER_PAGE, Wanted, page_of
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people

pytestmark = pytest.mark.django_db


def found(site: Site, **wanted: Any) -> list[int]:
    return [person.pk for person in page_of(site.pk, Wanted(**wanted)).people]


def test_people_are_found_by_what_is_known_of_them(acme: Workspace, shop: Site) -> None:
    gone = {"state": "gone", "ended_at": timezone.now()}
    with in_tenant(acme.schema):
        other = make_site(acme, origin="https://other.example")
        add_people(other, [{"external_id": "anna"}])
        rows = add_people(
            shop,
            [
                {"external_id": "anna-1", "tags": ["vip", "plan=gold"], "country": "DE"},
                {"external_id": "anna_2", "country": "DE", **gone},
                {"external_id": "ANNA", "tags": ["vip=1"]},
                {
                    "endpoint": "https://fcm.googleapis.com/fcm/send/abc:APA91b_%Zz9-",
                    "endpoint_digest": b"x" * 32,
                },
                {"is_test": True, "external_id": "anna-test"},
            ],
        )
        one, two, three, four, device = (row.pk for row in rows)
        assert found(shop) == [four, three, two, one]
        assert found(shop, search="anna") == [two, one]
        assert found(shop, search="anna_") == [two]  # LIKE's own signs are plain characters
        assert found(shop, search="%") == []
        assert found(shop, search="Zz9-") == found(shop, search="APA91b_%Zz9-") == [four]
        assert found(shop, search="z9-") == found(shop, search="c/send/abc:APA91b_%Zz9-") == []
        assert found(shop, search=str(three)) == [three]
        assert found(shop, tag="vip") == [one]
        assert found(shop, tag="vip' OR 1=1--") == []
        assert found(shop, country="DE") == [two, one]
        assert found(shop, country="DE", state="active") == [one]
        assert found(shop, state="gone") == [two]
        assert found(shop, tests=True) == [device]


def test_pages_go_on_from_an_id_both_ways_and_meet_nobody_twice(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        rows = add_people(shop, [{}] * (2 * PER_PAGE + 3))
        expected = [row.pk for row in reversed(rows)]
        first = page_of(shop.pk, Wanted())
        second = page_of(shop.pk, Wanted(), after=first.after)
        third = page_of(shop.pk, Wanted(), after=second.after)
        assert [person.pk for page in (first, second, third) for person in page.people] == expected
        assert (first.before, third.after) == (None, None)
        again = page_of(shop.pk, Wanted(), before=third.before)
        assert again == second
        assert page_of(shop.pk, Wanted(), before=second.before) == first


def test_a_page_takes_the_same_queries_however_many_there_are(
    acme: Workspace, console: Callable[..., Client], shop: Site, django_assert_num_queries: Any
) -> None:
    client = console(acme)
    with in_tenant(acme.schema):
        add_people(shop, [{"external_id": f"c-{n}"} for n in range(PER_PAGE)])
    client.get("/subscribers/")
    # Four of them are the search itself, in a time of its own.
    with django_assert_num_queries(17):
        page = page_text(client.get("/subscribers/?q=c-"))
    assert "c-49" in page
    assert "Counting…" in page
    said = page_text(client.get(f"/sites/{shop.pk}/totals/"))
    assert said == "50 subscribed · 0 unsubscribed · 0 gone"


def test_what_is_typed_stays_in_the_form_and_nobody_is_said_so(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    answer = console(acme).get(
        "/subscribers/", {"q": '"><script>', "state": "bogus", "after": "x", "segment": "²"}
    )
    assert "Nobody fits" in page_text(answer)
    assert 'value="&quot;&gt;&lt;script&gt;"' in answer.content.decode()
    assert "there is no segment 99" in page_text(console(acme).get("/subscribers/?segment=99"))


def test_endpoints_are_on_no_page(acme: Workspace, console: Callable[..., Client], shop: Site) -> None:
    with in_tenant(acme.schema):
        (row,) = add_people(shop, [{"external_id": "anna"}])
    for path in ("/subscribers/", "/subscribers/?q=anna", f"/subscribers/{row.pk}/"):
        assert row.endpoint not in console(acme).get(path).content.decode()


def test_a_search_that_means_too_many_says_so(
    acme: Workspace, console: Callable[..., Client], shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_list, "MOST_FOUND", 3)
    with in_tenant(acme.schema):
        add_people(shop, [{"external_id": f"many-{n}"} for n in range(4)] + [{"external_id": "few-1"}])
    client = console(acme)
    assert "few-1" in page_text(client.get("/subscribers/?q=few"))
    assert "reads too many" in page_text(client.get("/subscribers/?q=many"))


def test_who_left_and_who_is_here_are_one_list(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    """Two indexes, merged by id, on both sides of a page's edge, beside another website's people."""
    other = make_site(acme, origin="https://other.example")
    gone = {"state": "gone", "ended_at": timezone.now()}
    with in_tenant(acme.schema):
        mine = []
        for number in range(PER_PAGE + 20):
            more = gone if number % 3 else {}
            mine += add_people(shop, [{"external_id": f"mine-{number:03}", **more}])
            add_people(other, [{"external_id": f"not-{number:03}"}])
        first = page_of(shop.pk, Wanted())
        assert [one.pk for one in first.people] == [one.pk for one in mine[:19:-1]]
        second = page_of(shop.pk, Wanted(), after=first.after)
        assert [one.pk for one in second.people] == [one.pk for one in mine[19::-1]]
        back = page_of(shop.pk, Wanted(), before=second.before)
        assert [one.pk for one in back.people] == [one.pk for one in first.people]
        only_gone = page_of(shop.pk, Wanted(state="gone"))
        assert {one.state for one in only_gone.people} == {"gone"}
