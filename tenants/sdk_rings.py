"""Which release of the SDK a website gets, from the books of the public schema and what is installed here.

Loader, modules and worker of a website are asked for one after the other, at whichever process; all of them look here.
With rings they come from one release; without, from what the process that answers has installed, which differs for the
minutes of an upgrade.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from tenants.copied import Copied
from tenants.models import SdkRelease
from truepush.lib.encodings import Encoded
from truepush.lib.push_providers import as_script
from truepush.lib.sdk_release import Release, Share, make_release, version_for

LIFETIME_SECONDS = 5.0
# A content hash that nobody knows may be that of a release which another process has just kept.
LOOK_AGAIN_SECONDS = 1.0
MOST_RELEASES = 12


class Row(NamedTuple):
    """A kept release without its files."""

    version: str
    digest: str
    percent: int
    is_called_back: bool


def sources() -> dict[str, str]:
    """Read the SDK's files as they are written; the check in a browser knows other providers by our table."""
    folder = Path(settings.BASE_DIR, "static", "sdk")
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js"))}
    return {**files, "doctor.js": as_script() + files["doctor.js"]}


@lru_cache(maxsize=1)
def installed() -> Release:
    """Make the release that this installation's code brings."""
    return make_release(sources())


@lru_cache(maxsize=MOST_RELEASES)
def _kept(version: str, digest: str) -> Release:
    files = SdkRelease.objects.filter(version=version).values_list("files", flat=True).first()
    return Release(version, files or {})  # none if it was dropped a moment ago: then nobody is given it


def _read() -> tuple[Row, ...]:
    found = SdkRelease.objects.order_by("-started_at", "-pk")
    return tuple(
        Row(version, digest, percent, called_back_at is not None)
        for version, digest, percent, called_back_at in found.values_list(
            "version", "digest", "percent", "called_back_at"
        )
    )


_books: Copied[tuple[Row, ...]] = Copied("list of SDK releases", _read, (), LIFETIME_SECONDS)
# What is kept, the newest start first.
rows, forget = _books.get, _books.forget


def order_of(known: tuple[Row, ...]) -> list[Share]:
    """Put releases in the order in which they are given; without rings what is installed comes first, for all."""
    started = [Share(row.version, row.percent) for row in known if row.percent and not row.is_called_back]
    called_back = {row.version for row in known if row.is_called_back}
    here = installed().version
    if settings.SDK_RINGS or here in called_back:
        return started
    return [Share(here, 100), *(share for share in started if share.version != here)]


def release_for(site_key: str) -> Release:
    """Give the release of a website; what is installed where nothing else was ever started."""
    known = rows()
    return _of(version_for(site_key, order_of(known)), known)


def release_for_all() -> Release:
    """Give the release of whoever is in no ring."""
    known = rows()
    return _of(next((one.version for one in order_of(known) if one.percent == 100), None), known)


def _of(version: str | None, known: tuple[Row, ...]) -> Release:
    here = installed()
    if version is None or (version == here.version and not settings.SDK_RINGS):
        return here
    digest = next(row.digest for row in known if row.version == version)
    return here if digest == here.digest else _kept(version, digest)


def part_with(name: str, content_hash: str) -> Encoded | None:
    """Find a module by its content, in what is installed or kept."""
    found = _part_with(name, content_hash, rows())
    return found or _part_with(name, content_hash, rows(LOOK_AGAIN_SECONDS))


def _part_with(name: str, content_hash: str, known: tuple[Row, ...]) -> Encoded | None:
    here = installed()
    for release in (here, *(_of_row(row) for row in known if row.digest != here.digest)):
        if release.parts.get(name) == content_hash:
            return release.encoded[f"{name}.js"]
    return None


def _of_row(row: Row) -> Release:
    return _kept(row.version, row.digest)


def state_of(release: SdkRelease) -> str:
    """Say in words who gets a release."""
    if release.called_back_at:
        return "called back"
    left = 100
    for share in order_of(rows()):
        if share.version == release.version:
            return f"goes to {min(share.percent, left)} % of websites" if left else "replaced by a newer one"
        left -= min(share.percent, left)
    return "not started"
