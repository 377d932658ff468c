"""AU-16: a row of the queue that is not ours is dropped and said, and the next is done; ours hold ids alone."""

import base64
import logging
import pickle
from datetime import timedelta
from multiprocessing import Event, Queue
from typing import Any

import pytest
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ
from django_q.pusher import pusher
from django_q.tasks import async_task

from tenants.models import User
from tests.conftest import Workspace


class Bomb:
    """Unpickled, it would run."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("it ran",)


@pytest.fixture(autouse=True)
def _nothing_queued(db: None) -> None:
    OrmQ.objects.all().delete()


def put(payload: str) -> None:
    OrmQ.objects.create(key="truepush", payload=payload, lock=timezone.now() - timedelta(days=1))


def test_a_row_with_a_bad_signature_is_dropped_and_the_next_one_is_taken(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async_task("tenants.tasks.tidy_sign_in")
    good = OrmQ.objects.get().payload
    OrmQ.objects.all().delete()
    forged = base64.urlsafe_b64encode(pickle.dumps(Bomb())).decode()
    bad = [
        forged,
        f"{forged}:{good.partition(':')[2]}",
        f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        "",
        "x",
    ]
    for payload in [*bad, good]:
        put(payload)
    tasks: Any = Queue()
    stop = Event()
    stop.set()
    with caplog.at_level(logging.ERROR, "django-q"):
        for _ in range(len(bad) + 1):
            pusher(tasks, stop, get_broker())
    assert tasks.get(timeout=5)["func"] == "tenants.tasks.tidy_sign_in"
    assert tasks.empty()
    said = [record for record in caplog.records if record.message == "Failed to push task to queue"]
    assert len(said) == len(bad)
    assert "it ran" not in capsys.readouterr().out
    assert OrmQ.objects.exclude(payload=good).count() == 0


def test_what_is_queued_for_a_person_names_them_by_number(acme: Workspace, public: Any) -> None:
    public.post("/reset/", {"email": acme.owner.email})
    public.post("/sign-in/", {"login": acme.owner.email, "password": "wrong"})
    queued = [row.task for row in OrmQ.objects.all()]
    assert [(task["func"], task["args"]) for task in queued] == [
        ("tenants.tasks.mail_reset", (acme.owner.pk,))
    ]
    assert User.objects.get(pk=acme.owner.pk).email not in str(queued)
