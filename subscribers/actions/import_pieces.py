"""What an import writes: a piece of its file at a time, each in one transaction with how far it came.

A process that is killed leaves nothing of its piece; whoever goes on begins at the octet that was committed last. So an
import that was killed ends with the same rows as one that was not.
"""

import csv
import io
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from subscribers.actions.job_steps import LEASE, advance, is_mine, repeat, tell_done
from subscribers.actions.person import tombstone_of
from subscribers.actions.profile import Said, apply
from subscribers.importing.given import told_of
from subscribers.importing.lines import COLUMNS, Row
from subscribers.importing.parsing import Parsed, ahead, parsed
from subscribers.importing.reading import Head, Piece, Problem, open_file, read_head, read_piece
from subscribers.importing.wish import ADMIT, PROFILES, REMOVE, mark_of, wish_of
from subscribers.job_files import errors_of, path_of, remove_upload
from subscribers.models import Job, Subscriber, Tombstone, VapidKey
from subscribers.profiles import ProfileRefused, Told, merge_attributes, merge_tags
from truepush.lib import base64url

SUBSCRIPTIONS, PEOPLE = 10_000, 5_000
ROWS = 10_000
MOST_ERRORS = 100_000
KEPT = timedelta(hours=24)
LEAST_SAMPLE = 10
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_ROOM = f"CREATE TEMP TABLE IF NOT EXISTS import_given ({COLUMNS}) ON COMMIT DELETE ROWS"
_INSERT = """
INSERT INTO subscribers_subscriber (
    site_id, vapid_key_id, state, is_test, ended_at, ended_why, prompt, consent_origin, service, endpoint,
    endpoint_digest, p256dh, auth, language, country, time_zone, browser, os, device, external_id, tags, attributes,
    subscribed_at, first_seen_at, seen_at)
SELECT %(site)s, %(key)s, 'imported', false, now(), %(mark)s, %(mark)s, %(origin)s, service, endpoint,
    digest, p256dh, auth, language, country, time_zone, browser, os, device, external_id, tags, attributes,
    least(coalesce(subscribed_at, now()), now()), least(coalesce(subscribed_at, seen_at, now()), now()),
    least(coalesce(seen_at, subscribed_at, now()), now())
FROM import_given ON CONFLICT (site_id, endpoint_digest) DO NOTHING
"""
# An array is read once. As `IN (SELECT ... LIMIT ...)` it can be read again for each row, and finds others each time.
_ADMIT = """
UPDATE subscribers_subscriber SET state = 'active', ended_at = NULL, ended_why = ''
WHERE id = ANY(ARRAY(SELECT id FROM subscribers_subscriber WHERE site_id = %s
    AND NOT (state = 'active' AND NOT is_test) AND state = 'imported' AND ended_why = %s
    ORDER BY {order} LIMIT %s FOR UPDATE))
"""
# The digest is a hash: its order is as good as a draw, and the same each time.
_SAMPLE, _REST = _ADMIT.format(order="endpoint_digest"), _ADMIT.format(order="id")


def import_some(job: Job, until: float) -> bool:
    """Work on an import for a while; False when it has ended or is another's. Raises FileRefused, OSError."""
    wish = wish_of(job)
    if wish.phase == ADMIT:
        return repeat(until, lambda: _admit(job))
    if wish.phase == REMOVE:
        return repeat(until, lambda: _remove(job))
    head = read_head(path_of(job))
    place = {
        "offset": job.result.get("offset", head.start),
        "line": job.result.get("line", 1 if head.form == "json" else 2),
    }
    with open_file(path_of(job)) as file:
        given: Generator[Piece | Parsed, None, None] = (
            _of_people(file, head, place)
            if wish.kind == PROFILES
            else _of_subscriptions(job, file, head, place, until)
        )
        with closing(given) as pieces:
            return repeat(until, lambda: _store(job, file, next(pieces)))


def _of_people(file: BinaryIO, head: Head, place: dict[str, int]) -> Generator[Piece, None, None]:
    while True:
        piece = read_piece(file, head, **place, most=PEOPLE)
        place = {"offset": piece.offset, "line": piece.line}
        yield piece


def _of_subscriptions(
    job: Job, file: BinaryIO, head: Head, place: dict[str, int], until: float
) -> Generator[Parsed, None, None]:
    key = VapidKey.objects.only("public").get(pk=wish_of(job).key)
    public, sandbox = base64url.encode(bytes(key.public)), settings.SANDBOX_ORIGIN
    pieces = parsed(file, head, **place, most=SUBSCRIPTIONS, public=public, sandbox_origin=sandbox)
    return ahead(pieces, until)


def _store(job: Job, file: BinaryIO, item: Piece | Parsed) -> bool:
    """Store a piece and commit how far that is; False at the end of the file, or when the job is another's."""
    piece = item.piece if isinstance(item, Parsed) else item
    known = job.result
    with transaction.atomic():
        if not is_mine(job):
            return False
        stored = _subscriptions(job, item) if isinstance(item, Parsed) else _people(job, item)
        # Storing may have refused some more.
        counts = {"read": piece.read, "refused": len(piece.problems), **stored}
        result = {**known, **{name: known.get(name, 0) + number for name, number in counts.items()}}
        result |= {"offset": piece.offset, "line": piece.line, "position": _position(file, piece)}
        result["errors"] = _note_problems(job, piece.problems)
        changes: dict[str, Any] = {"result": result, "done": result["read"]}
        if piece.is_end:
            result["sample"] = _sample(job, result)
            changes |= {
                "state": Job.State.DONE,
                "finished_at": Now(),
                "lease_until": None,
                "expires_at": Now() + KEPT,
            }
        else:
            changes["lease_until"] = Now() + LEASE
            _commit_later()
        Job.objects.filter(pk=job.pk).update(**changes)
        if piece.is_end:
            said = f"Your import is done: {result['read']:,} rows read, {result['refused']:,} refused."
            tell_done(job, said, f"/imports/{job.pk}/")
    job.result, job.done = result, result["read"]
    if piece.is_end:
        remove_upload(job)
    return not piece.is_end


def _commit_later() -> None:
    """Do not wait until this piece is on disk: if the database dies before, its rows are gone with how far it came.

    The last piece waits, and with it all before, for the file is removed then.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _position(file: Any, piece: Piece) -> int:
    """How far into the file as it lies there: of a packed one less than the offset."""
    packed = getattr(file, "fileobj", None)
    return int(packed.tell()) if packed is not None else piece.offset


def _note_problems(job: Job, problems: Sequence[Problem]) -> int:
    """Append to the file of errors behind what was committed; answer its length."""
    octets = int(job.result.get("errors", 0))
    if not problems or job.result.get("refused", 0) > MOST_ERRORS:
        return octets
    text = io.StringIO()
    writer = csv.writer(text)
    if not octets:
        writer.writerow(["line", "column", "problem"])
    for problem in sorted(problems):
        # A value in the text may be a formula; no cell begins with one.
        writer.writerow([problem.line, problem.field.lstrip("=+-@\t\r"), problem.text])
    path = errors_of(job)
    with path.open("r+b" if path.exists() else "w+b") as file:
        path.chmod(0o600)
        file.truncate(octets)
        file.seek(octets)
        # What JSON may hold and no encoding has is written as it is escaped there.
        file.write(text.getvalue().encode(errors="backslashreplace"))
        return file.tell()


def _subscriptions(job: Job, item: Parsed) -> dict[str, int]:
    """Store a piece's subscriptions as waiting ones; answer how many of each kind."""
    kept = _without_erased(item.rows)
    new = _insert(job, kept) if kept else 0
    return {"new": new, "known": len(kept) - new, "left": item.left, "erased": len(item.rows) - len(kept)}


def _without_erased(rows: list[Row]) -> list[Row]:
    """Leave out who was erased, by endpoint or external id: no import brings them back."""
    if not Tombstone.objects.exists():
        return rows
    marks = [
        (tombstone_of("endpoint", row.digest), tombstone_of("external", row.external_id)) for row in rows
    ]
    all_marks = [mark for pair in marks for mark in pair]
    erased = {
        bytes(one) for one in Tombstone.objects.filter(digest__in=all_marks).values_list("digest", flat=True)
    }
    return [row for row, pair in zip(rows, marks, strict=True) if erased.isdisjoint(pair)]


def _insert(job: Job, rows: list[Row]) -> int:
    values: dict[str, int | str] = {
        "site": job.site_id,
        "key": wish_of(job).key,
        "mark": mark_of(job),
        "origin": job.site.origin,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ROOM)
        with cursor.copy("COPY import_given FROM STDIN") as copy:
            copy.write("".join(row.line for row in rows))
        cursor.execute(_INSERT, values)
        return int(cursor.rowcount)


def _sample(job: Job, result: dict[str, Any]) -> int:
    """Let one in a hundred of an import in, for the test message; answer how many."""
    if wish_of(job).kind == PROFILES or not result.get("new"):
        return 0
    wanted = max(-(-result["new"] // 100), min(LEAST_SAMPLE, result["new"]))
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, [job.site_id, mark_of(job), wanted])
        return int(cursor.rowcount)


def _people(job: Job, piece: Piece) -> dict[str, int]:
    """Merge a piece of tags and attributes into the profiles of those who have its external ids."""
    told: list[tuple[int, str, Told]] = []
    for record in piece.records:
        given = told_of(record)
        if isinstance(given, Problem):
            piece.problems.append(given)
        else:
            told.append((record.line, *given))
    wanted = sorted({external_id for _, external_id, _ in told})
    found = Subscriber.objects.filter(site_id=job.site_id, external_id__in=wanted).order_by("pk")
    people: dict[str, list[Subscriber]] = {}
    for person in found.only("external_id", "tags", "attributes").select_for_update(no_key=True):
        people.setdefault(person.external_id, []).append(person)
    said: dict[int, list[Said]] = {}
    rows = 0
    for line, external_id, one in told:
        mine = people.get(external_id)
        if mine is None:
            text = f"nobody on {job.site.name} has the external ID {external_id!r:.140}."
            piece.problems.append(Problem(line, "external_id", text))
        elif problem := _merge(mine, one):
            piece.problems.append(Problem(line, "", problem))
        else:
            rows += 1
            for person in mine:
                said.setdefault(person.pk, []).append(Said(one, _LONG_AGO))
    if said:
        apply(said)
    return {"rows": rows, "people": len(said)}


def _merge(people: list[Subscriber], told: Told) -> str:
    """Merge into what is in memory, for the limits; answer what is wrong."""
    try:
        merged = [(merge_tags(one.tags, told), merge_attributes(one.attributes, told)) for one in people]
    except ProfileRefused as error:
        return str(error)
    for person, (tags, attributes) in zip(people, merged, strict=True):
        person.tags, person.attributes = tags, attributes
    return ""


def _admit(job: Job) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        if not is_mine(job):
            return False
        cursor.execute(_REST, [job.site_id, mark_of(job), ROWS])
        number = int(cursor.rowcount)
        return advance(job, "admitted", number, has_more=number == ROWS)


def _remove(job: Job) -> bool:
    """Delete some of an import, whoever has not become our own by a visit since."""
    with transaction.atomic():
        if not is_mine(job):
            return False
        meant = Subscriber.objects.filter(
            site_id=job.site_id, prompt=mark_of(job), vapid_key_id=wish_of(job).key
        )
        pks = list(meant.order_by("pk").values_list("pk", flat=True)[:ROWS])
        Subscriber.objects.filter(pk__in=pks).delete()
        return advance(job, "removed", len(pks), has_more=len(pks) == ROWS)
