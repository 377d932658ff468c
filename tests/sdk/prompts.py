"""Prompts as settings.json gives them, and what a visitor's page shows of them."""

from itertools import count
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Route

from tests.sdk.conftest import Visitor
from tests.sdk.server import SDK_PATH, SITE_KEY, World, part

TEXTS = {
    "": {"title": "News?", "text": "First to know.", "allow": "Yes", "later": "Later"},
    "de": {"title": "Neues?", "text": "Als Erste wissen.", "allow": "Ja", "later": "Später"},
}


_pages = count(1)


def prompt(kind: str, number: int = 7, **more: Any) -> dict[str, Any]:
    return {"id": number, "version": 3, "kind": kind, "texts": TEXTS, "look": {}, **more}


def move(world: World) -> int:
    """Move the website to a host that the browser has not met; answer its number.

    What a browser was once denied stays denied, whatever DevTools say later.
    """
    number = next(_pages)
    world.shop = f"http://new-{number}.localhost:{urlsplit(world.shop).port}"
    return number


def asked_for(
    visitor: Visitor, world: World, *prompts: dict[str, Any], path: str = "", body: str = ""
) -> None:
    """Open a page as somebody who was never asked."""
    number = move(world)
    world.settings["prompts"] = list(prompts)
    visitor.open(world.page(path or f"/page-{number}", body))
    if prompts:
        visitor.wait_for(lambda: "seen" in kept(visitor))


def again(visitor: Visitor) -> None:
    """Open the page once more, as its next view."""
    before = kept(visitor)["seen"]["pages"]
    visitor.reload()
    visitor.wait_for(lambda: kept(visitor)["seen"]["pages"] == before + 1)


def allow(visitor: Visitor, world: World) -> None:
    """From now on the browser's dialog is answered with yes."""
    visitor.context.grant_permissions(["notifications"], origin=world.shop)


def card(visitor: Visitor) -> Locator:
    return visitor.page.locator("truepush-prompt .card")


def kept(visitor: Visitor, **changes: object) -> dict[str, Any]:
    """What the loader keeps in the browser, after changes to it."""
    script = """([name, changes]) => {
      const record = {...JSON.parse(localStorage[name] ?? "{}"), ...changes};
      localStorage[name] = JSON.stringify(record);
      return record;
    }"""
    record: dict[str, Any] = visitor.page.evaluate(script, [f"truepush:{SITE_KEY}", changes])
    return record


def hold(visitor: Visitor, name: str) -> list[Route]:
    """Keep requests for a module of the loader; answer them, to be let go on."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    visitor.page.route(f"**{part(name)}", keep)
    return held


def steps(visitor: Visitor, world: World) -> list[tuple[int, str]]:
    """Leave the page, and answer (prompt, step) of all that was told of it."""
    path = urlsplit(visitor.page.url).path  # what is told of the test before may come only now
    visitor.page.goto("about:blank")

    def bodies() -> list[dict[str, Any]]:
        told = [call.body for call in world.calls(f"{SDK_PATH}/funnel")]
        return [body for body in told if body["page"] == path]

    visitor.wait_for(lambda: bool(bodies()))
    return [(one["prompt"], one["step"]) for body in bodies() for one in body["steps"]]
