"""The funnel endpoint: pages tell which steps their visitor took. A plain view, since every visit calls it.

It names nobody: no id, no cookie, and of the address the country alone is kept. So it counts those who ask for privacy
(Global Privacy Control, Do Not Track) like everybody else.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from subscribers.access import access_site_key, check_open
from subscribers.actions.funnel import MOST_PAGE, STEPS, Taken, tell_steps
from subscribers.flood import seconds_to_wait
from subscribers.json_body import read_object
from subscribers.origins import check_origin, open_to_origin
from subscribers.place import place_of_request
from tenants.api_errors import ApiError, TooMany, error_body
from tenants.client_address import client_address
from tenants.doorway import in_tenant
from tenants.site_index import IndexedSite
from truepush.lib.user_agent import read_user_agent

MOST_OCTETS = 8 * 1024
MOST_STEPS = 40
MOST_TIMES = 50
_MOST_ID = 2**63 - 1
_MOST_VERSION = 2**31 - 1
_TYPES = ("text/plain", "application/json")
# Whatever calls itself something else is one "Other": names are taken from a header that anybody can write.
BROWSERS = frozenset(
    {
        "Chrome", "Chrome Mobile", "Chrome Mobile WebView", "Chrome Mobile iOS", "Edge", "Edge Mobile", "Firefox",
        "Firefox Mobile", "Firefox iOS", "Mobile Safari", "MiuiBrowser", "Opera", "Opera Mobile", "Safari",
        "Samsung Internet", "UC Browser", "Vivaldi", "Yandex Browser",
    }
)  # fmt: skip


@csrf_exempt
def funnel(request: HttpRequest, site_key: str) -> HttpResponse:
    """Count the steps that are told; prompts and steps that are not known are passed over (204 all the same)."""
    site, answer = None, HttpResponse(status=204)
    try:
        site = access_site_key(site_key)
        if request.method != "OPTIONS":
            _take(request, site)
    except ApiError as error:
        answer = JsonResponse(error_body(error), status=error.status, headers=error.headers)
    open_to_origin(answer, site, request)
    return answer


def _take(request: HttpRequest, site: IndexedSite) -> None:
    """Check a call and store what it tells; raises ApiError."""
    if request.method != "POST":
        raise ApiError(405, "method_not_allowed", "Send steps with POST.")
    check_open(site)
    check_origin(site, request)
    if wait := seconds_to_wait(site.tenant_id, site.site_id, client_address(request)):
        raise TooMany(wait, "Too many calls from one place.")
    if request.content_type not in _TYPES:
        raise ApiError(415, "unsupported_media_type", "Send steps as text/plain.")
    raw = request.read(MOST_OCTETS + 1)
    if len(raw) > MOST_OCTETS:
        raise ApiError(413, "too_large", f"The body has more than {MOST_OCTETS} octets.")
    body = read_object(raw)
    browser, _, _ = read_user_agent(request.headers.get("User-Agent", ""))
    with in_tenant(site.schema_name):
        tell_steps(
            tenant_id=site.tenant_id,
            site_id=site.site_id,
            page=_page(body.get("page")),
            browser=browser if browser in BROWSERS else "Other",
            country=place_of_request(request).country,
            taken=_steps(body.get("steps")),
        )


def _page(given: Any) -> str:
    """A path of the website, without what stands behind ? and #: that may say who somebody is."""
    path = given.partition("?")[0].partition("#")[0] if isinstance(given, str) else ""
    if not path.startswith("/"):
        raise ApiError(400, "invalid_page", "page is the path of the page, and begins with /.", "page")
    path = path.encode("utf-8", "replace").decode()
    return "".join(one if one.isprintable() else "?" for one in path[:MOST_PAGE])


def _steps(given: Any) -> list[Taken]:
    if not isinstance(given, list):
        raise ApiError(400, "invalid_steps", 'Send {"steps": [{"prompt", "version", "step", "n"}]}.', "steps")
    if len(given) > MOST_STEPS:
        raise ApiError(
            413, "too_many", f"{len(given)} steps at once; at most {MOST_STEPS} are taken.", "steps"
        )
    return [taken for one in given if (taken := _step(one))]


def _step(given: Any) -> Taken | None:
    """None for a step that we do not know."""
    known = given if isinstance(given, dict) else {}
    prompt, version, step, times = (known.get(name) for name in ("prompt", "version", "step", "n"))
    is_whole = _is_whole(prompt, 0, _MOST_ID) and _is_whole(version, 0, _MOST_VERSION)
    if not is_whole or not _is_whole(times, 1, MOST_TIMES) or not isinstance(step, str):
        raise ApiError(
            400, "invalid_steps", f"Each step needs a prompt, a version, a step and n from 1 to {MOST_TIMES}.", "steps"
        )  # fmt: skip
    return Taken(int(prompt or 0), int(version or 0), step, int(times or 0)) if step in STEPS else None


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
