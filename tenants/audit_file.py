"""The audit log as a file: one entry is one line, whatever people put into names."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from tenants.audit_log import all_of, in_words
from tenants.doorway import in_tenant
from tenants.models import AuditEntry
from truepush.lib.spreadsheet import harmless

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
HEAD = ("at", "actor", "address", "action", "target", "in_words", "before", "after", "detail", "request_id")
# CR, LF and what some programs take for them.
_BREAKS = {code: repr(chr(code))[1:-1] for code in (*range(32), 127, 0x85, 0x2028, 0x2029)}


def lines(found: QuerySet[AuditEntry], file_format: str, schema_name: str) -> Iterator[str]:
    """CSV that is harmless in spreadsheets, or JSON Lines, in pieces; read after the view, so it enters the tenant."""
    if file_format == "csv":
        yield _csv([HEAD])
    for entries in all_of(found):
        with in_tenant(schema_name):
            said = [(line.entry, str(line)) for line in in_words(entries, with_pages=False)]
        if file_format == "csv":
            yield _csv([[harmless(one_line(cell)) for cell in _cells(*pair)] for pair in said])
        else:
            yield "".join(json.dumps(_object(*pair)) + "\n" for pair in said)


def one_line(text: str) -> str:
    """Write what would begin a line as it is written in programs: \\n."""
    return text.translate(_BREAKS)


def _csv(rows: Iterable[Iterable[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _cells(entry: AuditEntry, words: str) -> list[str]:
    cells = []
    for name, value in _object(entry, words).items():
        is_json = name in ("before", "after", "detail")
        cells.append(json.dumps(value, ensure_ascii=False) if is_json and value else str(value or ""))
    return cells


def _object(entry: AuditEntry, words: str) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in HEAD if name not in ("at", "in_words")}
    values |= {"at": entry.at.isoformat(), "in_words": f"{entry.actor} {words}"}
    return {name: values[name] for name in HEAD}
