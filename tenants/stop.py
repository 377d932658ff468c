"""How the processes of one `manage.py worker` end: together, asked by a flag in shared memory, or with their parent."""

import ctypes
import signal
import sys
from multiprocessing.sharedctypes import RawValue

# Without a lock: a process that is killed while it looks at an Event takes the Event's lock along, and every other
# one would wait for it for ever.
_is_asked = RawValue("b", 0)

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def ask_to_stop() -> None:
    _is_asked.value = 1


def stopping() -> bool:
    return bool(_is_asked.value)


def die_with_parent() -> None:
    """Have Linux kill this process when its parent is killed: orphans would go on taking tasks beside a new worker."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
