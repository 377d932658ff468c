"""A piece of SQL with its values apart, and how both are shown together to people."""

from typing import Any, NamedTuple

from psycopg import sql


class Sql(NamedTuple):
    """`text` has one %s for each of `values`; nothing that anybody typed is ever in the text."""

    text: str
    values: tuple[Any, ...] = ()

    def negate(self) -> "Sql":
        return Sql(f"NOT {self.text}", self.values)

    def shown(self) -> str:
        """Write the values in as literals: for reading, and to keep with a send; it is never executed."""
        pieces = self.text.split("%s")
        literals = [sql.Literal(value).as_string(None) for value in self.values]
        return "".join(piece + literal for piece, literal in zip(pieces, [*literals, ""], strict=True))


def join(match: str, pieces: list[Sql]) -> Sql:
    """Join with AND or OR, in parentheses."""
    word = " AND " if match == "all" else " OR "
    text = word.join(piece.text for piece in pieces)
    return Sql(f"({text})", tuple(value for piece in pieces for value in piece.values))


def begins_with(text: str) -> str:
    """Write the pattern of LIKE for texts that begin with this one, whose own signs are plain characters."""
    for sign in "\\%_":
        text = text.replace(sign, f"\\{sign}")
    return f"{text}%"
