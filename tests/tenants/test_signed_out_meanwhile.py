"""Someone signed out in another tab and then sends a form: they come back to its page and are told."""

from urllib.parse import parse_qs, urlsplit

from django.test import Client

from tests.conftest import Workspace

FORM = {"title": "Sale", "url": "https://shop.example/"}


def next_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["next"][0]


def test_the_page_of_the_form_comes_back_with_a_sentence(acme: Workspace) -> None:
    client = Client(headers={"host": acme.host})
    page = f"http://{acme.host}/campaigns/new/?site=1"
    answer = client.post("/campaigns/new/", FORM, headers={"referer": page})
    assert next_of(answer["Location"]) == "/campaigns/new/?site=1"
    client.force_login(acme.owner)
    session = client.session
    session["tenant_id"] = acme.tenant.pk
    session.save()
    assert "nothing was saved or sent" in client.get("/").content.decode()


def test_a_page_of_another_site_is_not_gone_back_to(acme: Workspace) -> None:
    client = Client(headers={"host": acme.host})
    for page in ("https://evil.test/x", f"http://{acme.host}.evil.test/x", "//evil.test", ""):
        answer = client.post("/campaigns/new/", FORM, headers={"referer": page})
        assert next_of(answer["Location"]) == "/", page


def test_a_call_by_a_script_leaves_no_sentence_behind(acme: Workspace) -> None:
    client = Client(headers={"host": acme.host})
    client.post("/campaigns/new/", FORM, headers={"sec-fetch-dest": "empty"})
    assert "messages" not in client.cookies
