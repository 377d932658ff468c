"""Which release of the SDK a website gets: by rings, with call-back, loader, modules and worker always from one."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscribers.models import Site
from tenants.actions.sdk_release import (
    ReleaseRefused,
    call_back_release,
    keep_installed,
    keep_release,
    start_release,
)
from tenants.models import AuditEntry, SdkRelease
from tenants.sdk_rings import MOST_RELEASES, forget, installed, release_for
from tests.conftest import Workspace
from truepush.lib.sdk_release import make_release
from truepush.lib.share import is_in_share

HERE = installed().version
KEYS = [f"site-{number}" for number in range(1000)]


@pytest.fixture(autouse=True)
def _nothing_kept(db: None) -> Iterator[None]:
    SdkRelease.objects.all().delete()
    forget()
    yield


@pytest.fixture
def rings(settings: Any) -> None:
    settings.SDK_RINGS = True


def keep(version: str, percent: int = 0) -> None:
    """Put a release of another version into the books, as code of that time would have."""
    release = make_release(
        {
            "truepush.js": f'const VERSION = "{version}"; const PARTS = {{}};',
            "worker.js": f"/* worker */ self.version = '{version}';",
            "ask.js": f"export const ask = '{version}';",
        }
    )
    row = SdkRelease.objects.create(version=version, files=release.files, digest=release.digest)
    if percent:
        row.percent, row.started_at = percent, row.kept_at
        row.save()
    forget()


def do(verb: Callable[..., Any], **given: Any) -> Any:
    """Call the verb; what follows its commit follows at once."""
    answer = verb(actor=None, **given)
    forget()
    return answer


def loader_version(sdk: Client, key: str) -> str:
    text = sdk.get(f"/sdk/v1/{key}/truepush.js").content.decode()
    found = re.search(r'VERSION ?= ?"([\d.]+)"', text)
    assert found
    return found[1]


def versions(sdk: Client, site: Site) -> list[str]:
    """The version of the loader, of the module that it names, of the worker."""
    key = site.site_key
    loader = sdk.get(f"/sdk/v1/{key}/truepush.js").content.decode()
    [content] = re.findall(r'"ask": ?"(\w+)"', loader)
    texts = [
        loader,
        *(sdk.get(path).content.decode() for path in (f"/sdk/a/{content}/ask.js", f"/w/{key}.js")),
    ]
    return [re.findall(r"\d+\.\d+\.\d+", text)[-1] for text in texts]


def counted() -> dict[str, int]:
    """How many of the thousand keys get which version."""
    found = [release_for(key).version for key in KEYS]
    return {version: found.count(version) for version in sorted(set(found))}


def test_a_share_is_drawn_by_version_and_key_and_a_larger_one_holds_the_smaller() -> None:
    one, ten, all_of_them = ([is_in_share("2.0.0", key, share) for key in KEYS] for share in (1, 10, 100))
    assert (sum(one), sum(ten), sum(all_of_them)) == (13, 105, 1000)
    assert all(more or not less for less, more in zip(one, ten, strict=True))
    assert [is_in_share("2.0.1", key, 10) for key in KEYS] != ten
    assert not any(is_in_share("2.0.0", key, 0) for key in KEYS)


def test_without_rings_what_is_installed_goes_to_all(sdk: Client) -> None:
    keep("0.9.0", 100)
    assert loader_version(sdk, "any") == HERE
    keep_release(actor=None)
    assert loader_version(sdk, "any") == HERE
    assert SdkRelease.objects.get(version=HERE).percent == 100


def test_with_rings_a_new_version_goes_to_nobody_until_it_is_started(rings: None) -> None:
    keep("0.9.0", 100)
    keep_release(actor=None)
    assert counted() == {"0.9.0": 1000}
    shares = {}
    for percent in (1, 10, 100):
        do(start_release, version=HERE, percent=percent)
        shares[percent] = counted().get(HERE, 0)
    drawn = {percent: sum(is_in_share(HERE, key, percent) for key in KEYS) for percent in (1, 10, 100)}
    assert shares == drawn
    assert shares[100] == 1000


def test_with_rings_the_first_version_ever_goes_to_all(sdk: Client, rings: None) -> None:
    assert loader_version(sdk, "any") == HERE
    keep_release(actor=None)
    assert SdkRelease.objects.get().percent == 100
    assert loader_version(sdk, "any") == HERE


def test_everything_of_a_website_comes_from_one_release(sdk: Client, shop: Site, rings: None) -> None:
    keep("0.9.0", 100)
    keep("0.9.1")
    assert versions(sdk, shop) == ["0.9.0"] * 3
    do(start_release, version="0.9.1", percent=100)
    assert versions(sdk, shop) == ["0.9.1"] * 3
    assert do(call_back_release) == "0.9.0"
    assert versions(sdk, shop) == ["0.9.0"] * 3


def test_a_call_back_ends_a_ring_and_the_next_start_begins_anew(rings: None) -> None:
    keep("0.9.0", 100)
    keep("0.9.1", 10)
    before = counted()
    assert before == {"0.9.0": 1000 - before["0.9.1"], "0.9.1": before["0.9.1"]}
    do(call_back_release, version="0.9.1")
    assert counted() == {"0.9.0": 1000}
    do(start_release, version="0.9.1", percent=10)
    assert counted() == before


def test_without_rings_a_bad_version_is_called_back_too_and_the_next_one_serves_again(sdk: Client) -> None:
    keep("0.9.0", 100)
    keep_release(actor=None)
    assert do(call_back_release) == "0.9.0"
    assert loader_version(sdk, "any") == "0.9.0"
    do(start_release, version=HERE, percent=100)
    assert loader_version(sdk, "any") == HERE


@pytest.mark.parametrize(
    ("verb", "given", "why"),
    [
        (start_release, {"version": "0.9.1", "percent": 50}, "50 % cannot be chosen: give 1, 10 or 100."),
        (start_release, {"version": "7.0.0", "percent": 1}, "There is no release 7.0.0."),
        (start_release, {"version": "0.9.0", "percent": 100}, "0.9.1 is being tried. Start it for 100 %"),
        (call_back_release, {"version": "0.9.2"}, "0.9.2 goes to no website"),
        (call_back_release, {"version": "0.9.0"}, "No release before 0.9.0 is kept"),
        (call_back_release, {"version": "7.0.0"}, "There is no release 7.0.0."),
    ],
)
def test_what_is_refused_changes_nothing(
    rings: None, verb: Callable[..., Any], given: dict[str, Any], why: str
) -> None:
    keep("0.9.0", 100)
    keep("0.9.1", 10)
    keep("0.9.2")
    before = list(SdkRelease.objects.values())
    with pytest.raises(ReleaseRefused, match=re.escape(why)):
        verb(actor=None, **given)
    assert list(SdkRelease.objects.values()) == before
    assert not AuditEntry.objects.filter(action__startswith="sdk.", target__startswith="0.9").exists()


def test_without_rings_there_are_no_shares() -> None:
    keep("0.9.0", 100)
    keep_release(actor=None)
    for version, percent in ((HERE, 10), ("0.9.0", 100)):
        with pytest.raises(ReleaseRefused, match="Rings are off"):
            start_release(actor=None, version=version, percent=percent)


def test_what_is_done_is_in_the_audit(acme: Workspace, rings: None) -> None:
    keep("0.9.0", 100)
    keep_release(actor=None)
    start_release(actor=acme.owner, version=HERE, percent=1)
    call_back_release(actor=acme.owner)
    entries = AuditEntry.objects.filter(action__startswith="sdk.", target=HERE)
    assert list(entries.values_list("action", "actor", "detail")[:3]) == [
        ("sdk.call_back", "owner@acme.test", {"then": "0.9.0"}),
        ("sdk.start", "owner@acme.test", {"percent": 1}),
        ("sdk.keep", "system", {"digest": installed().digest}),
    ]


def test_keeping_again_changes_nothing_and_other_files_of_a_version_are_seen(settings: Any) -> None:
    assert keep_release(actor=None)
    assert not keep_release(actor=None)
    SdkRelease.objects.update(digest="other", files={})
    settings.SDK_RINGS = True
    assert not keep_release(actor=None)
    assert SdkRelease.objects.get().files == {}
    settings.SDK_RINGS = False
    assert keep_release(actor=None)
    assert SdkRelease.objects.get().files == installed().files


def test_so_many_releases_are_kept_and_never_fewer_than_are_given(rings: None) -> None:
    keep("0.8.0", 100)
    keep("0.8.1", 10)
    for number in range(30):
        keep(f"0.9.{number}")
    keep_release(actor=None)
    kept = set(SdkRelease.objects.values_list("version", flat=True))
    assert len(kept) == MOST_RELEASES
    assert kept == {"0.8.0", "0.8.1", HERE, *(f"0.9.{number}" for number in range(21, 30))}


def test_the_only_release_of_everybody_is_not_cut_down_to_a_share(rings: None) -> None:
    keep("0.8.0", 100)
    keep(HERE + "9")
    with pytest.raises(ReleaseRefused, match="goes to all or to none"):
        do(start_release, version="0.8.0", percent=1)
    assert SdkRelease.objects.get(version="0.8.0").percent == 100


def test_what_a_call_back_would_return_to_is_kept_behind_any_number_of_newer_ones(rings: None) -> None:
    keep("0.8.0", 100)
    keep("0.8.1", 100)
    for number in range(2 * MOST_RELEASES):
        keep(f"0.9.{number}")
    do(keep_release)
    assert SdkRelease.objects.count() < 2 * MOST_RELEASES
    assert do(call_back_release, version="0.8.1") == "0.8.0"


def test_what_was_read_last_holds_while_the_database_is_away(rings: None) -> None:
    keep("0.8.0", 100)
    assert release_for("a").version == "0.8.0"
    forget()

    def away(*_: object) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(away):
        assert release_for("a").version == "0.8.0"


def test_the_books_are_read_once_in_a_while(
    sdk: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """And the search path is set for it."""
    with django_assert_num_queries(2):
        for key in ("one", "two", "three"):
            sdk.get(f"/sdk/v1/{key}/truepush.js")


def test_unknown_content_reads_the_books_at_most_once_a_second(
    sdk: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        for number in range(20):
            sdk.get(f"/sdk/a/{number:016x}/ask.js")


def test_the_command_lists_starts_and_calls_back(capsys: pytest.CaptureFixture[str], rings: None) -> None:
    keep("0.9.0", 100)
    call_command("sdk_release", "keep")
    call_command("sdk_release", "keep")
    call_command("sdk_release", "start", HERE, "10")
    forget()
    call_command("sdk_release")
    call_command("sdk_release", "call-back")
    forget()
    call_command("sdk_release", "list")
    said = re.sub(r", kept \S+ \S+", "", capsys.readouterr().out).splitlines()
    assert said == [
        f"{HERE} is kept.",
        f"{HERE} is kept already.",
        f"{HERE} goes to 10 % of websites.",
        f"Installed: {HERE}. Rings are on.",
        f"{HERE}  goes to 10 % of websites",
        "0.9.0  goes to 90 % of websites",
        "Websites get 0.9.0 again: the loader once its five minutes in caches are over, the worker at the next page "
        "view, else when the browser looks by itself, once a day.",
        f"Installed: {HERE}. Rings are on.",
        f"{HERE}  called back",
        "0.9.0  goes to 100 % of websites",
    ]
    with pytest.raises(CommandError, match="No release before"):
        call_command("sdk_release", "call-back")


def test_a_web_server_starts_without_the_books(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    SdkRelease.objects.all().delete()
    monkeypatch.setattr(SdkRelease._meta, "db_table", "no_such_table")
    keep_installed()
    assert "is not kept as a release" in caplog.text
