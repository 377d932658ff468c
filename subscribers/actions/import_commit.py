"""What is written together with each piece of an imported file: how far it came, and at the end that it is done."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from subscribers.actions.job_steps import LEASE, tell_done
from subscribers.importing.reading import Piece, Problem
from subscribers.importing.wish import PROFILES, mark_of, wish_of
from subscribers.job_files import errors_of, remove_upload
from subscribers.models import Job

MOST_ERRORS = 100_000
KEPT = timedelta(hours=24)
LEAST_SAMPLE = 10

# An array is read once. As `IN (SELECT ... LIMIT ...)` it can be read again for each row, and finds others each time.
_ADMIT = """
UPDATE subscribers_subscriber SET state = 'active', ended_at = NULL, ended_why = ''
WHERE id = ANY(ARRAY(SELECT id FROM subscribers_subscriber WHERE site_id = %s
    AND NOT (state = 'active' AND NOT is_test) AND state = 'imported' AND ended_why = %s
    ORDER BY {order} LIMIT %s FOR UPDATE))
"""


def note_piece(job: Job, piece: Piece, position: int, stored: Mapping[str, int]) -> dict[str, Any]:
    """Write what a piece was and how far it came, behind what it stored and in the same transaction; answer `result`.

    Call it when all of the file before is committed and the job is known to be ours.
    """
    known = job.result
    # Storing may have refused some more.
    counts = {"read": piece.read, "refused": len(piece.problems), **stored}
    result = {**known, **{name: known.get(name, 0) + number for name, number in counts.items()}}
    result |= {"offset": piece.offset, "line": piece.line, "position": position}
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
        said = f"Your import is done: {result['read']:,} rows read, {result['refused']:,} refused."
        tell_done(job, said, f"/imports/{job.pk}/")
    else:
        changes["lease_until"] = Now() + LEASE
        _commit_later()
    Job.objects.filter(pk=job.pk).update(**changes)
    return result


def committed(job: Job, piece: Piece, result: dict[str, Any]) -> bool:
    """Go on from a piece when it is committed, with the `result` of `note_piece`; False at the end of the file."""
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


def _sample(job: Job, result: Mapping[str, Any]) -> int:
    """Let one in a hundred of an import in, for the test message; answer how many."""
    if wish_of(job).kind == PROFILES or not result.get("new"):
        return 0
    wanted = max(-(-result["new"] // 100), min(LEAST_SAMPLE, result["new"]))
    # The digest is a hash: its order is as good as a draw, and the same each time.
    return let_in(job, wanted, order="endpoint_digest")


def let_in(job: Job, most: int, *, order: str) -> int:
    """Take some who wait into the audience, by this column's order; answer how many."""
    with connection.cursor() as cursor:
        cursor.execute(_ADMIT.format(order=order), [job.site_id, mark_of(job), most])
        return int(cursor.rowcount)
