"""A million subscribers: filled, counted by 30 rules, listed, frozen and read; started by run_audience."""

import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench.lib.audience_rules import RULES
from bench.lib.audience_traffic import beside_previews
from bench.lib.audience_writes import imported, told
from bench.lib.campaign import CONTENT, Place, make_place
from bench.lib.cpu import print_figures
from bench.lib.flow_work import capped, flow, freezes
from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.fill import fill_audience
from campaigns.actions.freeze import freeze
from campaigns.delivery.recipients import read_recipients
from campaigns.delivery.work import Work
from campaigns.models import Batch
from subscribers.actions.job import start_export, work_on
from subscribers.actions.segment import save_segment
from subscribers.actions.site_figures import count_site
from subscribers.audience import count, where
from subscribers.exports import FORMATS
from subscribers.models import Job, Site, Subscriber, VapidKey
from subscribers.rules.rule import Group, read
from subscribers.segment_preview import preview
from tenants.doorway import in_tenant
from tenants.models import DueWork

# BENCH_AUDIENCE=0.01 is a quick try.
SIZE = int(1_000_000 * float(os.environ.get("BENCH_AUDIENCE", "1")))
TIMES = 5
PAGES = 200
PATIENCE_MS = 60_000


def main() -> None:
    place = make_place("large")
    began = time.monotonic()
    for said in fill_audience(actor=None, tenant=place.tenant, size=SIZE):
        if "pieces" not in said:
            print(said, flush=True)
    figures: dict[str, float] = {"fill_s": time.monotonic() - began}
    print(f"Filled in {figures['fill_s']:.0f} s.", flush=True)
    with in_tenant(place.tenant.schema_name):
        site = Site.objects.latest("pk")
        place = Place(place.tenant, place.owner, site, VapidKey.objects.get(site=site))
        count_site(site.pk)  # as a worker does after the first page
        figures |= counts(site)
        figures |= frozen(place)
        figures |= exported(place)
        figures |= told(place, SIZE // 20)
        figures |= imported(place, SIZE)
        figures |= freezes(place)
        figures |= capped(place)
    figures |= pages(place)
    figures |= flow(place)
    figures |= beside_previews(place)
    print_figures(figures)


def counts(site: Site) -> dict[str, float]:
    """Count each rule some times; its figure is the median. A rule is indexed if all its fields are."""
    took: dict[str, float] = {}
    indexed: list[float] = []
    for name, raw in RULES.items():
        rule = read(raw)
        found = [count(where(site.pk, rule, timezone.now()), milliseconds=PATIENCE_MS) for _ in range(TIMES)]
        took[name] = statistics.median(one.ms for one in found)
        if is_indexed(rule):
            indexed.append(took[name])
        mark = "indexed" if is_indexed(rule) else ""
        print(f"{took[name]:6.0f} ms {found[0].total:>9,} {name} {mark}", flush=True)
    return {
        "count_ms_p50": statistics.median(took.values()),
        "count_ms_p95": percentile(list(took.values()), 95),
        "count_ms_max": max(took.values()),
        "count_single_indexed_ms_p95": percentile(single(site), 95),
        "count_indexed_ms_max": max(indexed),
        "first_number_ms_p95": percentile(first_numbers(site), 95),
    }


def first_numbers(site: Site) -> list[float]:
    """How long the builder's first answer takes: the number, exact or estimated, and what else it shows."""
    found = []
    for raw in RULES.values():
        took = []
        for _ in range(TIMES):
            began = time.monotonic()
            preview(site, read(raw), refine=False)
            took.append(1000 * (time.monotonic() - began))
        found.append(statistics.median(took))
    return found


def single(site: Site) -> list[float]:
    """Rules of one condition on one column of the audience's index: what the live count is asked most."""
    found = []
    for raw in (
        {"field": "country", "op": "is", "values": ["DE"]},
        {"field": "language", "op": "is", "values": ["de"]},
        {"field": "device", "op": "is", "values": ["mobile"]},
        {"field": "tag", "op": "has", "values": ["vip"]},
        {"field": "tag", "op": "has", "values": ["newsletter"]},
        {"field": "seen_at", "op": "within", "days": 30},
        {"field": "subscribed_at", "op": "within", "days": 7},
        {"field": "event", "op": "did", "name": "purchase", "days": 30},
    ):
        meant = where(site.pk, read({"match": "all", "rules": [raw]}), timezone.now())
        found.append(statistics.median(count(meant, milliseconds=PATIENCE_MS).ms for _ in range(TIMES)))
    return found


def is_indexed(rule: Group) -> bool:
    return all(condition.field.is_indexed for condition in rule.conditions())


def frozen(place: Place) -> dict[str, float]:
    """Launch a campaign to a segment, freeze it, and read its batches as a sender does."""
    given: dict[str, Any] = {"actor": place.owner, "tenant": place.tenant, "site": place.site}
    rule = read(RULES["mobile or French, and lately or often"])
    segment = save_segment(**given, name="Bench", rule=rule)
    campaign = save_draft(**given, content=CONTENT, segments=[segment])
    send = launch_campaign(actor=place.owner, tenant=place.tenant, campaign=campaign, ttl=3600)
    due = DueWork.objects.get(tenant_id=place.tenant.pk, send_id=send.pk)
    began = time.monotonic()
    if not freeze(Work(due.tenant_id, due.schema_name, due.send_id)):
        sys.exit("The campaign could not be frozen.")
    took = time.monotonic() - began
    began, rows = time.monotonic(), 0
    for ids in Batch.objects.filter(send=send).order_by("number").values_list("ids", flat=True).iterator():
        for first in range(0, len(ids), 1000):
            rows += len(read_recipients(ids[first : first + 1000]))
    reading = time.monotonic() - began
    print(f"Frozen {rows:,} in {took:.1f} s, read in {reading:.1f} s.", flush=True)
    return {"frozen": rows, "freeze_s": took, "read_rows_per_s": rows / reading}


def exported(place: Place) -> dict[str, float]:
    """Write the whole website as CSV and as JSON Lines; memory is what this process grew by."""
    settings.FILES_DIR = os.path.join(os.environ["BENCH_VAR"], "run", "files")
    figures: dict[str, float] = {}
    for file_format in FORMATS:
        job = start_export(actor=place.owner, tenant=place.tenant, site=place.site, file_format=file_format)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        while work_on(job.pk, seconds=settings.UPKEEP_SECONDS):
            pass
        took = time.monotonic() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        job.refresh_from_db()
        if job.state != Job.State.DONE or job.done != job.total:
            sys.exit(f"The export ended as {job.state} after {job.done:,} of {job.total or 0:,}.")
        print(f"{job.done:,} rows of {file_format}, {job.octets >> 20} MB, in {took:.1f} s.", flush=True)
        figures |= {f"export_{file_format}_rows_per_s": job.done / took, f"export_{file_format}_mb": grown}
    return figures


def pages(place: Place) -> dict[str, float]:
    """Ask for the list of subscribers in every way, with the page rendered, in this process."""
    settings.ALLOWED_HOSTS = ["*"]
    client = Client(headers={"host": f"{place.tenant.slug}.{settings.BASE_DOMAIN}"})
    client.force_login(place.owner)
    session = client.session
    session["tenant_id"] = place.tenant.pk
    session.save()
    draw = random.Random(1)  # noqa: S311  # which pages are asked for is no secret
    with in_tenant(place.tenant.schema_name):
        last = Subscriber.objects.latest("pk").pk
        tail = Subscriber.objects.get(pk=last - SIZE // 2).endpoint[-8:]
        first = Subscriber.objects.earliest("pk").pk
    asks: Sequence[Callable[[], dict[str, Any]]] = (
        lambda: {},
        lambda: {"after": draw.randrange(first, last)},
        lambda: {"after": first + (last - first) // 10},
        lambda: {"q": f"customer-{draw.randrange(1, 999)}"},
        lambda: {"q": tail},
        lambda: {"tag": "vip", "after": draw.randrange(first, last)},
        lambda: {"country": "IS"},
        lambda: {"state": "gone", "after": draw.randrange(first, last)},
    )
    took = []
    for number in range(PAGES):
        query = {"site": place.site.pk, **asks[number % len(asks)]()}
        began = time.monotonic()
        answer = client.get("/subscribers/", query)
        took.append(1000 * (time.monotonic() - began))
        if answer.status_code != 200 or b"reads too many" in answer.content:
            sys.exit(f"{json.dumps(query)} answered {answer.status_code}.")
    connection.close()
    return {"page_ms_p50": statistics.median(took), "page_ms_p95": percentile(took, 95)}


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


if __name__ == "__main__":
    main()
