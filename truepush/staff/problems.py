"""Problems and reports as support staff's pages show them: the worst first, each with who is concerned."""

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from tenants.models import Affected, Problem, ProblemReport, SendIndex, SiteIndex, Tenant
from tenants.models_problems import CONCERNED
from truepush.staff.now import MOST, Lines

# On the page of now, where what customers have to mend themselves has no place.
WORST = 8
_REACH = f"(SELECT count(*) FROM ({CONCERNED}) concerned)"  # noqa: S608  # the words are ours
_TOLD = "(SELECT count(*) FROM public.tenants_problemreport told WHERE told.problem_id = tenants_problem.id)"


def problems_by_reach(*, state: str = Problem.State.OPEN, within: int = 0) -> "QuerySet[Problem]":
    """Those that concern most workspaces first, then those seen last; `within` is one workspace's number."""
    rows = Problem.objects.filter(state=state)
    if within:
        noticed, told = (
            model.objects.filter(problem=OuterRef("pk"), tenant_id=within)
            for model in (Affected, ProblemReport)
        )
        rows = rows.filter(Q(Exists(noticed)) | Q(Exists(told)))
    return rows.annotate(reach=_number(_REACH), told=_number(_TOLD)).order_by("-reach", "-last_at")


def _number(statement: str) -> RawSQL:
    return RawSQL(statement, [], output_field=BigIntegerField())  # noqa: S611  # the words are ours


def worst() -> dict[str, Any]:
    """What the page of now shows of problems."""
    ours = problems_by_reach().exclude(kind=Problem.Kind.SITE)
    rows = list(ours[:WORST])
    waiting = ProblemReport.objects.filter(state=ProblemReport.State.NEW).count()
    return {"problems": Lines(rows, ours.count()), "reports_waiting": waiting}


def concerned(problem: Problem) -> Lines:
    """Workspaces in which it was noticed, those of late first, each with the pages that lead on."""
    rows = list(problem.affected.order_by("-last_at")[:MOST])
    statement = RawSQL(f"ARRAY({CONCERNED})", [], output_field=ArrayField(BigIntegerField()))  # noqa: S611
    now = set(Problem.objects.annotate(now=statement).values_list("now", flat=True).get(pk=problem.pk))
    for row in rows:
        row.is_over = row.tenant_id not in now  # type: ignore[attr-defined]
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
