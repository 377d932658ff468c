"""One installation for all of these tests: each file puts itself in the group that runs in one process."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.e2e.browsers.chromium import chromium
from tests.e2e.installation import Installation, installation


@pytest.fixture(scope="session")
def truepush(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("installation")) as made:
        yield made


@pytest.fixture
def page(truepush: Installation) -> Iterator[Page]:
    """A page that is signed in to the demo's console: no script of it complains or asks another host (PR-06)."""
    errors: list[str] = []
    hosts: set[str] = set()
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(15_000)
        made = context.new_page()
        made.on("pageerror", lambda error: errors.append(str(error)))
        made.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        made.on("request", lambda asked: hosts.add(urlsplit(asked.url).hostname or ""))
        email, password = truepush.sign_in()
        made.goto(f"{truepush.base}/sign-in/")
        made.locator("[name=login]").fill(email)
        made.locator("[name=password]").fill(password)
        made.locator("main button[type=submit]").click()
        made.wait_for_selector(".sidebar-nav")
        yield made
        context.close()
    assert errors == []
    assert hosts - {"sdk.localhost"} == {"localhost", "demo.localhost"}
