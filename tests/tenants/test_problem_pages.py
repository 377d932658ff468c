"""Support's pages of problems and the consoles': a banner for those concerned, one mending for all, people told."""

import re
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from tenants import banners
from tenants.doorway import in_tenant
from tenants.models import (
    Affected,
    Alert,
    AuditEntry,
    Membership,
    Notice,
    Problem,
    ProblemReport,
    Role,
    SendIndex,
)
from tenants.own_connection import ask_here
from tenants.problem_notes import note, notes
from tests.conftest import Workspace, make_site
from tests.tenants.people import add_member, add_person, give_second_factor
from tests.tenants.problems import BANNER, Console, SignIn, press, seen, shows, tell, text_of
from truepush.staff.problems import WORST, worst


def test_a_banner_is_seen_by_those_concerned_and_by_nobody_else(
    staff: Client, acme: Workspace, globex: Workspace, console: Console
) -> None:
    problem = seen(acme)
    assert (
        press(staff, f"problems/{problem.pk}/banner/", text=BANNER) == "The banner is shown to all concerned."
    )
    for path in ("/", "/campaigns/", "/subscribers/", "/sites/", "/inbox/"):
        assert shows(console(acme), path), path
    assert not shows(console(globex))
    seen(globex)
    assert shows(console(globex))
    assert press(staff, f"problems/{problem.pk}/banner/", text="") == "No banner is shown."
    assert not shows(console(acme))


def test_solved_it_is_gone_and_seen_again_it_is_back(
    staff: Client, acme: Workspace, globex: Workspace, console: Console
) -> None:
    problem = seen(acme, globex)
    press(staff, f"problems/{problem.pk}/banner/", text=BANNER)
    assert (
        press(staff, f"problems/{problem.pk}/solve/", note="Mended in 0.2") == "Solved. 0 people were told."
    )
    assert not shows(console(acme))
    assert "push bad request" not in text_of(staff.get("/admin/problems/"))
    assert "push bad request" in text_of(staff.get("/admin/problems/?state=solved"))
    seen(globex)
    problem.refresh_from_db()
    assert (problem.state, problem.banner, problem.times) == ("open", "", 3)
    assert "came back 1 0 3" in text_of(staff.get("/admin/problems/"))
    press(staff, f"problems/{problem.pk}/banner/", text=BANNER)
    # It was acme's before it was solved, and was not seen there since.
    assert (shows(console(acme)), shows(console(globex))) == (False, True)
    assert "Acme , not since it was solved" in text_of(staff.get(f"/admin/problems/{problem.pk}/"))
    # What concerns it for its report alone is counted, and is not over.
    tell(console(acme))
    press(staff, f"reports/{ProblemReport.objects.get().pk}/attach/", problem=problem.pk)
    assert (shows(console(acme)), shows(console(globex))) == (True, True)
    assert "banner shown, came back 2 1 3" in text_of(staff.get("/admin/problems/"))
    assert "not since" not in text_of(staff.get(f"/admin/problems/{problem.pk}/"))


def test_what_was_met_before_it_was_solved_does_not_open_it_again(staff: Client, acme: Workspace) -> None:
    problem = seen(acme)
    note(Problem.Kind.ALERT, "push bad request", tenant_id=acme.tenant.pk)
    press(staff, f"problems/{problem.pk}/solve/", note="Mended in 0.2")
    notes.write(ask_here)
    problem.refresh_from_db()
    assert (problem.state, problem.times) == ("solved", 2)


def test_a_banner_is_put_away_for_a_session_until_it_says_something_else(
    staff: Client, acme: Workspace, console: Console
) -> None:
    problem, client, other = seen(acme), console(acme), console(acme)
    press(staff, f"problems/{problem.pk}/banner/", text=BANNER)
    answer = client.post(
        f"/banners/{problem.pk}/hide/", headers={"referer": "http://acme.localhost:8000/sites/"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/sites/")
    assert (shows(client), shows(other)) == (False, True)
    Problem.objects.update(changed_at=timezone.now() + timedelta(seconds=2))
    assert shows(client)


def test_a_banner_of_others_cannot_be_put_away(
    staff: Client, acme: Workspace, globex: Workspace, console: Console
) -> None:
    problem = seen(acme)
    press(staff, f"problems/{problem.pk}/banner/", text=BANNER)
    assert console(globex).post(f"/banners/{problem.pk}/hide/").status_code == 404


def test_a_banner_costs_a_page_no_query_within_five_seconds(
    acme: Workspace, console: Console, django_assert_num_queries: Any
) -> None:
    seen(acme)
    Problem.objects.update(banner=BANNER, changed_at=timezone.now())
    banners.forget()
    with django_assert_num_queries(1):
        assert banners.shown_to(acme.tenant.pk)[0].text == BANNER
    with django_assert_num_queries(0):
        assert banners.shown_to(acme.tenant.pk + 1000) == []


def test_who_reported_is_told_when_it_is_solved_for_all(
    staff: Client, acme: Workspace, globex: Workspace, console: Console
) -> None:
    """Also somebody who may see one website alone, and a workspace in which the product noticed nothing."""
    limited = add_member(globex, Role.EDITOR)
    Membership.objects.filter(user=limited).update(site_ids=[5])
    tell(console(globex, limited))
    report, problem = ProblemReport.objects.get(), seen(acme)
    assert "1 report of people waits" in text_of(staff.get("/admin/now/"))
    said = press(staff, f"reports/{report.pk}/attach/", problem=problem.pk)
    assert said == f"Attached to problem {problem.pk}."
    assert not Alert.objects.filter(kind="reported", closed_at=None).exists()
    press(staff, f"problems/{problem.pk}/banner/", text=BANNER)
    assert (shows(console(globex)), shows(console(acme))) == (True, True)
    said = press(staff, f"problems/{problem.pk}/solve/", note="Mended in 0.2; send again.")
    assert said == "Solved. 1 person was told."
    notice = Notice.objects.get()
    assert (notice.user, notice.tenant_id, notice.path) == (
        limited,
        globex.tenant.pk,
        f"/problems/{report.pk}/",
    )
    assert notice.text == "What you reported is solved. Mended in 0.2; send again."
    page = text_of(console(globex, limited).get(notice.path))
    assert "What support says Mended in 0.2; send again." in page
    assert not shows(console(globex))


def test_a_report_that_nothing_was_noticed_of_makes_a_problem_without_the_customer_s_words(
    staff: Client, acme: Workspace, globex: Workspace, console: Console
) -> None:
    for place in (acme, globex):
        tell(console(place))
    first, second = ProblemReport.objects.order_by("pk")
    said = [
        press(staff, f"reports/{report.pk}/attach/", title=f"Pictures of “{name}” are missing since 4.11.")
        for report, name in ((first, "Acme"), (second, "Globex"))
    ]
    [problem] = Problem.objects.all()
    assert said == [f"Attached to problem {problem.pk}.", f"Taken to the known problem {problem.pk}."]
    assert problem.title == "Pictures of … are missing since …"
    assert list(problem.reports.order_by("pk")) == [first, second]
    for page in ("problems/", f"problems/?in={acme.tenant.pk}", "now/"):
        assert "missing since … Reported by people 2 2 0" in text_of(staff.get(f"/admin/{page}"))
    press(staff, f"problems/{problem.pk}/solve/", note="Mended in 0.2")
    assert "Reported by people 2 2 0" in text_of(staff.get("/admin/problems/?state=solved"))


def test_a_report_that_is_no_problem_is_answered(staff: Client, acme: Workspace, console: Console) -> None:
    tell(console(acme))
    report = ProblemReport.objects.get()
    said = press(staff, f"reports/{report.pk}/answer/", answer="Choose a picture in the composer.")
    assert said == "Answered; the person is told."
    assert Notice.objects.get().text == "Support answers what you reported. Choose a picture in the composer."
    assert press(staff, f"reports/{report.pk}/answer/", answer="Twice") == (
        "This report is answered already. Nothing was changed."
    )


def test_what_cannot_be_is_refused_and_changes_nothing(
    staff: Client, acme: Workspace, console: Console
) -> None:
    problem = seen(acme)
    tell(console(acme))
    report = ProblemReport.objects.get()
    assert "needs 5 to 300" in press(staff, f"problems/{problem.pk}/banner/", text="x" * 301)
    assert "needs 5 to 300" in press(staff, f"problems/{problem.pk}/solve/", note="no")
    assert "There is no problem 4711" in press(staff, f"reports/{report.pk}/attach/", problem="4711")
    assert "needs 5 to 200" in press(staff, f"reports/{report.pk}/attach/", title="")
    for title in ("“Pictures of Acme” 4711", "https://acme.example/pictures are"):
        assert "needs 5 letters" in press(staff, f"reports/{report.pk}/attach/", title=title)
    assert Problem.objects.count() == 1
    press(staff, f"problems/{problem.pk}/solve/", note="Mended in 0.2")
    for path, form in (
        (f"problems/{problem.pk}/banner/", {"text": BANNER}),
        (f"problems/{problem.pk}/solve/", {"note": "Mended twice"}),
        (f"reports/{report.pk}/attach/", {"problem": problem.pk}),
    ):
        assert press(staff, path, **form) == (
            "This problem is solved. It opens by itself when it is seen again."
        )
    report.refresh_from_db()
    assert (report.state, report.problem) == ("new", None)


def test_each_step_of_support_is_in_the_audit_log(staff: Client, acme: Workspace, console: Console) -> None:
    problem = seen(acme)
    tell(console(acme))
    report = ProblemReport.objects.get()
    press(staff, f"problems/{problem.pk}/banner/", text=BANNER)
    press(staff, f"reports/{report.pk}/attach/", problem=problem.pk)
    press(staff, f"problems/{problem.pk}/solve/", note="Mended in 0.2")
    rows = AuditEntry.objects.filter(actor="support@truepush.test", action__startswith="problem.").order_by(
        "pk"
    )
    assert list(rows.values_list("action", "target", "tenant_id")) == [
        (action, f"problem {problem.pk}", None)
        for action in ("problem.banner", "problem.attach", "problem.solve")
    ]
    assert (rows[0].before, rows[0].after) == ({"banner": ""}, {"banner": BANNER})


def test_the_page_of_a_problem_leads_to_all_that_is_concerned(
    staff: Client, acme: Workspace, globex: Workspace
) -> None:
    site = make_site(acme)
    with in_tenant(acme.schema):
        send = SendIndex.objects.create(
            tenant_id=acme.tenant.pk, schema_name=acme.schema, send_id=41, site_id=site.pk, kind="campaign",
            state="running", due_at=timezone.now(),
        )  # fmt: skip
    note(Problem.Kind.ALERT, "push internal", tenant_id=acme.tenant.pk, send_id=41, site_id=site.pk)
    problem = seen(globex, words="push internal")
    Affected.objects.filter(tenant_id=acme.tenant.pk).update(request_id="abcdef0123456789")
    page = staff.get(f"/admin/problems/{problem.pk}/")
    links = set(re.findall(r'href="(/admin/[^"?]+)"', page.content.decode()))
    assert {f"/admin/workspaces/{acme.tenant.pk}/", f"/admin/sends/{send.pk}/"} <= links
    assert "abcdef0123456789" in text_of(page)
    for link in links - {"/admin/logout/", "/admin/password_change/"}:
        assert staff.get(link).status_code == 200, link


def test_lists_begin_with_what_concerns_most_and_can_be_of_one_workspace(
    staff: Client, acme: Workspace, globex: Workspace
) -> None:
    seen(acme, globex, words="of both")
    seen(acme, words="of acme")
    seen(globex, words="of globex")
    assert re.findall(r"of (?:acme|globex|both)\b", text_of(staff.get("/admin/problems/"))) == [
        "of both", "of globex", "of acme",
    ]  # fmt: skip
    page = text_of(staff.get("/admin/problems/", {"in": acme.tenant.pk}))
    assert ("of both" in page, "of acme" in page, "of globex" in page) == (True, True, False)
    assert "of both Alert 2 0 2" in text_of(staff.get("/admin/now/"))


def test_what_customers_mend_themselves_is_not_among_the_worst_nor_counted_there(
    staff: Client, acme: Workspace
) -> None:
    note(Problem.Kind.SITE, "no worker file", tenant_id=acme.tenant.pk)
    for number in range(WORST + 2):
        seen(acme, words=f"trouble {'x' * (number + 1)}")
    shown = worst()["problems"]
    assert (len(shown.rows), shown.total) == (WORST, WORST + 2)


def test_the_very_request_is_offered_first(staff: Client, acme: Workspace, console: Console) -> None:
    same = seen(acme, words="the same")
    Affected.objects.update(request_id="abcdef0123456789")
    seen(acme, words="seen later")
    tell(console(acme), request="abcdef0123456789")
    page = staff.get(f"/admin/reports/{ProblemReport.objects.get().pk}/").content.decode()
    assert re.findall(r'<option value="(\d+)"', page)[0] == str(same.pk)


def test_who_only_reads_has_no_button_may_not_press_one_and_sees_people_as_elsewhere(
    signed_in: SignIn, acme: Workspace, console: Console
) -> None:
    reader = add_person("reader@truepush.test", is_staff=True)
    client = signed_in(reader)
    give_second_factor(reader)
    problem = seen(acme)
    tell(console(acme))
    report = ProblemReport.objects.get()
    pages = [
        "problems/",
        "reports/",
        "reports/?state=all",
        f"problems/{problem.pk}/",
        f"reports/{report.pk}/",
    ]
    assert [client.get(f"/admin/{page}").status_code for page in pages] == [403] * 5
    reader.user_permissions.add(Permission.objects.get(codename="support_tenant"))
    for page in pages:
        answer = client.get(f"/admin/{page}")
        assert (answer.status_code, 'method="post" action="/admin/problems' in answer.content.decode()) == (
            200,
            False,
        )
    path = f"/admin/reports/{report.pk}/"
    assert "owner@acme.test" not in client.get(path).content.decode()
    reader.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert "owner@acme.test" in client.get(path).content.decode()
    for button in ("problems/{0}/banner", "problems/{0}/solve", "reports/{1}/attach", "reports/{1}/answer"):
        assert client.post(f"/admin/{button.format(problem.pk, report.pk)}/", {}).status_code == 403
