"""Imports: what is stored, who waits for a test, that a kill loses and repeats nothing, that the erased stay away."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from subscribers.actions import import_pieces
from subscribers.actions.importing import admit, segment_for, take_away
from subscribers.actions.job import start_export
from subscribers.actions.person import erase
from subscribers.actions.subscription import digest_of
from subscribers.audience import count, where
from subscribers.export_links import vapid_keys
from subscribers.job_files import errors_of, path_of
from subscribers.keyring import unseal
from subscribers.models import Job, Segment, Site, Subscriber, VapidKey
from subscribers.rules.rule import read
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.import_files import (
    as_csv,
    as_lines,
    begin,
    bring,
    finish,
    imported,
    onesignal,
    profiles,
)
from tests.subscribers.people import add_people
from tests.subscribers.samples import Browser, base64url
from truepush.lib.webpush.vapid import generate_key_pair, read_private_key

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.FILES_DIR = str(tmp_path / "files")


def states(site: Site) -> dict[str, int]:
    found = Subscriber.objects.filter(site=site).order_by().values_list("state", flat=True)
    return {state: list(found).count(state) for state in set(found)}


def in_segment(segment: Segment) -> int:
    return count(where(segment.site_id, read(segment.rule), timezone.now()), milliseconds=5_000).total


def problems(job: Job) -> list[str]:
    return errors_of(job).read_text().splitlines()


def test_an_export_of_onesignal_is_stored_as_it_was_and_waits(acme: Workspace, shop: Site) -> None:
    pair, browser = generate_key_pair(), Browser()
    with in_tenant(acme.schema):
        job = imported(acme, shop, as_csv([onesignal(browser), onesignal(Browser())]), pair=pair)
        assert (job.state, job.done) == ("done", 2)
        kept = {name: job.result[name] for name in ("new", "known", "left", "refused", "sample")}
        assert kept == {"new": 2, "known": 0, "left": 0, "refused": 0, "sample": 2}
        row = Subscriber.objects.get(endpoint=browser.endpoint)
        assert (bytes(row.p256dh), bytes(row.auth), bytes(row.endpoint_digest)) == (
            browser.p256dh, browser.auth, digest_of(browser.endpoint),
        )  # fmt: skip
        assert (row.language, row.country, row.time_zone, row.external_id, row.service) == (
            "de", "AT", "Europe/Vienna", "u-1", "fcm",
        )  # fmt: skip
        assert row.tags == ["plan=gold", "vip=true"]
        assert (f"{row.subscribed_at:%F %T}", f"{row.seen_at:%F %T}") == (
            "2025-03-04 12:30:00", "2026-11-02 10:00:00",
        )  # fmt: skip
        assert (row.prompt, row.consent_origin) == (f"import {job.pk}", shop.origin)
        key = row.vapid_key
        assert (key.state, bytes(key.public), key.provider, key.worker_path) == (
            "old", pair.public, "onesignal", "/OneSignalSDKWorker.js",
        )  # fmt: skip
        assert unseal(key.private_encrypted, pair.public) == pair.private
        assert VapidKey.objects.filter(site=shop).count() == 2
        # What was brought holds secrets: it is gone once it is read.
        assert not path_of(job).exists()


def test_one_in_a_hundred_is_let_in_and_the_rest_when_the_test_arrived(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        rows = [onesignal(Browser()) for _ in range(1_250)]
        job = imported(acme, shop, as_csv(rows))
        assert states(shop) == {"active": 13, "imported": 1_237}
        segment = segment_for(actor=acme.owner, tenant=acme.tenant, job=job)
        assert segment_for(actor=acme.owner, tenant=acme.tenant, job=job).pk == segment.pk
        assert in_segment(segment) == 13
        admit(actor=acme.owner, tenant=acme.tenant, job=job)
        job = finish(job)
        assert (job.state, job.result["admitted"]) == ("done", 1_237)
        assert states(shop) == {"active": 1_250}
        assert not Subscriber.objects.exclude(ended_at=None, ended_why="").exists()
        assert in_segment(segment) == 1_250


def test_an_import_is_taken_away_except_who_has_come_by_since(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        before = add_people(shop, [{}, {}])
        job = imported(acme, shop, as_csv([onesignal(Browser()) for _ in range(30)]))
        stays = Subscriber.objects.filter(prompt=f"import {job.pk}").latest("pk")
        Subscriber.objects.filter(pk=stays.pk).update(
            vapid_key=VapidKey.objects.get(site=shop, state="current")
        )
        take_away(actor=acme.owner, tenant=acme.tenant, job=job)
        job = finish(job)
        assert (job.state, job.result["removed"]) == ("done", 29)
        assert set(Subscriber.objects.values_list("pk", flat=True)) == {*(one.pk for one in before), stays.pk}


def test_known_endpoints_stay_as_they_are(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        [known] = add_people(shop, [{"language": "fr", "tags": ["ours"]}])
        rows = [
            onesignal(Browser(known.endpoint)),
            onesignal(Browser("https://fcm.googleapis.com/fcm/send/twice")),
        ]
        job = imported(acme, shop, as_csv([*rows, rows[1]]))
        assert (job.result["new"], job.result["known"]) == (1, 2)
        again = Subscriber.objects.get(pk=known.pk)
        assert (again.language, again.tags, again.state, again.vapid_key.state) == (
            "fr",
            ["ours"],
            "active",
            "current",
        )


def test_who_had_left_there_is_left_out(acme: Workspace, shop: Site) -> None:
    gone = [{"notification_types": "-2"}, {"invalid_identifier": "t"}, {"device_type": "11"}]
    with in_tenant(acme.schema):
        job = imported(acme, shop, as_csv([onesignal(Browser(), **one) for one in gone]))
        assert (job.result["left"], job.result["new"], states(shop)) == (3, 0, {})


WONDERPUSH = {
    "id": "i1",
    "userId": "u-9",
    "custom": {"age": 41},
    "pushToken": {"data": '{"endpoint": "%s", "keys": {"p256dh": "%s", "auth": "%s"}}'},
}


def test_other_forms_of_a_subscription_are_read(acme: Workspace, shop: Site) -> None:
    one, two, three, four = (Browser() for _ in range(4))
    keys = [
        {"p256dh": base64url(each.p256dh), "auth": base64url(each.auth)} for each in (one, two, three, four)
    ]
    filled = WONDERPUSH["pushToken"]["data"] % (one.endpoint, keys[0]["p256dh"], keys[0]["auth"])  # type: ignore[index]
    rows = [
        {**WONDERPUSH, "pushToken": {"data": filled}},
        {"subscription": {"endpoint": two.endpoint, "keys": keys[1]}, "tags": ["a", "b"], "created_at": 1741091400},
        {"pushToken": {"data": three.endpoint, "meta": {"keys": keys[2]}}},
        {"endpoint": four.endpoint, **{name: text + "==" for name, text in keys[3].items() if name == "auth"},
         "p256dh": keys[3]["p256dh"].replace("-", "+").replace("_", "/") + "=", "attributes": {"first_name": "Ada"}},
    ]  # fmt: skip
    with in_tenant(acme.schema):
        job = imported(acme, shop, as_lines(rows), provider="wonderpush")
        assert (job.result["new"], job.result["refused"]) == (4, 0)
        found = {row.endpoint: row for row in Subscriber.objects.all()}
        assert (found[one.endpoint].external_id, found[one.endpoint].attributes) == ("u-9", {"age": 41})
        assert (found[two.endpoint].tags, f"{found[two.endpoint].subscribed_at:%F %R}") == (
            ["a", "b"],
            "2025-03-04 12:30",
        )
        assert bytes(found[three.endpoint].auth) == three.auth
        assert bytes(found[four.endpoint].p256dh) == four.p256dh
        assert found[four.endpoint].attributes == {"first_name": "Ada"}


def test_our_own_full_export_comes_back_whole(acme: Workspace, globex: Workspace, shop: Site) -> None:
    """Leaving is a feature, and so is coming back: in another workspace, with another secret key of the schema."""
    with in_tenant(acme.schema):
        long_ago = datetime(2025, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
        moments = {"subscribed_at": long_ago, "seen_at": long_ago + timedelta(days=1)}
        known = {"tags": ["plan=gold", "vip"], "attributes": {"n": 1}, "external_id": "4711", **moments}
        add_people(shop, [known])
        add_people(shop, [{"state": "gone", "ended_at": "2026-01-01T00:00:00Z"}])
        export = start_export(
            actor=acme.owner, tenant=acme.tenant, site=shop, file_format="jsonl", with_secrets=True
        )
        octets = path_of(finish(export)).read_bytes()
        [written] = vapid_keys(shop.pk)
        before = Subscriber.objects.get(state="active")
    other = make_site(globex, origin="https://elsewhere.example")
    with in_tenant(globex.schema):
        pair = read_private_key(json.dumps(written))
        job = imported(globex, other, octets, provider="own", pair=pair)
        assert {name: job.result[name] for name in ("new", "left", "refused")} == {
            "new": 1,
            "left": 1,
            "refused": 0,
        }
        after = Subscriber.objects.get()
        for name in (
            "endpoint",
            "p256dh",
            "auth",
            "tags",
            "attributes",
            "external_id",
            "subscribed_at",
            "seen_at",
        ):
            assert getattr(after, name) == getattr(before, name), name
        wrong = imported(globex, other, octets, provider="own")
        assert wrong.result["refused"] == 1
        assert problems(wrong)[1].endswith(
            'made with another key pair. Import these rows once more, with that pair."'
        )


def test_each_refused_row_is_named_with_its_line_and_column_and_no_secret(
    acme: Workspace, shop: Site
) -> None:
    wrong: list[dict[str, Any]] = [
        {"identifier": "https://evil.example/push/1"},
        {"identifier": "http://fcm.googleapis.com/fcm/send/x"},
        {"identifier": "https://127.0.0.1/fcm/send/x"},
        {"identifier": "https://localhost:8002/push/1"},
        {"identifier": ""},
        {"web_p256": "AAAA"},
        {"web_p256": base64url(b"\4" + bytes(64))},
        {"web_auth": ""},
        {"tags": "x" * 65},
        {"external_user_id": "x" * 129},
    ]
    good = Browser()
    with in_tenant(acme.schema):
        rows = [onesignal(Browser(), **one) for one in wrong]
        job = imported(acme, shop, as_csv([*rows, onesignal(good)]))
        assert (job.result["new"], job.result["refused"], job.done) == (1, 10, 11)
        said = problems(job)
        assert said[0] == "line,column,problem"
        assert [line.split(",")[:2] for line in said[1:]] == [
            ["2", "endpoint"], ["3", "endpoint"], ["4", "endpoint"], ["5", "endpoint"], ["6", "endpoint"],
            ["7", "p256dh"], ["8", "p256dh"], ["9", "auth"], ["10", "tags"], ["11", "external_id"],
        ]  # fmt: skip
        assert "fcm/send/device" not in "".join(said)
        assert [row.endpoint for row in Subscriber.objects.all()] == [good.endpoint]


def test_who_was_erased_is_not_imported_again(acme: Workspace, shop: Site) -> None:
    by_endpoint, by_id, other = Browser(), Browser(), Browser()
    with in_tenant(acme.schema):
        stored = {"endpoint": by_endpoint.endpoint, "endpoint_digest": digest_of(by_endpoint.endpoint)}
        people = add_people(shop, [stored, {"external_id": "forget-me"}])
        erase(actor=acme.owner, tenant=acme.tenant, subscribers=people)
        rows = [
            onesignal(by_endpoint, external_user_id=""), onesignal(by_id, external_user_id="forget-me"),
            onesignal(other),
        ]  # fmt: skip
        job = imported(acme, shop, as_csv(rows))
        assert (job.result["erased"], job.result["new"]) == (2, 1)
        assert [row.endpoint for row in Subscriber.objects.all()] == [other.endpoint]


def test_sql_is_text(acme: Workspace, shop: Site) -> None:
    text = "' OR 1=1; DROP TABLE subscribers_subscriber; --"
    with in_tenant(acme.schema):
        imported(
            acme,
            shop,
            as_csv([onesignal(Browser(), external_user_id=text, tags=f'["{text}", "a\\"b\\\\c"]')]),
        )
        row = Subscriber.objects.get()
        assert (row.external_id, row.tags) == (text, sorted([text, 'a"b\\c']))
        job = profiles(acme, shop, as_csv([{"external_id": text, "note": "\\N"}], ("external_id", "note")))
        assert job.result["rows"] == 1
        assert Subscriber.objects.get().attributes == {"note": "\\N"}


def test_tags_and_attributes_by_external_id(acme: Workspace, shop: Site) -> None:
    file = "external_id,tags,remove_tags,Age,Vip,since,note\n"
    file += 'u1,"plan=gold, new",old,41,true,2026-01-31,\n'
    file += "u2,,,1.5,FALSE,007,-3\n"
    file += "nobody,x,,,,,\n"
    file += ",x,,,,,\n"
    file += f"u1,{'x' * 65},,,,,\n"
    file += "u1,last,,,,,\n"
    with in_tenant(acme.schema):
        add_people(shop, [{"external_id": "u1", "tags": ["old", "plan=free"], "attributes": {"kept": 1}}] * 2)
        add_people(shop, [{"external_id": "u2"}])
        seen = Subscriber.objects.latest("pk").seen_at
        job = profiles(acme, shop, file.encode())
        assert (job.state, job.done, job.result["rows"], job.result["refused"]) == ("done", 6, 3, 3)
        first, second, third = Subscriber.objects.order_by("pk")
        for person in (first, second):
            assert person.tags == ["last", "new", "plan=gold"]
            assert person.attributes == {"kept": 1, "age": 41, "vip": True, "since": "2026-01-31"}
        assert third.attributes == {"age": 1.5, "vip": False, "since": "007", "note": -3}
        assert third.seen_at == seen
        assert [line.split(",")[0] for line in problems(job)] == ["line", "4", "5", "6"]
        assert "nobody on Shop has the external ID 'nobody'." in problems(job)[1]


def test_too_many_tags_are_an_error_of_that_line(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        add_people(shop, [{"external_id": "u1", "tags": [f"tag {n}" for n in range(50)]}])
        job = profiles(acme, shop, b"external_id,tags\nu1,one more\nu1,plan=x\n")
        assert (job.result["rows"], job.result["refused"]) == (0, 2)
        assert "51 tags; a subscriber has at most 50" in problems(job)[1]
        assert len(Subscriber.objects.get().tags) == 50


def test_an_import_killed_at_half_ends_with_equal_rows(alone: Workspace, settings: Any) -> None:
    """A real process, SIGKILL between two commits or in the middle of one, then another one that goes on."""
    site = make_site(alone)
    point, auth = base64url(Browser().p256dh), base64url(bytes(16))
    rows = [
        onesignal(Browser(), identifier=f"https://fcm.googleapis.com/fcm/send/kill-{number}", web_p256=point,
                  web_auth=auth if number % 1000 else "wrong", external_user_id=f"u{number}")
        for number in range(20_000)
    ]  # fmt: skip
    with in_tenant(alone.schema):
        job = bring(alone, begin(alone, site), as_csv(rows))
    environment = {**os.environ, "DATABASE_URL": _url(), "FILES_DIR": settings.FILES_DIR}
    command = [sys.executable, "tests/subscribers/import_worker.py", alone.schema, str(job.pk)]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        _wait_for_rows(alone, job, 7_500)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    with in_tenant(alone.schema):
        half = Job.objects.get(pk=job.pk)
        assert half.state == "running"
        assert 7_500 <= half.done < 20_000
        # The lease of the dead one is over; what it wrote to the file of errors and did not commit is cut off.
        Job.objects.filter(pk=job.pk).update(lease_until="2026-01-01T00:00:00Z")
        with errors_of(half).open("a") as file:
            file.write("99,x,of a piece that was never committed\n")
        job = finish(job)
        assert (job.state, job.done, job.result["new"], job.result["refused"]) == ("done", 20_000, 19_980, 20)
        found = Subscriber.objects.filter(site=site)
        assert found.count() == found.values("endpoint_digest").distinct().count() == 19_980
        assert {f"u{number}" for number in range(20_000) if number % 1000} == set(
            found.values_list("external_id", flat=True)
        )
        assert [line.split(",")[0] for line in problems(job)[1:]] == [str(n * 1000 + 2) for n in range(20)]


def _wait_for_rows(place: Workspace, job: Job, number: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with in_tenant(place.schema):
            if Job.objects.get(pk=job.pk).done >= number:
                return
        time.sleep(0.01)
    raise AssertionError("the import did not begin")


def _url() -> str:
    given = connection.settings_dict
    name = given["NAME"]
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{name}"


def test_a_worker_that_lost_its_lease_writes_nothing(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        job = bring(acme, begin(acme, shop), as_csv([onesignal(Browser())]))
        stale = Job.objects.get(pk=job.pk)
        Job.objects.filter(pk=job.pk).update(state="running", fence=7)
        assert import_pieces.import_some(stale, 0) is False
        assert Subscriber.objects.count() == 0
