"""The stop flag of one `manage.py worker`: set in the parent on SIGTERM, seen by every process forked from it."""

import multiprocessing

_context = multiprocessing.get_context("fork")
STOP = _context.Event()


def stopping() -> bool:
    return STOP.is_set()
