"""Subscriptions of a file, read and checked, a piece at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from subscribers.importing.given import our_columns, subscription_of
from subscribers.importing.lines import Row, row_of
from subscribers.importing.reading import Cells, Head, Piece, Problem, read_piece
from subscribers.importing.usual import Usual

_FIRST = 2_500


@dataclass
class Parsed:
    """`left` is how many had left the other provider; what was refused is among the piece's problems."""

    piece: Piece
    rows: list[Row] = field(default_factory=list)
    left: int = 0


def parsed(
    file: BinaryIO, head: Head, *, offset: int, line: int, most: int, public: str, sandbox_origin: str
) -> Iterator[Parsed]:
    """Parse piece after piece from `offset` on; each begins where the one before ended. Raises FileRefused.

    The first are smaller: until one is parsed, nothing can be stored.
    """
    if head.form == "csv":
        head = replace(head, columns=our_columns(head.columns))
    parser = _Parser(Usual(head.columns), public, sandbox_origin)
    is_end, size = False, min(_FIRST, most)
    while not is_end:
        piece = read_piece(file, head, offset=offset, line=line, most=size)
        size = min(2 * size, most)
        offset, line, is_end = piece.offset, piece.line, piece.is_end
        yield parser.parse(piece)


@dataclass(frozen=True)
class _Parser:
    usual: Usual
    public: str
    sandbox_origin: str

    def parse(self, piece: Piece) -> Parsed:
        made = Parsed(piece)
        for record in piece.records:
            cells = record.cells if isinstance(record, Cells) else None
            if cells and (row := self.usual.row_of(cells)):
                made.rows.append(row)
                continue
            given = subscription_of(
                record, public=self.public, sandbox_origin=self.sandbox_origin, is_nested=cells is None
            )
            if isinstance(given, Problem):
                piece.problems.append(given)
            elif given is None:
                made.left += 1
            else:
                made.rows.append(row_of(given))
                if cells:
                    self.usual.learn(cells, given)
        return made
