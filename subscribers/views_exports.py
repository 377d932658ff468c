"""Console pages of exports: ask for one, watch it, take the file."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from subscribers.access import access_export, chosen_site
from subscribers.actions.job import JobRefused, cancel_job, start_export
from subscribers.export_links import file_name, is_good, link_token, vapid_keys
from subscribers.exports import FORMATS, Wish
from subscribers.job_files import path_of
from subscribers.models import Job, Segment, Site
from tenants.access import console
from tenants.actions import audit
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least

NEWEST = 20


@console(Role.ADMIN, private=True)
def export_list(request: ConsoleRequest) -> HttpResponse:
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.GET.get("site", ""))
    jobs = Job.objects.filter(kind=Job.Kind.EXPORT).select_related("site")[:NEWEST]
    context = {
        "sites": sites,
        "site": site,
        "segments": Segment.objects.filter(site=site),
        "chosen": request.GET.get("segment", ""),
        "formats": FORMATS,
        "rows": [_row(request, job) for job in jobs],
        "is_owner": request.membership.role == Role.OWNER,
    }
    return render(request, "subscribers/export_list.html", context)


def _row(request: ConsoleRequest, job: Job) -> dict[str, Any]:
    """A row of the table; links are made for whoever looks, and only for those who may take what is in the file."""
    wish = Wish(**job.wish)
    is_there = job.state == Job.State.DONE and job.expires_at is not None
    may_take = is_there and (not wish.with_secrets or request.membership.role == Role.OWNER)
    return {
        "job": job,
        "wish": wish,
        "format": FORMATS[wish.format].partition(",")[0],
        "token": link_token(job, request.user.pk) if may_take else "",
        "percent": min(100, round(100 * job.done / job.total)) if job.total else 0,
    }


@console(Role.ADMIN, private=True)
def export_row(request: ConsoleRequest, pk: int) -> HttpResponse:
    return render(request, "subscribers/_export_row.html", {"row": _row(request, access_export(pk))})


@console(Role.ADMIN, write=True, private=True)
def export_new(request: ConsoleRequest) -> HttpResponse:
    """Start an export. With endpoints and keys only for owners, who give their password again."""
    given = request.POST
    site = chosen_site(list(Site.objects.all()), given.get("site", ""))
    back = reverse("subscribers:export_list")
    if site is None:
        return redirect("subscribers:site_new")
    with_secrets = given.get("with_secrets") == "on"
    if with_secrets and not is_at_least(request.membership, Role.OWNER):
        messages.error(request, "Only owners can export endpoints and keys. Ask one of them.")
        return redirect(back)
    if with_secrets and not request.user.check_password(given.get("password", "")[:200]):
        messages.error(request, "That is not your password, so nothing was exported. Type it again.")
        return redirect(back)
    wanted = given.get("segment", "")
    segment = Segment.objects.filter(pk=wanted, site=site).first() if wanted.isdecimal() else None
    if wanted and segment is None:
        messages.error(request, "This segment is no longer there. Choose another one.")
        return redirect(back)
    try:
        start_export(
            actor=request.user,
            tenant=request.tenant,
            site=site,
            file_format=given.get("format", ""),
            segment=segment,
            with_secrets=with_secrets,
        )
    except JobRefused as error:
        messages.error(request, str(error))
    return redirect(f"{back}?site={site.pk}")


@console(Role.ADMIN, write=True, private=True)
def export_cancel(request: ConsoleRequest, pk: int) -> HttpResponse:
    if not cancel_job(actor=request.user, tenant=request.tenant, job=access_export(pk)):
        messages.info(request, "This export had ended already.")
    return redirect("subscribers:export_list")


def _access_file(request: ConsoleRequest, pk: int) -> Job:
    """Fetch a finished export by a good link of this person, else 404."""
    job = access_export(pk)
    wish = Wish(**job.wish)
    may_take = not wish.with_secrets or request.membership.role == Role.OWNER
    is_there = job.state == Job.State.DONE and job.expires_at is not None
    if not (may_take and is_there and is_good(request.GET.get("token", "")[:400], job, request.user.pk)):
        raise Http404
    return job


@console(Role.ADMIN, private=True)
def export_file(request: ConsoleRequest, pk: int) -> HttpResponse:
    job = _access_file(request, pk)
    path = path_of(job)
    if not path.exists():
        raise Http404
    audit.record("export.download", actor=request.user, tenant_id=request.tenant.pk, target=f"job {pk}")
    kind = "text/csv; charset=utf-8" if Wish(**job.wish).format == "csv" else "application/x-ndjson"
    answer = FileResponse(path.open("rb"), as_attachment=True, filename=file_name(job), content_type=kind)
    answer["Cache-Control"] = "no-store"
    return answer  # type: ignore[return-value]  # a response all the same


@console(Role.OWNER, private=True)
def export_keys(request: ConsoleRequest, pk: int) -> HttpResponse:
    """The key pairs that belong to a full export, written only now: they lie in no file."""
    job = _access_file(request, pk)
    if not Wish(**job.wish).with_secrets:
        raise Http404
    audit.record("export.keys", actor=request.user, tenant_id=request.tenant.pk, target=f"job {pk}")
    answer = JsonResponse({"site": job.site.origin, "vapid_keys": vapid_keys(job.site_id)})
    answer["Content-Disposition"] = f'attachment; filename="vapid-keys-{job.site_id}.json"'
    answer["Cache-Control"] = "no-store"
    return answer
