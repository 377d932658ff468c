"""Segments on one campaign read its books: the ledger's bits and entries, folded reports and those still to fold."""

from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.delivery.ledger import Entry, pack
from campaigns.delivery.outcomes import Outcome
from campaigns.models import Batch, Campaign, LedgerPage, Receipt, Send
from subscribers.audience import where
from subscribers.models import Site
from subscribers.rules.rule import read
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.people import add_people

SIZE = 20
# Of the root batch's places: what happened to each that was not accepted at once.
LATER = {3: Outcome.ACCEPTED, 4: Outcome.GONE, 9: Outcome.DEFERRED, 17: Outcome.FAILED}
DISPLAYED = {0, 3, 7, 8, 16}
NEW_CLICKS = {0, 19}


def found(site: Site, op: str, campaign: int) -> set[int]:
    rule = read({"match": "all", "rules": [{"field": "campaign", "op": op, "campaign": campaign}]})
    either = read({"match": "any", "rules": [rule.as_json()["rules"][0], {"field": "city", "op": "exists"}]})
    rows = []
    for one in (rule, either):
        meant = where(site.pk, one, timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM subscribers_subscriber person WHERE {meant.text}", meant.values)
            rows.append({pk for (pk,) in cursor.fetchall()})
    assert rows[0] == rows[1]
    return rows[0]


def bits(places: set[int]) -> bytes:
    octets = bytearray(3)
    for place in places:
        octets[place >> 3] |= 0x80 >> (place & 7)
    return bytes(octets)


def make_send(site: Site, campaign: Campaign, ids: list[int], kind: str = "campaign") -> None:
    now = timezone.now()
    send = Send.objects.create(
        campaign=campaign,
        site=site,
        kind=kind,
        state="running",
        content=[],
        rule={},
        seed=1,
        ttl=60,
        due_at=now,
    )
    batch = Batch.objects.create(
        send=send, number=0, ids=ids, size=SIZE, first_id=ids[0], last_id=ids[-1], due_at=now,
        displayed=bits(DISPLAYED), clicked=bits({7})[:1],  # bits behind the last that is set may be missing
    )  # fmt: skip
    for first in (0, 10):
        entries = [
            Entry(place, LATER.get(place, Outcome.ACCEPTED), 2 if place in LATER else 1, 201, 0, "", 0)
            for place in range(first, first + 10)
        ]
        page = pack(entries, now)
        LedgerPage.objects.create(
            batch=batch, root=batch, at=now, first=page.first, last=page.last, accepted=page.accepted,
            entries=page.entries, reasons=page.reasons,
        )  # fmt: skip
    Receipt.objects.bulk_create(Receipt(batch=batch, ordinal=place, kind=2) for place in NEW_CLICKS)


@pytest.mark.django_db
def test_who_received_displayed_or_clicked_a_campaign(acme: Workspace) -> None:
    site = make_site(acme)
    with in_tenant(acme.schema):
        everyone = [row.pk for row in add_people(site, [{}] * (SIZE + 5))]
        ids = everyone[2 : SIZE + 2]
        campaign, other = (Campaign.objects.create(site=site, name=name) for name in ("Sale", "Other"))
        make_send(site, campaign, ids)
        make_send(site, other, everyone[:SIZE], kind="test")

        def of(places: Any) -> set[int]:
            return {ids[place] for place in places}

        accepted = set(range(SIZE)) - {4, 9, 17}
        for op, places in (
            ("received", accepted),
            ("displayed", DISPLAYED),
            ("clicked", {7} | NEW_CLICKS),
        ):
            assert found(site, op, campaign.pk) == of(places), op
            assert found(site, f"not_{op}", campaign.pk) == set(everyone) - of(places), op
            assert found(site, op, other.pk) == set()
