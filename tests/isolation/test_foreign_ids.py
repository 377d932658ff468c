"""TI-01: as the owner of the first workspace, ids that only the second has are 404 everywhere, and change nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tenants.models import DueWork
from tests.isolation.conftest import Two
from tests.isolation.pages import value_for
from tests.isolation.routes import (
    BY_KEY,
    FORMS,
    OF_PEOPLE,
    OPEN,
    POST_ONLY,
    PUBLIC,
    SDK,
    TENANT,
    path_of,
    walk,
)
from tests.isolation.world import BOTH, ONLY_SECOND, snapshot
from tests.subscribers.samples import Browser

Console = Callable[..., Client]
OF_ROWS = [name for name, kind in TENANT.items() if kind]
SITE = {
    "name": "Taken over",
    "origin": "https://taken.example",
    "contact": "mailto:a@example.com",
    "icon_url": "",
    "worker_path": "/truepush/worker.js",
}
MESSAGE = {"title": "Taken over", "body": "", "url": "https://taken.example/", "icon_url": ""}


@pytest.mark.parametrize(
    ("urlconf", "entries"),
    [(settings.ROOT_URLCONF, TENANT), (settings.PUBLIC_SCHEMA_URLCONF, PUBLIC), (settings.SDK_URLCONF, SDK)],
)
def test_every_route_has_an_entry(urlconf: str, entries: dict[str, str]) -> None:
    """A new route fails here until it says in tests/isolation/routes.py whose ids it takes."""
    assert {name: ",".join(parameters) for name, parameters in walk(urlconf)} == entries


def body_of(name: str, pk: int) -> dict[str, Any]:
    """What a person would send there, good enough to change something if the row were theirs."""
    if name == "subscribers:test_device":
        return {"data": json.dumps(Browser().json()), "content_type": "application/json"}
    form = {"subscribers:site_edit": SITE, "campaigns:compose": {**MESSAGE, "site": pk}}.get(name, {})
    return {"data": form}


def test_a_row_of_the_second_alone_is_not_there(two: Two, console: Console) -> None:
    client = console(two.first)
    for name in OF_ROWS:
        for pk in (*ONLY_SECOND, 4711):
            if TENANT[name] == "site_key" and pk == 4711:
                continue
            path = path_of(name, value_for(TENANT[name], two.second, pk))
            for method in ("get", "head"):
                status = getattr(client, method)(path).status_code
                assert status == (405 if name in POST_ONLY else 404), (method, path)


def test_posting_to_a_row_of_the_second_changes_nothing(two: Two, console: Console) -> None:
    client = console(two.first)
    before = snapshot(two.first), snapshot(two.second)
    for name in OF_ROWS:
        for pk in ONLY_SECOND:
            path = path_of(name, value_for(TENANT[name], two.second, pk))
            expected = 404 if name in POST_ONLY | FORMS else 405
            assert client.post(path, **body_of(name, pk)).status_code == expected, path
        assert (snapshot(two.first), snapshot(two.second)) == before, name
    assert not DueWork.objects.filter(tenant_id=two.second.tenant.pk).exists()


@pytest.mark.parametrize("name", ["subscribers:site_edit", "subscribers:test_device", "campaigns:compose"])
def test_the_owner_of_the_row_can_do_it(two: Two, console: Console, name: str) -> None:
    """The control: these very requests do change something where the row is one's own."""
    before = snapshot(two.second)
    pk = ONLY_SECOND[1]
    answer = console(two.second).post(path_of(name, pk), **body_of(name, pk))
    assert answer.status_code in (201, 302)
    assert snapshot(two.second) != before


def test_posting_to_a_row_that_both_have_changes_nothing_of_the_second(two: Two, console: Console) -> None:
    client, before = console(two.first), snapshot(two.second)
    for name in OF_ROWS:
        for pk in BOTH:
            client.post(path_of(name, value_for(TENANT[name], two.first, pk)), **body_of(name, pk))
        assert snapshot(two.second) == before, name


def test_a_campaign_cannot_be_made_for_a_website_of_the_second(two: Two, console: Console) -> None:
    client, before = console(two.first), (snapshot(two.first), snapshot(two.second))
    for path in ("/campaigns/new/", "/campaigns/2/"):
        answer = client.post(path, {**MESSAGE, "site": ONLY_SECOND[0]})
        assert answer.status_code == 200
        assert "Select a valid choice" in answer.content.decode()
    assert (snapshot(two.first), snapshot(two.second)) == before


def test_a_test_device_of_the_second_is_sent_nothing(two: Two, console: Console) -> None:
    """A session that names a subscriber whom only the second workspace has."""
    client, before = console(two.first), (snapshot(two.first), snapshot(two.second))
    session = client.session
    session["test_devices"] = {"2": ONLY_SECOND[0]}
    session.save()
    assert client.post("/campaigns/2/test/").status_code == 302
    assert (snapshot(two.first), snapshot(two.second)) == before


def test_workspaces_of_others_are_not_there_on_the_public_host(two: Two, public: Client) -> None:
    public.force_login(two.first.owner)
    for name, kind in PUBLIC.items():
        if kind and name not in OF_PEOPLE:
            path = path_of(name, two.second.tenant.slug, urlconf=settings.PUBLIC_SCHEMA_URLCONF)
            method = public.post if name == "tenants:preparing_retry" else public.get
            assert method(path).status_code == 404, path


def test_the_session_of_the_first_is_asked_to_sign_in_on_the_host_of_the_second(
    two: Two, console: Console
) -> None:
    """TI-01: nothing of the row is looked at, so ids that are there and ids that are not answer alike."""
    client, before, host = console(two.first), snapshot(two.second), {"host": two.second.host}
    for name, kind in TENANT.items():
        if name in OPEN | BY_KEY:
            continue
        for pk in (*BOTH, *ONLY_SECOND, 4711) if kind == "pk" else (1,):
            path = path_of(name, value_for(kind, two.second, pk) if kind else None)
            answers = [] if name in POST_ONLY else [client.get(path, headers=host)]
            if name in POST_ONLY | FORMS:
                answers.append(client.post(path, **body_of(name, pk), headers=host))
            for answer in answers:
                assert answer.status_code == 302, path
                assert answer["Location"].startswith("http://localhost:8000/open/globex/?challenge="), path
            live = client.get(path, headers={**host, "hx-request": "true"})
            assert live.status_code == (405 if name in POST_ONLY else 401), path
    assert snapshot(two.second) == before


def test_a_session_that_claims_the_second_workspace_is_no_member_of_it(two: Two, console: Console) -> None:
    client = console(two.first)
    session = client.session
    session["tenant_id"] = two.second.tenant.pk
    session.save()
    answer = client.get("/sites/1/", headers={"host": two.second.host})
    assert (answer.status_code, answer["Location"][:34]) == (302, "http://localhost:8000/open/globex/")


def test_support_staffs_admin_is_closed_to_owners(two: Two, public: Client) -> None:
    public.force_login(two.first.owner)
    for page in (
        "",
        "tenants/tenant/",
        "tenants/siteindex/",
        "tenants/sendindex/",
        "tenants/auditentry/",
        "tenants/user/",
    ):
        answer = public.get(f"/admin/{page}")
        assert (answer.status_code, answer["Location"][:13]) == (302, "/admin/login/")
