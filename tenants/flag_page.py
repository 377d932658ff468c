"""What support's page of feature flags shows: who has each, and how both groups do."""

from typing import Any, NamedTuple

from django.conf import settings

from tenants.actions.flags import SHARES
from tenants.flags import FLAGS, OWN_ENCODER, Flag, Row, read
from tenants.models import FlagFigure, Tenant
from tenants.own_connection import ask_here

MOST_SHOWN = 20


class Group(NamedTuple):
    """Workspaces with or without a flag, how many, and what happened to them since its step began."""

    label: str
    figures: list[dict[str, Any]]


def flags_shown() -> list[dict[str, Any]]:
    """Describe each flag that the code names, from the books as they are now."""
    known = read(ask_here)
    tenants = list(Tenant.objects.order_by("slug").only("pk", "slug", "name"))
    return [_shown(flag, known.get(flag.name), tenants) for flag in FLAGS.values()]


def _shown(flag: Flag, row: Row | None, tenants: list[Tenant]) -> dict[str, Any]:
    having = [tenant for tenant in tenants if (row.has(tenant.pk) if row else flag.default)]
    is_all = row is None and flag.default
    percent = row.percent if row else 100 if flag.default else 0
    return {
        "flag": flag,
        "row": row,
        "state": "stopped" if row and row.stopped_at else f"on for {percent} % of workspaces",
        "shares": [share for share in SHARES if share != percent or (row and row.stopped_at)],
        "may_stop": is_all or (row is not None and not row.stopped_at),
        "having": having[:MOST_SHOWN],
        "more": max(0, len(having) - MOST_SHOWN),
        "on_for": [tenant for tenant in tenants if row and tenant.pk in row.on_for],
        "off_for": [tenant for tenant in tenants if row and tenant.pk in row.off_for],
        "groups": _groups(flag, row, len(having), len(tenants)) if row and flag.kinds else (),
        "is_overruled": flag == OWN_ENCODER and (settings.PUSH_PAD_TO or settings.PUSH_ENCODER != "truepush"),
    }


def _groups(flag: Flag, row: Row, having: int, tenants: int) -> list[Group]:
    found = FlagFigure.objects.filter(flag=row.name, step=row.step, kind__in=flag.kinds).order_by("kind")
    lines: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for one in found:
        share = f"{one.errors / one.events:.2%}" if one.events else "0.00%"
        lines[one.is_on].append(
            {"kind": one.kind, "events": one.events, "errors": one.errors, "share": share.replace("%", " %")}
        )
    with_it, without = ("", "") if row.stopped_at else (f" ({having:,})", f" ({tenants - having:,})")
    return [Group(f"With it{with_it}", lines[True]), Group(f"Without it{without}", lines[False])]
