"""Files as providers export them, and imports of them."""

import csv
import io
import json
from typing import Any

from subscribers.actions.importing import MOST_CHUNK, add_chunk, begin_import, start_import
from subscribers.actions.job import work_on
from subscribers.actions.site import add_foreign_key
from subscribers.importing.wish import PROFILES, PROVIDERS, SUBSCRIPTIONS
from subscribers.models import Job, Site
from tests.conftest import Workspace
from tests.subscribers.samples import Browser, base64url
from truepush.lib.webpush.vapid import KeyPair, generate_key_pair

ONESIGNAL = (
    "id", "identifier", "session_count", "language", "timezone", "device_type", "tags", "last_active", "created_at",
    "invalid_identifier", "external_user_id", "country", "timezone_id", "notification_types", "web_auth", "web_p256",
)  # fmt: skip


def onesignal(browser: Browser, /, **more: Any) -> dict[str, Any]:
    row = {
        "id": "0d2f", "identifier": browser.endpoint, "session_count": "4", "language": "de", "timezone": "3600",
        "device_type": "5", "tags": '{"plan":"gold","vip":"true"}', "last_active": "2026-11-02 10:00:00 UTC",
        "created_at": "2025-03-04 12:30:00 UTC", "invalid_identifier": "f", "external_user_id": "u-1",
        "country": "AT", "timezone_id": "Europe/Vienna", "notification_types": "1",
        "web_auth": base64url(browser.auth), "web_p256": base64url(browser.p256dh),
    }  # fmt: skip
    return {**row, **more}


def as_csv(rows: list[dict[str, Any]], columns: tuple[str, ...] = ONESIGNAL) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def begin(
    place: Workspace,
    site: Site,
    kind: str = SUBSCRIPTIONS,
    *,
    provider: str = "onesignal",
    pair: KeyPair | None = None,
) -> Job:
    """Make place for a file; call inside the workspace."""
    key = None
    if kind == SUBSCRIPTIONS:
        key = add_foreign_key(
            actor=place.owner, tenant=place.tenant, site=site, pair=pair or generate_key_pair(), provider=provider,
            worker_path=PROVIDERS[provider].worker_path,
        )  # fmt: skip
    return begin_import(
        actor=place.owner, tenant=place.tenant, site=site, kind=kind, provider=provider, key=key
    )


def bring(place: Workspace, job: Job, octets: bytes) -> Job:
    for at in range(0, len(octets), MOST_CHUNK):
        add_chunk(job=Job.objects.get(pk=job.pk), at=at, octets=octets[at : at + MOST_CHUNK], name="file.csv")
    start_import(actor=place.owner, tenant=place.tenant, job=job, size=len(octets))
    return job


def finish(job: Job) -> Job:
    while work_on(job.pk, seconds=0):
        pass
    return Job.objects.get(pk=job.pk)


def imported(place: Workspace, site: Site, octets: bytes, **more: Any) -> Job:
    return finish(bring(place, begin(place, site, **more), octets))


def profiles(place: Workspace, site: Site, octets: bytes) -> Job:
    return finish(bring(place, begin(place, site, PROFILES, provider=""), octets))
