"""FT-15 with a real full disk: database, its log and the worker's log on one small file system.

Part of bench/faults alone, since it mounts a file system, which takes root.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.campaigns.faults import Installation, installation, note, seconds_until
from tests.sandbox.driver import Sandbox, until

SIZE = 3000
FULL_SECONDS = 10


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 256 MB."""
    assert os.getuid() == 0, (
        "bench/faults fills a small disk of its own, which takes root to mount. Run it as root."
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=0755", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Use up every octet."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return filler


def test_a_full_disk_loses_and_repeats_nobody(sandbox: Sandbox, small_disk: Path) -> None:
    sandbox.script(status=201, delay_ms=30)
    with installation(small_disk, sandbox) as place:
        schema = place.run("-m", "tests.campaigns.fault_campaign", str(SIZE)).split()[-1]
        with place.worker(Q_WORKERS=2, PUSH_CONCURRENCY=20) as process:
            until(lambda: accepted(sandbox) > SIZE * 0.2, 30)
            filler = fill(small_disk)
            use_up_the_log(place)
            time.sleep(FULL_SECONDS)
            stood_at = accepted(sandbox)
            time.sleep(2)
            # What cannot be written down is not sent.
            assert stood_at < SIZE
            assert accepted(sandbox) - stood_at <= 2 * 20
            assert process.poll() is None
            filler.unlink()
            note("disk_full_killed_database", start_again(place))
            seconds = seconds_until(lambda: accepted(sandbox) > stood_at + 100, 60)
            look = f'SELECT state, accepted FROM "{schema}".campaigns_send'
            until(lambda: place.ask(look) == [("finished", SIZE)], 120)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    [row] = sandbox.counts()["sends"]
    note("disk_full_resumed_s", seconds)
    note("disk_full_repeated", row["repeated"])
    assert (row["distinct"], row["accepted"]) == (SIZE, SIZE + row["repeated"])
    assert row["repeated"] <= 100


def use_up_the_log(place: Installation) -> None:
    """Write into the room that the database's log has kept for itself, until the server says that nothing fits."""
    with contextlib.suppress(psycopg.Error):
        for _ in range(1000):
            place.ask("SELECT pg_logical_emit_message(true, 'filler', repeat('x', 1000000))")


def accepted(sandbox: Sandbox) -> int:
    return int(str(sandbox.counts()["accepted"]))


def start_again(place: Installation) -> int:
    """Start the database as its administrator would, if it gave up; 1 if so."""
    try:
        place.process.wait(5)
    except subprocess.TimeoutExpired:
        return 0
    place.start_database()
    return 1
