"""The receipts endpoint: browsers report displayed, clicked and closed. Any origin may call it; the token is signed."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from campaigns.actions.receipts import Report, record_receipts
from campaigns.models import Receipt
from truepush.lib.receipt_token import unpack

MOST_OCTETS = 16 * 1024
MOST_RECEIPTS = 50
_TYPES = ("text/plain", "application/json")
_KINDS = {kind.name.lower(): kind for kind in Receipt.Kind}


@csrf_exempt
def receipts(request: HttpRequest) -> HttpResponse:
    """Count each receipt once; forged and foreign ones are passed over without a word (204 all the same)."""
    if request.method != "POST":
        return _refuse(405, "method_not_allowed", "Send receipts with POST.")
    if (request.content_type or "") not in _TYPES:
        return _refuse(415, "unsupported_media_type", "Send receipts as text/plain.")
    if int(request.headers.get("Content-Length") or 0) > MOST_OCTETS:
        return _refuse(
            413, "too_large", f"A report has at most {MOST_OCTETS} octets. Send fewer receipts at once."
        )
    try:
        reports = _read(json.loads(request.body))
    except ValueError as error:
        return _refuse(400, "invalid_receipts", str(error))
    record_receipts(reports)
    answer = HttpResponse(status=204)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def _read(body: Any) -> list[Report]:
    items = body.get("receipts") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise ValueError('Send {"receipts": [{"token", "kind"}]}.')
    if len(items) > MOST_RECEIPTS:
        raise ValueError(f"{len(items)} receipts at once; at most {MOST_RECEIPTS} are taken.")
    reports = []
    for item in items:
        if not isinstance(item, dict) or item.get("kind") not in _KINDS:
            raise ValueError(f"Each receipt needs a token and a kind: {', '.join(_KINDS)}.")
        token = item.get("token")
        known = unpack(settings.RECEIPT_KEYS, token) if isinstance(token, str) else None
        if known is not None:
            reports.append(Report(known, _KINDS[item["kind"]]))
    return reports


def _refuse(status: int, code: str, message: str) -> HttpResponse:
    answer = JsonResponse({"error": {"code": code, "message": message, "field": None}}, status=status)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
