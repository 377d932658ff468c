"""Prompts as tests make them."""

from typing import Any

from subscribers.actions.prompt import add_prompt, set_live
from subscribers.models import Prompt, Site
from subscribers.prompts import new_design
from tests.conftest import Workspace


def design(kind: str = "box", **changes: Any) -> dict[str, Any]:
    return {**new_design(kind), **changes}


def add(
    place: Workspace, site: Site, name: str = "Ask", kind: str = "box", *, live: bool = False, **changes: Any
) -> Prompt:
    """Add a prompt through the verb, inside the workspace's schema."""
    given: dict[str, Any] = {"actor": place.owner, "tenant": place.tenant}
    made = add_prompt(**given, site=site, name=name, design=design(kind, **changes))
    if live:
        set_live(**given, prompt=made, live=True)
    return Prompt.objects.get(pk=made.pk)
