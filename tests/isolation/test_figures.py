"""TI-10: searches, suggestions, counts and exports of one workspace find nothing by the other's exact words."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from subscribers.models import Segment, Subscriber
from tenants.doorway import in_tenant
from tests.isolation.conftest import Two
from tests.isolation.pages import everything
from tests.isolation.world import Marks

Console = Callable[..., Client]
SEARCHES = (
    "/subscribers/?site=1&q={}",
    "/subscribers/?site=1&tag={}",
    "/sends/1/recipients/?q={}",
    "/audit/?actor={}",
    "/campaigns/preview-person/?site=1&external_id={}",
)


def exact(two: Two) -> set[str]:
    """The second's words, as its rows have them, without those that the first has too."""
    return words_of(two.second.schema) - words_of(two.first.schema)


def words_of(schema: str) -> set[str]:
    with in_tenant(schema):
        people = list(Subscriber.objects.values_list("external_id", "tags"))
        segments = set(Segment.objects.values_list("name", flat=True))
    return {str(word) for name, tags in people for word in (name, *tags)} | segments


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_for_the_other_s_words_answers_as_one_for_nobody_s(
    two: Two, console: Console, search: str
) -> None:
    client: Any = console(two.first)
    words = exact(two)
    assert len(words) > 10
    for word in sorted(words):
        found, nothing = (client.get(search.format(quote(one))) for one in (word, "nobody-has-this"))
        assert found.status_code == nothing.status_code
        text = everything(found).replace(word.lower(), "").replace(quote(word).lower(), "")
        assert Marks("b").in_text(text) == set(), word
        assert found.content.count(b"<tr") == nothing.content.count(b"<tr"), word
