"""What happens now, and search: read by support staff from the books, in bounded time, each line leading on."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.models import Batch, Send
from subscribers.actions.subscription import NewSubscription, subscribe
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tenants.models import Alert, DueWork, SendIndex, Tenant, Throttle, User, WorkerProcess
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser
from tests.tenants.people import add_person, give_second_factor
from truepush.lib.webpush.endpoints import parse_endpoint
from truepush.staff import search as searching

SignIn = Callable[[User], Client]


def text_of(page: Any) -> str:
    plain = unescape(re.sub(r"<[^>]+>", " ", page.content.decode()))
    return " ".join(plain.split())


@pytest.fixture
def busy(acme: Workspace) -> SendIndex:
    """Something in every part of the page."""
    ago = timezone.now() - timedelta(minutes=5)
    place = {"tenant_id": acme.tenant.pk, "schema_name": acme.schema, "send_id": 77}
    DueWork.objects.create(**place, priority=DueWork.Priority.BULK, due_at=ago)
    WorkerProcess.objects.create(
        host="h", pid=1, role="delivery", version="9.8.7", seen_at=ago, rate=120.4, in_flight=33
    )
    Alert.objects.create(kind="runaway", tenant_id=acme.tenant.pk, text="Look at it.", times=3)
    Throttle.objects.create(
        lane="o:https://push.example", kind="origin", origin="https://push.example", per_second=2.5, normal=100,
        reason="503",
    )  # fmt: skip
    return SendIndex.objects.create(
        **place, site_id=1, kind="campaign", state="running", audience=900, due_at=ago
    )


def test_now_shows_what_runs_and_each_line_leads_to_it(
    staff: Client, busy: SendIndex, acme: Workspace
) -> None:
    page = staff.get("/admin/now/")
    text = text_of(page)
    assert "The oldest has been due for 5 min : send 77 of Acme" in text
    assert "1 in all : 1 due, 0 held." in text
    assert "h:1 Delivery 5 min ago: silent 9.8.7 33 120" in text
    assert "runaway : Look at it. Acme" in text
    assert "push.example All 2.5" in text
    assert "77 Acme running 900 0 0" in text
    links = re.findall(r'href="(/admin/[^"?]+)"', page.content.decode())
    assert f"/admin/sends/{busy.pk}/" in links
    for link in set(links) - {"/admin/logout/", "/admin/password_change/"}:
        assert staff.get(link).status_code == 200, link


def test_now_says_that_nothing_sends_without_workers(staff: Client) -> None:
    text = text_of(staff.get("/admin/now/"))
    assert "No worker gives signs of life: nothing is sent." in text
    assert "Nothing is due." in text


def test_now_takes_as_many_queries_for_many_rows(staff: Client, busy: SendIndex, acme: Workspace) -> None:
    def ask() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff.get("/admin/now/").status_code == 200
        return len(queries)

    before = ask()
    for number in range(60):
        WorkerProcess.objects.create(host="h", pid=number + 2, role="delivery", version="1")
        Alert.objects.create(kind=f"k{number}", tenant_id=acme.tenant.pk, text="x")
    assert ask() == before
    assert before <= 24
    assert "11 more" in text_of(staff.get("/admin/now/"))


def hits(staff: Client, text: str, **more: Any) -> dict[str, list[tuple[str, str]]]:
    found = staff.get("/admin/search/", {"q": text, **more}).context["found"]
    return {kind: [(hit.name, hit.workspace) for hit in rows] for kind, rows in found.groups.items()}


@pytest.fixture
def both(acme: Workspace, globex: Workspace) -> Subscriber:
    """A subscriber and a sent campaign in each workspace; answers acme's subscriber."""
    people = []
    for place in (acme, globex):
        site = make_site(
            place, name=f"{place.tenant.name} teapots", origin=f"https://{place.tenant.slug}.example"
        )
        with in_tenant(place.schema):
            browser = Browser()
            new = NewSubscription(parse_endpoint(browser.endpoint), browser.p256dh, browser.auth)
            pk, _ = subscribe(site_id=site.pk, new=new)
            Subscriber.objects.filter(pk=pk).update(external_id=f"customer-{place.tenant.slug}")
            people.append(Subscriber.objects.get(pk=pk))
            content = {"title": "50% off", "body": "", "url": "https://x.example/", "icon_url": ""}
            draft = save_draft(actor=place.owner, tenant=place.tenant, site=site, content=content)
            type(draft).objects.filter(pk=draft.pk).update(name=f"Autumn 50% {place.tenant.slug}")
            launch_campaign(actor=place.owner, tenant=place.tenant, campaign=draft, ttl=86400)
    return people[0]


def test_search_finds_what_a_customer_speaks_of(staff: Client, both: Subscriber, acme: Workspace) -> None:
    assert hits(staff, "acm")["Workspaces"] == [("Acme", "Acme")]
    assert hits(staff, "https://globex.ex")["Websites"] == [("Globex teapots", "Globex")]
    assert hits(staff, "owner@acme.test") == {"People": [("owner@acme.test", "Acme")]}
    assert hits(staff, "customer-acme") == {"Subscribers": [(f"Subscriber {both.pk}", "Acme")]}
    assert hits(staff, both.endpoint[-12:])["Subscribers"] == [(f"Subscriber {both.pk}", "Acme")]
    assert [name for name, _ in hits(staff, "autumn 50%")["Campaigns"]] == [
        "Autumn 50% acme",
        "Autumn 50% globex",
    ]
    send = SendIndex.objects.filter(tenant_id=acme.tenant.pk).latest("pk")
    found = hits(staff, f"{send.send_id:02d}")
    assert ("Send " + str(send.send_id), "Acme") in found["Sends"]


def test_search_in_one_workspace_shows_nothing_of_others(
    staff: Client, both: Subscriber, acme: Workspace
) -> None:
    found = hits(staff, "customer", **{"in": acme.tenant.pk})
    assert found == {"Subscribers": [(f"Subscriber {both.pk}", "Acme")]}
    assert hits(staff, "globex", **{"in": acme.tenant.pk}) == {}


def test_no_endpoint_is_shown(staff: Client, both: Subscriber) -> None:
    page = staff.get("/admin/search/", {"q": "customer-acme"}).content.decode()
    assert both.endpoint not in page
    assert both.endpoint[-12:] not in page


def test_what_was_not_searched_in_time_is_said_and_gone_on_with(
    staff: Client, both: Subscriber, acme: Workspace, globex: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST_FOUND", 1)
    page = staff.get("/admin/search/", {"q": "customer-"})
    found = page.context["found"]
    assert (found.visited, found.rest, found.after) == (1, 1, acme.tenant.pk)
    assert "1 more was not searched, to answer in time." in text_of(page)
    assert hits(staff, "customer-", after=found.after)["Subscribers"][0][1] == "Globex"


def test_going_on_gets_on_also_where_the_books_alone_give_enough(
    staff: Client, both: Subscriber, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST_FOUND", 1)
    found = staff.get("/admin/search/", {"q": "acm"}).context["found"]
    assert (found.visited, found.rest, found.after) == (1, 1, acme.tenant.pk)
    found = staff.get("/admin/search/", {"q": "acm", "after": found.after}).context["found"]
    assert (found.visited, found.rest) == (1, 0)


def test_a_workspace_whose_migration_failed_or_that_has_no_schema_is_left_out(
    staff: Client, both: Subscriber, acme: Workspace, globex: Workspace
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f'ALTER TABLE "{acme.schema}".campaigns_campaign RENAME name TO title')
    Tenant.objects.filter(pk=acme.tenant.pk).update(migration_error="lock timeout")
    page = staff.get("/admin/search/", {"q": "customer-"})
    found = page.context["found"]
    assert (found.visited, found.skipped, found.rest) == (1, ["Acme"], 0)
    assert "Not searched (too slow, or not migrated): Acme." in text_of(page)
    assert [hit.workspace for hit in found.groups["Subscribers"]] == ["Globex"]
    Tenant.objects.filter(pk=globex.tenant.pk).update(state="failed", schema_name="t_none")
    found = staff.get("/admin/search/", {"q": "customer-", "in": globex.tenant.pk}).context["found"]
    assert (found.visited, found.groups) == (0, {})


@pytest.mark.parametrize(
    ("text", "skipped"), [("autumn", "Acme"), ("teapots", "names of workspaces, websites and people")]
)
@pytest.mark.usefixtures("both")
def test_no_query_takes_longer_than_it_may(
    staff: Client, acme: Workspace, monkeypatch: pytest.MonkeyPatch, text: str, skipped: str
) -> None:
    monkeypatch.setattr(searching, "PATIENCE_MS", 100)
    is_sends = text == "autumn"
    place, table = (f'"{acme.schema}"', "campaigns_send") if is_sends else ("public", "tenants_siteindex")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {place}.{table} RENAME TO slow")
        cursor.execute(
            f"CREATE VIEW {place}.{table} AS SELECT slow.* FROM {place}.slow, (SELECT pg_sleep(0.4)) nap"
        )
    found = staff.get("/admin/search/", {"q": text}).context["found"]
    assert (found.skipped, found.visited) == ([skipped], 1 if is_sends else 2)


def test_a_search_of_one_character_asks_for_more(staff: Client) -> None:
    page = staff.get("/admin/search/", {"q": "a"})
    assert page.context["found"] is None
    assert "Give at least 2 characters" in text_of(page)


def test_strange_searches_are_answered(staff: Client, both: Subscriber) -> None:
    for text in ("%%", "__", "\\\\", "\0\0a'", "9" * 128, "9" * 18, "' OR 1=1 --"):
        assert staff.get("/admin/search/", {"q": text, "after": "x", "in": ""}).status_code == 200
    assert staff.get("/admin/search/", {"q": "ab", "in": "4711"}).status_code == 404
    assert staff.get("/admin/workspaces/99999999999999999999/").status_code == 404
    for number in (4711, 99999999999999999999):
        assert staff.get(f"/admin/sends/{number}/").status_code == 404


def test_people_are_found_by_those_who_may_read_people(signed_in: SignIn, acme: Workspace) -> None:
    reader = add_person("reader@truepush.test", is_staff=True)
    client = signed_in(reader)
    give_second_factor(reader)
    for path in ("now/", "search/", f"workspaces/{acme.tenant.pk}/"):
        assert client.get(f"/admin/{path}").status_code == 403
    reader.user_permissions.add(Permission.objects.get(codename="support_tenant"))
    assert hits(client, "owner@acme.test") == {}
    path = f"/admin/workspaces/{acme.tenant.pk}/"
    assert "owner@acme.test" not in client.get(path).content.decode()
    reader.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert "owner@acme.test" in client.get(path).content.decode()


def test_batches_of_a_running_send_alone_have_a_button(
    staff: Client, both: Subscriber, acme: Workspace
) -> None:
    send = SendIndex.objects.filter(tenant_id=acme.tenant.pk).latest("pk")
    given: dict[str, Any] = {"send_id": send.send_id, "ids": [1, 2], "size": 2, "first_id": 1, "last_id": 2}
    later = timezone.now() + timedelta(days=400)
    with in_tenant(acme.schema):
        batch = Batch.objects.create(number=0, due_at=timezone.now(), **given)
        waiting = Batch.objects.create(number=1, due_at=later, **given)
    path = f"/admin/sends/{send.pk}/"
    assert "Queue again" not in staff.get(path).content.decode()
    with in_tenant(acme.schema):
        Send.objects.filter(pk=send.send_id).update(state="running")
    SendIndex.objects.filter(pk=send.pk).update(state="running")
    page = staff.get(path).content.decode()
    assert f'name="batch" value="{batch.pk}"' in page
    assert f'name="batch" value="{waiting.pk}"' not in page
    assert "Not due yet" in page
    answer = staff.post(f"{path}requeue/", {"batch": str(batch.pk), "why": "It stands still"}, follow=True)
    assert f"Batch {batch.pk} is queued again." in answer.content.decode()
    with in_tenant(acme.schema):
        assert Batch.objects.get(pk=batch.pk).fence == 1
