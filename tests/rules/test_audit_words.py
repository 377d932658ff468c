"""Every action that is recorded has its words in the audit log, and none has words that is not recorded."""

import ast

from tenants.audit_words import INSTALLATION, WORDS
from tests.rules.source import product

# Put together, chosen, or handed on by a function.
BUILT = {
    *("export.cancel", "import.cancel", "prune.cancel", "import.admit", "import.remove"),
    *("member.leave", "member.remove"),
    *(f"prompt.{verb}" for verb in ("add", "change", "live", "pause", "order", "test", "choose", "remove")),
}


def recorded() -> set[str]:
    """Find the first word of each `audit.record(...)` and of functions that pass theirs on to it."""
    return {
        first.value
        for module in product()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and node.args and isinstance(first := node.args[0], ast.Constant)
        if isinstance(first.value, str) and "." in first.value and not first.value.startswith("user.")
        if isinstance(node.func, ast.Attribute | ast.Name)
        if (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id) in ("record", "_record")
    }


def test_every_action_has_its_words() -> None:
    assert (recorded() | BUILT) - set(WORDS) - INSTALLATION == set()


def test_no_words_are_left_of_what_is_not_recorded() -> None:
    assert (set(WORDS) | INSTALLATION) - recorded() - BUILT == set()
