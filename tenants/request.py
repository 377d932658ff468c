"""The request as our middleware leaves it, for type checkers."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from tenants.models import Membership, SupportView, Tenant, User


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
