"""The wish to unsubscribe who was not seen for long: only ever a person's, never ours."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from subscribers.actions.job import JobRefused, check_room, ring
from subscribers.losses import DORMANT_DAYS
from subscribers.models import Job, Site
from tenants.actions import audit
from tenants.models import Tenant, User


@transaction.atomic
def start_prune(*, actor: User, tenant: Tenant, site: Site, days: int) -> Job:
    """Unsubscribe everybody of a website who was not seen for so many days; raises JobRefused."""
    if days not in DORMANT_DAYS:
        shown = ", ".join(str(each) for each in DORMANT_DAYS)
        raise JobRefused(f"{days} is none of the numbers of days to choose from ({shown}).")
    if Job.objects.filter(kind=Job.Kind.PRUNE, site=site, state__in=Job.MOVING).exists():
        raise JobRefused("This is being done already. Wait for its end.")
    check_room()
    before = timezone.now() - timedelta(days=days)
    wish = {"days": days, "before": before.isoformat()}
    job = Job.objects.create(kind=Job.Kind.PRUNE, site=site, wish=wish, created_by=actor.pk)
    audit.record("subscriber.prune", actor=actor, tenant_id=tenant.pk, target=f"site {site.pk}", days=days)
    Tenant.objects.filter(pk=tenant.pk).update(has_jobs=True)
    ring(tenant.schema_name, job.pk)
    return job
