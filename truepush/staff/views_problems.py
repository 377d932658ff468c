"""Support staff's pages of problems and of what people reported, with their buttons."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from tenants.actions import problems
from tenants.actions.support import SupportRefused
from tenants.models import Problem, ProblemReport
from truepush.lib.ids import read_id
from truepush.staff.doors import StaffRequest, access_any_workspace, context_of, staff_page
from truepush.staff.now import MOST, Lines
from truepush.staff.problems import candidates, concerned, problems_by_reach, reports_of


@staff_page("support_tenant")
def problem_list(request: StaffRequest) -> HttpResponse:
    """Open ones; ?state=solved the others; ?in= those of one workspace."""
    state = Problem.State.SOLVED if request.GET.get("state") == "solved" else Problem.State.OPEN
    place = read_id(request.GET.get("in"))
    within = access_any_workspace(place) if place else None
    found = problems_by_reach(state=state, within=place)
    more = {
        "problems": Lines(list(found[:MOST]), found.count()),
        "state": state,
        "within": within,
        "waiting": ProblemReport.objects.filter(state=ProblemReport.State.NEW).count(),
    }
    return render(request, "staff/problems.html", context_of(request, "Problems", **more))


@staff_page("support_tenant")
def problem(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Problem, pk=pk)
    more = {
        "problem": row,
        "concerned": concerned(row),
        "reports": reports_of(row.reports.all()),
        "may_answer": request.user.has_perm("tenants.answer_problem"),
    }
    return render(request, "staff/problem.html", context_of(request, f"Problem {row.pk}", **more))


@staff_page("support_tenant")
def report_list(request: StaffRequest) -> HttpResponse:
    """Those that wait; ?state=all every one."""
    every = request.GET.get("state") == "all"
    rows = (
        ProblemReport.objects.all() if every else ProblemReport.objects.filter(state=ProblemReport.State.NEW)
    )
    more = {"reports": reports_of(rows), "every": every}
    return render(request, "staff/reports.html", context_of(request, "Reports", **more))


@staff_page("support_tenant")
def report(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(ProblemReport, pk=pk)
    waits = row.state in (ProblemReport.State.NEW, ProblemReport.State.ATTACHED)
    more = {
        "report": reports_of(ProblemReport.objects.filter(pk=pk)).rows[0],
        "candidates": candidates(row),
        "people": request.user.has_perm("tenants.view_user"),
        "may_answer": waits and request.user.has_perm("tenants.answer_problem"),
    }
    return render(request, "staff/report.html", context_of(request, f"Report {row.pk}", **more))


def _do(request: StaffRequest, verb: Callable[[], str]) -> None:
    """Call the verb, and say what came of it on the next page."""
    try:
        messages.success(request, verb())
    except SupportRefused as refusal:
        messages.error(request, str(refusal))


@staff_page("answer_problem", write=True)
def banner(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Problem, pk=pk)

    def do() -> str:
        text = request.POST.get("text", "")
        problems.write_banner(actor=request.user, problem=row, text=text)
        return "The banner is shown to all concerned." if text.strip() else "No banner is shown."

    _do(request, do)
    return redirect("staff:problem", pk)


@staff_page("answer_problem", write=True)
def solve(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Problem, pk=pk)

    def do() -> str:
        told = problems.solve_problem(actor=request.user, problem=row, note=request.POST.get("note", ""))
        return f"Solved. {told} {'person was' if told == 1 else 'people were'} told."

    _do(request, do)
    return redirect("staff:problem", pk)


@staff_page("answer_problem", write=True)
def attach(request: StaffRequest, pk: int) -> HttpResponse:
    """Attach a report to a problem, or to a new one of this title."""
    row = get_object_or_404(ProblemReport, pk=pk)
    number, title = read_id(request.POST.get("problem")), request.POST.get("title", "")

    def do() -> str:
        if number:
            found = Problem.objects.filter(pk=number).first()
            if found is None:
                raise SupportRefused(f"There is no problem {number}. Nothing was changed.")
            problems.attach_report(actor=request.user, report=row, problem=found)
        else:
            found, is_new = problems.open_problem(actor=request.user, report=row, title=title)
            if not is_new:
                return f"Taken to the known problem {found.pk}."
        return f"Attached to problem {found.pk}."

    _do(request, do)
    return redirect("staff:report", pk)


@staff_page("answer_problem", write=True)
def answer(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(ProblemReport, pk=pk)

    def do() -> str:
        problems.answer_report(actor=request.user, report=row, answer=request.POST.get("answer", ""))
        return "Answered; the person is told."

    _do(request, do)
    return redirect("staff:report", pk)
