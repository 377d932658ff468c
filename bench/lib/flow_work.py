"""Pages of composing at a million subscribers and ten thousand campaigns; what caps, local times, reports cost."""

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench.lib.campaign import CONTENT, Place
from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.freeze import freeze
from campaigns.actions.new_send import Speed
from campaigns.breakdown import break_down
from campaigns.delivery.ab import AbTest
from campaigns.delivery.canary import Canary
from campaigns.delivery.restraint import reserve
from campaigns.delivery.work import Work
from campaigns.models import Batch, Campaign, CapUse, Message, Send
from campaigns.timing import Timing
from subscribers.actions.site_figures import count_site
from subscribers.models import Segment, Site, Subscriber
from subscribers.restraint import Restraint
from tenants.doorway import in_tenant
from tenants.models import DueWork, SendIndex

CAMPAIGNS = 10_000
ASKED = 25
RESERVED = 20_000


def add_campaigns(place: Place) -> None:
    """Most were sent; of each hundred five are drafts and one is scheduled."""
    now = timezone.now()
    states = ["draft"] * 5 + ["scheduled"] + ["launched"] * 94
    rows = Campaign.objects.bulk_create(
        Campaign(site=place.site, name=f"Campaign {number}", state=states[number % 100])
        for number in range(CAMPAIGNS)
    )
    Message.objects.bulk_create(Message(campaign=row, variant=0, **CONTENT) for row in rows)
    Send.objects.bulk_create(
        Send(
            campaign=row, site=place.site, kind="campaign", content=[CONTENT], rule={"everyone": True}, seed=1, ttl=60,
            state="scheduled" if row.state == "scheduled" else "finished",
            due_at=now + timedelta(hours=number if row.state == "scheduled" else -number),
            finished_at=None if row.state == "scheduled" else now, audience=100, accepted=100, displayed=40, clicked=2,
        )
        for number, row in enumerate(rows) if row.state != "draft"
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns_campaign, campaigns_send, campaigns_message")


def flow(place: Place) -> dict[str, float]:
    """Ask for every page of the flow, rendered in this process; p95 of each, and the worst of them."""
    with in_tenant(place.tenant.schema_name):
        add_campaigns(place)
        segment = Segment.objects.filter(site=place.site).latest("pk")
        draft = save_draft(actor=place.owner, tenant=place.tenant, site=place.site, content=CONTENT)
        part = save_draft(
            actor=place.owner, tenant=place.tenant, site=place.site, content=CONTENT, segments=[segment]
        )
        sent = Send.objects.filter(state="finished").latest("pk")
        Site.objects.filter(pk=place.site.pk).update(figures={})
        count_site(place.site.pk)  # as a worker does after the first page
    client = Client(headers={"host": f"{place.tenant.slug}.{settings.BASE_DOMAIN}"})
    client.force_login(place.owner)
    session = client.session
    session["tenant_id"] = place.tenant.pk
    session.save()
    paths = {
        "home": "/", "list": "/campaigns/", "list, page 300": "/campaigns/?page=300",
        "scheduled": "/campaigns/?show=scheduled", "calendar": "/campaigns/calendar/", "new": "/campaigns/new/",
        "composer": f"/campaigns/{draft.pk}/", "composer, a segment": f"/campaigns/{part.pk}/",
        "times": f"/campaigns/{draft.pk}/times/?when=at&clock=site&at={datetime.now(UTC).year + 1}-01-05T09:00",
        "report": f"/sends/{sent.pk}/", "figures": f"/sends/{sent.pk}/figures/", "inbox": "/inbox/",
        "pictures": "/images/?kind=icon", "preview person": f"/campaigns/preview-person/?site={place.site.pk}",
    }  # fmt: skip
    figures = {}
    for name, path in paths.items():
        took = []
        for _ in range(ASKED):
            began = time.monotonic()
            answer = client.get(path)
            took.append(1000 * (time.monotonic() - began))
            if answer.status_code != 200:
                sys.exit(f"{path} answered {answer.status_code}.")
        figures[name] = statistics.quantiles(took, n=20, method="inclusive")[18]
        print(f"{figures[name]:6.0f} ms p95 {name}", flush=True)
    connection.close()
    return {"flow_page_ms_p95_worst": max(figures.values())}


def freezes(place: Place) -> dict[str, float]:
    """Freeze everybody plainly, by their own clock, in their best hour, and for a test of versions with a hold-out;
    and count the report's dimensions."""  # fmt: skip
    local = (datetime.now(UTC) - timedelta(hours=2)).replace(tzinfo=None, second=0, microsecond=0)
    now = datetime.now(UTC).replace(tzinfo=None, second=0, microsecond=0)
    test = AbTest(shares=(50, 50), hold_out=5, first=20)
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "local": {"timing": Timing(local, "Europe/Berlin", is_local=True)},
        "best_hour": {"timing": Timing(now, "UTC", is_best=True)},
        "versions": {"speed": Speed(ab=test)},
        "few_first": {"speed": Speed(canary=Canary(50, 15, number=1000))},
    }
    figures = {}
    for name, way in ways.items():
        send, figures[f"freeze_{name}_s"] = _freeze(place, way)
        batches = Batch.objects.filter(send=send).count()
        print(f"Frozen, {name}, into {batches:,} batches in {figures[f'freeze_{name}_s']:.1f} s.", flush=True)
    began = time.monotonic()
    break_down(Send.objects.get(pk=send.pk), timezone.now())
    return {**figures, "breakdown_s": time.monotonic() - began}


def _freeze(place: Place, way: dict[str, Any]) -> tuple[Send, float]:
    given: dict[str, Any] = {"actor": place.owner, "tenant": place.tenant}
    campaign = save_draft(**given, site=place.site, content=CONTENT, variants=[{"title": "Another"}])
    if "speed" not in way or way["speed"].ab is None:
        campaign = save_draft(**given, site=place.site, content=CONTENT, campaign=campaign)
    send = launch_campaign(**given, campaign=campaign, ttl=3600, **way)
    due = DueWork.objects.get(tenant_id=place.tenant.pk, send_id=send.pk)
    # Or the fifth would be too much for an audience that gets one after the other.
    SendIndex.objects.filter(tenant_id=place.tenant.pk).exclude(send_id=send.pk).update(launched_at=None)
    began = time.monotonic()
    freeze(Work(due.tenant_id, due.schema_name, due.send_id))
    return send, time.monotonic() - began


def capped(place: Place) -> dict[str, float]:
    """Reserve places under a cap, in grants of a thousand, empty rows and full ones."""
    ids = list(Subscriber.objects.filter(site=place.site).values_list("pk", flat=True)[:RESERVED])
    random.Random(1).shuffle(ids)  # noqa: S311
    rule = Restraint(per_day=3, per_week=10)

    def reserve_all(send: int) -> float:
        began = time.monotonic()
        for first in range(0, len(ids), 1000):
            reserve(send, ids[first : first + 1000], rule)
        return 1e6 * (time.monotonic() - began) / len(ids)

    runs: list[Callable[[], float]] = [lambda send=send: reserve_all(send) for send in range(1, 6)]  # type: ignore[misc]
    took = [run() for run in runs]
    CapUse.objects.all().delete()
    return {"cap_us_first": took[0], "cap_us_second": took[1], "cap_us_refused": took[-1]}
