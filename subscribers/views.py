"""Console pages of websites: list, add, change, install, and the test device."""

from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from subscribers.access import access_site
from subscribers.actions.site import CHANGEABLE, add_site, change_site, renew_identity
from subscribers.actions.subscription import SubscriberRefused, add_test_device
from subscribers.api import read_subscription
from subscribers.figures import LARGE, count_active, count_active_by_site
from subscribers.forms import SiteForm
from subscribers.identity import secret_of
from subscribers.json_body import MOST_OCTETS, read_object
from subscribers.models import Site, Subscriber
from subscribers.sdk import worker_code
from subscribers.stub import is_demo_shop, page_of, snippet, worker_stub
from subscribers.views_check import check_context
from tenants.access import console
from tenants.actions import audit
from tenants.api_errors import ApiError, error_body
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.sdk_rings import release_for

TEST_DEVICES = "test_devices"


@console(Role.ANALYST)
def site_list(request: ConsoleRequest) -> HttpResponse:
    totals = count_active_by_site()
    rows = [{"site": site, "total": totals.get(site.pk, 0)} for site in Site.objects.all()]
    return render(request, "subscribers/site_list.html", {"sites": rows})


@console(Role.ADMIN, form=True, whole=True)
def site_new(request: ConsoleRequest) -> HttpResponse:
    initial = {"origin": request.GET.get("origin", "")[:255], "name": request.GET.get("name", "")[:80]}
    form = SiteForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            site = add_site(actor=request.user, tenant=request.tenant, **form.cleaned_data)
        except IntegrityError:
            form.add_error("origin", "This address was added a moment ago.")
        else:
            return redirect("subscribers:site", site.pk)
    return render(request, "subscribers/site_form.html", {"form": form, "site": None})


@console(Role.ADMIN, form=True)
def site_edit(request: ConsoleRequest, pk: int) -> HttpResponse:
    site = access_site(pk)
    initial = {name: getattr(site, name) for name in CHANGEABLE}
    form = SiteForm(request.POST or None, initial=initial, site=site)
    if request.method == "POST" and form.is_valid():
        try:
            change_site(actor=request.user, tenant=request.tenant, site=site, **form.cleaned_data)
        except IntegrityError:
            form.add_error("origin", "This address was added a moment ago.")
        else:
            return redirect("subscribers:site", site.pk)
    return render(request, "subscribers/site_form.html", {"form": form, "site": site})


@console(Role.ANALYST)
def site(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show how to install the snippet, and wait for the first subscriber."""
    found = access_site(pk)
    context = {
        "site": found,
        "snippet": snippet(found),
        "stub": worker_stub(found),
        "sdk_version": release_for(found.site_key).version,
        "shop_url": page_of(found) if is_demo_shop(found) else "",
        **_waiting(found),
        **check_context(request, found),
    }
    return render(request, "subscribers/install.html", context)


@console(Role.ADMIN, form=True, private=True)
def identity(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Explain external ids; show the secret that they are signed with, or make a new one, to whoever asks for it."""
    found, secret = access_site(pk), ""
    if request.method == "POST" and request.POST.get("do") == "renew":
        secret = renew_identity(actor=request.user, tenant=request.tenant, site=found)
    elif request.POST.get("do") == "show":
        secret = secret_of(found)
        audit.record(
            "site.identity_shown", actor=request.user, tenant_id=request.tenant.pk, target=f"site {pk}"
        )
    answer = render(request, "subscribers/identity.html", {"site": found, "secret": secret})
    answer["Cache-Control"] = "no-store"
    return answer


@console(Role.ANALYST)
def waiting(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_site(pk)
    return render(request, "subscribers/_waiting.html", {"site": found, **_waiting(found)})


def _waiting(site: Site) -> dict[str, Any]:
    total, people = count_active(site.pk), Subscriber.objects.filter(site=site, is_test=False)
    # Of a large audience who came first long ago is no news, and dear to find.
    first = people.order_by("subscribed_at", "pk").first() if total <= LARGE else None
    return {"total": total, "first": first}


@console(Role.ANALYST)
def stub(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Download the worker file of two lines."""
    found = access_site(pk)
    answer = HttpResponse(worker_stub(found), content_type="text/javascript; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.worker_path.rpartition("/")[2]}"'
    return answer


@console(Role.EDITOR, write=True)
def test_device(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Remember this browser as the person's test device for the site; its subscription comes as JSON."""
    found = access_site(pk)
    try:
        body = read_object(request.read(MOST_OCTETS + 1))
        new = read_subscription(body, request.headers.get("User-Agent", ""))
        subscriber_id, created = add_test_device(
            actor=request.user, tenant=request.tenant, site_id=found.pk, new=new
        )
    except ApiError as error:
        return JsonResponse(error_body(error), status=error.status)
    except SubscriberRefused as refusal:
        return JsonResponse(error_body(ApiError(409, "not_a_test_device", str(refusal))), status=409)
    devices = request.session.get(TEST_DEVICES, {})
    request.session[TEST_DEVICES] = {**devices, str(found.pk): subscriber_id}
    return JsonResponse({"ready": True}, status=201 if created else 200)


@console(Role.EDITOR)
def test_worker(request: ConsoleRequest, site_key: str) -> HttpResponse:
    """Serve the common worker code on the console's own host, in a scope of one site, for the test device."""
    found = Site.objects.filter(site_key=site_key).first()
    if found is None:
        return HttpResponse("Unknown site key.\n", status=404, content_type="text/plain")
    answer = HttpResponse(worker_code(found), content_type="text/javascript; charset=utf-8")
    answer["Cache-Control"] = "no-cache"
    # The worker reports to the SDK's host, which a page of the console may not call.
    answer["Content-Security-Policy"] = (
        f"default-src 'self'; connect-src 'self' {settings.SDK_URL} {settings.RECEIPTS_URL}".rstrip()
    )
    return answer
