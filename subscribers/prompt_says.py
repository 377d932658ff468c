"""Prompts in words for the console: what each kind is, and when one is shown."""

from subscribers.models import Prompt
from subscribers.prompts import SWITCHES

# What the chooser says of each kind, in the order in which it shows them.
KINDS = {
    "box": "A small box with your own words. Only who agrees is asked by the browser, so a “no” costs nothing.",
    "bar": "A bar over the whole width, at the top or the bottom. Quieter than a box.",
    "topics": "A box in which visitors choose what they hear about. Each topic is a tag for your segments.",
    "bell": "A round button in a corner that waits until it is clicked. There visitors change topics and turn it off.",
    "button": 'A button in your own page, at each element with data-truepush="button".',
    "backdrop": "The browser's own question, with the page dimmed and your words behind it.",
    "native": "The browser's own question alone. Who says “no” there cannot be asked again.",
}


def said_of(prompt: Prompt) -> list[str]:
    """A sentence for each condition under which visitors meet a prompt."""
    when = prompt.when
    said = []
    if when["visits"] > 1:
        said.append(f"From visit {when['visits']} on.")
    if when["pages"] > 1:
        said.append(f"From page {when['pages']} on.")
    if when["delay"]:
        said.append(f"After {when['delay']} {'second' if when['delay'] == 1 else 'seconds'} on the page.")
    if when["scroll"]:
        said.append(f"After {when['scroll']} % of the page.")
    if when["exit"]:
        said.append("When the visitor is about to leave.")
    if when["only"]:
        said.append(f"Only on {', '.join(when['only'])}.")
    if when["never"]:
        said.append(f"Never on {', '.join(when['never'])}.")
    if prompt.kind in SWITCHES:
        return [one for one in said if one.startswith(("Only", "Never"))] or ["On every page."]
    days = ", ".join(str(one) for one in prompt.again)
    return [*(said or ["At once, on every page."]), f"After a “no” again in {days} days."]
