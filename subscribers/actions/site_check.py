"""Ask for a check of a website's installation, and do it in the background.

`Site.checked` is {} or {"state", "asked_at"}: "waiting"; "running", with "began_at"; "done", with "at", "seconds" and
"findings"; its times are ISO 8601. A check that a killed process left behind is lost after LOST, from when it began
or, if it did not, was asked for. It can be asked for again: at once, or, if it began, after the rest of so slow a one.
"""

import math
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from subscribers.doctor.case import case_of
from subscribers.doctor.examine import examine
from subscribers.doctor.finding import State, sorted_for_reading
from subscribers.doctor.visit import TrustOf, Visit, trust_of
from subscribers.models import Site
from tenants.actions import audit
from tenants.models import Problem, Tenant, User
from tenants.problem_notes import note

TASK = "subscribers.tasks.check_site"
LOST = timedelta(seconds=60)
# A check holds the only process of its queue: whose website is slow waits so many times longer for the next.
REST_SECONDS, REST_TIMES = 3.0, 5.0
WAITING, RUNNING, DONE = "waiting", "running", "done"


class CheckRefused(ValueError):
    """No check now; the text says why and when."""


@transaction.atomic
def ask_check(*, actor: User, tenant: Tenant, site: Site) -> None:
    """Ask for a check; raises CheckRefused while the workspace has one, or had one a moment ago."""
    # Two that ask at once would each see no check.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    now = timezone.now()
    for other in Site.objects.exclude(checked={}).only("name", "checked"):
        if is_moving(other.checked, now):
            raise CheckRefused(f"“{other.name}” is being checked. Wait until that is done.")
        if wait := rest(other.checked, now):
            raise CheckRefused(f"The last check was a moment ago. Try again in {wait} s.")
    site.checked = {"state": WAITING, "asked_at": now.isoformat()}
    site.save(update_fields=["checked"])
    audit.record("site.check", actor=actor, tenant_id=tenant.pk, target=f"site {site.pk}")
    async_task(TASK, tenant.schema_name, site.pk, cluster=settings.SHORT_QUEUE)


def is_moving(checked: dict[str, object], now: datetime) -> bool:
    """Whether a check is waited for; one that was lost is not."""
    moves = checked.get("state") in (WAITING, RUNNING)
    return moves and now - _since(checked) < LOST


def is_lost(checked: dict[str, object], now: datetime) -> bool:
    return checked.get("state") in (WAITING, RUNNING) and not is_moving(checked, now)


def _since(checked: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(checked.get("began_at") or checked["asked_at"]))


def rest(checked: dict[str, object], now: datetime) -> int:
    """Seconds until the next may be asked for; one that began and was lost took as long as it was waited for."""
    if checked.get("state") == DONE:
        took, at = float(str(checked["seconds"])), datetime.fromisoformat(str(checked["at"]))
    elif checked.get("state") == RUNNING and is_lost(checked, now):
        took, at = LOST.total_seconds(), _since(checked) + LOST
    else:
        return 0
    ago = (now - at).total_seconds()
    return max(0, math.ceil(max(REST_SECONDS, REST_TIMES * took) - ago))


def run_check(site_id: int, *, trust: TrustOf = trust_of) -> bool:
    """Do a check that waits; False if none does. No audit row: that was written when it was asked for."""
    claimed = Site.objects.filter(pk=site_id, checked__state=WAITING).first()
    if claimed is None:
        return False
    running = {**claimed.checked, "state": RUNNING, "began_at": timezone.now().isoformat()}
    if not _say(claimed, WAITING, running):
        return False
    case, began = case_of(claimed), time.monotonic()
    findings = sorted_for_reading(list(examine(case, Visit(trust))))
    took = round(time.monotonic() - began, 1)
    for one in findings:
        if one["state"] in (State.PROBLEM, State.WARNING):
            note(Problem.Kind.SITE, one["title"], site_id=site_id)
    at = timezone.now().isoformat()
    done = {"state": DONE, "at": at, "seconds": took, "findings": findings}
    return _say(claimed, RUNNING, {**done, "asked_at": claimed.checked["asked_at"]})


def _say(site: Site, state: str, checked: dict[str, object]) -> bool:
    """Write how the check stands, if it still is the one that was asked for then."""
    mine = {"checked__state": state, "checked__asked_at": site.checked["asked_at"]}
    return bool(Site.objects.filter(pk=site.pk, **mine).update(checked=checked))
