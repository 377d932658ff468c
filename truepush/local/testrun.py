"""What bin/test does: a database for the tests, the programs they need, every check, then pytest."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from truepush.local import paths
from truepush.local.audit import audit
from truepush.local.database import Server
from truepush.local.errors import CannotStartError
from truepush.local.logs import open_log, tail
from truepush.local.paths import ROOT
from truepush.local.place import choose_place, remove_outside
from truepush.local.secrets import load_secrets, make_secrets, settings_for
from truepush.local.supervise import StopRequested, ignore_signals, stop_on_signals
from truepush.local.up import DEFAULT_PORT, LOGS, TEST_VAR

# Programs that tests run, and the packages that have them: browsers, and what reads the files of deploy/.
PROGRAMS = {
    "chromium": "chromium",
    "firefox-esr": "firefox-esr",
    "caddy": "caddy",
    "systemd-analyze": "systemd",
}
CHECKS = (("ruff", "check", "."), ("ruff", "format", "--check", "."))
# One minute on one core: beside the tests, which wait for browsers and windows of time now and then.
BESIDE = ("mypy", ".")
# A third process takes a fifth off on two cores.
PYTEST = ("pytest", "-n", "3", "--dist", "loadgroup")
INTERRUPTED = 130
# Whoever reads the summary of an interrupted run gets it, but a hanging test does not keep us.
PYTEST_PATIENCE = 20.0


def main() -> int:
    stop_on_signals()
    try:
        paths.make_folder(TEST_VAR)
        provide_programs()
        with only_run(), database_url() as url:
            return check_and_test(url, sys.argv[1:])
    except CannotStartError as error:
        print(f"bin/test: {error}", file=sys.stderr)
        return 1
    except StopRequested:
        return INTERRUPTED


def provide_programs() -> None:
    """Install the programs that the tests run, if we may."""
    missing = [package for name, package in PROGRAMS.items() if shutil.which(name) is None]
    if not missing:
        return
    names = " ".join(missing)
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        raise CannotStartError(f"The tests run programs that are missing: {names}. Run: apt install {names}")
    print(f"Installing {names} with apt-get (once)", flush=True)
    log = LOGS / "apt.log"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        with open_log(log) as output:
            answer = subprocess.run(
                ["apt-get", "--quiet", *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if answer.returncode != 0:
            raise CannotStartError(f"apt-get {command[0]} failed and says:\n{tail(log)}")


@contextmanager
def only_run() -> Iterator[None]:
    """Wait for another bin/test in this folder: the two would share their databases."""
    lock = TEST_VAR / "lock"
    running = paths.holder(lock)
    if running is not None:
        print(f"Waiting for the bin/test that runs in this folder (process {running})", flush=True)
    with paths.held(lock, wait=True):
        yield


@contextmanager
def database_url() -> Iterator[str]:
    """Give the server that DATABASE_URL names, or a private one for as long as the tests run."""
    given = os.environ.get("DATABASE_URL", "")
    if given:
        yield given
        return
    place = choose_place(TEST_VAR)
    password = load_secrets(TEST_VAR, database_exists=place.data.exists())["DATABASE_PASSWORD"]
    server = Server(place, password=password, log=LOGS / "test-postgres.log", forgetful=True)
    process = server.start()
    try:
        yield server.url
    finally:
        ignore_signals()
        server.stop(process)
        # Nothing outside of this folder outlives the tests: it may be a clone that is thrown away.
        remove_outside(TEST_VAR)


def check_and_test(url: str, arguments: list[str]) -> int:
    """Run all checks and pytest, whose closing line stays the last one unless types are wrong; answer the exit code."""
    settings = settings_for(
        DEFAULT_PORT, known=make_secrets(), database_url=url, var=TEST_VAR, environment={"DEMO": "false"}
    )
    environment = {**os.environ, **settings, "STATIC_MANIFEST": "false"}
    failed = [check for check in CHECKS if not succeeds(check, environment)]
    verdict = audit()
    print(f"bin/test: {verdict.text}", file=sys.stderr, flush=True)
    for check in failed:
        print(f"bin/test: {' '.join(check)} failed, see above", file=sys.stderr, flush=True)
    with beside(BESIDE, environment) as types:
        code = run_pytest([sys.executable, "-m", *PYTEST, *arguments], environment)
        said, _ = types.communicate()
    if types.returncode:
        print(f"{said}bin/test: {' '.join(BESIDE)} failed, see above", file=sys.stderr, flush=True)
    return code or (1 if failed or types.returncode or not verdict.is_good else 0)


@contextmanager
def beside(check: tuple[str, ...], environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Have a check run beside the tests, its output kept; it does not outlive them."""
    command = [sys.executable, "-m", *check]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def succeeds(check: tuple[str, ...], environment: dict[str, str]) -> bool:
    command = [sys.executable, "-m", *check]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def run_pytest(command: list[str], environment: dict[str, str]) -> int:
    """Run it in our own process group, so that Ctrl-C reaches it too; answer its exit code."""
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=None if has_terminal else subprocess.DEVNULL
    )
    try:
        return process.wait()
    except StopRequested as stop:
        if stop.signal is not signal.SIGINT:  # a Ctrl-C it has heard itself
            process.send_signal(signal.SIGINT)
        try:
            process.wait(PYTEST_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


if __name__ == "__main__":
    sys.exit(main())
