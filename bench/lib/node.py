"""node's web-push, installed once under var/bench from the committed lock file."""

import shutil
import subprocess
import sys
from pathlib import Path

from truepush.local.paths import ROOT

FOLDER = ROOT / "var" / "bench" / "node"
SOURCE = Path(__file__).parents[1] / "node"


def provide_node() -> None:
    """Install web-push; ends the program with one line if node or npm is missing."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        sys.exit(
            f"The benchmark compares with node's web-push. Missing: {', '.join(missing)}. Run: apt install nodejs npm"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = ("package.json", "package-lock.json", "peer.mjs")
    is_same = all(
        (FOLDER / name).exists() and (FOLDER / name).read_bytes() == (SOURCE / name).read_bytes()
        for name in names
    )
    if is_same and (FOLDER / "node_modules" / "web-push").exists():
        return
    for name in names:
        shutil.copy(SOURCE / name, FOLDER / name)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)
