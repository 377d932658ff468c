"""Release a change to a share of all workspaces, or to some by name; stop it, also by itself."""

from fractions import Fraction
from typing import NoReturn

from django.db import transaction
from django.db.models.functions import Now

from tenants.actions import audit
from tenants.actions.alerts import close_alert, raise_alert
from tenants.flags import FLAGS, forget
from tenants.models import FeatureFlag, FlagFigure, Tenant, User

SHARES = (1, 10, 50, 100)
NAMED = ("on", "off", "share")
# A workspace that is named needs no more than a click; lists that nobody can read are shares.
MOST_NAMED = 200
# Of the workspaces that have it, and of the others, before they are compared.
LEAST_EVENTS = 500
WORSE_TIMES, WORSE_POINTS = 2, Fraction(1, 100)


class FlagRefused(ValueError):
    """What cannot be done with a flag; the text says why and what to do."""


@transaction.atomic
def start_flag(*, actor: User | None, name: str, percent: int) -> None:
    """Give it to this share of all workspaces: 1, 10, 50 or 100 of a hundred; raises FlagRefused.

    The share of 1 is inside that of 10. What was stopped begins again, its alert is closed, and figures begin anew.
    """
    row = _locked(name)
    if percent not in SHARES:
        _refuse(f"{percent} % cannot be chosen: give 1, 10, 50 or 100.")
    row.percent, row.stopped_at, row.stopped_why = percent, None, ""
    _begin_step(row)
    close_alert(actor=actor, kind=_alert(name), tenant_id=None)
    audit.record("flag.start", actor=actor, tenant_id=None, target=name, percent=percent)


@transaction.atomic
def stop_flag(*, actor: User | None, name: str, why: str = "", step: int | None = None) -> bool:
    """Take it from everybody, named or not; False if it is stopped already, or its step is not this one any more."""
    row = _locked(name)
    if row.stopped_at or step not in (None, row.step):
        return False
    FeatureFlag.objects.filter(pk=name).update(stopped_at=Now(), stopped_why=why)
    audit.record("flag.stop", actor=actor, tenant_id=None, target=name, why=why)
    transaction.on_commit(forget)
    return True


@transaction.atomic
def name_workspace(*, actor: User | None, name: str, slug: str, choice: str) -> bool:
    """Have a workspace get it ("on"), or not ("off"), whatever the share says; or by "share" again. May be refused.

    False if that holds only once the flag is started again: until then the figures say why it was stopped.
    """
    row = _locked(name)
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        _refuse(f"There is no workspace {slug!r}: give the name in its address.")
    if choice not in NAMED:
        _refuse(f"{choice!r} cannot be chosen: give on, off or share.")
    before = row.on_for, row.off_for
    row.on_for = sorted({*row.on_for} - {tenant.pk} | ({tenant.pk} if choice == "on" else set()))
    row.off_for = sorted({*row.off_for} - {tenant.pk} | ({tenant.pk} if choice == "off" else set()))
    if (row.on_for, row.off_for) == before:
        return row.stopped_at is None
    if len(row.on_for) + len(row.off_for) > MOST_NAMED:
        _refuse(f"{MOST_NAMED} workspaces are named already: take some back to the share, or raise it.")
    if row.stopped_at:
        row.save(update_fields=["on_for", "off_for"])
    else:
        _begin_step(row)
    audit.record("flag.name", actor=actor, tenant_id=None, target=name, workspace=slug, choice=choice)
    return row.stopped_at is None


def stop_worse() -> list[str]:
    """Stop each flag whose workspaces have clearly more errors than the others; answer their names."""
    running = FeatureFlag.objects.filter(stopped_at=None, name__in=FLAGS)
    return [row.name for row in running if (why := worse_in(row)) and _stop_by_itself(row, why)]


@transaction.atomic
def _stop_by_itself(row: FeatureFlag, why: str) -> bool:
    is_stopped = stop_flag(actor=None, name=row.name, why=why, step=row.step)
    if is_stopped:
        raise_alert(_alert(row.name), None, f"{row.name} was stopped: {why}")
    return is_stopped


def _alert(name: str) -> str:
    """Name the kind of its alert: one is open for each kind, so the stop of another flag would take its place."""
    return f"flag_stopped:{name}"


def worse_in(row: FeatureFlag) -> str:
    """Say in what workspaces that have it are worse off; "" if in nothing, or if too little is known."""
    of = {(one.kind, one.is_on): one for one in FlagFigure.objects.filter(flag=row, step=row.step)}
    for kind in FLAGS[row.name].kinds:
        with_it, others = of.get((kind, True)), of.get((kind, False))
        if with_it and others and min(with_it.events, others.events) >= LEAST_EVENTS:
            ratio, usual = (Fraction(one.errors, one.events) for one in (with_it, others))
            if ratio > WORSE_TIMES * usual and ratio - usual > WORSE_POINTS:
                return f"{_percent(ratio)} of its {kind} failed, {_percent(usual)} of the others'."
    return ""


def _percent(ratio: Fraction) -> str:
    return f"{float(100 * ratio):.1f} %"


def _locked(name: str) -> FeatureFlag:
    """Take the flag's row; one that the code does not name any more is left alone."""
    if name not in FLAGS:
        _refuse(f"There is no flag {name!r} in this version.")
    percent = 100 if FLAGS[name].default else 0
    FeatureFlag.objects.get_or_create(name=name, defaults={"percent": percent})
    # Processes that add figures hold their key: with no_key neither waits for the other.
    return FeatureFlag.objects.select_for_update(no_key=True).get(name=name)


def _begin_step(row: FeatureFlag) -> None:
    FlagFigure.objects.filter(flag=row).delete()
    row.step += 1
    row.save(update_fields=["percent", "on_for", "off_for", "step", "stopped_at", "stopped_why"])
    FeatureFlag.objects.filter(pk=row.pk).update(started_at=Now())
    transaction.on_commit(forget)


def _refuse(why: str) -> NoReturn:
    raise FlagRefused(why)
