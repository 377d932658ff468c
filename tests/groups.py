"""Which tests run one after the other in one process: they share what is dear to start, or measure real processes.

pytest-xdist 3.8 knows groups by a mark that it writes into node ids, and pytest 9.2 does not keep it there: two workers
made an installation each, and measured workers beside each other. So files are named here.
"""

from xdist.scheduler.loadscope import LoadScopeScheduling

GROUPS = {
    "tests/e2e/": "e2e",
    "tests/isolation/test_many_at_once.py": "twenty workspaces",
    "tests/sdk/test_firefox.py": "firefox",
    "tests/campaigns/test_faults.py": "workers",
    "tests/campaigns/test_intake.py": "workers",
    "tests/campaigns/test_origins.py": "workers",
    "tests/campaigns/test_worker_processes.py": "workers",
}


class Groups(LoadScopeScheduling):
    """Each test goes to whichever process is free, a group to one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for path, group in GROUPS.items() if nodeid.startswith(path)), nodeid)
