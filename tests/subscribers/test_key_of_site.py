"""The database holds that a subscriber's website and key are there, and that the key is that website's."""

import pytest
from django.db import IntegrityError, connection, models, transaction

from subscribers.models import Site, Subscriber, VapidKey
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.people import add_people


def check_now() -> None:
    """The constraint is deferred; Django's tests never commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(rows: models.QuerySet[Subscriber], **changes: object) -> bool:
    try:
        with transaction.atomic():
            rows.update(**changes)
            check_now()
    except IntegrityError as error:
        return "subscriber_key_of_site" in str(error)
    return False


def test_a_key_is_of_the_same_website_and_both_are_there(acme: Workspace, shop: Site) -> None:
    other = make_site(acme, origin="https://other.example")
    with in_tenant(acme.schema):
        [person] = add_people(shop, [{}])
        rows = Subscriber.objects.filter(pk=person.pk)
        own, foreign = VapidKey.objects.get(site=shop), VapidKey.objects.get(site=other)
        assert refused(rows, vapid_key=foreign)
        assert refused(rows, site=other)
        assert refused(rows, vapid_key_id=own.pk + 1_000)
        assert refused(rows, site_id=shop.pk + 1_000, vapid_key_id=own.pk + 1_000)
        assert not refused(rows, site=other, vapid_key=foreign)


def test_no_key_goes_while_it_has_subscribers(acme: Workspace, shop: Site) -> None:
    """Past Django, whose collector would look for them. The key's own reference keeps the website."""
    with in_tenant(acme.schema):
        add_people(shop, [{}])
        check_now()
        with pytest.raises(IntegrityError, match="subscriber_key_of_site"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM subscribers_vapidkey")
            check_now()
        assert (VapidKey.objects.count(), Subscriber.objects.count()) == (1, 1)


def test_a_website_without_subscribers_can_go_with_its_keys(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        [person] = add_people(shop, [{}])
        with pytest.raises(models.ProtectedError):
            VapidKey.objects.get(site=shop).delete()
        Subscriber.objects.filter(pk=person.pk).delete()
        check_now()
        Site.objects.get(pk=shop.pk).delete()
        check_now()
        assert (Site.objects.count(), VapidKey.objects.count()) == (0, 0)
