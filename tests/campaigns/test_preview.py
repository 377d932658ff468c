"""The composer's preview: its table is documented, and a real subscriber's words and values fill it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from campaigns.previews import PLATFORMS
from subscribers.models import Site
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.people import add_people

DOCS = Path(__file__).parents[2] / "docs" / "previews.md"


def test_the_documented_table_is_the_pages() -> None:
    rows = [
        f"| {one.label} | {one.title} | {one.body} | {'yes' if one.has_image else 'no'} | {one.buttons} | {one.icon} "
        f"| {'yes' if one.has_button_icons else 'no'} | {one.note} |"
        for one in PLATFORMS
    ]
    lines = DOCS.read_text().splitlines()
    first = lines.index(rows[0])
    assert lines[first : first + len(rows) + 1] == [*rows, ""]


@pytest.fixture
def site(acme: Workspace) -> Site:
    return make_site(acme)


@pytest.fixture
def client(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


def ask(client: Client, site: Site, external_id: str = "") -> dict[str, object]:
    answer = client.get("/campaigns/preview-person/", {"site": site.pk, "external_id": external_id})
    return dict(answer.json())


def test_a_subscriber_by_external_id_with_language_and_values(
    client: Client, acme: Workspace, site: Site
) -> None:
    with in_tenant(acme.schema):
        add_people(site, [
            {"external_id": "c-1", "language": "de-AT", "country": "AT", "city": "Wien",
             "attributes": {"first_name": "Zoë", "points": 12.0, "city": "Graz", "list": [1]}},
            {"external_id": "c-2", "state": "gone", "ended_at": "2026-01-01T00:00Z"},
        ])  # fmt: skip
    found = ask(client, site, "c-1")
    assert (found["who"], found["language"]) == ("Subscriber c-1 in Austria, German.", "de-AT")
    values = found["values"]
    assert isinstance(values, dict)
    assert {name: values[name] for name in ("first_name", "points", "city", "list", "country", "os")} == {
        "first_name": "Zoë", "points": "12", "city": "Graz", "list": "", "country": "AT", "os": "",
    }  # fmt: skip
    assert ask(client, site, "c-2") == {
        "error": "“c-2” is nobody's external id on Shop. The defaults are shown."
    }


def test_somebody_is_one_of_this_website(client: Client, acme: Workspace, site: Site) -> None:
    assert ask(client, site) == {"error": "Shop has no subscribers. The defaults are shown."}
    other = make_site(acme, origin="https://other.example", name="Other")
    with in_tenant(acme.schema):
        add_people(other, [{"external_id": "elsewhere"}])
        add_people(site, [{"external_id": "here"}])
        add_people(other, [{"external_id": "elsewhere-too"}])
    for _ in range(5):
        assert ask(client, site)["who"] == "Subscriber here, no language."
