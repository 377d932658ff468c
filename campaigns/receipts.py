"""The receipts endpoint: browsers report displayed, clicked and closed. Any origin may call it; the token is signed."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from campaigns.actions.receipts import Report, record_receipts
from campaigns.models import Receipt
from campaigns.shared_commit import SharedCommit
from subscribers.json_body import MOST_OCTETS, read_object
from tenants.api_errors import ApiError, error_body
from truepush.lib.receipt_token import unpack

MOST_RECEIPTS = 50
_TYPES = ("text/plain", "application/json")
_KINDS = {kind.name.lower(): kind for kind in Receipt.Kind}


# Web threads wait for a commit that they share; the intake (campaigns.intake_app) has its own.
_shared = SharedCommit(record_receipts)


@csrf_exempt
def receipts(request: HttpRequest) -> HttpResponse:
    """Count each receipt once; forged and foreign ones are passed over without a word (204 all the same)."""
    answer: HttpResponse
    try:
        body = request.read(MOST_OCTETS + 1) if request.method == "POST" else b""
        if reports := read_reports(request.method or "", request.content_type or "", body):
            _shared.submit(reports)
        answer = HttpResponse(status=204)
    except ApiError as error:
        answer = JsonResponse(error_body(error), status=error.status)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def read_reports(method: str, content_type: str, body: bytes) -> list[Report]:
    """Read a report; `body` may be one octet longer than is taken. Raises ApiError."""
    if method != "POST":
        raise ApiError(405, "method_not_allowed", "Send receipts with POST.")
    if content_type not in _TYPES:
        raise ApiError(415, "unsupported_media_type", "Send receipts as text/plain.")
    items = read_object(body).get("receipts")
    if not isinstance(items, list):
        raise ApiError(400, "invalid_receipts", 'Send {"receipts": [{"token", "kind"}]}.', "receipts")
    if len(items) > MOST_RECEIPTS:
        raise ApiError(
            413, "too_many", f"{len(items)} receipts at once; at most {MOST_RECEIPTS} are taken.", "receipts"
        )
    return [report for item in items if (report := _report(item))]


def _report(item: Any) -> Report | None:
    """None for a token that is not ours."""
    kind = item.get("kind") if isinstance(item, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ApiError(
            400,
            "invalid_receipts",
            f"Each receipt needs a token and a kind: {', '.join(_KINDS)}.",
            "receipts",
        )
    token = item.get("token")
    known = unpack(settings.RECEIPT_KEYS, token) if isinstance(token, str) else None
    return Report(known, _KINDS[kind]) if known else None
