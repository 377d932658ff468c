"""The SDK's endpoints that write: subscribe, unsubscribe, profile. Origin-checked, without cookies."""

import re
from dataclasses import replace
from typing import Any, cast

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from subscribers import flood
from subscribers.access import access_site_key, check_open
from subscribers.actions.flood import note_flood
from subscribers.actions.profile import tell
from subscribers.actions.subscription import (
    NewSubscription,
    Profile,
    UnknownServerKey,
    capability_of,
    digest_of,
    is_known,
    own_row,
    subscribe,
    unsubscribe,
)
from subscribers.identity import is_signed
from subscribers.json_body import ObjectParser
from subscribers.languages import read_language
from subscribers.origins import check_origin, open_to_origin
from subscribers.place import Place, place_of_request
from subscribers.profiles import ProfileRefused, merge_attributes, merge_tags, read_told
from subscribers.time_zones import zone_names
from tenants.api_errors import ApiError, TooMany
from tenants.client_address import client_address
from tenants.doorway import in_tenant
from tenants.site_index import IndexedSite
from truepush.lib import base64url
from truepush.lib.user_agent import read_user_agent
from truepush.lib.webpush.endpoints import Endpoint, EndpointRefused, parse_endpoint
from truepush.lib.webpush.keys import KeyRefused, parse_subscription_keys

_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,2}")
_PROMPT = re.compile(r"[a-z][a-z0-9 .-]{0,39}")
_MOST_ENDPOINT = 2048


class SiteView(APIView):
    """A browser's call for one site: only from the site's own origins, which are echoed (never a wildcard)."""

    http_method_names = ["post", "options"]
    parser_classes = [ObjectParser]
    site: IndexedSite

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # First of all: every refusal after this one carries the headers by which a page of the site may read it.
        self.site = access_site_key(str(kwargs["site_key"]))
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            check_open(self.site)
            check_origin(self.site, request)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        open_to_origin(response, getattr(self, "site", None), request)
        return response


class Subscriptions(SiteView):
    def post(self, request: Request, site_key: str) -> Response:
        """Store the subscription (201 new, 200 known); answer the capability token of its row, and its number."""
        body = _body(request)
        new = read_subscription(body, request.headers.get("User-Agent", ""))
        new = replace(new, profile=_with_place(new.profile, request))
        old = body.get("old_endpoint")
        old = _as_stored(old) if isinstance(old, str) else ""
        with in_tenant(self.site.schema_name):
            subscriber_id, created = self._stored(new, old, client_address(request))
            capability = capability_of(subscriber_id, digest_of(new.endpoint.url))
        answer = {"subscriber": capability, "id": subscriber_id}
        return Response(answer, status=201 if created else 200)

    def _stored(self, new: NewSubscription, old: str, address: str) -> tuple[int, bool]:
        """Store it, unless it is one new one too many; raises ApiError."""
        place = self.site.tenant_id, self.site.site_id, address
        room = flood.room_for_new(*place)
        if room.is_first:
            note_flood(tenant_id=self.site.tenant_id, site_id=self.site.site_id, is_of_all=room.is_of_all)
        if room.wait and not is_known(self.site.site_id, new.endpoint.url, old):
            raise TooMany(room.wait, "Too many new subscriptions.")
        try:
            subscriber_id, created = subscribe(
                site_id=self.site.site_id, new=new, old_endpoint=old, in_flood=room.is_flood
            )
        except UnknownServerKey:
            if not room.wait:
                flood.give_back(*place)
            raise ApiError(
                400,
                "unknown_server_key",
                "The subscription was made with another server key: subscribe anew with the one in settings.json.",
                "server_key",
            ) from None
        if not created and not room.wait:
            flood.give_back(*place)
        return subscriber_id, created


class ProfileCall(SiteView):
    def post(self, request: Request, site_key: str) -> Response:
        """Take what a browser says of its own subscriber; 202, since it is in the profile some seconds later."""
        body = _body(request)
        endpoint, capability = (
            _as_stored(_text(body, "endpoint", _MOST_ENDPOINT)),
            _text(body, "subscriber", 64),
        )
        try:
            told = read_told(body)
            with in_tenant(self.site.schema_name):
                row = own_row(site_id=self.site.site_id, endpoint=endpoint, capability=capability)
                if row is None:
                    raise _unknown_subscription()
                if told.external_id and not is_signed(
                    self.site.site_id, told.external_id, str(body.get("signature"))
                ):
                    raise ApiError(
                        401,
                        "bad_signature",
                        "The external ID is not signed with this website's identity secret.",
                        "signature",
                    )
                merge_tags(row.tags, told)
                merge_attributes(row.attributes, told)
                if _wants_privacy(request):
                    told.sessions = told.pages = 0
                tell(tenant_id=self.site.tenant_id, subscriber_id=row.pk, told=told)
        except ProfileRefused as error:
            raise ApiError(400, "invalid_profile", str(error), error.place) from None
        return Response(status=202)


def _unknown_subscription() -> ApiError:
    return ApiError(404, "unknown_subscription", "There is no such subscription on this website.")


def _wants_privacy(request: Request) -> bool:
    """Whether the browser asks not to be followed: Global Privacy Control, or the older Do Not Track."""
    return request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1"


def _with_place(profile: Profile, request: Request) -> Profile:
    """Add where the call comes from, and the website's origin; of who asks for privacy the country only."""
    place = place_of_request(request)
    if _wants_privacy(request):
        place = Place(country=place.country)
    return replace(profile, consent_origin=request.headers.get("Origin", "")[:255], **vars(place))


class Tags(SiteView):
    def post(self, request: Request, site_key: str) -> Response:
        """Answer the tags in the profile of the subscription named by its endpoint and capability."""
        body = _body(request)
        endpoint = _as_stored(_text(body, "endpoint", _MOST_ENDPOINT))
        capability = _text(body, "subscriber", 64)
        with in_tenant(self.site.schema_name):
            row = own_row(site_id=self.site.site_id, endpoint=endpoint, capability=capability)
        if row is None:
            raise _unknown_subscription()
        return Response({"tags": row.tags})


class Unsubscribe(SiteView):
    def post(self, request: Request, site_key: str) -> Response:
        """End the subscription named by its endpoint and capability; 404 tells nothing about which was wrong."""
        body = _body(request)
        endpoint = _as_stored(_text(body, "endpoint", _MOST_ENDPOINT))
        capability = _text(body, "subscriber", 64)
        with in_tenant(self.site.schema_name):
            done = unsubscribe(site_id=self.site.site_id, endpoint=endpoint, capability=capability)
        if not done:
            raise _unknown_subscription()
        return Response(status=204)


def read_subscription(body: dict[str, Any], user_agent: str) -> NewSubscription:
    """Check what PushSubscription.toJSON() gave; raises ApiError naming the field that is wrong."""
    endpoint = body.get("endpoint")
    try:
        parsed = _parse_endpoint(endpoint if isinstance(endpoint, str) else "")
    except EndpointRefused as error:
        raise ApiError(400, "invalid_endpoint", error.reason, "endpoint") from None
    keys = body.get("keys")
    if not isinstance(keys, dict):
        raise ApiError(400, "invalid_keys", "Give keys as an object with p256dh and auth.", "keys")
    try:
        p256dh, auth = parse_subscription_keys(_text(keys, "p256dh", 200), _text(keys, "auth", 100))
    except KeyRefused as error:
        raise ApiError(400, "invalid_keys", f"{error.field} {error.reason}", error.field) from None
    profile = body.get("profile")
    return NewSubscription(
        parsed,
        p256dh,
        auth,
        _profile(profile if isinstance(profile, dict) else {}, user_agent),
        server_key=_server_key(body.get("server_key")),
    )


def _server_key(given: Any) -> bytes:
    """Read the key that a subscription was made with; what is no key is of no website."""
    if given is None:
        return b""
    try:
        return base64url.decode(given) or b"?"
    except (ValueError, TypeError, AttributeError):
        return b"?"


def _parse_endpoint(text: str) -> Endpoint:
    return parse_endpoint(text, sandbox_origin=settings.SANDBOX_ORIGIN)


def _as_stored(endpoint: str) -> str:
    """Spell an endpoint as its row has it (lower-case host, no :443); what no push service gives is in no row."""
    try:
        return _parse_endpoint(endpoint).url
    except EndpointRefused:
        return endpoint


def _profile(given: dict[str, Any], user_agent: str) -> Profile:
    """Keep what is well-formed of what the browser said about itself; the rest is left empty, not refused."""
    language, zone = given.get("language"), given.get("time_zone")
    browser, system, device = read_user_agent(user_agent)
    known_zone = isinstance(zone, str) and zone in zone_names()
    version, prompt = given.get("sdk"), given.get("prompt")
    return Profile(
        language=read_language(language) if isinstance(language, str) else "",
        time_zone=str(zone) if known_zone else "",
        browser=browser,
        os=system,
        device=device,
        sdk_version=version if isinstance(version, str) and _VERSION.fullmatch(version) else "",
        prompt=prompt if isinstance(prompt, str) and _PROMPT.fullmatch(prompt) else "",
    )


def _body(request: Request) -> dict[str, Any]:
    # ObjectParser gives nothing else, and for an empty body DRF gives {}.
    return cast("dict[str, Any]", request.data)


def _text(data: dict[str, Any], name: str, most: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise ApiError(400, "missing_field", f"{name} is missing: give it as text.", name)
    if len(value) > most:
        raise ApiError(
            400, "too_long", f"{name} has {len(value)} characters; at most {most} are allowed.", name
        )
    return value
