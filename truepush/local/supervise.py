"""Keeping the programs of bin/up alive, and ending all of them, in order, when it ends."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from truepush.local import processes
from truepush.local.errors import CannotStartError
from truepush.local.logs import tail

LOOK_SECONDS = 0.2
FIRST_DELAY_SECONDS = 0.5
# A program that ends so often within the time will not get better by itself.
MOST_ENDS = 5
WITHIN_SECONDS = 60.0


class StopRequested(BaseException):
    """Raised in the main thread by the first SIGINT, SIGTERM or SIGHUP."""

    def __init__(self, sign: signal.Signals) -> None:
        super().__init__(sign)
        self.signal = sign


@dataclass
class Service:
    """A program to keep alive; `politely` and `patience` are how it is asked to end and for how long."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    politely: signal.Signals = signal.SIGTERM
    patience: float = 10.0
    process: subprocess.Popen[bytes] | None = None
    ends: list[float] = field(default_factory=list)
    due: float = 0.0


class Supervisor:
    """Holds services in the order of their start; they are stopped in the opposite order.

    `mark` is what every process of ours carries (see processes.MARK): with it those are found that a service
    has started and left behind.
    """

    def __init__(
        self, mark: str, say: Callable[[str], None], *, first_delay: float = FIRST_DELAY_SECONDS
    ) -> None:
        self._mark = mark
        self._first_delay = first_delay
        self._say = say
        self._services: list[Service] = []

    def start(self, service: Service) -> None:
        self._services.append(service)
        service.process = service.start()

    def look(self) -> None:
        """Start again what has ended, each time a little later.

        Raises CannotStartError if a service does not stay alive.
        """
        for service in self._services:
            if service.process is None:
                if time.monotonic() >= service.due:
                    service.process = service.start()
            elif service.process.poll() is not None:
                self._note_end(service, service.process)

    def wait_until(self, is_reached: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Look after the services until the condition holds. Raises CannotStartError when time is up."""
        deadline = time.monotonic() + seconds
        while not is_reached():
            if time.monotonic() > deadline:
                logs = "\n".join(f"{service.log}:\n{tail(service.log, 5)}" for service in self._services)
                raise CannotStartError(f"{what} within {seconds:.0f} seconds. The ends of the logs:\n{logs}")
            self.look()
            time.sleep(LOOK_SECONDS)

    def run(self) -> NoReturn:
        """Look after the services for ever: ends by StopRequested or CannotStartError."""
        while True:
            self.look()
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """End all services, the last one first, then whatever they left behind."""
        for service in reversed(self._services):
            if service.process is not None:
                processes.end(service.process, politely=service.politely, patience=service.patience)
        self._services.clear()
        processes.end_all(processes.marked_with(self._mark), politely=signal.SIGKILL, patience=1.0)

    def _note_end(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        processes.kill_group(process.pid)  # the orphans of a killed parent would go on beside the next one
        now = time.monotonic()
        service.ends = [end for end in service.ends if now - end < WITHIN_SECONDS] + [now]
        how = ended_how(process.returncode)
        if len(service.ends) >= MOST_ENDS:
            raise CannotStartError(
                f"{service.name} {how}, for the {len(service.ends)}th time within a minute. "
                f"The end of {service.log}:\n{tail(service.log)}"
            )
        delay = self._first_delay * 2 ** (len(service.ends) - 1)
        self._say(f"{service.name} {how}; starting it again in {delay:g} s (see {service.log})")
        service.process = None
        service.due = now + delay


def ended_how(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def stop_on_signals() -> None:
    """Turn the first signal to stop into StopRequested; further ones find us stopping already."""
    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored under nohup, and meant to be
        wanted.append(signal.SIGHUP)

    def request(number: int, frame: FrameType | None) -> None:
        ignore_signals()
        raise StopRequested(signal.Signals(number))

    for sign in wanted:
        signal.signal(sign, request)


def ignore_signals() -> None:
    """From here on we are stopping: a second Ctrl-C must not leave half of it running."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler of ours, not SIG_IGN: that one would be inherited by what we start.
        signal.signal(sign, lambda number, frame: None)
