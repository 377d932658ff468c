"""The fault tests at full length, with their figures; bin/test runs the same ones with windows a tenth as long.

It takes about three quarters of an hour: outages last as long as the fault table says, five or ten minutes.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from bench.lib.cpu import print_figures
from truepush.local import testrun

TESTS = [
    "tests/campaigns/test_faults.py",
    "tests/campaigns/test_origins.py",
    "tests/campaigns/test_worker_processes.py",
    # Takes root, so it has no name that bin/test would find.
    "tests/campaigns/fault_disk_full.py",
]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        os.environ |= {"FAULT_SCALE": "1", "FAULT_FIGURES": str(figures)}
        sys.argv[1:] = ["-n", "0", "-o", "timeout=900", "-q", *TESTS]
        code = testrun.main()
        known = json.loads(figures.read_text()) if figures.exists() else {}
    print_figures({**known, "failed": code})
    return code


if __name__ == "__main__":
    sys.exit(main())
