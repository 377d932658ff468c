"""What goes wrong is one problem over all workspaces, with who is concerned, and noting it never makes it worse."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django_q.conf import error_reporter
from django_q.signals import pre_execute

from subscribers.actions.job import start_export, work_on
from subscribers.actions.site_check import ask_check, run_check
from subscribers.models import Site, VapidKey
from tenants import problem_notes
from tenants.actions.alerts import raise_alert
from tenants.actions.problems import forget_old_problems
from tenants.doorway import in_tenant
from tenants.models import Affected, Problem
from tenants.own_connection import ask_here
from tenants.problem_notes import Notes, note, note_error, notes
from tests.conftest import Workspace, make_site

Console = Callable[..., Client]
PRIVATE = "owner@acme.test of Acme at https://push.example/secret"
FAILED = "ValueError in tenants/test_problems.py, failed, outside of our code"
# And the statement, as it stands in the source.
START = "ValueError in subscribers/actions/site_check.py, "


def written() -> list[tuple[str, int, list[tuple[int, int]]]]:
    """Write what was noted; answer each problem's title, how often it was, and the same of each workspace."""
    notes.write(ask_here)
    return [
        (one.title, one.times, list(one.affected.order_by("tenant_id").values_list("tenant_id", "times")))
        for one in Problem.objects.order_by("pk")
    ]


def break_page(place: Workspace) -> str:
    """Spoil a website's row, so that its page fails with a customer's words in the message; answer its path."""
    site = make_site(place)
    with in_tenant(place.schema):
        Site.objects.filter(pk=site.pk).update(checked={"state": "waiting", "asked_at": PRIVATE})
    return f"/sites/{site.pk}/check/state/"


def ask(client: Client, path: str) -> Any:
    client.raise_request_exception = False
    return client.get(path)


def test_a_500_in_two_workspaces_is_one_problem_with_two_concerned(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    pages = [(place, break_page(place)) for place in (acme, globex)]
    answers = [ask(console(place), path) for place, path in (pages[0], *pages)]
    assert [answer.status_code for answer in answers] == [500, 500, 500]
    [(title, times, concerned)] = written()
    assert title.startswith(START)
    assert (times, concerned) == (3, [(acme.tenant.pk, 2), (globex.tenant.pk, 1)])
    row = Problem.objects.get()
    assert (row.kind, row.state) == ("error", "open")
    assert Affected.objects.get(tenant_id=acme.tenant.pk).request_id == answers[1]["X-Request-ID"]


def test_the_page_of_an_error_has_its_number_and_the_way_to_report_it(
    acme: Workspace, console: Console
) -> None:
    path = break_page(acme)
    answer = ask(console(acme), path)
    request_id, page = answer["X-Request-ID"], answer.content.decode()
    assert f"<code>{request_id}</code>" in page
    way = f"/problems/new/?request={request_id}&amp;page={path.replace('/', '%2F')}"
    assert f'href="{way}"' in page
    missing = console(acme).get("/nowhere/")
    assert f'href="/problems/new/?request={missing["X-Request-ID"]}&amp;' in missing.content.decode()


def test_an_error_of_a_website_s_call_concerns_its_workspace(acme: Workspace, sdk: Client) -> None:
    site = make_site(acme)
    with in_tenant(acme.schema):
        VapidKey.objects.filter(site=site).update(state="retired")
    answer = ask(sdk, f"/sdk/v1/{site.site_key}/settings.json")
    assert (answer.status_code, "Report a problem" in answer.content.decode()) == (500, False)
    [(title, times, concerned)] = written()
    assert title.startswith("StopIteration in subscribers/sdk.py, of_worker: current = next(")
    assert (times, concerned) == (1, [(acme.tenant.pk, 1)])


def test_alerts_of_two_workspaces_are_one_problem_that_names_neither(
    acme: Workspace, globex: Workspace
) -> None:
    for place in (acme, globex):
        raise_alert("push_bad_request", place.tenant.pk, f"Send 7 of {place.tenant.name}", send_id=7)
    assert written() == [("Push bad request", 2, [(acme.tenant.pk, 1), (globex.tenant.pk, 1)])]
    assert set(Affected.objects.values_list("send_id", flat=True)) == {7}


def test_what_people_did_themselves_is_no_problem(acme: Workspace) -> None:
    for kind in ("held", "everything_stopped", "reported"):
        raise_alert(kind, acme.tenant.pk, "They asked for it.")
    assert written() == []


def test_an_alert_of_the_installation_concerns_no_workspace(db: None) -> None:
    raise_alert("worker_stalled", None, "host-1: work was due")
    assert written() == [("Worker stalled", 1, [])]


def test_a_failed_export_is_a_problem(acme: Workspace, settings: Any, tmp_path: Any) -> None:
    site = make_site(acme)
    settings.FILES_DIR = str(tmp_path / "taken")
    (tmp_path / "taken").write_text("a file where a folder is wanted")
    with in_tenant(acme.schema):
        job = start_export(actor=acme.owner, tenant=acme.tenant, site=site, file_format="csv")
        work_on(job.pk, seconds=1)
    [(title, _, concerned)] = written()
    assert title.startswith("NotADirectoryError in subscribers/job_files.py, ")
    assert (Problem.objects.get().kind, concerned) == ("job", [(acme.tenant.pk, 1)])
    assert Affected.objects.get().site_id == site.pk


def test_what_a_check_of_a_website_finds_is_counted_over_all(acme: Workspace, globex: Workspace) -> None:
    """Their hosts do not exist, so each check finds that."""
    for place in (acme, globex):
        site = make_site(place, origin=f"https://{place.tenant.slug}.invalid")
        with in_tenant(place.schema):
            ask_check(actor=place.owner, tenant=place.tenant, site=site)
            run_check(site.pk)
    found = written()
    assert found != []
    assert {tuple(pk for pk, _ in concerned) for _, _, concerned in found} == {
        (acme.tenant.pk, globex.tenant.pk)
    }
    assert not [title for title, _, _ in found if "acme" in title.lower() or "globex" in title.lower()]


def begun(*args: Any) -> None:
    pre_execute.send(sender="django_q", func=None, task={"id": "0", "args": args})


def failed(error: Exception, *, noted_in: int | None = None) -> None:
    """End the task as django-q2's worker does; it may have noted the error itself."""
    try:
        raise error
    except type(error):
        if noted_in:
            note_error(error, tenant_id=noted_in, send_id=5)
        error_reporter.report()


def test_a_failed_task_is_a_problem_of_the_workspace_whose_schema_it_carries(acme: Workspace) -> None:
    begun(acme.schema, 7)
    failed(ValueError(PRIVATE))
    begun(12)
    failed(ValueError("another"))
    assert written() == [(FAILED, 2, [(acme.tenant.pk, 1)])]


def test_what_a_task_noted_itself_is_not_counted_again_when_it_ends(acme: Workspace) -> None:
    begun(acme.schema)
    failed(ValueError(PRIVATE), noted_in=acme.tenant.pk)
    assert written() == [(FAILED, 1, [(acme.tenant.pk, 1)])]
    begun()
    failed(ValueError(PRIVATE))
    assert written()[0][1] == 2


def test_nothing_of_a_customer_is_in_title_or_fingerprint(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    ask(console(acme), break_page(acme))
    for number, place in enumerate((acme, globex), start=1):
        name = place.tenant.name
        note(Problem.Kind.ALERT, f"“{name}” sent to https://{name}.example {number} times", tenant_id=number)
    found = {title: len(concerned) for title, _, concerned in written()}
    assert found.pop("… sent to … … times") == 2
    [title] = found
    assert title.startswith(START)
    assert not [word for word in PRIVATE.split() if word in title.split()]


def test_what_leads_on_is_of_the_last_event_alone(acme: Workspace) -> None:
    """One note by the number and one by the schema, written together."""
    note(Problem.Kind.ALERT, "the same", tenant_id=acme.tenant.pk, send_id=9, site_id=3)
    with in_tenant(acme.schema):
        note(Problem.Kind.ALERT, "the same", send_id=7)
    assert written() == [("the same", 2, [(acme.tenant.pk, 2)])]
    assert Affected.objects.values_list("send_id", "site_id").get() == (7, None)


def test_a_thousand_in_one_workspace_are_one_statement(acme: Workspace) -> None:
    asked: list[str] = []

    def ask_and_count(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        asked.append(statement)
        return ask_here(statement, values)

    for number in range(1000):
        note(Problem.Kind.ALERT, f"push bad request {number}", tenant_id=acme.tenant.pk)
    notes.write(ask_and_count)
    notes.write(ask_and_count)
    assert len(asked) == 1
    assert written() == [("push bad request …", 1000, [(acme.tenant.pk, 1000)])]


def test_what_waits_and_what_is_kept_has_a_limit(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(600):
        note(Problem.Kind.ALERT, "the same", tenant_id=number + 1)
    assert written()[0][1] == problem_notes.MOST_WAITING
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_problem (fingerprint, kind, title)"
            " SELECT n, 'error', 'x' FROM generate_series(2, %s) n",
            [problem_notes.MOST_PROBLEMS],
        )
    note(Problem.Kind.ALERT, "one more", tenant_id=1)
    note(Problem.Kind.ALERT, "the same", tenant_id=1)
    notes.write(ask_here)
    assert Problem.objects.count() == problem_notes.MOST_PROBLEMS
    assert Problem.objects.get(title="the same").times == problem_notes.MOST_WAITING + 1


class Unspeakable(Exception):
    @property
    def __traceback__(self) -> Any:
        raise RuntimeError("not even this")


def test_a_noting_that_fails_breaks_nothing(acme: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    note_error(Unspeakable(), tenant_id=acme.tenant.pk)
    assert "A problem could not be noted." in caplog.text
    assert written() == []


def test_a_request_is_answered_though_the_books_cannot_be_written(acme: Workspace, console: Console) -> None:
    """The page has its 500 before anybody writes, and the error of the writing is the writer's alone."""
    own, answer = Notes(), ask(console(acme), break_page(acme))
    assert answer.status_code == 500

    def away(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        raise psycopg.OperationalError("the connection is lost")

    with pytest.raises(psycopg.OperationalError):
        notes.write(away)
    own.write(away)  # nothing waits: nothing is asked
    assert console(acme).get("/").status_code == 200


WORKER = """
from multiprocessing import Value
from queue import Queue
import django
django.setup()
from django_q.worker import worker
from tenants.models import Affected, Problem
tasks = Queue()
tasks.put({{"name": "one", "func": "subscribers.tasks.work_on", "args": ({schema!r}, "Acme"), "kwargs": {{}}}})
tasks.put({{"name": "two", "func": "time.sleep", "args": (20,), "kwargs": {{}}, "timeout": 1}})
worker(tasks, Queue(), Value("f", -1), timeout=-1)
print([one.title for one in Problem.objects.order_by("pk")], Affected.objects.get(tenant_id={pk}).times)
"""


def test_a_worker_s_process_has_written_what_ended_its_task_before_it_ends_itself(
    alone: Workspace, start: Callable[..., tuple[int, str]]
) -> None:
    """With django-q2's own, which ends after a task that ran out of time, sooner than the thread writes again."""
    try:
        code, said = start(WORKER.format(schema=alone.schema, pk=alone.tenant.pk))
        assert (code, said.strip().splitlines()[-1]) == (
            0,
            "['ValueError in subscribers/actions/job.py, _claim: claimed = Job.objects.filter(free, pk=pk, "
            "state__in=Job.MOVING).update(', 'TimeoutException in django_q/timeout.py, raise_timeout_exception, "
            "outside of our code'] 1",
        )
    finally:
        Problem.objects.all().delete()


def test_a_database_that_is_away_is_no_problem_but_a_statement_that_takes_too_long_is(
    acme: Workspace,
) -> None:
    for cause in (
        psycopg.errors.AdminShutdown(),
        psycopg.errors.ConnectionFailure(),
        psycopg.OperationalError(),
    ):
        with pytest.raises(OperationalError) as away:
            raise OperationalError("away") from cause
        note_error(away.value, tenant_id=acme.tenant.pk)
    assert written() == []
    with pytest.raises(OperationalError) as slow, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 1")
        cursor.execute("SELECT pg_sleep(1)")
    note_error(slow.value, tenant_id=acme.tenant.pk)
    assert len(written()) == 1


def test_what_was_not_seen_for_ninety_days_is_forgotten(acme: Workspace) -> None:
    for words, days in (("old", 91), ("young", 89)):
        note(Problem.Kind.ALERT, words, tenant_id=acme.tenant.pk)
        notes.write(ask_here)
        ago = Now() - timedelta(days=days)
        Problem.objects.filter(title=words).update(last_at=ago)
        Affected.objects.filter(problem__title=words).update(last_at=ago)
    assert forget_old_problems() == 1
    assert written() == [("young", 1, [(acme.tenant.pk, 1)])]
