"""The limit of open files, which once hid behind "the view rate is falling": looked at on start, and fitted to."""

import logging
import resource

log = logging.getLogger(__name__)

# Database, log, libraries, the queue's pipes, name lookups.
OTHER_FILES = 60


def raise_file_limit() -> int:
    """Take what the system allows this process; answer how many files it may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        except (OSError, ValueError):
            return soft
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def needed_files(requests: int) -> int:
    """Count what a process needs for so many requests in flight, each on a connection of its own at worst."""
    return requests + OTHER_FILES


def requests_that_fit(asked: int, files: int) -> int:
    """Cut the requests in flight to what the file limit allows; at least one."""
    return max(1, min(asked, files - OTHER_FILES))


def warn_if_tight(asked: int, files: int) -> str:
    """Say what is missing, in words for whoever runs the host; empty if all fits."""
    if requests_that_fit(asked, files) == asked:
        return ""
    text = (
        f"This host allows {files} open files a process; {asked} requests in flight need {needed_files(asked)}. "
        f"Only {requests_that_fit(asked, files)} go at once. Raise the limit (ulimit -n, or LimitNOFILE in systemd)."
    )
    log.warning("%s", text)
    return text
