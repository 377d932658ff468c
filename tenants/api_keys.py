"""How a customer's server comes in to the REST API: by a key in the Authorization header, and by nothing else."""

import ipaddress
import re
from typing import Any, ClassVar, cast
from urllib.parse import unquote_plus

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.access import READ_METHODS
from tenants.actions import attempts
from tenants.actions.keys import find_key, note_use
from tenants.api_errors import ApiError, TooMany
from tenants.client_address import client_address
from tenants.models import ApiKey, Scope, Tenant

# Also cut off, or of an environment that does not exist: what looks like a key has been put where others can read it.
_LIKE_A_KEY = re.compile(r"tp_[a-z]+_[a-z0-9]{8}_", re.IGNORECASE)
_MINUTE = 60


class KeyAuthentication(BaseAuthentication):
    """Find the key of the request among those of the workspace whose host is asked; no session, no cookie counts."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        key = find_key(request.tenant, token.strip()) if kind.lower() == "bearer" else None  # type: ignore[attr-defined]
        if key is None:
            raise ApiError(
                401, "no_key", "Send a key of this workspace as Authorization: Bearer. This is none."
            )
        if not _is_from(key, client_address(request)):
            raise ApiError(403, "address", "This key does not count from your address.")
        try:
            attempts.take_turn(f"api-key:{key.pk}", most=key.per_minute, seconds=_MINUTE)
        except attempts.TooMany as error:
            raise TooMany(error.seconds, f"This key may ask {key.per_minute} times a minute.") from error
        note_use(key)
        return None, key


def _is_from(key: ApiKey, address: str) -> bool:
    if not key.addresses:
        return True
    if not address:
        return False
    asked = ipaddress.ip_address(address)
    asked = getattr(asked, "ipv4_mapped", None) or asked
    return any(asked in ipaddress.ip_network(network) for network in key.addresses)


class KeyView(APIView):
    """A route of the REST API. `scope` is what a key needs for it; None is any key."""

    authentication_classes = (KeyAuthentication,)
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    scope: ClassVar[Scope | None] = None
    key: ApiKey

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if _LIKE_A_KEY.search(unquote_plus(request.META.get("QUERY_STRING", ""))):
            raise ApiError(
                400, "key_in_address",
                "A key must not be in an address, where logs keep it. Revoke it, and send the new one as "
                "Authorization: Bearer.",
            )  # fmt: skip
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)
        is_suspended = request.tenant.state == Tenant.State.SUSPENDED  # type: ignore[attr-defined]
        if is_suspended and request.method not in READ_METHODS:
            raise ApiError(403, "suspended", "This workspace is suspended: it can be read only.")
        self.key = cast("ApiKey", request.auth)
        if self.scope and self.scope not in self.key.scopes:
            raise ApiError(403, "scope", f"This key lacks the scope {self.scope}.")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response
