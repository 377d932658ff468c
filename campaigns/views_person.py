"""Downloads of what is known of a person: profile, events and messages together."""

from django.http import HttpResponse, JsonResponse

from campaigns.person_data import everything_of
from subscribers.access import access_subscriber
from subscribers.models import Subscriber
from subscribers.person_data import MOST_BROWSERS
from subscribers.profiles import MOST_EXTERNAL
from tenants.access import console
from tenants.actions import audit
from tenants.models import Role
from tenants.request import ConsoleRequest


@console(Role.ADMIN, write=True, whole=True, even_suspended=True)
def privacy_data(request: ConsoleRequest) -> HttpResponse:
    """Download what is known of the person with this external id. Posted, since it may be a mail address."""
    external_id = request.POST.get("external_id", "").strip()[:MOST_EXTERNAL]
    people = Subscriber.objects.filter(external_id=external_id).exclude(external_id="").select_related("site")
    return _download(request, list(people.order_by("pk")[:MOST_BROWSERS]), "person")


@console(Role.ADMIN, write=True, even_suspended=True)
def person_data(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Download what is known of one subscriber."""
    return _download(request, [access_subscriber(pk)], f"subscriber-{pk}")


def _download(request: ConsoleRequest, people: list[Subscriber], name: str) -> HttpResponse:
    tenant_id = request.tenant.pk
    for person in people:
        audit.record(
            "subscriber.data", actor=request.user, tenant_id=tenant_id, target=f"subscriber {person.pk}"
        )
    answer = JsonResponse(everything_of(people), json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="{name}.json"'
    answer["Cache-Control"] = "no-store"
    return answer
