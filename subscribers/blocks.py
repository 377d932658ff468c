"""Blocks of fields that a person adds to a form as often as needed: read from what was sent."""

from collections.abc import Sequence
from typing import Any

from django.http import QueryDict


def read_blocks(
    data: Any, prefix: str, names: Sequence[str], *, of_lines: Sequence[str] = ("body",)
) -> list[dict[str, str]]:
    """Read the blocks of a form that was sent: fields `prefix_name`, each as often as there are blocks.

    Text is one line but for the fields `of_lines`.
    """
    if not isinstance(data, QueryDict):
        return []
    columns = {name: data.getlist(f"{prefix}_{name}") for name in names}
    size = max(len(column) for column in columns.values())
    return [
        {name: _text(columns[name], number, name in of_lines) for name in names} for number in range(size)
    ]


def _text(column: list[str], number: int, has_lines: bool) -> str:
    text = (column[number] if number < len(column) else "").replace("\x00", "").replace("\r\n", "\n").strip()
    return text if has_lines else " ".join(text.split())
