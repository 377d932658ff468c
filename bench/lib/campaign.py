"""A tenant, an audience at the benchmark's push service, and campaigns through real workers."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

import bench.lib.django_here  # noqa: F401  # before any model
from bench.lib.cpu import difference, resident_mb, tree, used_seconds
from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.control import cancel
from campaigns.actions.errors import CampaignRefused
from campaigns.models import Send
from subscribers.actions.site import add_site
from subscribers.actions.subscription import digest_of
from subscribers.models import Site, Subscriber, VapidKey
from tenants.actions.workspace import create_workspace, prepare_workspace
from tenants.doorway import in_tenant
from tenants.models import Tenant, User
from truepush.local.paths import ROOT

CONTENT = {"title": "Half price", "body": "x" * 40, "url": "https://shop.example/sale", "icon_url": ""}
PATIENCE_SECONDS = 1800


@dataclass(frozen=True)
class Place:
    tenant: Tenant
    owner: User
    site: Site
    key: VapidKey


def make_place(slug: str) -> Place:
    owner = User.objects.create_user(f"owner@{slug}.test", "a long enough password")
    tenant = create_workspace(actor=owner, name=slug.capitalize(), slug=slug)
    if not prepare_workspace(actor=None, tenant_id=tenant.pk):
        sys.exit("The benchmark's workspace could not be made.")
    tenant.refresh_from_db()
    with in_tenant(tenant.schema_name):
        site = add_site(
            actor=owner,
            tenant=tenant,
            name="Shop",
            origin="https://shop.example",
            contact="mailto:o@example.com",
        )
        key = VapidKey.objects.get(site=site)
    return Place(tenant, owner, site, key)


def add_audience(place: Place, paths: Sequence[str], keys: Sequence[tuple[bytes, bytes]]) -> None:
    """Store one subscriber for each path, its p256dh and auth taken from `keys` in turn."""
    with in_tenant(place.tenant.schema_name):
        for first in range(0, len(paths), 5000):
            Subscriber.objects.bulk_create(
                _row(place, path, *keys[number % len(keys)])
                for number, path in enumerate(paths[first : first + 5000], first)
            )
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE subscribers_subscriber")


def _row(place: Place, path: str, p256dh: bytes, auth: bytes) -> Subscriber:
    endpoint = settings.SANDBOX_ORIGIN + path
    return Subscriber(
        site=place.site, vapid_key=place.key, service="sandbox", endpoint=endpoint,
        endpoint_digest=digest_of(endpoint), p256dh=p256dh, auth=auth,
    )  # fmt: skip


@contextmanager
def workers(number: int) -> Iterator[int]:
    """Run `manage.py worker` with so many delivery processes; its process id."""
    environment = {**os.environ, "Q_WORKERS": str(number)}
    process = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment)
    try:
        time.sleep(3)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


@dataclass
class Run:
    """What a send cost: CPU microseconds per message, messages per second, memory of each worker over time.

    `begins_s` is from when it was due until its first page of results was written.
    """

    worker_us: float
    postgres_us: float
    per_second: float
    memory: dict[int, list[float]]
    begins_s: float = 0.0

    @property
    def us(self) -> float:
        return self.worker_us + self.postgres_us


def launch(place: Place) -> int:
    """Send to everyone; answer the send's number."""
    with in_tenant(place.tenant.schema_name):
        campaign = save_draft(actor=place.owner, tenant=place.tenant, site=place.site, content=CONTENT)
        return launch_campaign(actor=place.owner, tenant=place.tenant, campaign=campaign, ttl=86400).pk


def seconds_beside(small: Place, large: Place, sends: int) -> float:
    """Queue so many sends of the large tenant, and one of the small one a second later; how long until that has ended.

    What is left of the large ones is cancelled. Ends the program if they ended first: then nobody was in the way.
    """
    queued = [launch(large) for _ in range(sends)]
    time.sleep(1)
    started, pk = time.monotonic(), launch(small)
    while look(small, pk).state != Send.State.FINISHED:
        if time.monotonic() - started > PATIENCE_SECONDS:
            sys.exit(f"The small send has not ended after {PATIENCE_SECONDS} s.")
        time.sleep(0.05)
    seconds = time.monotonic() - started
    left = [number for number in queued if look(large, number).finished_at is None]
    if not left:
        sys.exit("The large sends ended before the small one: they were not in its way.")
    with in_tenant(large.tenant.schema_name):
        for number in left:
            with contextlib.suppress(CampaignRefused):  # it ended this moment
                cancel(actor=large.owner, tenant=large.tenant, send=Send.objects.get(pk=number))
    while any(look(large, number).finished_at is None for number in left):
        time.sleep(0.5)
    return seconds


def send_campaign(place: Place, worker: int, audience: int) -> Run:
    """Launch to everyone and wait for the end; ends the program unless all were accepted."""
    postgres = int(os.environ["BENCH_POSTGRES"])
    before, database_before = used_seconds(tree(worker)), used_seconds(tree(postgres))
    started = time.monotonic()
    pk = launch(place)
    memory: dict[int, list[float]] = {}
    while (send := look(place, pk)).state != Send.State.FINISHED:
        if time.monotonic() - started > PATIENCE_SECONDS:
            sys.exit(f"The send is {send.state} after {PATIENCE_SECONDS} s: {send.accepted} accepted.")
        time.sleep(0.25)
        for pid in tree(worker):
            memory.setdefault(pid, []).append(resident_mb(pid))
    seconds = time.monotonic() - started
    if (send.audience, send.accepted) != (audience, audience):
        sys.exit(
            f"{send.accepted} of {send.audience} were accepted; {audience} were expected. {send.reasons}"
        )
    used = difference(before, used_seconds(tree(worker)))
    database = difference(database_before, used_seconds(tree(postgres)))
    begins = (send.started_at - send.due_at).total_seconds() if send.started_at else 0.0
    return Run(used / audience * 1e6, database / audience * 1e6, audience / seconds, memory, begins)


def look(place: Place, pk: int) -> Send:
    with in_tenant(place.tenant.schema_name):
        return Send.objects.only(
            "state", "audience", "accepted", "reasons", "started_at", "due_at", "finished_at"
        ).get(pk=pk)


def bench_folder() -> Path:
    return Path(os.environ["BENCH_FOLDER"])
