"""A website whose own worker in the root imports ours: the form takes its path, and the pages say what to do."""

from collections.abc import Callable
from html import unescape

from django.test import Client

from subscribers.models import Site
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import FORM, add, field_errors, text_of

OWN = {"worker_path": "/sw.js", "in_own_worker": "on"}


def test_a_path_in_the_root_is_taken_where_the_worker_is_the_websites_own(
    acme: Workspace, console: Callable[..., Client], sdk: Client
) -> None:
    assert add(console(acme), **OWN).status_code == 302
    with in_tenant(acme.schema):
        site = Site.objects.get()
    worker = sdk.get(f"/sdk/v1/{site.site_key}/settings.json").json()["worker"]
    assert worker == {"path": "/sw.js", "scope": "/"}


def test_a_path_in_a_folder_is_no_worker_in_the_root(acme: Workspace, console: Callable[..., Client]) -> None:
    answer = add(console(acme), **{**OWN, "worker_path": "/app/sw.js"})
    assert field_errors(answer) == {
        "worker_path": "/app/sw.js lies in a folder. Give the path of the worker in the root."
    }


def test_the_form_shows_the_tick_again_and_without_it_the_root_is_refused(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    site, client = make_site(acme, worker_path="/sw.js"), console(acme)
    address = f"/sites/{site.pk}/edit/"
    [tick] = [tag for tag in client.get(address).content.decode().split("<") if 'name="in_own_worker"' in tag]
    assert "checked" in tick
    answer = client.post(address, {**FORM, "worker_path": "/sw.js"})
    assert "Put it in a folder: /truepush/sw.js" in field_errors(answer)["worker_path"]


def test_the_install_page_says_where_the_line_goes(acme: Workspace, console: Callable[..., Client]) -> None:
    site = make_site(acme, worker_path="/sw.js")
    answer = console(acme).get(f"/sites/{site.pk}/")
    words = text_of(answer)
    assert "Add this to your own worker" in words
    assert "At the top of https://shop.example/sw.js" in words
    assert "Download worker.js" not in words
    assert (
        f'keep this at the top of /sw.js */\nimportScripts("http://sdk.localhost:8000/w/{site.site_key}.js");'
        in unescape(answer.content.decode())
    )
