"""What comes into an audience: a file of another provider's subscriptions, and what browsers say."""

import os
import random
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection

from bench.lib.campaign import Place
from bench.lib.cpu import difference, tree, used_seconds
from bench.lib.floor import Floor
from subscribers.actions.importing import begin_import, start_import
from subscribers.actions.job import work_on
from subscribers.actions.profile import fold, tell
from subscribers.actions.site import add_foreign_key, add_site
from subscribers.importing.wish import SUBSCRIPTIONS
from subscribers.job_files import path_of
from subscribers.models import Inbox, Job, Subscriber
from subscribers.profiles import Event, Told
from truepush.lib import base64url
from truepush.lib.webpush.vapid import generate_key_pair

POINTS = 1000
SECONDS = 2.0
_HEAD = (
    "id,identifier,session_count,language,timezone,device_type,tags,last_active,created_at,invalid_identifier,"
    "external_user_id,country,timezone_id,notification_types,web_auth,web_p256\n"
)
_TAGS = (
    '"{""plan"":""gold"",""vip"":""true""}"',
    '"{""plan"":""free""}"',
    "",
    '"{""news"":""1"",""level"":""3""}"',
)
_LIKE = (("de", "AT", "Europe/Vienna"), ("en", "US", "America/New_York"), ("fr", "FR", "Europe/Paris"))


def write_file(path: Path, size: int) -> None:
    """Write a file as OneSignal exports it; keys are of a thousand browsers, endpoints of one each."""
    draw = random.Random(7)  # noqa: S311  # nothing here is a secret
    points = [base64url.encode(_point()) for _ in range(POINTS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        file.write(_HEAD)
        for number in range(size):
            language, country, zone = draw.choice(_LIKE)
            token = f"{draw.getrandbits(128):032x}:APA91b{draw.getrandbits(520):0130x}"
            file.write(
                f"{number},https://fcm.googleapis.com/fcm/send/{token},{number % 50},{language},3600,5,"
                f"{draw.choice(_TAGS)},2026-11-02 10:{number % 60:02}:00 UTC,2025-03-04 12:30:00 UTC,f,"
                f"customer-{number},"
                f"{country},{zone},1,{base64url.encode(draw.randbytes(16))},{points[number % POINTS]}\n"
            )


def _point() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def imported(place: Place, size: int) -> dict[str, float]:
    """Import a file into a website of its own, as the workers do it; memory is what this process grew by."""
    given: dict[str, Any] = {"actor": place.owner, "tenant": place.tenant}
    site = add_site(**given, name="Moved", origin="https://moved.example", contact="mailto:bench@example.com")
    pair = generate_key_pair()
    key = add_foreign_key(
        **given, site=site, pair=pair, provider="onesignal", worker_path="/OneSignalSDKWorker.js"
    )
    job = begin_import(**given, site=site, kind=SUBSCRIPTIONS, provider="onesignal", key=key)
    write_file(path_of(job), size)
    Job.objects.filter(pk=job.pk).update(octets=path_of(job).stat().st_size)
    start_import(**given, job=job, size=path_of(job).stat().st_size)
    # How fast the machine is at this moment: 63 us where the figures of docs/sending.md were taken.
    floor = Floor()
    floors = [floor.microseconds() for _ in range(3)]
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    cpu, postgres = time.process_time(), used_seconds(tree(int(os.environ["BENCH_POSTGRES"])))
    while work_on(job.pk, seconds=SECONDS):
        pass
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    stored = difference(postgres, used_seconds(tree(int(os.environ["BENCH_POSTGRES"]))))
    job.refresh_from_db()
    if job.state != Job.State.DONE or job.result["new"] != size:
        sys.exit(f"The import ended as {job.state}: {job.detail} {job.result}")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    floors += [floor.microseconds() for _ in range(3)]
    print(f"{size:,} subscriptions imported in {took:.1f} s, {cpu:.1f} s of them in Python.", flush=True)
    return {
        "import_rows_per_s": size / took,
        "import_python_us": cpu / size * 1e6,
        "import_postgres_us": stored / size * 1e6,
        "import_mb": grown,
        "floor_us": statistics.median(floors),
    }


def told(place: Place, size: int) -> dict[str, float]:
    """Say something of subscribers at random, then fold: calls and folded calls a second."""
    draw = random.Random(8)  # noqa: S311
    newest = list(
        Subscriber.objects.filter(site=place.site).order_by("-pk").values_list("pk", flat=True)[:size]
    )
    began = time.monotonic()
    for number in range(size):
        events = [Event("purchase", {"total": number % 90}), Event("view", {"page": "/"})]
        said = Told(
            add_tags=[f"level={number % 9}"], attributes={"n": number}, events=events, sessions=1, pages=3
        )
        tell(tenant_id=place.tenant.pk, subscriber_id=draw.choice(newest), told=said)
    telling, began = time.monotonic() - began, time.monotonic()
    while fold():
        pass
    folding = time.monotonic() - began
    if Inbox.objects.exists():
        sys.exit("The inbox is not empty.")
    connection.close()
    print(f"{size:,} calls put down in {telling:.1f} s, folded in {folding:.1f} s.", flush=True)
    return {"told_per_s": size / telling, "folded_per_s": size / folding}
