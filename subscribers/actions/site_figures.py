"""Keep what counting a large audience found, so that pages only read it."""

from datetime import datetime
from time import monotonic

from django.db import transaction
from django.utils import timezone

from subscribers.figures import FRESH, is_kept, measure
from subscribers.models import Site


@transaction.atomic
def count_site(site_id: int) -> bool:
    """Count a website anew unless that was just done; False if nothing was. No audit row: nothing is decided."""
    site = Site.objects.select_for_update(skip_locked=True).filter(pk=site_id).first()
    now = timezone.now()
    if site is None or (site.figures and now - datetime.fromisoformat(site.figures["at"]) < FRESH):
        return False
    began = monotonic()
    found = measure([site_id])[site_id]
    # One that has become small is counted for each page again.
    is_large = is_kept(found["total"], 1000 * (monotonic() - began))
    site.figures = {**found, "at": now.isoformat()} if is_large else {}
    site.save(update_fields=["figures"])
    return True
