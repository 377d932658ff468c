"""Keep releases of the SDK, give them to a share of all websites, call them back."""

import logging
from typing import Any, NoReturn

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from tenants.actions import audit
from tenants.models import SdkRelease, User
from tenants.sdk_rings import MOST_RELEASES, Row, forget, installed, order_of

log = logging.getLogger(__name__)

SHARES = (1, 10, 100)


class ReleaseRefused(ValueError):
    """What cannot be done with a release; the text says why and what to do."""


@transaction.atomic
def keep_release(*, actor: User | None) -> bool:
    """Keep the installed files as a release, so that later code can go back to them; False if they are kept already.

    Without rings it goes to every website at once. With rings it goes to none until it is started, save the first.
    """
    here, known = installed(), _locked()
    row = next((one for one in known if one.version == here.version), None)
    if row is None:
        if not _add(known):
            return False
    elif row.digest == here.digest:
        return False
    elif settings.SDK_RINGS:
        log.warning("SDK %s is kept with other files than are installed: raise its VERSION.", here.version)
        return False
    else:
        row.files, row.digest = here.files, here.digest
        row.save(update_fields=["files", "digest"])
    _note("keep", here.version, actor, digest=here.digest)
    return True


def _add(known: list[SdkRelease]) -> bool:
    """Keep what is installed beside what is known; False if another process did it at this moment."""
    here = installed()
    for_all = not settings.SDK_RINGS or not any(one.percent for one in known)
    _, added = SdkRelease.objects.get_or_create(
        version=here.version,
        defaults={
            "files": here.files,
            "digest": here.digest,
            "percent": 100 if for_all else 0,
            "started_at": Now() if for_all else None,
        },
    )
    kept = _given(known, whole=2)  # with what a call-back would return to
    _drop_old([one for one in known if one.version not in kept])
    return added


def keep_installed() -> None:
    """Keep what a web server that starts has installed; it starts without that too, say while the database is away."""
    try:
        keep_release(actor=None)
    except DatabaseError as error:
        log.warning("SDK %s is not kept as a release, so a later version could not go back to it: %s",
                    installed().version, error)  # fmt: skip


@transaction.atomic
def start_release(*, actor: User | None, version: str, percent: int) -> None:
    """Give a release to this share of all websites: 1, 10 or 100 of a hundred; raises ReleaseRefused.

    The share of 1 is inside that of 10. One that was called back begins anew.
    """
    known = _locked()
    row = _one(known, version)
    if percent not in SHARES:
        _refuse(f"{percent} % cannot be chosen: give 1, 10 or 100.")
    if not settings.SDK_RINGS and (percent != 100 or version != installed().version):
        _refuse("Rings are off: the installed version goes to every website. Set SDK_RINGS=true for shares.")
    given = _given(known, whole=1)
    others = [one.version for one in known if one != row and one.percent < 100 and one.version in given]
    if others and settings.SDK_RINGS:
        _refuse(f"{others[0]} is being tried. Start it for 100 %, or call it back first.")
    if percent < 100 and not any(
        one.percent == 100 and not one.called_back_at for one in known if one != row
    ):
        _refuse(f"No other release goes to the rest of the websites: {version} goes to all or to none.")
    SdkRelease.objects.filter(pk=row.pk).update(percent=percent, started_at=Now(), called_back_at=None)
    _note("start", version, actor, percent=percent)


@transaction.atomic
def call_back_release(*, actor: User | None, version: str = "") -> str:
    """Take a release (the newest started, if none is named) from all websites; answer which all get now.

    Raises ReleaseRefused where nothing came before it.
    """
    known = _locked()
    rows = _rows(known)
    order = [one.version for one in order_of(rows)]
    version = version or (order[0] if order else "")
    row = _one(known, version)
    if version not in order:
        _refuse(f"{version} goes to no website, so there is nothing to call back.")
    without = tuple(one._replace(is_called_back=True) if one.version == version else one for one in rows)
    then = next((one.version for one in order_of(without) if one.percent == 100), None)
    if then is None:
        _refuse(f"No release before {version} is kept, so there is none to return to.")
    SdkRelease.objects.filter(pk=row.pk).update(called_back_at=Now())
    _note("call_back", version, actor, then=then)
    return then


def _locked() -> list[SdkRelease]:
    """Read all releases, the newest start first; nobody else starts or calls back meanwhile."""
    return list(SdkRelease.objects.select_for_update().defer("files").order_by("-started_at", "-pk"))


def _rows(known: list[SdkRelease]) -> tuple[Row, ...]:
    return tuple(Row(one.version, one.digest, one.percent, one.called_back_at is not None) for one in known)


def _given(known: list[SdkRelease], *, whole: int) -> set[str]:
    """Name the releases that some website gets: down to the first that goes to all, or to so many of those."""
    found: set[str] = set()
    for share in order_of(_rows(known)):
        found.add(share.version)
        whole -= share.percent == 100
        if not whole:
            break
    return found


def _one(known: list[SdkRelease], version: str) -> SdkRelease:
    row = next((one for one in known if one.version == version), None)
    if row is None:
        _refuse(
            f"There is no release {version or 'to call back'}. `manage.py sdk_release` lists what is kept."
        )
    return row


def _drop_old(unused: list[SdkRelease]) -> None:
    """Make room: of those that no website gets, the oldest go."""
    newest_first = sorted(unused, key=lambda one: one.pk, reverse=True)
    SdkRelease.objects.filter(pk__in=[one.pk for one in newest_first[MOST_RELEASES - 3 :]]).delete()


def _note(verb: str, version: str, actor: User | None, **detail: Any) -> None:
    audit.record(f"sdk.{verb}", actor=actor, tenant_id=None, target=version, **detail)
    transaction.on_commit(forget)


def _refuse(why: str) -> NoReturn:
    raise ReleaseRefused(why)
