"""A workspace of 100,000 subscribers into a bundle and back in its place; started by run_bundle."""

import os
import resource
import time
from pathlib import Path

from bench.lib.campaign import make_place
from bench.lib.cpu import print_figures
from campaigns.actions.after_restore import restore_tenant
from campaigns.actions.fill import fill_audience
from subscribers.models import Subscriber
from tenants.actions.bundle import back_up_tenant, prepare
from tenants.actions.support import suspend_workspace
from tenants.bundle import read_bundle
from tenants.doorway import in_tenant

# BENCH_BUNDLE=10 is a million.
SIZE = int(100_000 * float(os.environ.get("BENCH_BUNDLE", "1")))
PASSPHRASE = "five words that nobody says"  # noqa: S105


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    place = make_place("bundle")
    for _ in fill_audience(actor=place.owner, tenant=place.tenant, size=SIZE):
        pass
    into = Path(os.environ["BENCH_VAR"], "run")
    before, began = peak_mb(), time.monotonic()
    made = back_up_tenant(actor=place.owner, tenant=place.tenant, into=into, passphrase=PASSPHRASE)
    figures = {"back_up_s": time.monotonic() - began, "back_up_mb_of_memory": peak_mb() - before}
    figures["bundle_mb"] = sum(path.stat().st_size for path in made.iterdir()) / 1e6
    suspend_workspace(actor=place.owner, tenant=place.tenant, why="For the benchmark.")
    before, began = peak_mb(), time.monotonic()
    bundle = read_bundle(made, passphrase=PASSPHRASE, signer="")
    figures["check_s"] = time.monotonic() - began
    prepare(bundle, slug="", replace=True)
    restore_tenant(actor=place.owner, bundle=bundle, slug="", replace=True)
    figures |= {"restore_s": time.monotonic() - began, "restore_mb_of_memory": peak_mb() - before}
    with in_tenant(place.tenant.schema_name):
        figures["rows"] = Subscriber.objects.count()
    print_figures(figures)


if __name__ == "__main__":
    main()
