"""The report's parts that are counted apart: by kind of people, over time; and its recipients as a file."""

import csv
from collections.abc import Iterator
from typing import Any, cast

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from campaigns.access import access_send
from campaigns.actions.breakdown import refresh
from campaigns.breakdown import DIMENSIONS, typical
from campaigns.models import Send
from campaigns.recipients_file import HEAD, rows
from campaigns.report import rate
from subscribers.names import name_of
from tenants.access import console
from tenants.actions import audit
from tenants.doorway import in_tenant
from tenants.models import Role
from tenants.request import ConsoleRequest

# A chart is at least so wide.
LEAST_STEPS = 24
_STEP_NAMES = {60: "a minute", 300: "5 minutes", 3600: "an hour"}


@console(Role.ANALYST, write=True, even_suspended=True)
def breakdown(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Answer the part of the report, counted anew where that is due; a POST, since that is written down."""
    send = access_send(pk)
    is_ready = refresh(send)
    by = send.breakdown.get("by", {})
    context = {
        "send": send,
        "is_ready": is_ready,
        "at": send.breakdown.get("at"),
        "tables": [
            (label, [_row(name, row) for row in by[name]]) for name, label in DIMENSIONS.items() if name in by
        ],
        "chart": _chart(send.breakdown.get("over_time", {})),
        "effect": _effect(send.breakdown.get("effect")),
        "typical": typical(send),
        "now": timezone.now(),
    }
    return render(request, "campaigns/_breakdown.html", context)


def _row(dimension: str, row: list[Any]) -> dict[str, Any]:
    value, audience, accepted, displayed, clicked = row
    label = {"": "Not known", "*": "All others"}.get(value, value)
    if dimension in ("country", "language") and label == value:
        label = name_of(dimension, value)
    return {
        "label": label,
        "audience": audience,
        "rates": [rate(accepted, audience), rate(displayed, accepted), rate(clicked, displayed)],
    }


def _effect(known: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A line for each thing that people did since: the share of who was held out, of the others, and the difference."""
    if not known:
        return []
    held, others = known["held_out"], known["others"]
    rows = [("Visited the website", held["visited"], others["visited"])]
    rows += [(f"Did “{name}”", number, others["did"][name]) for name, number in held["did"].items()]
    made = []
    for label, without, number in rows:
        rates = (rate(number, others["people"]) or 0.0, rate(without, held["people"]) or 0.0)
        made.append({"label": label, "others": rates[0], "held_out": rates[1], "points": rates[0] - rates[1]})
    return made


def _chart(over_time: dict[str, Any]) -> dict[str, Any] | None:
    """Bars of the steps since the launch, for an SVG as wide as there are steps and 100 high."""
    displayed, clicked = over_time.get("displayed", []), over_time.get("clicked", [])
    most = max([*displayed, *clicked, 0])
    if not most:
        return None
    bars = [
        {
            "x": step,
            "displayed": round(100 * shown / most, 2),
            "top_displayed": round(100 - 100 * shown / most, 2),
            "clicked": round(100 * acted / most, 2),
            "top_clicked": round(100 - 100 * acted / most, 2),
            "shown": shown,
            "acted": acted,
        }
        for step, (shown, acted) in enumerate(zip(displayed, clicked, strict=True))
    ]
    step = _STEP_NAMES.get(over_time["seconds"], "step")
    return {"bars": bars, "steps": max(len(bars), LEAST_STEPS), "most": most, "step": step}


@console(Role.ANALYST, write=True, even_suspended=True)
def recipients_file(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Download what became of every recipient, as CSV; noted in the audit."""
    send = access_send(pk)
    audit.record("send.export", actor=request.user, tenant_id=request.tenant.pk, target=f"send {pk}")
    answer: Any = StreamingHttpResponse(
        _lines(request.tenant.schema_name, send), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="send-{pk}-recipients.csv"'
    answer["Cache-Control"] = "no-store"
    return cast("HttpResponse", answer)


class _Line:
    """What csv writes to: gives each line back."""

    def write(self, text: str) -> str:
        return text


def _lines(schema_name: str, send: Send) -> Iterator[str]:
    """A batch at a time, each in the workspace's schema: what is streamed is read after the request is over."""
    writer = csv.writer(_Line())
    yield writer.writerow(HEAD)
    last = 0
    while True:
        with in_tenant(schema_name):
            last, found = rows(send.pk, last)
        if not last:
            return
        yield "".join(writer.writerow(row) for row in found)
