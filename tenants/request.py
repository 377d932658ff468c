"""The request as our middleware leaves it, for type checkers."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from tenants.models import Membership, SupportView, Tenant, User
from tenants.site_index import tenant_of


class Request(HttpRequest):
    tenant: Tenant | None
    # Set while support staff look into the console.
    support_view: SupportView | None
    htmx: HtmxDetails


class ConsoleRequest(Request):
    """A request that passed `access.console`: signed in, on the tenant's own host, a member of it."""

    tenant: Tenant
    membership: Membership
    user: User


def tenant_id_of(request: HttpRequest) -> int | None:
    """Tell whose console or website a request is for, as far as this process has it at hand: no query."""
    tenant = getattr(request, "tenant", None)
    given = request.resolver_match.kwargs if request.resolver_match else {}
    return tenant.pk if tenant else tenant_of(str(given.get("site_key", "")))
