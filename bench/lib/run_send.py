"""Set up, then bench.lib.send_work in it."""

import sys

from bench.lib.node import provide_node
from bench.lib.stage import run_installed

if __name__ == "__main__":
    provide_node()
    sys.exit(run_installed("bench.lib.send_work"))
