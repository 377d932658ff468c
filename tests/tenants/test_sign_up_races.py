"""Two people, or one person with two clicks, sign up at the same moment. Committed rows, so every test cleans up."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from tenants.models import Domain, Membership, Tenant, User
from tests.conftest import PASSWORD, Workspace, forget_audit

T = TypeVar("T")


@pytest.fixture
def _swept(alone: Workspace) -> Iterator[None]:
    """Remove what these tests commit, before `alone` removes itself."""
    yield
    made = list(Tenant.objects.filter(slug__startswith="race").values_list("pk", flat=True))
    forget_audit(*made)
    Membership.objects.filter(tenant_id__in=made).delete()
    Domain.objects.filter(tenant_id__in=made).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_tenant WHERE id = ANY(%s)", [made])
        cursor.execute("DELETE FROM django_session")
    User.objects.filter(email__startswith="racer").delete()
    OrmQ.objects.all().delete()


def at_once(number: int, work: Callable[[int], T]) -> list[T]:
    """Run `work` in threads that start together, each with its own connection."""
    start = Barrier(number)

    def run(index: int) -> T:
        start.wait(timeout=10)
        try:
            return work(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def sign_up(email: str) -> tuple[int, str]:
    client = Client(headers={"host": "localhost:8000"})
    form = {"workspace": "Race", "email": email, "password1": PASSWORD}
    answer = client.post("/sign-up/", form)
    return answer.status_code, answer.headers.get("Location", "")


def test_four_sign_ups_for_one_name_at_once_get_four_workspaces(_swept: None) -> None:
    answers = at_once(4, lambda index: sign_up(f"racer{index}@race.test"))
    assert sorted(answers) == [
        (302, "/workspaces/race-2/preparing/"),
        (302, "/workspaces/race-3/preparing/"),
        (302, "/workspaces/race-4/preparing/"),
        (302, "/workspaces/race/preparing/"),
    ]
    assert Tenant.objects.filter(slug__startswith="race").count() == 4
    assert Membership.objects.filter(user__email__startswith="racer").count() == 4


def test_one_form_sent_twice_at_once_makes_one_account(_swept: None) -> None:
    answers = at_once(2, lambda index: sign_up("racer@race.test"))
    assert User.objects.filter(email="racer@race.test").count() == 1
    assert Tenant.objects.filter(slug__startswith="race").count() == 1
    # The one that came second is shown the field error if the first was done, else the way to sign in.
    made, other = sorted(answers, key=lambda answer: answer[1] != "/workspaces/race/preparing/")
    assert made == (302, "/workspaces/race/preparing/")
    assert other in [(302, "/sign-in/"), (200, "")]
