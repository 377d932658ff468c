"""The proofs of access and trust at full length: a minute over twenty workspaces, a thousand calls of each operation.

bin/test runs the same tests for two seconds, and with twenty calls of each operation.
"""

import os
import sys

from bench.lib.cpu import print_figures
from truepush.local import testrun

TESTS = ["tests/isolation/test_many_at_once.py", "tests/subscribers/test_openapi.py"]
SECONDS, EXAMPLES = 60, 1000


def main() -> int:
    os.environ |= {"ISOLATION_SECONDS": str(SECONDS), "OPENAPI_EXAMPLES": str(EXAMPLES)}
    sys.argv[1:] = ["-n", "0", "-o", "timeout=1800", "-q", *TESTS]
    code = testrun.main()
    print_figures({"seconds": SECONDS, "examples": EXAMPLES, "exit_code": code})
    return code


if __name__ == "__main__":
    sys.exit(main())
