"""TI-06 under load: twenty workspaces, each with a canary of its own, and never another's where one's own belongs.

bench/trust hammers for a minute; ISOLATION_SECONDS says for how long it is done here.
"""

import asyncio
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client

from subscribers.models import Site
from subscribers.sdk import site_settings
from tenants.actions.keys import create_key
from tenants.doorway import NotInTenant, current_schema, in_tenant
from tenants.models import ApiKey, AttemptCount, Tenant
from tenants.site_index import find_site
from tests.conftest import Workspace, make_site, make_workspace, remove_workspace

WORKSPACES = 20
SECONDS = float(os.environ.get("ISOLATION_SECONDS", "2"))
LEAST_LOOKS = 10
REQUESTS, THREADS = 200, 20
CANARY = re.compile(r"canary-\d\d")
PAGES = ("/sites/", "/sites/1/", "/keys/")


@dataclass(frozen=True)
class Home:
    """A workspace, what is written all over it, and the ways into it."""

    place: Workspace
    canary: str
    site_key: str
    session: str
    token: str

    def seen(self, text: str) -> None:
        """Hold that the canary is there, and no other."""
        assert set(CANARY.findall(text)) == {self.canary}, self.canary


def make_home(number: int) -> Home:
    canary = f"canary-{number:02d}"
    place = make_workspace(canary)
    Tenant.objects.filter(pk=place.tenant.pk).update(name=canary)
    site = make_site(
        place, name=canary, origin=f"https://{canary}.example", contact=f"mailto:{canary}@x.example"
    )
    given: dict[str, Any] = {"scopes": ["campaigns:send"], "per_minute": 6000, "expires_at": None}
    _, token = create_key(actor=place.owner, tenant=place.tenant, name=canary, **given)
    client = Client(headers={"host": place.host})
    client.force_login(place.owner)
    session = client.session
    session["tenant_id"] = place.tenant.pk
    session.save()
    return Home(place, canary, site.site_key, session.session_key, token)


@pytest.fixture(scope="module")
def homes(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[Home]]:
    """Twenty workspaces with committed rows; each has a website of number 1."""
    with django_db_blocker.unblock():
        made = [make_home(number) for number in range(WORKSPACES)]
        try:
            yield made
        finally:
            for model in (ApiKey, AttemptCount, Session):
                model.objects.all().delete()
            for home in made:
                remove_workspace(home.place)


@pytest.fixture(autouse=True)
def _committed(homes: list[Home], django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


def look(home: Home, pauses: random.Random) -> None:
    """Read and write a workspace in the ways of the product, others being served between any two statements."""

    def pause() -> None:
        time.sleep(pauses.uniform(0, 0.003))

    with in_tenant(home.place.schema):
        home.seen(str(list(Site.objects.values_list("name", "contact"))))
        pause()
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM subscribers_site")
            home.seen(str(cursor.fetchall()))
        pause()
        with transaction.atomic():
            Site.objects.filter(pk=1).update(icon_url=f"https://{home.canary}.example/i.png")
            pause()
            home.seen(str(site_settings(Site.objects.get(pk=1))))
        pause()
        home.seen(Site.objects.get(pk=1).icon_url)
        assert current_schema() == home.place.schema
    index = find_site(home.site_key)
    assert index
    home.seen(index.name)
    with pytest.raises(NotInTenant):
        current_schema()


def hammer(homes: list[Home], seed: int, until: float) -> int:
    """Go through the workspaces as the seed has it, until the time is over; answer how often one was looked at."""
    pauses, done = random.Random(seed), 0
    while time.monotonic() < until or done < LEAST_LOOKS:
        look(pauses.choice(homes), pauses)
        done += 1
    return done


async def hammer_in_tasks(homes: list[Home], pool: ThreadPoolExecutor, until: float) -> list[int]:
    """The same in two tasks of one loop; each look is handed to whichever thread of the pool is free."""
    looks = sync_to_async(look, thread_sensitive=False, executor=pool)

    async def task(seed: int) -> int:
        pauses, done = random.Random(seed), 0
        while time.monotonic() < until or done < LEAST_LOOKS:
            await looks(pauses.choice(homes), pauses)
            done += 1
        return done

    return list(await asyncio.gather(task(3), task(4)))


def in_pool(threads: int, work: Callable[[ThreadPoolExecutor], Any]) -> Any:
    """Run the work with a pool whose threads close their connections at the end."""
    end = threading.Barrier(threads)

    def finish(_: int) -> None:
        end.wait(timeout=20)
        connection.close()

    with ThreadPoolExecutor(threads) as pool:
        try:
            return work(pool)
        finally:
            list(pool.map(finish, range(threads)))


def test_two_threads_and_two_tasks_over_twenty_workspaces_never_see_a_foreign_row(homes: list[Home]) -> None:
    """TI-06."""
    until = time.monotonic() + SECONDS

    def work(pool: ThreadPoolExecutor) -> list[int]:
        threads = [pool.submit(hammer, homes, seed, until) for seed in (1, 2)]
        tasks = asyncio.run(hammer_in_tasks(homes, pool, until))
        return [*(thread.result() for thread in threads), *tasks]

    done = in_pool(4, work)
    assert min(done) >= LEAST_LOOKS
    for home in homes:
        with in_tenant(home.place.schema):
            home.seen(Site.objects.get().icon_url)


def test_a_task_that_holds_a_workspace_over_an_await_reads_nothing(homes: list[Home]) -> None:
    """TI-06: tasks of one thread share its connection, so there it must not answer, be it the right rows."""
    refused: list[type[Exception]] = []

    async def task(home: Home) -> None:
        with in_tenant(home.place.schema):
            await asyncio.sleep(0.001)
            try:
                list(Site.objects.values_list("name"))
            except (SynchronousOnlyOperation, NotInTenant) as error:
                refused.append(type(error))

    async def both() -> None:
        await asyncio.gather(task(homes[0]), task(homes[1]))

    asyncio.run(both())
    assert refused == [SynchronousOnlyOperation] * 2


class Slow:
    """Middleware: a random pause before every statement of a request, so that requests overlap everywhere."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        def pause(execute: Any, *statement: Any) -> Any:
            time.sleep(random.uniform(0, 0.004))
            return execute(*statement)

        with connection.execute_wrapper(pause):
            return self.get_response(request)


def test_200_requests_at_once_over_twenty_workspaces_answer_with_their_own(
    homes: list[Home], settings: Any
) -> None:
    """TI-06: pages, SDK and REST API, by twenty threads that serve all workspaces in turn."""
    settings.MIDDLEWARE = [f"{__name__}.Slow", *settings.MIDDLEWARE]
    handler = Client().handler
    handler.load_middleware()

    def ask(number: int) -> None:
        home = homes[number % WORKSPACES]
        kind = number // WORKSPACES % (len(PAGES) + 2)
        host, path, headers = home.place.host, "/api/v1/key", {"authorization": f"Bearer {home.token}"}
        if kind < len(PAGES):
            path, headers = PAGES[kind], {"cookie": f"truepush_session={home.session}"}
        elif kind == len(PAGES):
            host, path, headers = "sdk.localhost:8000", f"/sdk/v1/{home.site_key}/settings.json", {}
        client = Client(headers={"host": host, "accept-encoding": "identity", **headers})
        client.handler = handler
        answer = client.get(path)
        assert answer.status_code == 200, (host, path)
        home.seen(answer.content.decode())

    in_pool(THREADS, lambda pool: list(pool.map(ask, range(REQUESTS))))
