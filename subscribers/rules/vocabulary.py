"""The whitelist as the builder's script reads it."""

from typing import Any

from subscribers.rules.arguments import Argument, Number, Whole
from subscribers.rules.fields import FIELDS


def vocabulary() -> list[dict[str, Any]]:
    """Every field in order of its group: {"name", "label", "group", "arguments", "operators"}."""
    return [
        {
            "name": field.name,
            "label": field.label,
            "group": field.group,
            "arguments": [_argument(argument) for argument in field.arguments],
            "operators": [
                {
                    "name": operator.name,
                    "label": operator.label,
                    "arguments": [_argument(argument) for argument in operator.arguments],
                }
                for operator in field.operators.values()
            ],
        }
        for field in FIELDS.values()
    ]


def _argument(argument: Argument) -> dict[str, Any]:
    said: dict[str, Any] = {
        "key": argument.key,
        "widget": argument.widget,
        "label": argument.label,
        "optional": argument.is_optional,
    }
    if isinstance(argument, Whole):
        said |= {"least": argument.least, "most": argument.most}
    if isinstance(argument, Number):
        said |= {"step": "any"}
    if argument.default is not None:
        said["default"] = argument.default
    return said
