"""A website moves here from another provider: one row and one notification, without asking anybody again.

Browser, loader, worker, rows and rules are real. Pushes are delivered by the browser's DevTools to whatever
registration holds the endpoint of a row that is subscribed, since there is no push service between them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from subscribers.models import Site, Subscriber
from subscribers.sdk import site_settings
from subscribers.stub import worker_stub
from tenants.doorway import in_tenant
from tenants.models import SiteIndex
from tenants.site_index import forget_all
from tests.conftest import Workspace, make_site, make_workspace, remove_workspace
from tests.sdk.conftest import Visitor
from tests.sdk.server import SITE_KEY, World
from tests.subscribers.import_files import as_csv, imported, onesignal
from tests.subscribers.samples import Browser
from truepush.lib import base64url
from truepush.lib.webpush.vapid import KeyPair, generate_key_pair

OLD_PATH = "/OneSignalSDKWorker.js"
OLD_WORKER = """self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => event.waitUntil(self.registration.showNotification("Of the old provider")));"""
SUBSCRIBE_THERE = """async (key) => {
  const registration = await navigator.serviceWorker.register("/OneSignalSDKWorker.js");
  await navigator.serviceWorker.ready;
  await registration.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: key});
}"""
UPDATE = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/");
  await registration.update();
  while (registration.installing || registration.waiting) await new Promise((resolve) => setTimeout(resolve, 20));
}"""


class Books:
    """The workspace's rows. Chromium's thread must not touch the database, so all of it is done in another one."""

    def __init__(self, place: Workspace, site: Site, run: Callable[..., Any]) -> None:
        self.place, self.site, self._run = place, site, run

    def bring(self, held: dict[str, str], pair: KeyPair) -> None:
        def work() -> None:
            browser = Browser(
                held["endpoint"], base64url.decode(held["p256dh"]), base64url.decode(held["auth"])
            )
            with in_tenant(self.place.schema):
                job = imported(
                    self.place, self.site, as_csv([onesignal(browser, external_user_id="u-7")]), pair=pair
                )
                assert (job.result["new"], job.result["sample"]) == (1, 1)

        self._run(work)

    def rows(self) -> list[tuple[str, str, str, str]]:
        def work() -> list[tuple[str, str, str, str]]:
            with in_tenant(self.place.schema):
                found = Subscriber.objects.values_list("endpoint", "state", "external_id", "vapid_key__state")
                return list(found.order_by("pk"))

        found: list[tuple[str, str, str, str]] = self._run(work)
        return found

    def settings(self) -> dict[str, object]:
        def work() -> dict[str, object]:
            with in_tenant(self.place.schema):
                return site_settings(self.site)

        found: dict[str, object] = self._run(work)
        return found


def answer(path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, str]:
    """Let Django itself answer a call, in the thread of the server that took it."""
    try:
        client = Client(headers={"host": "sdk.localhost:8000"})
        sent = {"origin": headers["Origin"], "user-agent": headers["User-Agent"]}
        found = client.post(path, json.dumps(body), content_type="application/json", headers=sent)
        return found.status_code, found.content.decode()
    finally:
        connections.close_all()


@pytest.fixture
def books(
    world: World, settings: Any, tmp_path: Any, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Books]:
    settings.FILES_DIR, settings.SANDBOX_ORIGIN, settings.SDK_URL = (
        str(tmp_path),
        "https://localhost:9",
        world.sdk,
    )

    def make() -> tuple[Workspace, Site]:
        place = make_workspace("alone")
        site = make_site(place, origin=world.shop)
        with in_tenant(place.schema):
            Site.objects.update(site_key=SITE_KEY)
        SiteIndex.objects.filter(site_key=site.site_key).update(site_key=SITE_KEY)
        site.site_key = SITE_KEY
        return place, site

    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:

        def run(work: Callable[..., Any], *given: Any) -> Any:
            return pool.submit(work, *given).result()

        place, site = run(make)
        try:
            world.forward = answer
            yield Books(place, site, run)
        finally:
            run(remove_workspace, place)
            run(connections.close_all)
            forget_all()


def push_to_all(visitor: Visitor, books: Books, title: str) -> int:
    """Push to every subscribed row, as a send would; answer how many notifications came of it."""
    before, sent = len(visitor.workers.displayed), 0
    ended = len(visitor.workers.completed)
    holders = {held["endpoint"]: scope for scope, held in visitor.push.held.items()}
    for endpoint, state, _, _ in books.rows():
        if state == "active" and endpoint in holders:
            visitor.workers.deliver_push(holders[endpoint], json.dumps({"notification": {"title": title}}))
            sent += 1
    visitor.wait_for(lambda: len(visitor.workers.completed) == ended + sent)
    visitor.workers.wait_for_notification(title)
    visitor.page.wait_for_timeout(200)
    return len(visitor.workers.displayed) - before


def test_a_site_with_a_foreign_root_worker_ends_with_one_row_and_one_notification(
    visitor: Visitor, world: World, books: Books
) -> None:
    pair = generate_key_pair()
    # 1. The visitor subscribed with the old provider, whose worker controls the whole website.
    world.scripts[OLD_PATH] = OLD_WORKER
    world.page("/before", "", snippet="")
    visitor.page.goto(f"{world.shop}/before")
    visitor.page.evaluate(SUBSCRIBE_THERE, base64url.encode(pair.public))
    there = visitor.push.held[f"{world.shop}/"]["endpoint"]
    # 2. The customer imports the subscription and replaces the old worker's file by our stub.
    books.bring(visitor.push.held[f"{world.shop}/"], pair)
    world.scripts[OLD_PATH] = worker_stub(books.site, OLD_PATH)
    visitor.page.evaluate(UPDATE)
    assert books.rows() == [(there, "active", "u-7", "old")]
    assert push_to_all(visitor, books, "Hello from here") == 1
    assert visitor.workers.displayed == ["Hello from here"]
    # 3. The next visit to a page with our snippet: nobody is asked, the row moves to our worker and our key.
    world.settings = books.settings()
    assert world.settings["old_workers"] == [OLD_PATH]
    visitor.open(world.page("/"))
    visitor.wait_for_state("subscribed")
    here = visitor.push.held[world.scope]["endpoint"]
    assert books.rows() == [(here, "active", "u-7", "current")]
    assert set(visitor.push.held) == {world.scope}
    assert push_to_all(visitor, books, "And once") == 1
    assert visitor.workers.displayed == ["Hello from here", "And once"]
    # 4. It stays like that.
    visitor.reload()
    assert books.rows() == [(here, "active", "u-7", "current")]
    assert visitor.push.made == 2
    assert visitor.uncaught == []


def test_where_no_new_subscription_can_be_had_the_old_one_stays_and_is_known(
    visitor: Visitor, world: World, books: Books
) -> None:
    pair = generate_key_pair()
    world.scripts[OLD_PATH] = worker_stub(books.site, OLD_PATH)
    world.page("/before", "", snippet="")
    visitor.page.goto(f"{world.shop}/before")
    visitor.page.evaluate(SUBSCRIBE_THERE, base64url.encode(pair.public))
    there = visitor.push.held[f"{world.shop}/"]["endpoint"]
    books.bring(visitor.push.held[f"{world.shop}/"], pair)
    world.settings = books.settings()
    visitor.push.reachable = False
    visitor.open(world.page("/"))
    assert visitor.state() == "subscribed"
    assert books.rows() == [(there, "active", "u-7", "old")]
    visitor.push.reachable = True
    visitor.reload()
    here = visitor.push.held[world.scope]["endpoint"]
    assert books.rows() == [(here, "active", "u-7", "current")]
