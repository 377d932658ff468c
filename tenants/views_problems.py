"""Console pages of problems: tell support of one, see what became of it, put a banner away."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render

from tenants.access import console, page_of_form
from tenants.actions.attempts import TooMany
from tenants.actions.problem_reports import Where, report_problem
from tenants.banners import HIDDEN, shown_to
from tenants.forms_problem import ReportForm
from tenants.models import ProblemReport, Role
from tenants.request import ConsoleRequest

MOST_HIDDEN = 20


@console(Role.ANALYST, form=True, private=True)
def problem_new(request: ConsoleRequest) -> HttpResponse:
    """The form; its address says which page and request it is about."""
    form = ReportForm(
        request.POST or None, initial={name: request.GET.get(name, "") for name in ("request", "page")}
    )
    status = 200
    if request.method == "POST" and form.is_valid():
        browser = request.headers.get("User-Agent", "")
        where = Where(form.cleaned_data["request"], form.cleaned_data["page"], browser)
        try:
            report = report_problem(
                actor=request.user, tenant=request.tenant, text=form.cleaned_data["text"], where=where
            )
        except TooMany as error:
            form.add_error(
                None, f"That were many reports. The next is possible in {_minutes(error.seconds)}."
            )
            status = 429
        else:
            messages.success(request, "Sent to support.")
            return redirect("tenants:problem", report.pk)
    return render(request, "tenants/problem_new.html", {"form": form}, status=status)


def _minutes(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


@console(Role.ANALYST, private=True)
def problem(request: ConsoleRequest, pk: int) -> HttpResponse:
    """One's own report: what was sent, and what comes or came of it."""
    report = get_object_or_404(ProblemReport, pk=pk, user=request.user, tenant_id=request.tenant.pk)
    return render(request, "tenants/problem.html", {"report": report})


@console(Role.ANALYST, write=True)
def banner_hide(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Put a banner away for this session, until it says something else."""
    marks = [banner.mark for banner in shown_to(request.tenant.pk) if banner.pk == pk]
    if not marks:
        raise Http404
    request.session[HIDDEN] = [*request.session.get(HIDDEN, []), *marks][-MOST_HIDDEN:]
    return HttpResponseRedirect(page_of_form(request))
