"""Files that are not as one hopes (UP-08): a clear word about the line, the others read, memory bounded."""

import gzip
import json
import resource
import sys
from pathlib import Path
from typing import Any

import pytest

from subscribers.importing.reading import MOST_LINE, FileRefused, Piece, open_file, read_head, read_piece


def write(tmp_path: Path, octets: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(octets)
    return path


def read_all(
    path: Path, *, most: int = 1000
) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, str]]]:
    """Read to the end in pieces, each from where the last one ended, as after a kill; (records, problems)."""
    head = read_head(path)
    offset, line = head.start, 2 if head.form == "csv" else 1
    records: list[tuple[int, dict[str, Any]]] = []
    problems: list[tuple[int, str]] = []
    while True:
        with open_file(path) as file:
            piece: Piece = read_piece(file, head, offset=offset, line=line, most=most)
        records += [(record.line, record.values) for record in piece.records]
        problems += [(problem.line, problem.text) for problem in piece.problems]
        offset, line = piece.offset, piece.line
        if piece.is_end:
            return records, problems


CSV = b'\xef\xbb\xbfExternal_ID;tags;note\r\n1;"a, b";\r\n\r\n2;c;"say ""hi"""\n3;d\n4;e;f'
CSV_READ = [
    (2, {"external_id": "1", "tags": "a, b", "note": ""}),
    (4, {"external_id": "2", "tags": "c", "note": 'say "hi"'}),
    (5, {"external_id": "3", "tags": "d"}),
    (6, {"external_id": "4", "tags": "e", "note": "f"}),
]
OBJECTS = [{"a": 1, "t": "ü\n"}, {"b": {"c": [1, 2]}}, {"d": None}]
OBJECTS_READ = [{"a": 1, "t": "ü\n"}, {"b": {"c": [1, 2]}}, {"d": None}]


@pytest.mark.parametrize("most", [1, 2, 1000])
@pytest.mark.parametrize("packed", [False, True])
def test_csv_is_read_whatever_the_pieces(tmp_path: Path, most: int, packed: bool) -> None:
    path = write(tmp_path, gzip.compress(CSV) if packed else CSV)
    assert read_all(path, most=most) == (CSV_READ, [])


@pytest.mark.parametrize("most", [1, 2, 1000])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\n".join(json.dumps(one) for one in OBJECTS), [1, 2, 3]),
        (json.dumps(OBJECTS), [1, 1, 1]),
        (json.dumps(OBJECTS, indent=2, ensure_ascii=False), [2, 6, 14]),
        ("[\n" + ",\n".join(json.dumps(one) for one in OBJECTS) + "\n]\n", [2, 3, 4]),
    ],
)
def test_json_is_read_as_a_list_or_line_by_line(
    tmp_path: Path, most: int, text: str, lines: list[int]
) -> None:
    records, problems = read_all(write(tmp_path, text.encode()), most=most)
    assert records == list(zip(lines, OBJECTS_READ, strict=True))
    assert problems == []


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"PK\x03\x04...", "ZIP archive. Unpack it"),
        (b"\xff\xfee\x00", "Line 1 is UTF-16. Save the file as UTF-8."),
        (b"external_id,\xfc\n", "Line 1 is not UTF-8 (octet 13)"),
        (b"", "Line 1 is empty"),
        (b"\n1,2\n", "Line 1 is empty"),
        (b"a," * 100_000, "Line 1 has more than 65,536 octets"),
        (b",".join(b"c%d" % n for n in range(201)), "Line 1 has 201 columns; at most 200"),
        (b"a,B,A\n", "two columns called “a”"),
        (b'a,"b\n', "Line 1 cannot be read"),
        (b"\x1f\x8bnonsense", "cannot be unpacked"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_whole(tmp_path: Path, octets: bytes, text: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_head(write(tmp_path, octets))
    assert text in str(refused.value)


def test_bad_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    lines = [
        b"a,b",
        b"1,2",
        b"3,\xff",
        b"4,5,6",
        b'7,"8',
        b'9,"1"0',
        b"x" * (MOST_LINE + 5),
        b"11,12",
    ]
    for most in (1, 100):
        records, problems = read_all(write(tmp_path, b"\n".join(lines)), most=most)
        assert records == [(2, {"a": "1", "b": "2"}), (8, {"a": "11", "b": "12"})]
        assert [(line, text[:44]) for line, text in sorted(problems)] == [
            (3, "octet 3 of the line (0xff) is not UTF-8. Sav"),
            (4, "3 values for 2 columns. Quote values that ho"),
            (5, "a quote that is opened is not closed on this"),
            (6, "the line cannot be split into values (',' ex"),
            (7, "the line has more than 65,536 octets."),
        ]


def test_bad_json_is_named_and_reading_goes_on(tmp_path: Path) -> None:
    lines = [
        b'{"a": 1}',
        b'{"a": ',
        b'{"a": "\xff"}',
        b"17",
        b'{"a": "' + b"x" * (MOST_LINE + 5) + b'"}',
        b'{"a": ' + b"[" * 50_000,
        b'{"a": 2}',
    ]
    for most in (1, 100):
        records, problems = read_all(write(tmp_path, b"\n".join(lines)), most=most)
        assert records == [(1, {"a": 1}), (7, {"a": 2})]
        assert [line for line, _ in problems] == [2, 3, 4, 5, 6]


def test_a_line_of_a_gigabyte_needs_no_memory(tmp_path: Path) -> None:
    """Also packed: a megabyte that becomes a gigabyte."""
    path = tmp_path / "file.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"a,b\n")
        for _ in range(1024):
            file.write(b"x" * 2**20)
        file.write(b"\n1,2\n")
    assert path.stat().st_size < 2**24
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    records, problems = read_all(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 32 * 1024 * (1 if sys.platform == "linux" else 1024)
    assert records == [(3, {"a": "1", "b": "2"})]
    assert problems == [(2, "the line has more than 65,536 octets.")]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_piece_ends_after_some_megabytes_however_few_its_records(tmp_path: Path, form: str) -> None:
    line = "x" * 60_000
    lines = ["a", *([line] * 900)] if form == "csv" else [json.dumps({"a": line})] * 900
    path = write(tmp_path, "\n".join(lines).encode())
    head = read_head(path)
    with open_file(path) as file:
        piece = read_piece(file, head, offset=head.start, line=1, most=10_000)
    assert (200 < len(list(piece.records)) < 400, piece.is_end) == (True, False)
    records, problems = read_all(path)
    assert (len(records), problems) == (900, [])


def test_a_packed_file_that_breaks_off_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)[:-20])
    with pytest.raises(FileRefused, match="cannot be unpacked"):
        read_all(path)
