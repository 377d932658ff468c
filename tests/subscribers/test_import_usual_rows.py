"""Rows of CSV like earlier ones are read in a short way, which answers what the full reading does, or nothing."""

import base64
import csv
import io
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.importing.given import Subscription, our_columns, subscription_of
from subscribers.importing.lines import row_of
from subscribers.importing.parsing import Parsed, parsed
from subscribers.importing.reading import Cells, open_file, read_head, read_piece
from subscribers.importing.usual import Usual
from tests.subscribers.import_files import ONESIGNAL, as_csv, onesignal
from tests.subscribers.samples import Browser, base64url

COLUMNS = (*ONESIGNAL, "attributes", "browser", "os", "device", "state", "vapid_public")
OURS = our_columns(COLUMNS)
BROWSERS = [
    Browser(), Browser("https://updates.push.services.mozilla.com/wpush/v2/x"), Browser("https://web.push.apple.com/x"),
    Browser("https://wns2-par02p.notify.windows.com/w/?token=x%2b"), Browser("https://eu-1.push.apple.com/x"),
]  # fmt: skip
ODD = (
    "", " ", "x", "\0", "\\", "\\N", "\t", "{", "}", '"', "null", "\U0001f375", "x" * 130, "x" * 300, "-2", "0", "1",
    "t", "f", "11", "5", "8", "gone", "active", "de", "de_at", "AT", "at", "Europe/Vienna", "Mars/Base",
    "vip, plan=gold", '{"plan":"gold"}', '{"n": 1}', "=1", "u-1", " u-1", "u\\1", "mobile", "2026-11-02 10:00:00 UTC",
    "2026-11-02T10:00:00+14:00", "2026-W44-1", "20261102T101112", "0001-01-01", "9999-12-31T23:59:59-23:59",
    "1741091400", "infinity", "https://evil.example/x", "http://fcm.googleapis.com/fcm/send/x", "AAAA",
    "https://fcm.googleapis.com/wp/a?b", base64url(bytes(16)), base64url(bytes(16)) + "==",
    base64url(b"\4" + bytes(64)),
)  # fmt: skip


def plain(octets: bytes) -> str:
    """As `btoa` writes it."""
    return base64.b64encode(octets).decode()


def cells_of(row: dict[str, Any]) -> list[str]:
    return [str(row.get(name, "")) for name in COLUMNS]


def read(cells: list[str]) -> Any:
    return subscription_of(Cells(1, cells, OURS), public="own", sandbox_origin="")


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(BROWSERS),
    st.lists(st.tuples(st.sampled_from(COLUMNS), st.sampled_from(ODD)), max_size=3),
    st.sampled_from(BROWSERS),
    st.lists(st.tuples(st.sampled_from(COLUMNS), st.sampled_from(ODD)), max_size=3),
)
def test_the_short_way_answers_what_the_full_reading_does(
    first: Browser, learnt: list[tuple[str, str]], second: Browser, odd: list[tuple[str, str]]
) -> None:
    """Two rows, each with odd values in some columns; the first is read in full, and its texts are used again."""
    usual = Usual(OURS)
    for row in ({}, dict(learnt)):
        cells = cells_of(onesignal(first, **row))
        full = read(cells)
        if isinstance(full, Subscription):
            usual.learn(cells, full)
    for cells in (cells_of(onesignal(second, **dict(odd))), cells_of(onesignal(second, **dict(learnt)))):
        short = usual.row_of(cells)
        full = read(cells)
        assert short is None or short == row_of(full)


def test_a_usual_row_goes_the_short_way_and_others_do_not() -> None:
    usual = Usual(OURS)
    first, second = (cells_of(onesignal(browser)) for browser in (Browser(), Browser()))
    assert usual.row_of(second) is None
    usual.learn(first, read(first))
    assert usual.row_of(second) == row_of(read(second))
    padded = onesignal(BROWSERS[0], web_p256=plain(BROWSERS[0].p256dh), web_auth=plain(BROWSERS[0].auth))
    assert usual.row_of(cells_of(padded)) == row_of(read(cells_of(onesignal(BROWSERS[0]))))
    assert usual.row_of(second[:-1]) is None
    for column in ("language", "notification_types", "identifier", "web_p256", "web_auth"):
        assert usual.row_of(cells_of(onesignal(Browser(), **{column: "another"}))) is None
    for wrong in ({"tags": "x" * 65}, {"attributes": "[]"}, {"external_user_id": " u"}):
        assert usual.row_of(cells_of(onesignal(Browser(), **wrong))) is None


def test_what_is_kept_of_earlier_rows_is_bounded() -> None:
    usual = Usual(OURS)
    for number in range(3_000):
        cells = cells_of(onesignal(BROWSERS[0], browser=f"b{number}", tags=f"tag {number}"))
        usual.learn(cells, read(cells))
        usual.row_of(cells)
    assert (len(usual._profiles), len(usual._tags)) == (2_500, 2_500)
    # Other tags and attributes than any before are read all the same.
    cells = cells_of(onesignal(BROWSERS[0], browser="b1", tags="tag 9999", attributes='{"n": 9999}'))
    assert usual.row_of(cells) == row_of(read(cells))
    long = cells_of(onesignal(Browser(), browser="x" * 500))
    fresh = Usual(OURS)
    fresh.learn(long, read(long))
    assert fresh.row_of(long) is None


@pytest.mark.parametrize(
    "columns", [("endpoint", "p256dh", "auth"), ("auth", "", "p256dh", "endpoint", "note")]
)
def test_files_with_few_columns_are_read_too(tmp_path: Path, columns: tuple[str, ...]) -> None:
    rows = [
        {"endpoint": one.endpoint, "p256dh": base64url(one.p256dh), "auth": base64url(one.auth)}
        for one in (Browser() for _ in range(3))
    ]
    text = io.StringIO()
    csv.writer(text).writerows([columns, *([row.get(name, "?") for name in columns] for row in rows)])
    (tmp_path / "file").write_text(text.getvalue())
    [piece] = pieces(tmp_path / "file", most=100)
    assert [row.line.split("\t")[0] for row in piece.rows] == [row["endpoint"] for row in rows]


def pieces(path: Path, most: int) -> list[Parsed]:
    head = read_head(path)
    with open_file(path) as file:
        return list(parsed(file, head, offset=head.start, line=2, most=most, public="own", sandbox_origin=""))


def test_a_file_is_read_the_same_in_any_pieces_and_row_by_row(tmp_path: Path) -> None:
    """As a whole, and each row alone by the full reading: a process that goes on after a kill has learnt nothing."""
    draw = random.Random(11)
    rows = []
    for _ in range(3_000):
        odd = {draw.choice(COLUMNS): draw.choice(ODD) for _ in range(draw.choice([0, 0, 0, 1, 2]))}
        rows.append(onesignal(draw.choice(BROWSERS), **odd))
    (tmp_path / "file").write_bytes(as_csv(rows, COLUMNS))
    whole, small = pieces(tmp_path / "file", 10_000), pieces(tmp_path / "file", 7)
    full = [read(cells_of(row)) for row in rows]
    expected = [row_of(one) for one in full if isinstance(one, Subscription)]
    assert len(expected) > 1_000
    for found in (whole, small):
        assert [row for piece in found for row in piece.rows] == expected
        refused = sorted(problem for piece in found for problem in piece.piece.problems)
        assert [(one.field, one.text) for one in refused] == [
            (one.field, one.text) for one in full if not isinstance(one, Subscription | None)
        ]
        assert sum(piece.left for piece in found) == full.count(None)
        assert sum(piece.piece.read for piece in found) == 3_000


LINES = st.lists(st.text(st.sampled_from('a1";,\\\ré\0 '), max_size=10), max_size=12)


@settings(max_examples=500, deadline=None)
@given(LINES, st.booleans())
def test_a_line_that_cannot_be_split_costs_no_other_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ends: bool
) -> None:
    """All lines in one piece are read as each in a piece of its own."""
    path = tmp_path_factory.getbasetemp() / "lines.csv"
    path.write_bytes("\n".join(["a,b,c", *lines]).encode() + b"\n" * ends)
    head = read_head(path)

    def read_by(most: int) -> list[Any]:
        found: list[Any] = []
        offset, line, is_end = head.start, 2, False
        with open_file(path) as file:
            while not is_end:
                piece = read_piece(file, head, offset=offset, line=line, most=most)
                found += [(record.line, record.values) for record in piece.records]
                found += piece.problems
                offset, line, is_end = piece.offset, piece.line, piece.is_end
        return sorted(found, key=lambda one: one[0])

    assert read_by(100) == read_by(1)
