"""A visitor who left and comes back is gained today; the days in between stay as they were."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from subscribers.figures import last_days
from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tests.conftest import Workspace
from tests.subscribers.samples import Browser, subscribe
from truepush.lib.user_agent import MOST_CHARACTERS, _read, read_user_agent


def test_a_return_counts_from_today(acme: Workspace, shop: Site, sdk: Client) -> None:
    browser = Browser()
    subscribe(sdk, shop, browser.json())
    now = timezone.now()
    with in_tenant(acme.schema):
        Subscriber.objects.update(
            subscribed_at=now - timedelta(days=20), state="unsubscribed", ended_at=now - timedelta(days=10)
        )
    assert subscribe(sdk, shop, browser.json()).status_code == 200
    with in_tenant(acme.schema):
        row = Subscriber.objects.get()
        figures = last_days()[shop.pk]
    assert (row.state, row.ended_at, row.subscribed_at > now - timedelta(days=1)) == ("active", None, True)
    assert (figures["total"], figures["gained"], figures["lost"]) == (1, 1, 0)


def test_a_visit_of_an_active_subscriber_does_not_move_the_day(
    acme: Workspace, shop: Site, sdk: Client
) -> None:
    browser = Browser()
    subscribe(sdk, shop, browser.json())
    came = timezone.now() - timedelta(days=20)
    with in_tenant(acme.schema):
        Subscriber.objects.update(subscribed_at=came)
    subscribe(sdk, shop, browser.json())
    with in_tenant(acme.schema):
        assert Subscriber.objects.get().subscribed_at == came


def test_what_is_remembered_of_a_user_agent_is_bounded() -> None:
    """A header may have hundreds of kilobytes; only its beginning is a key of the cache."""
    _read.cache_clear()
    start = "x" * MOST_CHARACTERS
    assert read_user_agent(start + "a" * 100_000) == read_user_agent(start + "b")
    assert _read.cache_info().currsize == 1
