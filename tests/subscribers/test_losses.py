"""Why the audience shrank, in numbers and words."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from subscribers.actions.subscription import disable, mark_gone
from subscribers.losses import dormant, losses
from subscribers.models import Site
from tenants.doorway import in_tenant
from tests.conftest import Workspace
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people

pytestmark = pytest.mark.django_db


def test_each_week_says_who_left_and_why(acme: Workspace, console: Callable[..., Client], shop: Site) -> None:
    now = timezone.now()
    left = {"state": "unsubscribed", "ended_at": now, "ended_why": "visitor"}
    with in_tenant(acme.schema):
        fcm = add_people(shop, [{}] * 3)
        apple = add_people(shop, [{"service": "apple"}, {"service": "apple"}])
        add_people(shop, [left, {**left, "service": "apple"}, {**left, "is_test": True}])
        add_people(shop, [{**left, "ended_at": now - timedelta(weeks=2)}])
        add_people(shop, [{**left, "ended_at": now - timedelta(weeks=30)}])
        mark_gone([fcm[0].pk, fcm[1].pk, apple[0].pk], why="410")
        disable([apple[1].pk])
        weeks = losses(shop.pk)
    assert len(weeks) == 12
    assert weeks[0].left == [
        ("410 from Google (FCM): its data was cleared, or permission was taken away", 2),
        ("Unsubscribed on the website", 2),
        ("410 from Apple: its data was cleared, or permission was taken away", 1),
        ("Paused: made with another server key (Apple)", 1),
    ]
    assert (weeks[0].total, weeks[0].came, weeks[1].total, weeks[2].total) == (6, 1, 0, 1)
    page = page_text(console(acme).get("/subscribers/shrinking/"))
    assert "2 410 from Google (FCM)" in page


def test_those_not_seen_for_long_are_counted_and_lead_to_a_segment(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    now = timezone.now()
    with in_tenant(acme.schema):
        add_people(shop, [{"seen_at": now - timedelta(days=days)} for days in (1, 91, 100, 200, 400)])
        assert dormant(shop.pk) == [(90, 4), (180, 2), (365, 1)]
    page = console(acme).get("/subscribers/shrinking/").content.decode()
    assert f"/segments/new/?site={shop.pk}&amp;name=Not+seen+for+90+days" in page
