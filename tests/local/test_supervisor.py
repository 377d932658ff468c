"""The programs of bin/up are kept alive, and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from truepush.local import processes
from truepush.local.errors import CannotStartError
from truepush.local.supervise import Service, Supervisor

WAIT = "while :; do sleep 0.02; done"


class Programs:
    """Makes services out of shell scripts, and remembers what the supervisor said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.mark = str(folder)
        self.supervisor = Supervisor(self.mark, self.said.append, first_delay=0.02)

    def service(self, name: str, script: str, patience: float = 5.0) -> Service:
        log = self.folder / f"{name}.log"

        def start() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                return processes.spawn(
                    ["/bin/sh", "-c", script],
                    environment={"PATH": os.defpath, processes.MARK: self.mark},
                    output=output,
                    folder=self.folder,
                )

        return Service(name, start, log, patience=patience)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_program_that_dies_is_started_again_without_its_orphans(programs: Programs) -> None:
    service = programs.service("web", "sleep 50 & echo $! >> orphans; exec sleep 60")
    programs.supervisor.start(service)
    try:
        first = service.process
        assert first is not None
        wait_for((programs.folder / "orphans").exists)
        wait_for(lambda: bool((programs.folder / "orphans").read_text()))
        orphan = int((programs.folder / "orphans").read_text())
        first.kill()
        programs.supervisor.wait_until(
            lambda: service.process is not None and service.process.pid != first.pid, seconds=5, what="web"
        )
        wait_for(lambda: not processes.is_alive(orphan))
        assert programs.said == [
            f"web was ended by SIGKILL; starting it again in 0.02 s (see {programs.folder / 'web.log'})"
        ]
    finally:
        programs.supervisor.stop()


def test_program_that_keeps_dying_ends_everything_with_its_last_words(programs: Programs) -> None:
    programs.supervisor.start(programs.service("shop", "echo cannot read the window; exit 3"))
    try:
        with pytest.raises(CannotStartError) as refusal:
            programs.supervisor.run()
        assert str(refusal.value).splitlines() == [
            "shop ended with exit code 3, for the 5th time within a minute. The end of "
            f"{programs.folder / 'shop.log'}:",
            *["cannot read the window"] * 5,
        ]
    finally:
        programs.supervisor.stop()


def test_programs_are_stopped_in_the_opposite_order_of_their_start(programs: Programs) -> None:
    for name in ("postgres", "worker", "web"):
        script = f"trap 'echo {name} >> stopped; exit' TERM; echo > {name}.ready; {WAIT}"
        programs.supervisor.start(programs.service(name, script))
        wait_for((programs.folder / f"{name}.ready").exists)
    programs.supervisor.stop()
    assert (programs.folder / "stopped").read_text().split() == ["web", "worker", "postgres"]


def test_only_the_parent_is_asked_to_end(programs: Programs) -> None:
    """SIGTERM to the whole group hangs django-q2's parent for ever (design section 4)."""
    child = f"trap 'echo child >> asked' TERM; echo > ready; {WAIT}"
    script = f"({child}) & trap 'echo parent >> asked; exit' TERM; {WAIT}"
    programs.supervisor.start(programs.service("worker", script))
    wait_for((programs.folder / "ready").exists)
    programs.supervisor.stop()
    assert (programs.folder / "asked").read_text().split() == ["parent"]
    assert processes.marked_with(programs.mark) == []


def test_program_that_does_not_end_is_killed_when_patience_is_over(programs: Programs) -> None:
    service = programs.service("worker", f"trap '' TERM; echo > ready; {WAIT}", patience=0.2)
    programs.supervisor.start(service)
    wait_for((programs.folder / "ready").exists)
    programs.supervisor.stop()
    assert service.process is not None
    assert service.process.returncode == -signal.SIGKILL


def test_program_that_left_its_session_is_ended_too(programs: Programs) -> None:
    programs.supervisor.start(programs.service("web", "setsid sleep 50 & sleep 60"))
    wait_for(lambda: len(processes.marked_with(programs.mark)) == 3)
    programs.supervisor.stop()
    assert processes.marked_with(programs.mark) == []


def test_programs_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, subprocess, sys, time; from truepush.local.processes import spawn;"
        "child = spawn(['/bin/sleep', '50'], environment={}, output=subprocess.DEVNULL);"
        "time.sleep(0.3); print(child.pid, flush=True); time.sleep(50)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        assert processes.is_alive(child)
        starter.kill()
    wait_for(lambda: not processes.is_alive(child))


def test_waiting_in_vain_says_what_the_programs_said_last(programs: Programs) -> None:
    programs.supervisor.start(programs.service("web", "echo no such table; exec sleep 60"))
    try:
        wait_for(lambda: bool((programs.folder / "web.log").read_text()))
        with pytest.raises(CannotStartError, match="web did not answer within 0 seconds") as refusal:
            programs.supervisor.wait_until(lambda: False, seconds=0, what="web did not answer")
        assert "no such table" in str(refusal.value)
    finally:
        programs.supervisor.stop()
