"""What django-q2 runs for this app: ids in, a verb called, safe to run twice."""

from django.conf import settings

from subscribers.actions.job import resume_all, ring
from subscribers.actions.job import work_on as work
from subscribers.actions.profile import fold_all
from subscribers.actions.retention import forget_all
from subscribers.actions.site_check import run_check
from subscribers.actions.site_figures import count_site as count
from tenants.doorway import in_tenant


def work_on(schema_name: str, job_id: int) -> None:
    """Do a slice of a job, and ring for the next: others of the queue come in between."""
    with in_tenant(schema_name):
        if work(job_id, seconds=settings.UPKEEP_SECONDS):
            ring(schema_name, job_id)


def count_site(schema_name: str, site_id: int) -> None:
    with in_tenant(schema_name):
        count(site_id)


def check_site(schema_name: str, site_id: int) -> None:
    with in_tenant(schema_name):
        run_check(site_id)


def resume_jobs() -> int:
    return resume_all()


def fold_told() -> int:
    """Put what browsers said into profiles; answer how many calls were folded."""
    return fold_all()


def forget(tenant_id: int = 0, fact_id: int = 0) -> int:
    """Apply retention to events, from this workspace and fact on; answer how many facts changed."""
    return forget_all(tenant_id, fact_id)
