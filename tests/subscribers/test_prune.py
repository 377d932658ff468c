"""Who was not seen for long is unsubscribed when a person asks for it, and never else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from subscribers.actions import prune_pieces
from subscribers.actions.job import resume_all
from subscribers.models import Job, Site, Subscriber
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, Role
from tests.conftest import Workspace, make_site
from tests.subscribers.import_files import finish
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people
from tests.tenants.people import add_member


def ago(days: int) -> dict[str, object]:
    return {"seen_at": timezone.now() - timedelta(days=days)}


def states(site: Site) -> list[str]:
    return list(Subscriber.objects.filter(site=site).order_by("pk").values_list("state", flat=True))


def test_asked_on_the_page_it_is_done_in_the_background(
    console: Callable[..., Client], acme: Workspace, shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune_pieces, "ROWS", 2)
    other = make_site(acme, origin="https://other.example")
    with in_tenant(acme.schema):
        add_people(
            shop, [ago(1), ago(181), ago(364), ago(400), ago(400), ago(500), {**ago(500), "is_test": True}]
        )
        add_people(other, [ago(500)])
    client = console(acme)
    text = page_text(client.get(f"/subscribers/shrinking/?site={shop.pk}"))
    assert "Unsubscribe 3 subscribers?" in text
    answer = client.post(f"/sites/{shop.pk}/prune/", {"days": "365"}, follow=True)
    assert "Who was not seen for 365 days is being unsubscribed." in page_text(answer)
    with in_tenant(acme.schema):
        assert states(shop) == ["active"] * 7
        # Somebody comes by in the meantime, and stays.
        Subscriber.objects.filter(
            site=shop, seen_at__lt=timezone.now() - timedelta(days=450), is_test=False
        ).update(seen_at=timezone.now())
        job = finish(Job.objects.get())
        assert (job.state, job.result) == ("done", {"pruned": 2})
        assert states(shop) == [
            "active",
            "active",
            "active",
            "unsubscribed",
            "unsubscribed",
            "active",
            "active",
        ]
        assert states(other) == ["active"]
        assert set(Subscriber.objects.filter(state="unsubscribed").values_list("ended_why", flat=True)) == {
            "dormant"
        }
    text = page_text(client.get(f"/subscribers/shrinking/?site={shop.pk}"))
    assert "2 Not seen for long, unsubscribed in this console" in text
    assert "2 were unsubscribed who had not been seen for 365 days." in text
    assert AuditEntry.objects.latest("pk").action == "subscriber.prune"


@pytest.mark.parametrize("days", ["", "1", "0", "99999", "x"])
def test_other_numbers_are_refused(
    console: Callable[..., Client], acme: Workspace, shop: Site, days: str
) -> None:
    answer = console(acme).post(f"/sites/{shop.pk}/prune/", {"days": days}, follow=True)
    assert "is none of the numbers of days to choose from (90, 180, 365)." in page_text(answer)
    with in_tenant(acme.schema):
        assert Job.objects.count() == 0


def test_a_second_one_waits_for_the_first(
    console: Callable[..., Client], acme: Workspace, shop: Site
) -> None:
    client = console(acme)
    client.post(f"/sites/{shop.pk}/prune/", {"days": "365"})
    answer = client.post(f"/sites/{shop.pk}/prune/", {"days": "90"}, follow=True)
    assert "This is being done already." in page_text(answer)


def test_senders_see_no_button(console: Callable[..., Client], acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        add_people(shop, [ago(500)])
    client = console(acme, add_member(acme, Role.SENDER))
    assert "Unsubscribe 1" not in page_text(client.get(f"/subscribers/shrinking/?site={shop.pk}"))


def test_nothing_is_pruned_unasked(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        add_people(shop, [ago(5000)])
    resume_all()
    with in_tenant(acme.schema):
        assert states(shop) == ["active"]
