"""What is said of a column that is encrypted with FIELD_KEYS, so that its rows can be encrypted anew."""

from collections.abc import Callable
from typing import Any, NamedTuple


class SealedColumn(NamedTuple):
    """`model` as apps.get_model takes it; `context` answers, in the row's own schema, what its text is bound to.

    Of a JSON column `keys` names the texts in it that are sealed.
    """

    model: str
    field: str
    context: Callable[[Any], str]
    keys: tuple[str, ...] = ()
