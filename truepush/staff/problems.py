"""Problems and reports as support staff's pages show them: the worst first, each with who is concerned."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from tenants.models import Affected, Problem, ProblemReport, SendIndex, SiteIndex, Tenant
from truepush.staff.now import MOST, Lines

# On the page of now, where what customers have to mend themselves has no place.
WORST = 8


def problems_by_reach(*, state: str = Problem.State.OPEN, within: int = 0) -> "QuerySet[Problem]":
    """Those that concern most workspaces first, then those seen last; `within` is one workspace's number."""
    since = Q(solved_at=None) | Q(affected__last_at__gt=F("solved_at")) | Q(state=Problem.State.SOLVED)
    rows = Problem.objects.filter(state=state)
    if within:
        mine = Affected.objects.filter(tenant_id=within).values("problem_id")
        rows = rows.filter(Q(pk__in=mine) | Q(reports__tenant_id=within))
    reach = Count("affected__tenant_id", filter=since, distinct=True)
    return rows.annotate(reach=reach, told=Count("reports", distinct=True)).order_by("-reach", "-last_at")


def worst() -> dict[str, Any]:
    """What the page of now shows of problems."""
    ours = problems_by_reach().exclude(kind=Problem.Kind.SITE)
    rows = list(ours[:WORST])
    total = Problem.objects.filter(state=Problem.State.OPEN).count()
    waiting = ProblemReport.objects.filter(state=ProblemReport.State.NEW).count()
    return {"problems": Lines(rows, max(total, len(rows))), "reports_waiting": waiting}


def concerned(problem: Problem) -> Lines:
    """Workspaces in which it was noticed, those of late first, each with the pages that lead on."""
    rows = list(problem.affected.order_by("-last_at")[:MOST])
    for row in rows:
        row.is_over = problem.solved_at is not None and row.last_at <= problem.solved_at  # type: ignore[attr-defined]
    _name(rows)
    return Lines(rows, problem.affected.count())


def reports_of(rows: "QuerySet[ProblemReport]") -> Lines:
    found = list(rows.select_related("user", "problem")[:MOST])
    _name(found)
    return Lines(found, rows.count())


def candidates(report: ProblemReport) -> list[Problem]:
    """Problems that a report may be about: of the very request, then of its workspace, then the worst."""
    same = Problem.objects.filter(
        state=Problem.State.OPEN, affected__tenant_id=report.tenant_id,
        affected__request_id=report.request_id or "-",
    )  # fmt: skip
    own = problems_by_reach(within=report.tenant_id).order_by("-last_at")
    rows = [*same[:1], *own[:20], *problems_by_reach()[:20]]
    return list({row.pk: row for row in rows}.values())


def _name(rows: Iterable[Any]) -> None:
    """Put the workspaces' names to the rows, and the public numbers of sends and websites."""
    rows = list(rows)
    tenants = Tenant.objects.in_bulk({row.tenant_id for row in rows})
    sends = _numbers(SendIndex.objects, "send_id", rows)
    sites = _numbers(SiteIndex.objects, "site_id", rows)
    for row in rows:
        row.workspace = tenants.get(row.tenant_id)
        row.send_page = sends.get((row.tenant_id, row.send_id))
        row.site_page = sites.get((row.tenant_id, getattr(row, "site_id", None)))


def _numbers(index: Any, name: str, rows: list[Any]) -> dict[tuple[int, int | None], int]:
    given = {getattr(row, name, None) for row in rows} - {None}
    found = index.filter(**{f"{name}__in": given, "tenant_id__in": {row.tenant_id for row in rows}})
    return {(tenant, number): pk for tenant, number, pk in found.values_list("tenant_id", name, "pk")}
