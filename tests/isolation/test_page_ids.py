"""An id stands once on a page: what a script finds by it is what a form sends."""

import re
from collections import Counter
from collections.abc import Callable

from django.test import Client

from tests.isolation.conftest import Two
from tests.isolation.pages import console_pages, public_pages
from tests.isolation.world import BOTH

_ID = re.compile(r'\sid="([^"]*)"')


def test_no_page_has_an_id_twice(two: Two, console: Callable[..., Client], public: Client) -> None:
    public.force_login(two.first.owner)
    pages = {**console_pages(console(two.first), two.first, BOTH), **public_pages(public, two.first)}
    seen, twice = 0, {}
    for path, answer in pages.items():
        if answer.status_code != 200 or "html" not in answer.headers.get("Content-Type", ""):
            continue
        ids = Counter(_ID.findall(answer.content.decode()))
        seen += len(ids)
        if again := [name for name, number in ids.items() if number > 1]:
            twice[path] = again
    assert seen > 200
    assert twice == {}
