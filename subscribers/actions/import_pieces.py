"""What an import writes: a piece of its file at a time, each in one transaction with how far it came.

A process that is killed leaves nothing of its piece; whoever goes on begins at the octet that was committed last. So an
import that was killed ends with the same rows as one that was not.
"""

from datetime import UTC, datetime
from typing import BinaryIO

from django.db import transaction

from subscribers.actions.import_commit import committed, let_in, note_piece
from subscribers.actions.import_subscriptions import store_some
from subscribers.actions.job_steps import advance, is_mine, repeat
from subscribers.actions.profile import Said, apply
from subscribers.importing.given import told_of
from subscribers.importing.reading import Head, Piece, Problem, open_file, position_in, read_head, read_piece
from subscribers.importing.wish import ADMIT, PROFILES, REMOVE, mark_of, wish_of
from subscribers.job_files import path_of
from subscribers.models import Job, Subscriber
from subscribers.profiles import ProfileRefused, Told, merge_attributes, merge_tags

PEOPLE = 5_000
ROWS = 10_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def import_some(job: Job, until: float) -> bool:
    """Work on an import for a while; False when it has ended or is another's. Raises FileRefused, OSError."""
    wish = wish_of(job)
    if wish.phase == ADMIT:
        return repeat(until, lambda: _admit(job))
    if wish.phase == REMOVE:
        return repeat(until, lambda: _remove(job))
    head = read_head(path_of(job))
    with open_file(path_of(job)) as file:
        if wish.kind == PROFILES:
            return repeat(until, lambda: _store_people(job, file, head))
        return store_some(job, file, head, _place(job, head), until)


def _place(job: Job, head: Head) -> dict[str, int]:
    """Where reading goes on."""
    return {
        "offset": job.result.get("offset", head.start),
        "line": job.result.get("line", 1 if head.form == "json" else 2),
    }


def _store_people(job: Job, file: BinaryIO, head: Head) -> bool:
    """Store a piece and commit how far that is; False at the end of the file, or when the job is another's."""
    piece = read_piece(file, head, **_place(job, head), most=PEOPLE)
    with transaction.atomic():
        if not is_mine(job):
            return False
        stored = _people(job, piece)
        result = note_piece(job, piece, position_in(file, piece.offset), stored)
    return committed(job, piece, result)


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
    with transaction.atomic():
        if not is_mine(job):
            return False
        number = let_in(job, ROWS, order="id")
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
