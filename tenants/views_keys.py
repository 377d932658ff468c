"""Console pages of API keys: which there are, a new one whose secret is shown once, revoking."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from tenants.access import access_key, console
from tenants.actions.keys import KeyRefused, create_key, let_key_in, open_keys, revoke_key
from tenants.addresses import own_origin
from tenants.forms_keys import KeyForm
from tenants.models import ApiKey, Role
from tenants.request import ConsoleRequest

# Of those that do not count any more, the newest; those that do are at most 50, and all here to be revoked.
MOST_ENDED = 50


@console(Role.ADMIN, whole=True, private=True)
def keys(request: ConsoleRequest) -> HttpResponse:
    counting = list(open_keys(request.tenant).select_related("created_by"))
    ended = ApiKey.objects.filter(tenant=request.tenant).exclude(pk__in=[key.pk for key in counting])
    shown = [*counting, *ended.select_related("created_by")[:MOST_ENDED]]
    return render(request, "tenants/keys.html", {"keys": shown})


@console(Role.ADMIN, form=True, whole=True, private=True)
def key_new(request: ConsoleRequest) -> HttpResponse:
    """Take the form; the answer to it is the one page that ever shows the key."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        try:
            key, token = create_key(actor=request.user, tenant=request.tenant, **form.verb_arguments)
        except KeyRefused as error:
            form.add_error(None, str(error))
        else:
            context = {"key": key, "token": token, "origin": own_origin(request)}
    answer = render(request, "tenants/key_new.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


@console(Role.ADMIN, write=True, whole=True)
def key_let_in(request: ConsoleRequest, pk: int) -> HttpResponse:
    key = access_key(request.tenant, pk)
    if let_key_in(actor=request.user, key=key):
        messages.success(request, f"{key.name} is let in again.")
    return redirect("tenants:keys")


@console(Role.ADMIN, write=True, whole=True, even_suspended=True)
def key_revoke(request: ConsoleRequest, pk: int) -> HttpResponse:
    key = access_key(request.tenant, pk)
    revoke_key(actor=request.user, key=key)
    messages.success(request, f"{key.name} is revoked. Whoever still uses it is refused from now on.")
    return redirect("tenants:keys")
