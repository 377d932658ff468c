"""Set up, then bench.lib.bundle_work in it."""

import sys

from bench.lib.stage import run_installed

if __name__ == "__main__":
    sys.exit(run_installed("bench.lib.bundle_work", pushes=False))
