"""People of a workspace tell support what happened: with the page, within limits, for themselves alone."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tenants.actions import problem_reports
from tenants.actions.problems import forget_old_problems
from tenants.models import (
    Alert,
    AuditEntry,
    Membership,
    ProblemReport,
    Role,
    SendIndex,
    Tenant,
)
from tests.conftest import Workspace
from tests.tenants.people import Browser, add_member
from tests.tenants.problems import Console, tell, text_of


def test_a_report_has_the_request_the_page_the_send_and_the_browser(
    acme: Workspace, console: Console
) -> None:
    SendIndex.objects.create(
        tenant_id=acme.tenant.pk, schema_name=acme.schema, send_id=41, site_id=1, kind="campaign",
        state="finished", due_at=timezone.now(),
    )  # fmt: skip
    client = console(acme)
    form = client.get("/problems/new/?request=abcdef0123456789&page=/sends/41/").content.decode()
    assert 'name="request" value="abcdef0123456789"' in form
    assert 'name="page" value="/sends/41/"' in form
    answer = tell(client, request="abcdef0123456789", page="/sends/41/")
    report = ProblemReport.objects.get()
    assert answer["Location"] == f"/problems/{report.pk}/"
    assert (report.request_id, report.path, report.send_id, report.browser, report.state) == (
        "abcdef0123456789", "/sends/41/", 41, "Firefox 155", "new",
    )  # fmt: skip
    page = text_of(client.get(answer["Location"]))
    assert "Sent to support." in page
    assert "What happens next Support reads it" in page
    assert "Page /sends/41/ Send 41 Request abcdef0123456789 Browser Firefox 155" in page
    alert = Alert.objects.get(kind="reported", closed_at=None)
    assert (alert.tenant_id, alert.text) == (
        acme.tenant.pk,
        f"Report {report.pk} of Acme waits.",
    )
    assert AuditEntry.objects.filter(action="problem.report", actor="owner@acme.test").count() == 1


@pytest.mark.parametrize(
    "given",
    [
        {"request": "<script>", "page": "//evil.example/"},
        {"request": "short", "page": "https://evil.example/"},
        {"request": "a b c d e f g h i", "page": "/\\evil.example"},
        {"request": "x" * 65, "page": "/" + "p" * 300},
        {"request": "", "page": "/sends/99999999999999999999/"},
        {"request": "", "page": "/sends/7/"},
    ],
)
def test_what_a_browser_makes_up_is_left_out(
    acme: Workspace, console: Console, given: dict[str, str]
) -> None:
    tell(console(acme), **given)
    report = ProblemReport.objects.get()
    assert (report.request_id, report.send_id) == ("", None)
    assert report.path == (given["page"] if given["page"].startswith("/sends/") else "")


def test_every_page_leads_to_the_form_with_its_own_number(acme: Workspace, console: Console) -> None:
    page = console(acme).get("/sites/")
    assert (
        f'href="/problems/new/?request={page["X-Request-ID"]}&amp;page=%2Fsites%2F"' in page.content.decode()
    )


def test_a_report_needs_words_and_not_too_many(acme: Workspace, console: Console) -> None:
    for text in ("", "no", "x" * 2001, "nul\0 in it, ten characters"):
        assert tell(console(acme), text).status_code == 200
    assert not ProblemReport.objects.exists()


def test_every_role_may_report_and_reads_its_own_alone(acme: Workspace, console: Console) -> None:
    client = console(acme, add_member(acme, Role.ANALYST))
    path = tell(client)["Location"]
    assert client.get(path).status_code == 200
    assert console(acme).get(path).status_code == 404


def test_a_report_of_another_workspace_is_not_there(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    path = tell(console(acme))["Location"]
    Membership.objects.create(tenant=globex.tenant, user=acme.owner, role=Role.ANALYST)
    assert console(globex, acme.owner).get(path).status_code == 404


def test_after_ten_in_an_hour_the_next_is_refused(acme: Workspace, console: Console) -> None:
    client = console(acme)
    assert [tell(client).status_code for _ in range(problem_reports.MOST_AN_HOUR)] == [302] * 10
    answer = tell(client, "The eleventh, which I want to keep")
    assert (answer.status_code, ProblemReport.objects.count()) == (429, 10)
    assert "The next is possible in 60 minutes." in text_of(answer)
    assert "The eleventh, which I want to keep" in answer.content.decode()
    assert tell(console(acme, add_member(acme, Role.EDITOR))).status_code == 302


def test_an_alert_is_closed_when_the_last_report_is_forgotten_or_went_with_its_person(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    somebody = add_member(globex, Role.ANALYST)
    waiting = Alert.objects.filter(kind="reported", closed_at=None)
    for client in (console(acme), console(acme), console(globex, somebody)):
        tell(client)
    ago = timezone.now() - timedelta(days=91)
    mine = ProblemReport.objects.filter(tenant_id=acme.tenant.pk)
    mine.filter(pk=mine[0].pk).update(created_at=ago)
    forget_old_problems()
    assert (ProblemReport.objects.count(), waiting.count()) == (2, 2)
    mine.update(created_at=ago)
    somebody.delete()
    forget_old_problems()
    assert (ProblemReport.objects.count(), waiting.count()) == (0, 0)


def test_support_that_looks_in_reports_nothing(staff: Client, acme: Workspace) -> None:
    staff.post(f"/admin/workspaces/{acme.tenant.pk}/look/", {"role": "owner", "why": "Ticket 4711"})
    looking = Browser(acme, staff)
    looking.come_in()
    assert looking.console.get("/problems/new/").status_code == 403
    assert tell(looking.console).status_code == 403
    assert "Report a problem" not in looking.console.get("/").content.decode()
    assert not ProblemReport.objects.exists()


def test_a_suspended_workspace_is_offered_no_form_that_it_may_not_send(
    acme: Workspace, console: Console
) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(state="suspended")
    client = console(acme)
    assert "Report a problem" not in client.get("/").content.decode()
    assert tell(client).status_code == 403
