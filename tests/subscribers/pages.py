"""Reading console pages as a person does: which error stands next to which field, and what is still in the fields."""

import re
from html import unescape
from typing import Any

from django.test import Client

FORM = {
    "name": "Shop",
    "origin": "https://shop.example",
    "icon_url": "",
    "contact": "",
    "worker_path": "/truepush/worker.js",
}
_FIELD = re.compile(r'<div class="field"[^>]*>(.*?)(?=<div class="field"|</form>)', re.S)
_ERROR = re.compile(r'class="field-error".*?<div><div>(.*?)</div>', re.S)


def field_errors(answer: Any) -> dict[str, str]:
    """Map the name of each field that has an error to what is said beside it."""
    found = {}
    for part in _FIELD.findall(answer.content.decode()):
        name, error = re.search(r'name="(\w+)"', part), _ERROR.search(part)
        if name and error:
            found[name[1]] = unescape(error[1])
    return found


def values(answer: Any) -> dict[str, str]:
    """Read what the form's fields hold."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", answer.content.decode()):
        name, value = re.search(r'name="(\w+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] in FORM:
            found[name[1]] = unescape(value[1]) if value else ""
    for name, options in re.findall(
        r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', answer.content.decode(), re.S
    ):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = unescape(chosen[1]) if chosen else ""
    return found


def add(client: Client, **changes: str) -> Any:
    return client.post("/sites/new/", {**FORM, **changes})


def text_of(answer: Any) -> str:
    """The page's words, without tags and with single spaces."""
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(unescape(plain).split())


def page_text(answer: Any) -> str:
    """The words of a page or a part of one, in a row."""
    text = answer.content.decode().split("<main", 1)[-1]
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", text, flags=re.S)
    return " ".join(unescape(text).split())
