"""What was asked for of an import, and what is known of providers whose subscriptions come here."""

from dataclasses import asdict, dataclass
from typing import Any

from subscribers.models import Job

SUBSCRIPTIONS, PROFILES = "subscriptions", "profiles"
KINDS = {
    SUBSCRIPTIONS: "Subscriptions of another provider",
    PROFILES: "Tags and attributes by external ID",
}
# Phases of an import of subscriptions: its records, then the rest of its people taken in, or taken away again.
READ, ADMIT, REMOVE = "read", "admit", "remove"


@dataclass(frozen=True)
class Provider:
    """`worker_path` is where its worker lies on websites unless the customer moved it."""

    label: str
    worker_path: str


PROVIDERS = {
    "onesignal": Provider("OneSignal", "/OneSignalSDKWorker.js"),
    "wonderpush": Provider("WonderPush", "/wonderpush-worker-loader.min.js"),
    "pushengage": Provider("PushEngage", "/service-worker.js"),
    "other": Provider("Another provider", ""),
    "own": Provider("Truepush", ""),
}


@dataclass(frozen=True)
class Wish:
    """`key` is the key pair of the subscriptions; `name` the file's, once it has come."""

    kind: str
    provider: str = ""
    key: int = 0
    name: str = ""
    phase: str = READ

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def wish_of(job: Job) -> Wish:
    return Wish(**job.wish)


def mark_of(job: Job) -> str:
    """What the subscribers of an import have in `prompt`, and in `ended_why` while they wait."""
    return f"import {job.pk}"
