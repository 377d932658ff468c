"""The console's pages of segments, through HTTP."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from subscribers import segment_preview
from subscribers.models import Segment, Site, Subscriber
from tenants.doorway import in_tenant
from tenants.models import Membership, Role
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people

RULE = {"match": "all", "rules": [{"field": "country", "op": "is", "values": ["DE", "AT"]}]}

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


@pytest.fixture
def people(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        add_people(
            shop,
            [
                {"country": "DE", "external_id": "anna", "tags": ["vip"]},
                {"country": "AT", "attributes": {"age": 30}},
                {"country": "US"},
            ],
        )


def preview(console: Client, site: Site, rule: Any, **more: str) -> str:
    text = rule if isinstance(rule, str) else json.dumps(rule)
    answer = console.post("/segments/preview/", {"site": site.pk, "rule": text, **more})
    assert answer.status_code == 200
    return page_text(answer)


def new(console: Client, site: Site, name: str = "Germans", rule: Any = RULE) -> Any:
    return console.post("/segments/new/", {"site": site.pk, "name": name, "rule": json.dumps(rule)})


def only(place: Workspace) -> Segment:
    with in_tenant(place.schema):
        return Segment.objects.get()


@pytest.mark.parametrize(("role", "shown"), [(Role.ANALYST, False), (Role.EDITOR, True)])
def test_who_may_not_write_is_offered_no_segment_to_make_or_change(
    acme: Workspace, shop: Site, console: Client, role: Role, shown: bool
) -> None:
    Membership.objects.filter(tenant=acme.tenant, user=acme.owner).update(role=role)
    paths = ["/segments/", f"/sites/{shop.pk}/suggested/"]
    assert ["/segments/new/" in console.get(path).content.decode() for path in paths] == [shown, shown]
    with in_tenant(acme.schema):
        pk = Segment.objects.create(site=shop, name="Germans", rule=RULE).pk
    assert ("/segments/new/" in console.get("/segments/").content.decode()) is shown
    page = console.get(f"/segments/{pk}/").content.decode()
    assert [f"/segments/{pk}/{way}/" in page for way in ("edit", "delete")] == [shown, shown]


def test_a_segment_is_made_shown_changed_and_deleted(
    acme: Workspace, console: Client, shop: Site, people: None
) -> None:
    made = new(console, shop)
    segment = only(acme)
    assert (made.status_code, made["Location"]) == (302, f"/segments/{segment.pk}/")
    assert (segment.name, segment.rule) == ("Germans", RULE)
    page = page_text(console.get(made["Location"]))
    assert "Subscribers whose country is “Germany” or “Austria”." in page
    assert "No draft and no other segment uses it." in page
    answer = console.post(
        f"/segments/{segment.pk}/edit/",
        {"name": " Best  people ", "rule": json.dumps({**RULE, "match": "any"})},
    )
    assert answer.status_code == 302
    assert (only(acme).name, only(acme).rule["match"]) == ("Best people", "any")
    deleted = console.post(f"/segments/{segment.pk}/delete/", follow=True)
    assert "Segment “Best people” deleted." in page_text(deleted)
    with in_tenant(acme.schema):
        assert not Segment.objects.exists()


def test_the_list_counts_what_is_not_counted_yet(
    acme: Workspace, console: Client, shop: Site, people: None
) -> None:
    new(console, shop)
    segment = only(acme)
    assert f'hx-post="/segments/{segment.pk}/count/"' in console.get("/segments/").content.decode()
    assert page_text(console.post(f"/segments/{segment.pk}/count/")).startswith("2")
    assert only(acme).counted == 2
    assert "hx-post" not in console.get("/segments/").content.decode().split("<table")[1].split("</table")[0]


def test_the_preview_counts_shows_some_and_reads_as_sentence_and_sql(
    console: Client, shop: Site, people: None
) -> None:
    said = preview(console, shop, RULE)
    assert "2 subscribers · 66.7 % of 3" in said
    assert "Subscribers whose country is “Germany” or “Austria”." in said
    assert "person.country = ANY('{DE,AT}')" in said
    assert "anna" in said


def test_a_rule_that_is_not_finished_says_what_is_missing(console: Client, shop: Site) -> None:
    empty = {"match": "all", "rules": [{"field": "country", "op": "is", "values": []}]}
    assert "rule.rules[0].values: the list is empty. Give at least one value." in preview(
        console, shop, empty
    )
    assert "this is not JSON" in preview(console, shop, "{")
    assert "there is no segment 99" in preview(
        console, shop, {"match": "all", "rules": [{"field": "segment", "op": "in", "segment": 99}]}
    )


def test_a_wrong_rule_is_not_saved_and_the_page_says_where_it_is_wrong(
    acme: Workspace, console: Client, shop: Site
) -> None:
    answer = new(console, shop, rule={"match": "all", "rules": [{"field": "password", "op": "is"}]})
    assert answer.status_code == 200
    assert "rule.rules[0].field: 'password' is not a field." in page_text(answer)
    with in_tenant(acme.schema):
        assert not Segment.objects.exists()


def test_a_name_that_is_taken_is_said_at_the_name(acme: Workspace, console: Client, shop: Site) -> None:
    new(console, shop)
    assert "There is a segment “Germans” on this website already." in page_text(new(console, shop))


def test_a_slow_rule_is_estimated_first_and_then_counted(
    acme: Workspace, console: Client, shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a thousandth of a second a regular expression over 20,000 people is slow."""
    monkeypatch.setattr(segment_preview, "AT_ONCE_MS", 1)
    with in_tenant(acme.schema):
        multiply(add_people(shop, [{"attributes": {"born": "1990-05-01"}}])[0], 20_000)
    rule = {
        "match": "all",
        "rules": [{"field": "attribute", "name": "born", "op": "before", "date": "2000-01-01"}],
    }
    answer = console.post("/segments/preview/", {"site": shop.pk, "rule": json.dumps(rule)})
    first = answer.content.decode()
    assert "An estimate, give or take" in first and "Counting exactly…" in first
    assert '"refine": "on"' in first
    about = int(re.sub(r"\D", "", page_text(answer).split("about ")[1].split(" subscribers")[0]))
    assert about == pytest.approx(20_001, rel=0.05)
    said = preview(console, shop, rule, refine="on")
    assert "20,001 subscribers" in said and "about" not in said


def multiply(row: Subscriber, times: int) -> None:
    """Add so many like it."""
    columns = [
        f.column
        for f in Subscriber._meta.concrete_fields
        if f.column not in ("id", "endpoint", "endpoint_digest")
    ]
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO subscribers_subscriber (endpoint, endpoint_digest, {names}) "
            f"SELECT endpoint || n, sha256(n::text::bytea), {names} "
            "FROM subscribers_subscriber, generate_series(1, %s) n WHERE id = %s",
            [times, row.pk],
        )
        cursor.execute("ANALYZE subscribers_subscriber")


def test_suggestions_are_there_without_set_up_and_begin_the_builder(
    console: Client, shop: Site, people: None
) -> None:
    said = page_text(console.get(f"/sites/{shop.pk}/suggested/"))
    for name, total in (
        ("New this week", 3),
        ("Dormant for 30 days", 0),
        ("Clicked in the last 30 days", 0),
        ("Never clicked", 0),
        ("Germany", 1),
        ("Austria", 1),
    ):
        assert f"{name} {total}" in said
    page = console.get(f"/segments/new/?site={shop.pk}&suggested=dormant").content.decode()
    assert 'value="Dormant for 30 days"' in page
    assert "&quot;op&quot;: &quot;not_within&quot;, &quot;days&quot;: 30" in page


def test_the_builder_lists_what_people_have(console: Client, shop: Site, people: None) -> None:
    page = console.get(f"/segments/new/?site={shop.pk}").content.decode()
    builder = json.loads(page.split('<script id="builder" type="application/json">')[1].split("</script>")[0])
    assert builder["options"]["tag"] == [{"value": "vip", "label": "vip"}]
    assert builder["options"]["attribute"] == [{"value": "age", "label": "age"}]
    assert {"value": "DE", "label": "Germany"} in builder["options"]["country"]
    assert [one["name"] for one in builder["fields"]][:2] == ["country", "region"]


def test_a_segment_of_another_website_is_not_offered(acme: Workspace, console: Client, shop: Site) -> None:
    other = make_site(acme, origin="https://other.example", name="Other")
    new(console, other, name="Foreign")
    console.get("/")  # says that it was saved
    page = console.get(f"/segments/new/?site={shop.pk}").content.decode()
    assert "Foreign" not in page
    assert "Foreign" in console.get(f"/segments/?site={other.pk}").content.decode()
    assert "Foreign" not in console.get(f"/segments/?site={shop.pk}").content.decode()
