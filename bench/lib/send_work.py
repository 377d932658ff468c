"""The whole pipeline against its peers, interleaved; started by run_send."""

import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from bench.lib.campaign import CONTENT, Place, add_audience, bench_folder, make_place, send_campaign, workers
from bench.lib.cpu import print_figures
from bench.lib.floor import Floor
from bench.lib.node import FOLDER as NODE
from bench.lib.server import KEPT_PATH
from campaigns.delivery.compose_push import key_pair
from campaigns.delivery.payload import template_of
from campaigns.models import CapUse
from subscribers.models import Site
from tenants.doorway import in_tenant
from truepush.lib import base64url
from truepush.lib.webpush.encryption import BodyRefused, decrypt
from truepush.lib.webpush.keys import CURVE, public_bytes
from truepush.local.paths import ROOT

AUDIENCE, ROUNDS, SAMPLES = 20_000, 3, 100
SIZES = {
    "node_default": 1500, "node_keepalive": 1500, "pywebpush_session": 1000, "pywebpush_async": 2000,
    "pywebpush_encode_aiohttp": 4000,
}  # fmt: skip
PAYLOAD = template_of(CONTENT, tag="tp-0123456789abcdef").fill("x" * 58).decode()[:200]

Browser = tuple[ec.EllipticCurvePrivateKey, bytes, bytes]


class Bench:
    """One run: figures by name, and the browsers whose messages are sampled."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.browsers: list[Browser] = [_browser() for _ in range(AUDIENCE)]
        self.paths = [self._path(number) for number in range(AUDIENCE)]
        self.us: defaultdict[str, list[float]] = defaultdict(list)
        self.speed: defaultdict[str, list[float]] = defaultdict(list)

    @staticmethod
    def _path(number: int) -> str:
        return f"{KEPT_PATH}{number}" if number < SAMPLES else f"/push/{number}"

    def ours(self, name: str, processes: int, **restraint: int) -> None:
        """Send a small campaign's worth of nothing first, so that start-up is not measured; then the real one.

        Under caps (`restraint`) everybody is at the second of so many messages.
        """
        with in_tenant(self.place.tenant.schema_name):
            Site.objects.filter(pk=self.place.site.pk).update(restraint=restraint)
            CapUse.objects.all().delete()
        _forget()
        with workers(processes) as pid:
            send_campaign(self.place, pid, AUDIENCE)
            _forget()
            run = send_campaign(self.place, pid, AUDIENCE)
        self._check(name, None)
        self.us[name].append(run.us)
        self.us[f"{name}_worker"].append(run.worker_us)
        self.us[f"{name}_postgres"].append(run.postgres_us)
        self.speed[name].append(run.per_second)

    def peer(self, name: str) -> None:
        _forget()
        size = SIZES[name]
        job = bench_folder() / "job.json"
        job.write_text(json.dumps(self._job(size)))
        output = subprocess.run(
            _command(name, job),
            cwd=ROOT,
            env=_peer_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if output.returncode:
            sys.exit(f"{name} failed: {output.stderr[-2000:]}")
        figures = json.loads(output.stdout.splitlines()[-1])
        if figures["created"] != size:
            sys.exit(f"{name}: {figures['created']} of {size} were answered 201.")
        self._check(name, PAYLOAD.encode())
        self.us[name].append(figures["us"])
        self.speed[name].append(figures["per_second"])

    def _job(self, size: int) -> dict[str, Any]:
        with in_tenant(self.place.tenant.schema_name):
            pair = key_pair(self.place.key.pk)
        private, public = base64url.encode(pair.private), base64url.encode(pair.public)
        return {
            "ca": settings.SANDBOX_CA,
            "key": private,
            "vapid": {"subject": "mailto:o@example.com", "publicKey": public, "privateKey": private},
            "payload": PAYLOAD,
            "subscriptions": [
                {
                    "endpoint": settings.SANDBOX_ORIGIN + path,
                    "keys": {"p256dh": base64url.encode(p256dh), "auth": base64url.encode(auth)},
                }
                for path, (_, p256dh, auth) in zip(self.paths[:size], self.browsers, strict=False)
            ],
        }

    def _check(self, name: str, expected: bytes | None) -> None:
        """Decrypt the sampled bodies: each must be readable by exactly one browser, and each browser got one."""
        bodies = [path.read_bytes() for path in _kept()]
        readers = set()
        for body in bodies:
            reader, payload = self._read(name, body)
            readers.add(reader)
            if expected is not None and payload != expected:
                sys.exit(f"{name}: a body decrypts to something else.")
            if expected is None and json.loads(payload)["notification"]["title"] != CONTENT["title"]:
                sys.exit(f"{name}: a body decrypts to something else.")
        if (len(bodies), len(readers)) != (SAMPLES, SAMPLES):
            sys.exit(f"{name}: {len(bodies)} bodies for {len(readers)} browsers were kept, not {SAMPLES}.")

    def _read(self, name: str, body: bytes) -> tuple[int, bytes]:
        for number, (private, _, auth) in enumerate(self.browsers[:SAMPLES]):
            try:
                return number, decrypt(body, private, auth)
            except BodyRefused:
                continue
        sys.exit(f"{name}: no browser can read a body.")


def main() -> None:
    bench, floor = Bench(make_place("bench")), Floor()
    add_audience(bench.place, bench.paths, [(p256dh, auth) for _, p256dh, auth in bench.browsers])
    for number in range(ROUNDS):
        bench.us["floor"].append(floor.microseconds())
        bench.ours("ours", 1)
        for name in SIZES:
            bench.peer(name)
        bench.ours("ours_capped", 1, per_day=10, per_week=20)
        bench.ours("ours_two_workers", 2)
        for name, values in bench.us.items():
            print(f"round {number + 1} {name:28s} {values[-1]:8.1f} us a message", flush=True)
    report(bench, floor.version)


def report(bench: Bench, version: str) -> None:
    medians = {name: statistics.median(values) for name, values in bench.us.items()}
    ours = medians["ours"]
    print(f"floor: {version}")
    for name, value in medians.items():
        print(f"{name:28s} {value:8.1f} us a message, {value / ours:6.2f} times ours")
    figures: dict[str, float] = {f"{name}_us": value for name, value in medians.items()}
    figures |= {f"{name}_per_second": statistics.median(values) for name, values in bench.speed.items()}
    figures |= {f"ratio_{name}": medians[name] / ours for name in SIZES}
    figures["ratio_floor"] = ours / medians["floor"]
    figures["ratio_capped"] = medians["ours_capped"] / ours
    figures["cap_us"] = medians["ours_capped"] - ours
    figures["ratio_two_workers"] = medians["ours_two_workers"] / ours
    print_figures(figures)


def _browser() -> Browser:
    private = ec.generate_private_key(CURVE)
    return private, public_bytes(private.public_key()), os.urandom(16)


def _kept() -> list[Path]:
    return sorted(path for path in (bench_folder() / "bodies").rglob("0*") if path.is_file())


def _forget() -> None:
    for path in _kept():
        path.unlink()


def _command(name: str, job: Path) -> list[str]:
    if name.startswith("node_"):
        return ["node", str(NODE / "peer.mjs"), str(job), name.removeprefix("node_")]
    return [sys.executable, "-m", "bench.lib.peers", name.removeprefix("pywebpush_"), str(job)]


def _peer_environment() -> dict[str, str]:
    """How each peer is told of the benchmark's certificate authority."""
    names = ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    return {**os.environ, **dict.fromkeys(names, settings.SANDBOX_CA)}


if __name__ == "__main__":
    main()
