"""Become another program that ends when our parent does: launch.py PARENT SIGNAL UID:GID PROGRAM ARGUMENT...

On Linux the kernel sends SIGNAL when PARENT dies, even of SIGKILL. UID:GID is empty to stay who we are.
PROGRAM is a path and not looked up: once the user is changed, Python's own files may be out of reach, which
rules imports out. It is a program because all this, done between fork and exec, is unsafe beside threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, account, *command = sys.argv[1:]
    if account:
        uid, gid = (int(number) for number in account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != int(parent):  # it died before the line above
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main()
