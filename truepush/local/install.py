"""Make .venv and install a lock file into it, if either changed: nothing whose hash is not in it.

Run by the system's Python before there is any package: the standard library only, and nothing of truepush.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
NEW_ENOUGH = "import sys, pip; sys.exit(sys.version_info < (3, 11))"


def included_files(requirements: Path) -> list[Path]:
    """Name the file and those that its `-r` lines include, included ones first."""
    includes = re.findall(r"^-r\s+(\S+)", requirements.read_text(), re.MULTILINE)
    return [*(file for name in includes for file in included_files(requirements.parent / name)), requirements]


def fingerprint(requirements: Path) -> str:
    digest = hashlib.sha256()
    for file in included_files(requirements):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def stamp_of(requirements: Path) -> Path:
    return ENVIRONMENT / f"installed-{requirements.stem}"


def is_installed(requirements: Path) -> bool:
    stamp = stamp_of(requirements)
    return stamp.exists() and stamp.read_text() == fingerprint(requirements)


def make_environment() -> None:
    """Make .venv where there is none that works (an interrupted set-up leaves one without pip)."""
    if PYTHON.exists():
        test = subprocess.run([PYTHON, "-c", NEW_ENOUGH], stderr=subprocess.DEVNULL, check=False)
        if test.returncode == 0:
            return
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            f"Python's venv module is incomplete here ({sys.executable}): install the package python3-venv "
            "(on Debian and Ubuntu: apt install python3-venv), then start again."
        )
    print("Making .venv", flush=True)
    venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=True)


def install(requirements: Path) -> None:
    print(f"Installing the packages of {requirements.name} into .venv (once; about a minute)", flush=True)
    # A personal pip configuration with `user = true` cannot work inside a virtual environment.
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "-qq", "--no-input"]
    # The lock names all that is needed (a test says so): to search for it again would take longer.
    command = [*pip, "--require-hashes", "--no-deps", "-r", requirements]
    if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit(f"The packages of {requirements.name} could not be installed: pip says why above.")
    for file in included_files(requirements):
        stamp_of(file).write_text(fingerprint(file))


def main() -> None:
    requirements = ROOT / sys.argv[1]
    var = ROOT / "var"
    var.mkdir(mode=0o711, exist_ok=True)
    # bin/up and bin/test may be started side by side in a fresh clone.
    with (var / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_environment()
        if not is_installed(requirements):
            install(requirements)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # what is half made is made again the next time
