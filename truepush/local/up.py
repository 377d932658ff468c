"""What bin/up does: one installation of Truepush on this machine, kept running until Ctrl-C."""

import argparse
import hashlib
import os
import shutil
import signal
import sys

from truepush.local import paths, processes
from truepush.local.answers import sandbox_answers, web_answers
from truepush.local.database import Server, end_left_over, is_free
from truepush.local.errors import CannotStartError
from truepush.local.paths import ROOT, VAR
from truepush.local.place import choose_place, possible_data, remove_outside
from truepush.local.secrets import load_secrets, settings_for, write_settings
from truepush.local.services import MANAGE, MODULE, Programs
from truepush.local.supervise import Service, StopRequested, Supervisor, ignore_signals, stop_on_signals

DEFAULT_PORT = 8000
LAST_PORT = 65535
PORTS = 4  # web, demo shop, sandbox push service, its WebSocket
MARK = str(VAR)
LOGS = VAR / "log"
LOCK = VAR / "up.lock"
TEST_VAR = VAR / "test"
ANSWER_SECONDS = 120.0


def main() -> int:
    stop_on_signals()
    parser = argparse.ArgumentParser(
        prog="bin/up", description="Start Truepush on this machine, on PORT (8000) and the three after it."
    )
    parser.add_argument("--reset", action="store_true", help="stop it and remove all its data")
    arguments = parser.parse_args()
    try:
        paths.make_folder(VAR)
        if arguments.reset:
            return reset()
        return start(read_port(os.environ.get("PORT", "")))
    except CannotStartError as error:
        complain(error)
        return 1
    except StopRequested:
        return 0


def complain(error: CannotStartError) -> None:
    print(f"bin/up: {error}", file=sys.stderr, flush=True)


def say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        return  # the terminal is gone, and stopping must go on


def read_port(text: str) -> int:
    port = int(text or DEFAULT_PORT) if text.isdecimal() or not text else 0
    if not 1 <= port <= LAST_PORT - PORTS + 1:
        raise CannotStartError(f"PORT is {text!r}: give a number from 1 to {LAST_PORT - PORTS + 1}.")
    return port


def start(port: int) -> int:
    """Start everything, keep it running, stop it; answer the exit code."""
    try:
        with paths.held(LOCK):
            # What an earlier bin/up that was killed has left behind may still be ending, on our ports.
            processes.end_all(processes.marked_with(MARK), politely=signal.SIGTERM, patience=10.0)
            check_ports(port)
            return keep_running(port)
    except paths.HeldError as error:
        holder = paths.holder(LOCK)
        raise CannotStartError(
            f"Truepush already runs in this folder (process {holder}): stop it with Ctrl-C there, "
            f"or with kill {holder}"
        ) from error


def keep_running(port: int) -> int:
    supervisor = Supervisor(MARK, say)
    try:
        bring_up(supervisor, port)
        supervisor.run()
    except StopRequested:
        say("Stopping")
        return 0
    except CannotStartError as error:
        complain(error)
        return 1
    finally:
        ignore_signals()
        supervisor.stop()
        say("Stopped: no process of Truepush is left.")


def check_ports(port: int) -> None:
    for number in range(port, port + PORTS):
        try:
            busy = not (is_free(number) and is_free(number, "::1"))
        except PermissionError as error:
            raise CannotStartError(f"Port {number} needs root: give PORT a number from 1024.") from error
        if busy:
            raise CannotStartError(
                f"Port {number} is in use by another program: stop that one, or start Truepush on others, "
                f"for example PORT={free_port(port)} bin/up"
            )


def free_port(port: int) -> int:
    """Find the next round number with enough free ports in a row."""
    for first in range(port - port % 100 + 100, LAST_PORT - PORTS, 100):
        if all(is_free(number) for number in range(first, first + PORTS)):
            return first
    return DEFAULT_PORT


def bring_up(supervisor: Supervisor, port: int) -> None:
    say("Starting Truepush (what the programs say is in var/log)")
    programs = Programs(start_database(supervisor, port), MARK, LOGS)
    is_demo = programs.settings["DEMO"] == "true"
    if is_demo:
        supervisor.start(programs.sandbox())
        supervisor.start(programs.shop())
    programs.run("migrate", [*MANAGE, "migrate_schemas", "--shared", "--noinput", "-v0"])
    programs.run("migrate", [*MANAGE, "migrate_tenants"])
    say("  database is migrated")
    collect_static(programs)
    if is_demo:
        supervisor.wait_until(
            lambda: sandbox_answers(port + 2, VAR / "sandbox" / "ca.pem") and web_answers(port + 1),
            seconds=ANSWER_SECONDS,
            what="The demo shop and the sandbox push service did not answer",
        )
        say("  demo shop and sandbox push service answer")
    supervisor.start(programs.worker())
    supervisor.start(programs.web(port))
    supervisor.wait_until(
        lambda: web_answers(port, "/healthz"), seconds=ANSWER_SECONDS, what="The web server did not answer"
    )
    say("  web and worker answer")
    sign_in = programs.run("demo", [*MODULE, "truepush.local.demo"]) if is_demo else ""
    supervisor.look()
    announce(port, sign_in, is_demo=is_demo)


def start_database(supervisor: Supervisor, port: int) -> dict[str, str]:
    """Start the database unless DATABASE_URL names one; answer all settings, which are written down too."""
    url = os.environ.get("DATABASE_URL", "")
    place = None if url else choose_place(VAR)
    known = load_secrets(VAR, database_exists=place is not None and place.data.exists())
    if place is not None:
        server = Server(place, password=known["DATABASE_PASSWORD"], log=LOGS / "postgres.log")
        supervisor.start(Service("postgres", server.start, server.log, politely=signal.SIGINT, patience=30.0))
        url = server.url
        say(f"  PostgreSQL {place.binaries.version} runs, its data is in {place.data}")
    settings = settings_for(port, known=known, database_url=url, var=VAR, environment=os.environ)
    write_settings(VAR / "local.env", settings)
    return settings


def collect_static(programs: Programs) -> None:
    """Collect the static files if any of them, or the installed packages, changed since the last time."""
    stamp = VAR / "static.stamp"
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for file in sorted((ROOT / "static").rglob("*")):
        status = file.stat()
        digest.update(f"{file}\0{status.st_mtime_ns}\0{status.st_size}\0".encode())
    if (VAR / "static").exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    programs.run("collectstatic", [*MANAGE, "collectstatic", "--noinput", "-v0"])
    stamp.write_text(digest.hexdigest())
    say("  static files are collected")


def announce(port: int, sign_in: str, *, is_demo: bool) -> None:
    """Print the addresses and what the demo says of its sign-in, a `Name: value` a line."""
    lines = [("Console", f"http://localhost:{port}")]
    if is_demo:
        lines += [("Demo shop", f"http://localhost:{port + 1}")]
        lines += [("Push sandbox", f"https://localhost:{port + 2}")]
    for line in sign_in.splitlines():
        name, _, value = line.partition(": ")
        lines.append((name, value))
    lines += [("Settings", "TRUEPUSH_ENV_FILE=var/local.env"), ("Stop", "Ctrl-C")]
    width = max(len(name) for name, _ in lines) + 3
    say("\nTruepush is ready.\n")
    say("\n".join(f"  {name:<{width}}{value}".rstrip() for name, value in lines) + "\n")


def reset() -> int:
    """Stop what runs in this folder, then remove everything that was made at run time."""
    if paths.holder(TEST_VAR / "lock") is not None:
        raise CannotStartError("bin/test runs in this folder: wait until it has ended.")
    running = paths.holder(LOCK)
    if running is not None:
        say(f"Stopping the Truepush that runs in this folder (process {running})")
        os.kill(running, signal.SIGTERM)
    with paths.held(LOCK, wait=True):
        processes.end_all(processes.marked_with(MARK), politely=signal.SIGTERM, patience=10.0)
        for var in (VAR, TEST_VAR):
            for data in possible_data(var):
                end_left_over(data)
            remove_outside(var)
        for entry in VAR.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    say("All data is removed: bin/up starts anew.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
