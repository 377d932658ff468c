"""The lock files: every package that is installed, what others need too, with the hashes of all its files.

Read and written by the system's Python: the standard library only.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from truepush.local.paths import ROOT

FOLDER = ROOT / "var" / "lock"
HEAD = """\
# Written by bin/lock from {source}: what is installed, with the hashes of every file that may be.
# For Python 3.11 and newer on any Unix: pip install --require-hashes -r {lock}
"""
COMMAND: list[str | Path] = [
    *(FOLDER / "bin" / "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate"),
    *("--no-emit-package", "colorama"),  # for Windows alone
]
ENTRY = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; .+)? \\\n((?: +--hash=.+\n)+)", re.MULTILINE)


class Package(NamedTuple):
    name: str
    version: str
    hashes: tuple[str, ...]
    text: str


def locked(file: Path) -> list[Package]:
    """Read the packages of one lock file, not those of a file that it includes."""
    return [
        Package(entry[1], entry[2], tuple(re.findall("--hash=sha256:([0-9a-f]{64})", entry[3])), entry[0])
        for entry in ENTRY.finditer(file.read_text())
    ]


def resolve(pins: str, into: Path, *options: str | Path) -> list[Package]:
    """Have uv find everything that the pins of a file need; versions that `into` already names stay."""
    command = [*COMMAND, *options, "--output-file", into, ROOT / pins]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit(f"The packages of {pins} could not be resolved: uv says why above.")
    return locked(into)


def main() -> None:
    lock, dev_lock = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
    everything, product = FOLDER / "everything.txt", FOLDER / "product.txt"
    before = [package.text for file in (lock, dev_lock) if file.exists() for package in locked(file)]
    everything.write_text("".join(before))
    product.unlink(missing_ok=True)
    # What the product runs on is a part of what its tests run on, in the same versions.
    packages = resolve("requirements-dev.txt", everything, *sys.argv[1:])
    of_product = resolve("requirements.txt", product, "--constraints", everything)
    lock.write_text(
        HEAD.format(source="requirements.txt", lock=lock.name) + "".join(one.text for one in of_product)
    )
    dev_lock.write_text(
        HEAD.format(source="requirements-dev.txt", lock=dev_lock.name)
        + f"-r {lock.name}\n"
        + "".join(one.text for one in packages if one not in of_product)
    )


if __name__ == "__main__":
    main()
