"""Reports and problems that somebody else changes in the moment in which they are answered or forgotten."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now

from tenants.actions.problem_reports import Where, report_problem
from tenants.actions.problems import answer_report, forget_old_problems
from tenants.models import Alert, AttemptCount, Problem, ProblemReport
from tests.campaigns.places import in_threads, somebody_waits_for_us
from tests.conftest import Workspace
from tests.sandbox.driver import until


@pytest.fixture
def place(alone: Workspace) -> Iterator[Workspace]:
    yield alone
    AttemptCount.objects.all().delete()


def tell(place: Workspace) -> ProblemReport:
    return report_problem(
        actor=place.owner, tenant=place.tenant, text="The picture is missing", where=Where()
    )


def beside(act: Callable[[], object], meanwhile: Callable[[], object]) -> None:
    """Begin to act in another thread while `meanwhile` is done and not committed."""
    acting = threading.Thread(target=in_threads, args=[1, lambda _: act()])
    with transaction.atomic():
        meanwhile()
        acting.start()
        until(lambda: somebody_waits_for_us() or not acting.is_alive())
    acting.join()


def test_who_reports_while_the_last_report_is_answered_has_an_alert(place: Workspace) -> None:
    report = tell(place)
    beside(
        lambda: answer_report(actor=place.owner, report=report, answer="Choose a picture."),
        meanwhile=lambda: tell(place),
    )
    assert ProblemReport.objects.filter(state="new").count() == 1
    assert Alert.objects.filter(kind="reported", tenant_id=place.tenant.pk, closed_at=None).count() == 1


def test_a_problem_that_somebody_changes_is_forgotten_another_day(place: Workspace) -> None:
    Problem.objects.create(fingerprint="0", kind="error", title="old", last_at=Now() - timedelta(days=91))
    gone: list[int] = []
    beside(
        lambda: gone.append(forget_old_problems()),
        meanwhile=lambda: Problem.objects.select_for_update().get(),
    )
    assert [*gone, forget_old_problems()] == [0, 1]
