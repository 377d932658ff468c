"""A file's records, a piece at a time, from any octet on: CSV, JSON Lines or a JSON array, also under gzip.

However long a line, a value or the file is, memory stays bounded, and a record that cannot be read is a Problem with
its line. A record of CSV is one line: a line break inside a value is refused, so that one can go on from every line.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

MOST_LINE = 64 * 1024
MOST_COLUMNS = 200
# A piece ends there, however few records it has.
MOST_PIECE = 16 * 1024**2
# Of a file that is packed: what it may become.
MOST_UNPACKED = 8 * 1024**3
_READ = 256 * 1024
_DELIMITERS = ",;\t|"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BOM, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


class FileRefused(ValueError):
    """The file as a whole cannot be read; the text says where and what to do."""


class Problem(NamedTuple):
    """Why a record was not taken: `field` is its column, empty where it is the whole line; `text` holds no secret."""

    line: int
    field: str
    text: str


class Record(NamedTuple):
    """Of JSON. Names are in lower case."""

    line: int
    values: dict[str, Any]


class Cells(NamedTuple):
    """A record of CSV, of which most are read without names; what is left empty is an empty text."""

    line: int
    cells: list[str]
    columns: tuple[str, ...]

    @property
    def values(self) -> dict[str, Any]:
        return dict(zip(self.columns, self.cells, strict=False))


@dataclass(frozen=True)
class Head:
    """What the beginning of a file says: `form` is csv or json, `start` the octet where its records begin.

    A column without a name is not read.
    """

    form: str
    start: int
    columns: tuple[str, ...] = ()
    delimiter: str = ","


@dataclass
class Piece:
    """Some records, and where the next ones begin: `offset` in octets (unpacked), `line` as an editor counts.

    `records` can be gone through once; only then `problems` is whole, and `read`: how many there were, good or not.
    """

    records: Iterable[Record | Cells]
    problems: list[Problem]
    offset: int
    line: int
    is_end: bool
    read: int = 0

    def note(self, line: int, text: str) -> None:
        """Refuse a whole line."""
        self.problems.append(Problem(line, "", text))
        self.read += 1


def open_file(path: Path) -> BinaryIO:
    """Open it, unpacking gzip as it is read."""
    file = path.open("rb")
    if file.read(2) == _GZIP:
        file.close()
        return cast("BinaryIO", gzip.open(path, "rb"))
    file.seek(0)
    return file


def position_in(file: Any, offset: int) -> int:
    """How far into the file as it lies there: of a packed one less than the offset."""
    packed = getattr(file, "fileobj", None)
    return int(packed.tell()) if packed is not None else offset


def read_head(path: Path) -> Head:
    """Look at the beginning of a file; raises FileRefused."""
    try:
        with open_file(path) as file:
            line = file.readline(MOST_LINE + 1)
    except (OSError, EOFError) as error:
        raise FileRefused(
            f"The file cannot be unpacked ({str(error)[:80]}). Pack it again, or give it unpacked."
        ) from None
    if line.startswith(_ZIP):
        raise FileRefused("This is a ZIP archive. Unpack it and give the file in it; .gz is read as it is.")
    if line.startswith(_UTF16):
        raise FileRefused("Line 1 is UTF-16. Save the file as UTF-8.")
    start = len(_BOM) if line.startswith(_BOM) else 0
    first = line[start:].lstrip()[:1]
    if first in (b"{", b"["):
        return Head("json", start)
    return _csv_head(line, start)


def _csv_head(line: bytes, start: int) -> Head:
    if len(line) > MOST_LINE:
        raise FileRefused(
            f"Line 1 has more than {MOST_LINE:,} octets. It should be the names of the columns."
        )
    try:
        text = line[start:].decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise FileRefused(f"Line 1 is not UTF-8 (octet {error.start + 1}). Save the file as UTF-8.") from None
    if not text.strip():
        raise FileRefused("Line 1 is empty. It should be the names of the columns.")
    delimiter = max(_DELIMITERS, key=text.count)
    try:
        (names,) = csv.reader([text], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise FileRefused(f"Line 1 cannot be read as column names ({error}).") from None
    if len(names) > MOST_COLUMNS:
        raise FileRefused(
            f"Line 1 has {len(names):,} columns; at most {MOST_COLUMNS} are read. Leave some out."
        )
    columns = tuple(name.strip().lower()[:200] for name in names)
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise FileRefused(f"Line 1 has two columns called “{twice[0]}”. Rename one of them.")
    return Head("csv", len(line), columns, delimiter)


def read_piece(file: BinaryIO, head: Head, *, offset: int, line: int, most: int) -> Piece:
    """Read up to `most` records from `offset` on, whose first line is number `line`. Raises FileRefused."""
    if offset > MOST_UNPACKED:
        raise FileRefused(f"The file unpacks to more than {MOST_UNPACKED // 1024**3} GB. Split it.")
    try:
        file.seek(offset)
        return (_read_csv if head.form == "csv" else _read_json)(file, head, offset, line, most)
    except (OSError, EOFError) as error:
        raise FileRefused(
            f"Line {line:,}: the file cannot be unpacked ({str(error)[:80]}). Pack it again."
        ) from None


def _read_csv(file: BinaryIO, head: Head, offset: int, line: int, most: int) -> Piece:
    piece = Piece([], [], offset, line, is_end=False)
    piece.records = _records(_lines(file, piece, most), head, piece, line)
    return piece


def _lines(file: BinaryIO, piece: Piece, most: int) -> list[str]:
    """Decode lines. One that cannot be is noted, and empty."""
    lines: list[str] = []
    start = piece.offset
    for raw in islice(iter(partial(file.readline, MOST_LINE + 1), b""), most):
        piece.offset += len(raw)
        lines.append(_checked(file, raw, piece))
        piece.line += 1
        if piece.offset - start > MOST_PIECE:
            return lines
    piece.is_end = len(lines) < most
    return lines


def _checked(file: BinaryIO, raw: bytes, piece: Piece) -> str:
    """Decode a line, or note what is wrong with it and answer nothing."""
    if len(raw) > MOST_LINE and not raw.endswith(b"\n"):
        while raw and not raw.endswith(b"\n"):
            raw = file.readline(_READ)
            piece.offset += len(raw)
        piece.note(piece.line, f"the line has more than {MOST_LINE:,} octets.")
        return ""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        octet = raw[error.start]
        piece.note(
            piece.line,
            f"octet {error.start + 1} of the line ({octet:#04x}) is not UTF-8. Save the file as UTF-8.",
        )
        return ""


def _records(lines: list[str], head: Head, piece: Piece, first: int) -> Iterator[Cells]:
    """Answer what can be split, one at a time: ten thousand lists at once cost the garbage collector 5 us a row."""
    columns, most = head.columns, len(head.columns)
    for number, row in enumerate(_split(lines, head.delimiter), first):
        if isinstance(row, str):
            piece.note(number, row)
        elif len(row) > most:
            piece.note(
                number, f"{len(row):,} values for {most} columns. Quote values that hold “{head.delimiter}”."
            )
        elif any(row):
            piece.read += 1
            yield Cells(number, row, columns)


def _split(lines: list[str], delimiter: str) -> Iterator[list[str] | str]:
    """Split each line into its values; one that cannot be is what is wrong with it."""
    at = 0
    while at < len(lines):
        start = at
        reader = csv.reader((lines[n] for n in range(start, len(lines))), delimiter=delimiter, strict=True)
        with suppress(csv.Error):
            for row in reader:
                if reader.line_num != at - start + 1:
                    break  # a value went over the end of its line
                at += 1
                yield row
        if at < len(lines):
            # By itself, so that what is wrong is said of this line alone.
            yield _row(lines[at].rstrip("\r\n"), delimiter)
            at += 1


def _row(text: str, delimiter: str) -> list[str] | str:
    try:
        (row,) = csv.reader([text], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        if "unexpected end" in str(error):
            return (
                "a quote that is opened is not closed on this line. Line breaks inside values are not read."
            )
        return f"the line cannot be split into values ({error})."
    return row


_DECODER = json.JSONDecoder()
_BETWEEN = b" \t\r\n,[]"


def _read_json(file: BinaryIO, head: Head, offset: int, line: int, most: int) -> Piece:
    """Read objects one after another, with or without the brackets and commas of an array around them.

    Where an object cannot be read, reading goes on with the next line.
    """
    records: list[Record | Cells] = []
    piece = Piece(records, [], offset, line, is_end=False)
    reader = _Objects(file, piece, records)
    while piece.read < most and not piece.is_end:
        reader.step()
        if piece.offset - offset > MOST_PIECE:
            break
    return piece


def _decoded(octets: bytes) -> str:
    """Decode up to what is not UTF-8: an object before it is whole, one around it is not."""
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        return octets[: error.start].decode()


class _Objects:
    """A window of the file; `at` is the octet in it that the piece's offset means."""

    def __init__(self, file: BinaryIO, piece: Piece, records: list[Record | Cells]) -> None:
        self._file, self._piece, self._records = file, piece, records
        self._window, self._at = b"", 0

    def step(self) -> None:
        """Take what stands between objects, then an object, or more of the file, or leave a bad line out."""
        while self._window[self._at : self._at + 1] and self._window[self._at] in _BETWEEN:
            self._pass(1)
        left = len(self._window) - self._at
        if left and self._take():
            return
        more = self._file.read(_READ) if left <= MOST_LINE else b""
        if more:
            self._window, self._at = self._window[self._at :] + more, 0
        elif left:
            self._leave_out()
        else:
            self._piece.is_end = True

    def _pass(self, octets: int) -> None:
        self._piece.line += self._window.count(b"\n", self._at, self._at + octets)
        self._piece.offset += octets
        self._at += octets

    def _take(self) -> bool:
        """Take an object; False if it is not whole, or not good."""
        # One that ends on its own line is the usual case: no more than that is decoded.
        end = self._window.find(b"\n", self._at)
        for stop in (end, min(len(self._window), self._at + MOST_LINE)):
            if not self._at < stop <= self._at + MOST_LINE:
                continue
            try:
                text = _decoded(self._window[self._at : stop])
                value, length = _DECODER.raw_decode(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                values = {str(name).lower(): one for name, one in value.items()}
                self._records.append(Record(self._piece.line, values))
                self._piece.read += 1
            else:
                self._piece.note(self._piece.line, f"{text[:40]!r} is not an object.")
            self._pass(length if text.isascii() else len(text[:length].encode()))
            return True
        return False

    def _leave_out(self) -> None:
        end = self._window.find(b"\n", self._at, self._at + MOST_LINE)
        is_long = end < 0 and len(self._window) - self._at > MOST_LINE
        self._piece.note(
            self._piece.line,
            f"the object has more than {MOST_LINE:,} octets."
            if is_long
            else "this is no JSON object in UTF-8.",
        )
        while (end := self._window.find(b"\n", self._at)) < 0:
            self._pass(len(self._window) - self._at)
            self._window, self._at = self._file.read(_READ), 0
            if not self._window:
                return
        self._pass(end + 1 - self._at)
