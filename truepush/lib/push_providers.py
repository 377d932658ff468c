"""Other push providers by the traces they leave on a website: hosts of their scripts, names of their worker files.

Two providers on one page ask the visitor twice, and a second worker in the same scope takes the place of the first.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple


class Trace(NamedTuple):
    """`hosts` are parts of script addresses; `files` are names of workers that nobody else uses, in lower case."""

    hosts: tuple[str, ...]
    files: tuple[str, ...] = ()


TRACES = {
    "Airship": Trace(("aswpsdkus.com", "aswpsdkeu.com")),
    "Aimtell": Trace(("cdn.aimtell.com",), ("aimtell-worker.js",)),
    "Batch": Trace(("via.batch.com",), ("batchsdk-worker-loader.js",)),
    "Braze": Trace(("js.appboycdn.com",)),
    "CleverPush": Trace(("static.cleverpush.com",), ("cleverpush-worker.js",)),
    "CleverTap": Trace(("static.clevertap.com", "/clevertap.min.js"), ("clevertap_sw.js",)),
    "Firebase messaging": Trace(
        ("firebase-messaging.js", "firebase-messaging-compat.js", "firebase-messaging-sw"),
        ("firebase-messaging-sw.js",),
    ),
    "Gravitec": Trace(("cdn.gravitec.net", "cdn.gravitec.media")),
    "Insider": Trace(("api.useinsider.com",), ("insider-sw-sdk.js",)),
    "iZooto": Trace(("cdn.izooto.com",)),
    "MoEngage": Trace(("cdn.moengage.com",)),
    "OneSignal": Trace(
        ("cdn.onesignal.com",),
        ("onesignalsdkworker.js", "onesignalsdkupdaterworker.js", "onesignalsdk.sw.js"),
    ),
    "PushAlert": Trace(("cdn.pushalert.co",)),
    "PushEngage": Trace(("clientcdn.pushengage.com",)),
    "Pushwoosh": Trace(("cdn.pushwoosh.com",), ("pushwoosh-service-worker.js",)),
    "SendPulse": Trace(("web.webpushs.com", "cdn.sendpulse.com"), ("sp-push-worker-fb.js",)),
    "VWO Engage": Trace(("cdn.pushcrew.com",)),
    "WebEngage": Trace(("widgets.webengage.com", "widgets.in.webengage.com")),
    "Webpushr": Trace(("cdn.webpushr.com",), ("webpushr-sw.js",)),
    "WonderPush": Trace(("cdn.by.wonderpush.com",), ("wonderpush-worker-loader.min.js",)),
}


def providers_in(texts: Iterable[str], paths: Iterable[str] = ()) -> list[str]:
    """Name those whose scripts these texts mention, or whose worker files these paths are."""
    text = "\n".join(texts).lower()
    names = {path.partition("?")[0].rpartition("/")[2].lower() for path in paths}
    return [
        name
        for name, trace in TRACES.items()
        if any(host in text for host in trace.hosts) or names & set(trace.files)
    ]


def as_script() -> str:
    """Write the table for static/sdk/doctor.js, which looks for the same in a browser."""
    return f"const PROVIDERS = {json.dumps({name: [*trace.hosts, *trace.files] for name, trace in TRACES.items()})};\n"
