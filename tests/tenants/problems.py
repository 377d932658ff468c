"""What the tests of problems and reports share."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from django.test import Client

from tenants import banners
from tenants.models import Problem, User
from tenants.own_connection import ask_here
from tenants.problem_notes import note, notes
from tests.conftest import Workspace

Console = Callable[..., Client]
SignIn = Callable[[User], Client]
BANNER = "Pictures are not shown. We mend it; sending works."


def seen(*places: Workspace, words: str = "push bad request") -> Problem:
    """Have the product notice a problem in these workspaces."""
    for place in places:
        note(Problem.Kind.ALERT, words, tenant_id=place.tenant.pk)
    notes.write(ask_here)
    return Problem.objects.get(title=words)


def press(staff: Client, path: str, **form: Any) -> str:
    """Press a button; answer what the next page says."""
    answer = staff.post(f"/admin/{path}", form, follow=True)
    assert answer.status_code == 200
    banners.forget()  # a test's transaction does not commit
    return " ".join(str(message) for message in answer.context["messages"])


def shows(client: Client, path: str = "/") -> bool:
    banners.forget()
    return BANNER in client.get(path).content.decode()


def text_of(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def tell(client: Client, text: str = "The picture was missing", **more: Any) -> Any:
    return client.post("/problems/new/", {"text": text, **more}, headers={"user-agent": "Firefox 155"})
