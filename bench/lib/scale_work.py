"""Ten thousand, a hundred thousand and a million recipients through the whole engine (FT-19); started by run_scale."""

import os
from collections import defaultdict
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import connection

from bench.lib.campaign import Place, Run, make_place, seconds_beside, send_campaign, workers
from bench.lib.cpu import print_figures
from tenants.doorway import in_tenant
from truepush.lib.webpush.keys import CURVE, public_bytes

# BENCH_SCALE=0.01 is a quick try.
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
# The small ones are over in a second or two, which other work on the machine can double: their medians are compared,
# taken before and after the large one.
ORDER = ("10k", "100k", "10k", "100k", "10k", "1m", "10k", "100k", "10k")
# How many sends of which size are queued before another tenant's hundred (RL-05).
BESIDE = {"1m": 1, "100k": 50}
TIMES = 3
KEYS = 2000
WORKERS = 2

_FILL = """
INSERT INTO subscribers_subscriber (site_id, vapid_key_id, state, is_test, service, endpoint, endpoint_digest, p256dh,
    auth, language, country, time_zone, browser, os, device, external_id, tags, attributes)
SELECT %(site)s, %(key)s, 'active', false, 'sandbox', url, sha256(url::bytea), (%(points)s::bytea[])[1 + n %% %(keys)s],
    %(auth)s, '', '', '', '', '', '', '', '{}', '{}'
FROM generate_series(%(first)s, %(last)s) n, LATERAL (SELECT %(origin)s || '/push/' || n AS url) made
"""


def main() -> None:
    points = [public_bytes(ec.generate_private_key(CURVE).public_key()) for _ in range(KEYS)]
    figures: dict[str, float] = {}
    with workers(WORKERS) as pid:
        warm = make_place("warm")
        fill(warm, points, 2000)
        send_campaign(warm, pid, 2000)
        places: dict[str, Place] = {}
        runs: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
        for name in ORDER:
            size = max(int(SIZES[name] * SCALE), 1000)
            if name not in places:
                places[name] = make_place(f"size-{name}")
                fill(places[name], points, size)
            runs[name].append(report(name, size, send_campaign(places[name], pid, size)))
        for kept in runs.values():
            figures |= {figure: median(run[figure] for run in kept) for figure in kept[0]}
        small = make_place("small")
        fill(small, points, 100)
        for name, sends in BESIDE.items():
            seconds = [seconds_beside(small, places[name], sends) for _ in range(TIMES)]
            figures[f"beside_s_{sends}_of_{name}"] = max(seconds)
            print(
                f"100 a second after {sends} of {name}: out after {', '.join(f'{s:.1f}' for s in seconds)} s",
                flush=True,
            )
    figures["ratio_1m_10k"] = figures["us_1m"] / figures["us_10k"]
    figures["lost"] = 0  # send_campaign ends the program unless every recipient was accepted
    print_figures(figures)


def fill(place: Place, points: list[bytes], size: int) -> None:
    """Store so many subscribers with endpoints of their own and keys from a pool."""
    values: dict[str, Any] = {
        "site": place.site.pk,
        "key": place.key.pk,
        "points": points,
        "keys": KEYS,
        "auth": bytes(16),
        "origin": settings.SANDBOX_ORIGIN,
    }
    with in_tenant(place.tenant.schema_name), connection.cursor() as cursor:
        for first in range(1, size + 1, 50_000):
            cursor.execute(_FILL, {**values, "first": first, "last": min(first + 49_999, size)})
        cursor.execute("VACUUM ANALYZE subscribers_subscriber")


def report(name: str, size: int, run: Run) -> dict[str, float]:
    """Print a line; memory is of the process that grew to the most, growth what it did after the first twentieth."""
    peak = max(max(samples) for samples in run.memory.values())
    growth = 0.0
    for samples in run.memory.values():
        rest = [value for value in samples[len(samples) // 20 + 1 :] if value]
        if len(rest) > 3:
            growth = max(growth, max(rest) / min(rest) - 1)
    print(
        f"{size:>9,} recipients: {run.worker_us:.0f} us of CPU in workers, {run.postgres_us:.0f} in PostgreSQL each, "
        f"{run.per_second:,.0f} a second from {run.begins_s:.1f} s on, peak {peak:.0f} MB, growth {growth:.1%}",
        flush=True,
    )
    return {
        f"us_{name}": run.us,
        f"worker_us_{name}": run.worker_us,
        f"per_second_{name}": run.per_second,
        f"peak_mb_{name}": peak,
        f"growth_{name}": growth,
        f"begins_s_{name}": run.begins_s,
    }


if __name__ == "__main__":
    main()
