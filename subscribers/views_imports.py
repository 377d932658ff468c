"""Console pages of imports: begin one, bring its file, watch it, test it, take its people in or away."""

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from subscribers.access import access_import, chosen_site
from subscribers.actions.importing import (
    MOST_CHUNK,
    WrongPlace,
    add_chunk,
    admit,
    begin_import,
    segment_for,
    start_import,
    take_away,
)
from subscribers.actions.job import JobRefused, cancel_job
from subscribers.actions.segment import SegmentRefused
from subscribers.actions.site import add_foreign_key
from subscribers.forms_import import ImportForm
from subscribers.importing.wish import KINDS, PROVIDERS, REMOVE, SUBSCRIPTIONS, mark_of, wish_of
from subscribers.job_files import errors_of
from subscribers.models import Job, Site, Subscriber, VapidKey
from subscribers.stub import worker_stub
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest

NEWEST = 20
MOST_NAME = 120


@console(Role.ADMIN, private=True)
def import_list(request: ConsoleRequest) -> HttpResponse:
    sites = list(Site.objects.all())
    jobs = Job.objects.filter(kind=Job.Kind.IMPORT).select_related("site")[:NEWEST]
    site = chosen_site(sites, request.GET.get("site", ""))
    rows = [{"job": job, "what": _what(job)} for job in jobs]
    return render(request, "subscribers/import_list.html", {"sites": sites, "site": site, "rows": rows})


def _what(job: Job) -> str:
    wish = wish_of(job)
    return (
        f"Subscriptions of {PROVIDERS[wish.provider].label}"
        if wish.kind == SUBSCRIPTIONS
        else KINDS[wish.kind]
    )


@console(Role.ADMIN, form=True, private=True)
def import_new(request: ConsoleRequest) -> HttpResponse:
    """Ask what is imported; the file comes on the next page."""
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.POST.get("site", "") or request.GET.get("site", ""))
    if site is None:
        return redirect("subscribers:site_new")
    form = ImportForm(
        request.POST or None, site=site, initial={"kind": request.GET.get("kind", SUBSCRIPTIONS)[:20]}
    )
    if request.method == "POST" and form.is_valid():
        try:
            job = _begin(request, site, form)
            return redirect("subscribers:import_page", job.pk)
        except JobRefused as error:
            form.add_error(None, str(error))
    return render(request, "subscribers/import_form.html", {"form": form, "site": site, "sites": sites})


def _begin(request: ConsoleRequest, site: Site, form: ImportForm) -> Job:
    data, key = form.cleaned_data, None
    if data["kind"] == SUBSCRIPTIONS:
        key = form.keys.get(data["key"])
        if form.pair is not None:
            key = add_foreign_key(
                actor=request.user,
                tenant=request.tenant,
                site=site,
                pair=form.pair,
                provider=data["provider"],
                worker_path=data["worker_path"],
            )
    return begin_import(
        actor=request.user,
        tenant=request.tenant,
        site=site,
        kind=data["kind"],
        provider=data["provider"],
        key=key,
    )


@console(Role.ADMIN, private=True)
def import_page(request: ConsoleRequest, pk: int) -> HttpResponse:
    job = access_import(pk)
    key = VapidKey.objects.filter(pk=wish_of(job).key).first()
    old_path = key.worker_path if key else ""
    context = {
        "old_path": old_path,
        "stub": worker_stub(job.site, old_path) if old_path else "",
        "most_chunk": MOST_CHUNK,
        **_state(job),
    }
    return render(request, "subscribers/import_page.html", context)


@console(Role.ADMIN, private=True)
def import_state(request: ConsoleRequest, pk: int) -> HttpResponse:
    return render(request, "subscribers/_import_state.html", _state(access_import(pk)))


def _state(job: Job) -> dict[str, Any]:
    wish, result = wish_of(job), job.result
    is_there = job.expires_at is not None and errors_of(job).exists()
    position = result.get("position", 0)
    made = {
        "job": job,
        "wish": wish,
        "what": _what(job),
        "result": result,
        "is_people": wish.kind == SUBSCRIPTIONS,
        "is_removed": wish.phase == REMOVE,
        "percent": min(100, round(100 * position / job.octets)) if job.octets else 0,
        "has_errors": bool(result.get("refused")) and is_there,
    }
    has_ended = not job.is_moving and job.state != Job.State.UPLOADING
    return {**made, "people": _people(job)} if has_ended and made["is_people"] else made


def _people(job: Job) -> dict[str, int]:
    """Count who came by an import, by what became of them."""
    meant = Subscriber.objects.filter(site_id=job.site_id, prompt=mark_of(job))
    return dict(meant.order_by().values_list("state").annotate(number=Count("pk")))


@console(Role.ADMIN, write=True)
def import_chunk(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Take a piece of the file, as octets; 409 with the size there is if it does not begin there."""
    job, at = access_import(pk), request.GET.get("at", "")
    octets = request.read(MOST_CHUNK + 1)
    if not at.isdecimal() or len(at) > 12 or len(octets) > MOST_CHUNK:
        return JsonResponse(
            {"message": f"Send at most {MOST_CHUNK} octets, and where they begin."}, status=400
        )
    try:
        name = request.GET.get("file", "")[:MOST_NAME]
        return JsonResponse({"size": add_chunk(job=job, at=int(at), octets=octets, name=name)})
    except WrongPlace as error:
        return JsonResponse({"size": error.size}, status=409)
    except JobRefused as error:
        return JsonResponse({"message": str(error)}, status=400)


@console(Role.ADMIN, write=True)
def import_start(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Begin to read the file; the answer is JSON, since a script has brought it."""
    job, size = access_import(pk), request.POST.get("size", "")
    if not size.isdecimal() or len(size) > 12:
        return JsonResponse({"message": "Say how many octets the file has."}, status=400)
    try:
        start_import(actor=request.user, tenant=request.tenant, job=job, size=int(size))
    except JobRefused as error:
        return JsonResponse({"message": str(error)}, status=400)
    return JsonResponse({"url": reverse("subscribers:import_page", args=[pk])})


@console(Role.ADMIN, write=True)
def import_cancel(request: ConsoleRequest, pk: int) -> HttpResponse:
    if not cancel_job(actor=request.user, tenant=request.tenant, job=access_import(pk)):
        messages.info(request, "This import had ended already.")
    return redirect("subscribers:import_page", pk)


@console(Role.ADMIN, private=True)
def import_errors(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Download what was refused, line by line."""
    path = errors_of(access_import(pk))
    if not path.exists():
        raise Http404
    answer = FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=f"import-{pk}-errors.csv",
        content_type="text/csv; charset=utf-8",
    )
    answer["Cache-Control"] = "no-store"
    return answer  # type: ignore[return-value]  # a response all the same


@console(Role.ADMIN, private=True)
def import_stub(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Download our worker file for the place where the old provider's lay."""
    job = access_import(pk)
    key = VapidKey.objects.filter(pk=wish_of(job).key).first()
    if key is None or not key.worker_path:
        raise Http404
    answer = HttpResponse(
        worker_stub(job.site, key.worker_path), content_type="text/javascript; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{key.worker_path.rpartition("/")[2]}"'
    return answer


@console(Role.ADMIN, write=True)
def import_test(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Lead to the composer, for those of the import who were let in."""
    job = access_import(pk)
    try:
        segment = segment_for(actor=request.user, tenant=request.tenant, job=job)
    except SegmentRefused as error:
        messages.error(request, str(error))
        return redirect("subscribers:import_page", pk)
    return redirect(f"{reverse('campaigns:new')}?site={job.site_id}&segment={segment.pk}")


@console(Role.ADMIN, write=True)
def import_admit(request: ConsoleRequest, pk: int) -> HttpResponse:
    try:
        admit(actor=request.user, tenant=request.tenant, job=access_import(pk))
    except JobRefused as error:
        messages.error(request, str(error))
    return redirect("subscribers:import_page", pk)


@console(Role.ADMIN, write=True)
def import_remove(request: ConsoleRequest, pk: int) -> HttpResponse:
    try:
        take_away(actor=request.user, tenant=request.tenant, job=access_import(pk))
    except JobRefused as error:
        messages.error(request, str(error))
    return redirect("subscribers:import_page", pk)
