"""Threads that serve several tenants at once see each tenant's rows only (TI-06). Committed rows, removed again."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from subscribers.models import Site
from tenants.doorway import NotInTenant, current_schema, in_tenant
from tests.conftest import Workspace, make_site, make_workspace, remove_workspace

THREADS = 20
REQUESTS_AT_ONCE = 6


@pytest.fixture
def two(alone: Workspace, django_db_blocker: Any) -> Iterator[tuple[Workspace, Workspace]]:
    """Two workspaces with identical primary keys, and names by which their rows are known."""
    with django_db_blocker.unblock():
        other = make_workspace("rival")
        try:
            for place in (alone, other):
                for number in range(3):
                    name = f"{place.tenant.slug} {number}"
                    make_site(place, name=name, origin=f"https://{number}.example")
            yield alone, other
        finally:
            remove_workspace(other)


def look(place: Workspace, rounds: int, pauses: random.Random) -> set[str]:
    """Enter and leave the tenant again and again; answer every name that was seen."""
    seen: set[str] = set()
    for _ in range(rounds):
        with in_tenant(place.schema):
            assert current_schema() == place.schema
            seen |= set(Site.objects.values_list("name", flat=True))
            time.sleep(pauses.uniform(0, 0.004))
            with transaction.atomic():
                seen |= {Site.objects.get(pk=pk).name for pk in (1, 2, 3)}
        with pytest.raises(NotInTenant):
            current_schema()
    return seen


def test_twenty_threads_over_two_tenants_never_see_a_foreign_row(two: tuple[Workspace, Workspace]) -> None:
    """TI-06: the pool has fewer threads than tasks, so each thread serves both tenants in turn."""
    start = Barrier(THREADS)

    def work(index: int) -> tuple[int, set[str]]:
        start.wait(timeout=20)
        pauses = random.Random(index)
        try:
            first = look(two[index % 2], 3, pauses)
            second = look(two[(index + 1) % 2], 3, pauses)
            assert not first & second
            return index % 2, first
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(work, range(THREADS)))
    expected = [{f"{place.tenant.slug} {number}" for number in range(3)} for place in two]
    assert [seen for _, seen in answers] == [expected[which] for which, _ in answers]


def test_requests_in_threads_show_their_own_workspace_only(
    two: tuple[Workspace, Workspace], console: Any
) -> None:
    """TI-06 through HTTP: each thread keeps its connection and serves both workspaces in turn."""
    sessions = [console(place).cookies["truepush_session"].value for place in two]

    def work(index: int) -> None:
        place, other = two[index % 2], two[(index + 1) % 2]
        client = Client(headers={"host": place.host})
        client.cookies["truepush_session"] = sessions[index % 2]
        for path in ("/sites/", "/sites/2/"):
            page = client.get(path).content.decode()
            assert f"{place.tenant.slug} 1" in page
            assert f"{other.tenant.slug} " not in page

    end = Barrier(REQUESTS_AT_ONCE)

    def finish(_: int) -> None:
        end.wait(timeout=20)
        connection.close()

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        try:
            list(pool.map(work, range(40)))
        finally:
            list(pool.map(finish, range(REQUESTS_AT_ONCE)))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_session")
