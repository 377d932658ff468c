"""One installation for all of these tests: each file puts itself in the group that runs in one process."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.browsers.chromium import chromium
from tests.e2e.installation import Installation, installation


@pytest.fixture(scope="session")
def truepush(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("installation")) as made:
        yield made


@pytest.fixture(scope="module")
def signed_in(truepush: Installation) -> Iterator[BrowserContext]:
    """One Chromium for a file, signed in to the demo's console: starting one and signing in takes five seconds."""
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(15_000)
        page = context.new_page()
        email, password = truepush.sign_in()
        page.goto(f"{truepush.base}/sign-in/")
        page.locator("[name=login]").fill(email)
        page.locator("[name=password]").fill(password)
        page.locator("main button[type=submit]").click()
        page.wait_for_selector(".sidebar-nav")
        page.close()
        yield context
        context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A page of it: no script complains, and none asks another host (PR-06)."""
    errors: list[str] = []
    hosts: set[str] = set()
    made = signed_in.new_page()
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    made.on("request", lambda asked: hosts.add(urlsplit(asked.url).hostname or ""))
    yield made
    made.close()
    assert errors == []
    assert hosts - {"sdk.localhost"} <= {"localhost", "demo.localhost"}
