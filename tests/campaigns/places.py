"""What tests of sending start from: an audience at the sandbox, a campaign, and a delivery in this process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import Grant, Later, claim, next_work, packed_of
from campaigns.delivery.hold import Hold
from campaigns.delivery.ledger import Entry, unpack
from campaigns.delivery.sender import Sender, drain
from campaigns.delivery.transport import Transport
from campaigns.delivery.work import Work
from campaigns.models import Batch, Campaign, LedgerPage, Send
from subscribers.actions.subscription import digest_of
from subscribers.models import Site, Subscriber, VapidKey
from tenants.doorway import in_tenant, reset_to_public
from tenants.models import DueWork, SendIndex, Throttle, WorkerProcess
from tests.conftest import Workspace, make_site
from tests.sandbox.driver import SEED, TOKEN, Sandbox, until
from truepush.lib import base64url
from truepush.local.sandbox.subscriptions import Behaviour, make_subscription

ROOT = Path(__file__).parents[2]
CONTENT = {"title": "Sale", "body": "Half price", "url": "https://shop.example/sale", "icon_url": ""}
TTL = 86400
OUTCOMES = ("accepted", "gone", "failed", "expired", "skipped", "cancelled")
NORMAL = Behaviour()


@dataclass
class Place:
    """A website of a workspace whose subscribers are at the sandbox."""

    workspace: Workspace
    site: Site
    sandbox: Sandbox

    @property
    def schema(self) -> str:
        return self.workspace.schema


def open_place(workspace: Workspace, sandbox: Sandbox, **changes: Any) -> Place:
    return Place(workspace, make_site(workspace, **changes), sandbox)


def minutes_pass(place: Place, send: Send, name: str, minutes: int = 60) -> None:
    """As if the first ones of a send (`name` is "canary" or "ab") had had it for so much longer."""
    with in_tenant(place.schema):
        row = Send.objects.get(pk=send.pk)
        first = getattr(row, name)
        first["done_at"] = (datetime.fromisoformat(first["done_at"]) - timedelta(minutes=minutes)).isoformat()
        row.save(update_fields=[name])
    DueWork.objects.filter(send_id=send.pk).update(due_at=timezone.now())


def add_subscribers(place: Place, behaviours: Sequence[Behaviour], **changes: Any) -> list[Subscriber]:
    """Store one active sandbox subscriber per behaviour; answer them in order of their ids."""
    with in_tenant(place.schema):
        key = VapidKey.objects.get(site=place.site, state="current")
        first = Subscriber.objects.filter(site=place.site).count()
        public = bytes(key.public)
        people = []
        for index, behaviour in enumerate(behaviours, first):
            made = make_subscription(
                SEED, place.sandbox.origin, index, application_server_key=public, behaviour=behaviour
            )
            people.append(
                Subscriber(
                    site=place.site,
                    vapid_key=key,
                    service="sandbox",
                    endpoint=made.endpoint,
                    endpoint_digest=digest_of(made.endpoint),
                    p256dh=made.p256dh,
                    auth=made.auth,
                    **changes,
                )
            )
        return Subscriber.objects.bulk_create(people)


def new_campaign(place: Place, **content: str) -> Campaign:
    with in_tenant(place.schema):
        return save_draft(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            site=place.site,
            content={**CONTENT, **content},
        )


def launch(place: Place, campaign: Campaign | None = None, ttl: int = TTL) -> Send:
    campaign = campaign or new_campaign(place)
    with in_tenant(place.schema):
        return launch_campaign(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=campaign, ttl=ttl
        )


def new_transport(sandbox: Sandbox, **changes: Any) -> Transport:
    return Transport(
        **{"concurrency": 50, "attempt_seconds": 5.0, "sandbox_ca": str(sandbox.ca), **changes},
    )


def drain_once(transport: Transport) -> int:
    return drain(transport, lambda: False)


def in_threads(count: int, run: Callable[[int], None]) -> None:
    """Run it in this many threads, each with a database connection of its own; the first error is raised here."""
    errors: list[BaseException] = []

    def body(number: int) -> None:
        try:
            run(number)
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)
        finally:
            reset_to_public()
            connection.close()

    threads = [threading.Thread(target=body, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def somebody_waits_for_us() -> bool:
    """Whether a connection waits for a lock that this one has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT exists(SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def sender_of(
    work: Work, grant: Grant, transport: Transport, stop: Callable[[], bool] = lambda: False
) -> Sender:
    """Make a sender that has one grant in hand, its recipients read, and takes nothing else."""
    sender = Sender(transport, stop, takes_more=False)
    with in_tenant(work.schema_name):
        send = Send.objects.select_related("site").get(pk=work.send_id)
        sender.holds.append(Hold(work, grant, send))
    return sender


def deliver_grant(
    work: Work, grant: Grant, transport: Transport, stop: Callable[[], bool] = lambda: False
) -> int:
    """Send one grant that was claimed by the test, and nothing else; answer how many were resolved."""
    return sender_of(work, grant, transport, stop).run()


def send_one_grant(place: Place, transport: Transport) -> None:
    work = next_work()
    assert work is not None
    with in_tenant(place.schema):
        freeze(work)
        grant = claim(work.send_id)
    assert grant is not None
    assert not isinstance(grant, Later)
    deliver_grant(work, grant, transport)


def let_time_pass(place: Place) -> None:
    """Make everything due that waits for a retry, as if its time had come."""
    past = timezone.now() - timedelta(seconds=1)
    with in_tenant(place.schema):
        Batch.objects.filter(state="open", due_at__gt=past).update(due_at=past)
        Subscriber.objects.filter(wait_until__gt=past).update(wait_until=past)
    DueWork.objects.filter(tenant_id=place.workspace.tenant.pk, due_at__gt=past).update(due_at=past)


def finish(place: Place, send: Send, transport: Transport, rounds: int = 10) -> Send:
    """Deliver until the send is finished, without waiting for retries."""
    for _ in range(rounds):
        drain_once(transport)
        send = fresh(place, send)
        if send.state == Send.State.FINISHED:
            return send
        let_time_pass(place)
    raise AssertionError(f"The send is {send.state} after {rounds} rounds: {what_is_left(place, send)}")


def what_is_left(place: Place, send: Send) -> str:
    """Describe what a send that does not end waits for."""
    with in_tenant(place.schema):
        left = list(
            Batch.objects.filter(send_id=send.pk, state="open").values(
                "attempt", "size", "cursor", "lane", "due_at", "lease_until"
            )
        )
    slow = list(Throttle.objects.values())
    slow += list(WorkerProcess.objects.values("pid", "role", "seen_at", "rate", "in_flight"))
    slow += list(DueWork.objects.values("send_id", "due_at", "is_held", "served_at"))
    return f"{figures(fresh(place, send))} {slow} {left}"


def fresh(place: Place, send: Send) -> Send:
    with in_tenant(place.schema):
        return Send.objects.get(pk=send.pk)


def figures(send: Send | SendIndex) -> dict[str, int]:
    """The outcomes that are not zero."""
    return {name: getattr(send, name) for name in OUTCOMES if getattr(send, name)}


def ledger(place: Place, send: Send) -> dict[int, Entry]:
    """What the ledger says of each subscriber, of the folded pages or, before the end, of those there are."""
    with in_tenant(place.schema):
        roots = {batch.pk: batch.ids for batch in Batch.objects.filter(send_id=send.pk, root=None)}
        pages = LedgerPage.objects.filter(root_id__in=roots).order_by("at", "pk")
        return {
            roots[page.root_id][entry.ordinal]: entry for page in pages for entry in unpack(packed_of(page))
        }


def check_conservation(place: Place, send: Send) -> None:
    """RE-01: every recipient has one end in the ledger, and the counters say the same as the ledger."""
    send = fresh(place, send)
    entries = ledger(place, send)
    assert send.state == Send.State.FINISHED
    assert sum(figures(send).values()) == send.audience == len(entries)
    for name in OUTCOMES:
        assert sum(entry.outcome.counter == name for entry in entries.values()) == getattr(send, name), name
    index = SendIndex.objects.get(tenant_id=place.workspace.tenant.pk, send_id=send.pk)
    assert (index.state, index.audience, figures(index)) == (send.state, send.audience, figures(send))
    assert not DueWork.objects.filter(tenant_id=place.workspace.tenant.pk, send_id=send.pk).exists()
    with in_tenant(place.schema):
        batches = Batch.objects.filter(send_id=send.pk)
        assert not batches.exclude(state="done").exists()
        pages = LedgerPage.objects.filter(batch__send_id=send.pk)
        assert pages.count() == pages.filter(is_folded=True).count() == batches.filter(root=None).count()


def counts_of(place: Place, send: Send) -> dict[str, int]:
    """The sandbox's own count of the send: accepted, distinct, repeated."""
    tenant = place.workspace.tenant.pk
    for row in place.sandbox.counts()["sends"]:
        if (row["tenant"], row["send"]) == (tenant, send.pk):
            return {name: row[name] for name in ("accepted", "distinct", "repeated")}
    return {"accepted": 0, "distinct": 0, "repeated": 0}


def only_doubted_are_repeated(place: Place, send: Send) -> None:
    """A request whose answer did not come in time is made again; no other is (the service counts both)."""
    assert counts_of(place, send)["repeated"] <= fresh(place, send).reasons.get("ambiguous", 0)


@dataclass
class Worker:
    """A real `manage.py worker` on the test database, with all its processes in one group."""

    process: subprocess.Popen[bytes]

    def clusters(self) -> list[int]:
        """The processes that watch over the others, one for each queue."""
        return _children(self.process.pid)

    def senders(self) -> list[int]:
        """The processes that run tasks, by their number of open sockets to the sandbox: the busy ones first."""
        return sorted(_descendants(self.process.pid), key=_sockets, reverse=True)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def _descendants(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _descendants(child)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has just ended
        return []


def _sockets(pid: int) -> int:
    try:
        return sum(os.readlink(entry).startswith("socket:") for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has just ended
        return 0


@contextmanager
def worker(
    sandbox: Sandbox,
    log: Path,
    *,
    most_files: int = 0,
    program: str = "",
    arguments: Sequence[str] = (),
    **changes: object,
) -> Iterator[Worker]:
    """Start one, or another program; whatever of it is still there at the end is killed."""
    environment = {
        "DATABASE_URL": _database_url(),
        "DEMO": "true",
        "SANDBOX_ORIGIN": sandbox.origin,
        "SANDBOX_CA": str(sandbox.ca),
        "SANDBOX_SEED": base64url.encode(SEED),
        "SANDBOX_TOKEN": TOKEN,
        "STATIC_MANIFEST": "false",
        "LOG_LEVEL": "INFO",
        **{name: str(value) for name, value in changes.items()},
    }
    command = [sys.executable, program, *arguments] if program else [sys.executable, "manage.py", "worker"]
    if most_files:
        command = ["sh", "-c", f'ulimit -n {most_files}; exec "$@"', "sh", *command]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    made = Worker(process)
    try:
        yield made
    finally:
        if process.poll() is None:
            made.kill()


def _database_url() -> str:
    values = connection.settings_dict
    return (
        f"postgres://{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}/{values['NAME']}"
    )


def wait_until_finished(place: Place, send: Send, seconds: float) -> Send:
    until(lambda: fresh(place, send).state == Send.State.FINISHED, seconds, lambda: what_is_left(place, send))
    return fresh(place, send)
