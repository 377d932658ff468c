"""What support does with problems: say something to all concerned, solve one for all, answer what people reported."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from tenants import banners
from tenants.actions import audit
from tenants.actions.alerts import close_alert
from tenants.actions.audit import SYSTEM
from tenants.actions.notices import tell_one
from tenants.actions.support import SupportRefused
from tenants.models import Affected, Alert, Problem, ProblemReport, User
from tenants.models_problems import MOST_ANSWER, MOST_BANNER
from truepush.lib.fingerprint import fingerprint, plain

# What was not seen for so long is forgotten, and reports of such an age.
KEPT = timedelta(days=90)
# The open alert of a workspace whose reports wait.
REPORTED = "reported"
LEAST_WORDS = 5


def _words(text: str, most: int, what: str) -> str:
    """Tidy what people will read; raises SupportRefused if it says nothing or too much."""
    text = " ".join(text.replace("\0", "").split())
    if not LEAST_WORDS <= len(text) <= most:
        raise SupportRefused(f"{what} needs {LEAST_WORDS} to {most} characters; this has {len(text)}.")
    return text


def _locked(problem: Problem) -> Problem:
    """Lock an open problem; raises SupportRefused if it is solved."""
    row = Problem.objects.select_for_update().get(pk=problem.pk)
    if row.state != Problem.State.OPEN:
        raise SupportRefused("This problem is solved. It opens by itself when it is seen again.")
    return row


@transaction.atomic
def write_banner(*, actor: User, problem: Problem, text: str) -> None:
    """Show a text in the consoles of all concerned, or nothing any more (""); raises SupportRefused."""
    row = _locked(problem)
    said = _words(text, MOST_BANNER, "A banner") if text.strip() else ""
    if said == row.banner:
        return
    Problem.objects.filter(pk=row.pk).update(banner=said, changed_by=actor.email, changed_at=Now())
    _record("problem.banner", actor, row, before={"banner": row.banner}, after={"banner": said})
    transaction.on_commit(banners.forget)


@transaction.atomic
def solve_problem(*, actor: User, problem: Problem, note: str) -> int:
    """Say that it is mended: its banner goes, and whoever reported it is told the note; answer how many were.

    Raises SupportRefused. Seen again it is open again, for those in whose workspaces it was seen since.
    """
    row = _locked(problem)
    note = _words(note, MOST_ANSWER, "What was done")
    changed = {"state": Problem.State.SOLVED, "solved_note": note, "banner": "", "changed_by": actor.email}
    Problem.objects.filter(pk=row.pk).update(**changed, solved_at=Now(), changed_at=Now())
    waiting = list(row.reports.filter(state=ProblemReport.State.ATTACHED).select_for_update())
    for report in waiting:
        _end(report, ProblemReport.State.SOLVED, note, f"What you reported is solved. {note}")
    _record("problem.solve", actor, row, note=note, reports=len(waiting))
    transaction.on_commit(banners.forget)
    return len(waiting)


@transaction.atomic
def attach_report(*, actor: User, report: ProblemReport, problem: Problem) -> None:
    """Say that a report is about this problem, so that its workspace is concerned; raises SupportRefused."""
    problem = _locked(problem)
    waiting = ProblemReport.objects.filter(
        pk=report.pk, state__in=(ProblemReport.State.NEW, ProblemReport.State.ATTACHED)
    )
    if not waiting.update(state=ProblemReport.State.ATTACHED, problem=problem):
        raise SupportRefused("This report is answered already. Nothing was changed.")
    _record("problem.attach", actor, problem, report=report.pk, workspace=report.tenant_id)
    _settle(actor, report.tenant_id)
    transaction.on_commit(banners.forget)


@transaction.atomic
def open_problem(*, actor: User, report: ProblemReport, title: str) -> tuple[Problem, bool]:
    """Make a problem of a report that the product did not notice by itself, or take the one of this title.

    Numbers, addresses and what is quoted are taken out of the title: it is of all workspaces. Answer also whether it is
    new. Raises SupportRefused.
    """
    title = plain(_words(title, 200, "The title"))
    # Of two things of which nothing else is said one problem would be made, and its banner shown to both.
    if sum(character.isalpha() for character in title) < LEAST_WORDS:
        raise SupportRefused(
            f"The title needs {LEAST_WORDS} letters beside numbers, addresses and what is quoted; this is left: {title}"
        )
    mark = fingerprint(Problem.Kind.REPORTED, title)
    first = {"kind": Problem.Kind.REPORTED, "title": title, "changed_by": actor.email, "changed_at": Now()}
    problem, is_new = Problem.objects.get_or_create(fingerprint=mark, defaults=first)
    if not is_new:
        # Somebody reported it again: that is seeing it.
        Problem.objects.filter(pk=problem.pk).update(state=Problem.State.OPEN, last_at=Now())
    attach_report(actor=actor, report=report, problem=problem)
    return problem, is_new


@transaction.atomic
def answer_report(*, actor: User, report: ProblemReport, answer: str) -> None:
    """Answer a report that is no problem for us to mend; the person is told. Raises SupportRefused."""
    answer = _words(answer, MOST_ANSWER, "The answer")
    row = ProblemReport.objects.select_for_update().get(pk=report.pk)
    if row.state not in (ProblemReport.State.NEW, ProblemReport.State.ATTACHED):
        raise SupportRefused("This report is answered already. Nothing was changed.")
    _end(row, ProblemReport.State.CLOSED, answer, f"Support answers what you reported. {answer}")
    audit.record("problem.answer", actor=actor, tenant_id=row.tenant_id, target=f"report {row.pk}")
    _settle(actor, row.tenant_id)
    transaction.on_commit(banners.forget)


def _end(report: ProblemReport, state: ProblemReport.State, answer: str, text: str) -> None:
    ProblemReport.objects.filter(pk=report.pk).update(state=state, answer=answer)
    tell_one(report.tenant_id, report.user_id, kind="report", text=text, path=f"/problems/{report.pk}/")


def _settle(actor: User | None, tenant_id: int) -> None:
    """Close the alert of a workspace of which no report waits any more."""
    # Who reports meanwhile has counted on the alert before and is found, or waits and opens the next.
    list(_reported().filter(tenant_id=tenant_id).select_for_update())
    if not ProblemReport.objects.filter(tenant_id=tenant_id, state=ProblemReport.State.NEW).exists():
        close_alert(actor=actor, kind=REPORTED, tenant_id=tenant_id)


def _reported() -> "QuerySet[Alert]":
    return Alert.objects.filter(kind=REPORTED, closed_at=None)


def _record(action: str, actor: User, problem: Problem, **more: object) -> None:
    audit.record(action, actor=actor, tenant_id=None, target=f"problem {problem.pk}", **more)  # type: ignore[arg-type]


@transaction.atomic
def forget_old_problems() -> int:
    """Remove what was not seen for KEPT, and reports of that age; answer how many problems went.

    Alerts of reports that went, with this or with their person, are closed.
    """
    before = Now() - KEPT
    old = Problem.objects.filter(last_at__lt=before, banner="")
    # What somebody changes at this moment is left for another day.
    mine = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True))
    ProblemReport.objects.filter(created_at__lt=before).delete()
    for alert in list(_reported()):
        if alert.tenant_id:
            _settle(SYSTEM, alert.tenant_id)
    Affected.objects.filter(last_at__lt=before).delete()
    waits = ProblemReport.objects.filter(problem=OuterRef("pk"), state=ProblemReport.State.ATTACHED)
    _, gone = old.filter(~Exists(waits), pk__in=mine).delete()
    return gone.get(Problem._meta.label, 0)
