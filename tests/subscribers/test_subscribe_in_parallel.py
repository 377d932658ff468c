"""Many browsers at once, each call in a thread and a database connection of its own, on committed rows."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection
from django.test import Client

from subscribers.models import Site
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser, count, only_row, subscribe, unsubscribe


def all_at_once(number: int, call: Callable[[int], int]) -> Counter[int]:
    """Run the call that often, started together; answer how often each status came."""
    start = Barrier(number)

    def run(index: int) -> int:
        try:
            start.wait(timeout=20)
            return call(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return Counter(pool.map(run, range(number)))


def client() -> Client:
    return Client(headers={"host": "sdk.localhost:8000"}, raise_request_exception=False)


def test_50_calls_with_one_endpoint_leave_one_row_and_no_error(alone: Workspace) -> None:
    """SR-12."""
    shop = make_site(alone)
    first = Browser()
    others = [Browser(endpoint=first.endpoint) for _ in range(50)]
    answers = all_at_once(50, lambda n: subscribe(client(), shop, others[n].json()).status_code)
    assert answers == {201: 1, 200: 49}
    row = only_row(alone)
    assert (bytes(row.p256dh), bytes(row.auth)) in {(one.p256dh, one.auth) for one in others}


def _moved(alone: Workspace, shop: Site, old: Browser, new: Browser) -> Counter[int]:
    body = new.json(old_endpoint=old.endpoint)
    return all_at_once(20, lambda n: subscribe(client(), shop, body).status_code)


def test_20_calls_with_one_old_endpoint_move_its_row_once(alone: Workspace) -> None:
    """SR-12 and SR-13 together: the row keeps its id and nobody is made twice."""
    shop = make_site(alone)
    old, new = Browser(), Browser()
    subscribe(client(), shop, old.json())
    before = only_row(alone)
    assert _moved(alone, shop, old, new) == {200: 20}
    after = only_row(alone)
    assert (after.pk, after.endpoint) == (before.pk, new.endpoint)


def test_20_calls_with_an_unknown_old_endpoint_make_one_row(alone: Workspace) -> None:
    shop = make_site(alone)
    assert _moved(alone, shop, Browser(), Browser()) == {201: 1, 200: 19}
    assert count(alone) == 1


def test_20_browsers_that_swap_endpoints_with_each_other_meet_no_error(alone: Workspace) -> None:
    """Rows move to endpoints of each other: whoever loses the race keeps its own row."""
    shop = make_site(alone)
    one, two = Browser(), Browser()
    subscribe(client(), shop, one.json())
    subscribe(client(), shop, two.json())
    bodies = [one.json(old_endpoint=two.endpoint), two.json(old_endpoint=one.endpoint)]
    assert all_at_once(20, lambda n: subscribe(client(), shop, bodies[n % 2]).status_code) == {200: 20}
    assert count(alone) == 2


def test_subscribing_and_unsubscribing_at_once_meets_no_error(alone: Workspace) -> None:
    shop = make_site(alone)
    browser = Browser()
    capability = subscribe(client(), shop, browser.json()).json()["subscriber"]

    def call(index: int) -> int:
        if index % 2:
            return int(unsubscribe(client(), shop, browser.endpoint, capability).status_code)
        return int(subscribe(client(), shop, browser.json()).status_code)

    assert all_at_once(20, call) == {200: 10, 204: 10}
    row = only_row(alone)
    assert (row.state == "active") == (row.ended_at is None)


def test_two_people_who_add_one_address_at_once_get_one_website(alone: Workspace) -> None:
    """The database decides: the second is told next to the field, not with an error page."""
    console = Client(headers={"host": alone.host}, raise_request_exception=False)
    console.force_login(alone.owner)
    session = console.session
    session["tenant_id"] = alone.tenant.pk
    session.save()
    form = {"name": "Shop", "origin": "https://shop.example", "worker_path": "/truepush/worker.js"}

    def call(index: int) -> int:
        mine = Client(headers={"host": alone.host}, raise_request_exception=False)
        mine.cookies = console.cookies
        return int(mine.post("/sites/new/", form).status_code)

    assert all_at_once(8, call) == {302: 1, 200: 7}
