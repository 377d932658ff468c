"""One release of the SDK: the files of a version as they travel, and the names that their content gives them."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import rjsmin

from truepush.lib.encodings import Encoded
from truepush.lib.share import is_in_share

LOADER, WORKER = "truepush.js", "worker.js"
# What the loader imports by itself, by content; it is filled in where a release is made.
PARTS = "const PARTS = {};"
_VERSION = re.compile(r'const VERSION = "(\d+\.\d+\.\d+)";')
_HASH_LENGTH = 16


class BadRelease(ValueError):
    """Files that are no release; the text says what is missing."""


class Release:
    """A version with its files by name, as they are served."""

    def __init__(self, version: str, files: Mapping[str, str]) -> None:
        self.version = version
        self.files = dict(files)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.files, sort_keys=True).encode()).hexdigest()[:32]

    @cached_property
    def encoded(self) -> dict[str, Encoded]:
        """Give all files but the worker, which is written for each website."""
        return {name: Encoded(text.encode()) for name, text in self.files.items() if name != WORKER}

    @cached_property
    def parts(self) -> dict[str, str]:
        """Give the content hash of each module, by its name without `.js`."""
        return hashes(self.files)


class Share(NamedTuple):
    """A place in the order in which websites are given a release: the newest start first."""

    version: str
    percent: int


def hashes(files: Mapping[str, str]) -> dict[str, str]:
    modules = {name: text for name, text in sorted(files.items()) if name not in (LOADER, WORKER)}
    return {
        name.removesuffix(".js"): hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
        for name, text in modules.items()
    }


def make_release(sources: Mapping[str, str]) -> Release:
    """Make the release of these source files: without comments, the loader knowing its modules by their content."""
    loader = sources.get(LOADER, "")
    found = _VERSION.search(loader)
    if not found or PARTS not in loader or WORKER not in sources:
        raise BadRelease(f"A release needs {WORKER}, and {LOADER} with VERSION and {PARTS}")
    files = {name: rjsmin.jsmin(text) for name, text in sources.items() if name != LOADER}
    told = PARTS.replace("{}", json.dumps(hashes(files)))
    return Release(found[1], {**files, LOADER: rjsmin.jsmin(loader.replace(PARTS, told))})


def version_for(site_key: str, order: list[Share]) -> str | None:
    """Find the version of a website; None if no share reaches it."""
    return next((one.version for one in order if is_in_share(one.version, site_key, one.percent)), None)
