"""Known weaknesses of the locked packages, by pip-audit. Where it cannot reach its data, that is said, no failure."""

import json
import subprocess
import sys
from typing import NamedTuple

from truepush.local.paths import ROOT

PATIENCE_SECONDS = 120


class Verdict(NamedTuple):
    is_good: bool
    text: str


def audit() -> Verdict:
    """Ask for each package that the product runs on; nothing is resolved or installed for it."""
    command = [sys.executable, "-m", "pip_audit", "-r", "requirements.lock", "--require-hashes"]
    try:
        done = subprocess.run(
            [*command, "--disable-pip", "-f", "json", "--timeout", "5", "--progress-spinner", "off"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return judge("")
    return judge(done.stdout)


def judge(output: str) -> Verdict:
    """Read pip-audit's report; without one, or with none of the packages in it, it could not reach its data."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    known = [package for package in packages if "vulns" in package]
    if not known:
        return Verdict(
            True, "pip-audit cannot reach its data: known weaknesses of packages were not looked for."
        )
    weak = [
        f"{package['name']} {package['version']}: {weakness['id']}, mended in "
        f"{', '.join(weakness.get('fix_versions', [])) or 'no version yet'}"
        for package in known
        for weakness in package["vulns"]
    ]
    left_out = len(packages) - len(known)
    missing = f" {left_out} packages are not in its data." if left_out else ""
    if weak:
        return Verdict(False, f"pip-audit knows of weaknesses. {'; '.join(weak)}.{missing}")
    return Verdict(True, f"pip-audit knows of no weakness in {len(known)} packages.{missing}")
