"""Where things lie: everything made at run time is under var/, which git ignores."""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from truepush.local.errors import CannotStartError

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var"


def make_folder(folder: Path, mode: int = 0o711) -> None:
    """Make the folder and check that it is ours: a folder of somebody else's cannot be worked in.

    0711 by default: as root the database server runs as another user, and must get through to its own folder.
    """
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    owner = folder.stat().st_uid
    if owner != os.getuid():
        raise CannotStartError(
            f"{folder} belongs to {_user_name(owner)} and this is {_user_name(os.getuid())}: "
            "start Truepush as the user who started it here first."
        )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


class HeldError(Exception):
    """Another process holds the lock."""


@contextmanager
def held(lock: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends; its file says who holds it.

    Raises HeldError if another process holds it and `wait` is false.
    """
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HeldError from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def holder(lock: Path) -> int | None:
    """Answer the process that holds the lock, None if nobody does."""
    if not lock.exists():
        return None
    try:
        with held(lock):
            return None
    except HeldError:
        return int(lock.read_text() or 0) or None
