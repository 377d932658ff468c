"""Two workspaces with the same primary keys in every tenant table, and a mark of its own in every text column.

Rows are made from the models as they are, so a new table or column is filled without a change here. What a column
must look like to be shown at all (an address, JSON of a certain form) is said in SHAPES.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils import timezone

from campaigns.delivery.ab import AbTest
from subscribers.actions.subscription import digest_of
from subscribers.models import Segment, Site
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, SendIndex, SiteIndex, Tenant
from tenants.site_index import forget_all
from tests.conftest import Workspace

BOTH = (1, 2, 3)
# One digit: with it a mark still fits columns of eight characters.
ONLY_SECOND = (7, 8, 9)
# Marks need six characters; these columns are shorter.
TOO_SHORT = {"subscribers.subscriber.country", "subscribers.funnelcount.country", "campaigns.image.extension"}
Shape = Callable[[str, int], Any]


def models_of_tenants() -> list[type[models.Model]]:
    return [model for app in ("subscribers", "campaigns") for model in apps.get_app_config(app).get_models()]


def name_of(field: Any) -> str:
    return f"{field.model._meta.label_lower}.{field.name}"


def is_text(field: Any) -> bool:
    """Tell columns that hold words of people or programs; choices are a fixed list and say nothing of anybody."""
    base = field.base_field if isinstance(field, ArrayField) else field
    return isinstance(base, models.CharField | models.TextField | models.JSONField) and not base.choices


@lru_cache(maxsize=1)
def text_columns() -> tuple[str, ...]:
    """Name every text column of every tenant table, and those of the public tables that belong to a tenant."""
    public = [SiteIndex, SendIndex, AuditEntry, Tenant]
    found = [
        name_of(f) for m in [*models_of_tenants(), *public] for f in m._meta.concrete_fields if is_text(f)
    ]
    return tuple(name for name in found if name not in TOO_SHORT)


# A draft with changes that are not saved; what is saved of it is on no page then.
TYPED = 8
# One that waits for approval.
WAITING = 9


def is_draft(pk: int) -> bool:
    """Of each range one campaign is a draft, so that the composer is seen as well as the report."""
    return pk % 3 == 2


def _content(mark: str, pk: int) -> list[dict[str, str]]:
    url = f"https://{mark}.example/page"
    first = {
        "title": f"{mark} title",
        "body": f"{mark} body",
        "url": url,
        "icon_url": f"{url}.png",
        "image_url": "",
    }
    return [first, {**first, "title": f"{mark} other"}]


def _export(mark: str, pk: int) -> dict[str, Any]:
    return {"format": "csv", "at": "2026-11-27T00:00:00+00:00", "segment": pk, "name": mark}


def _import(mark: str, pk: int) -> dict[str, Any]:
    return {"kind": "subscriptions", "provider": "other", "key": pk, "name": mark}


SHAPES: dict[str, Shape] = {
    "campaigns.receipt.kind": lambda mark, pk: 1,
    # One entry: ordinal 0 failed, for the first of the page's reasons.
    "campaigns.ledgerpage.entries": lambda mark, pk: struct.pack(">IBBHIHI", 0, 3, 1, 400, 0, 1, 0),
    "subscribers.site.origin": lambda mark, pk: f"https://{mark}.example",
    "subscribers.site.aliases": lambda mark, pk: [f"https://www.{mark}.example"],
    "subscribers.site.icon_url": lambda mark, pk: f"https://{mark}.example/icon.png",
    "subscribers.site.worker_path": lambda mark, pk: f"/{mark}/worker.js",
    "subscribers.vapidkey.state": lambda mark, pk: "current",
    "subscribers.subscriber.endpoint_digest": lambda mark, pk: digest_of(mark),
    "subscribers.subscriber.ended_at": lambda mark, pk: None,
    "subscribers.eventfact.recent": lambda mark, pk: [timezone.now()],
    "subscribers.segment.rule": lambda mark, pk: {
        "match": "all",
        "rules": [{"field": "external_id", "op": "is", "values": [mark]}],
    },
    "subscribers.prompt.texts": lambda mark, pk: {
        "": {"title": mark, "text": "", "allow": "Yes", "later": "No"}
    },
    "subscribers.prompt.look": lambda mark, pk: {
        "position": "top",
        "accent": "",
        "ink": "",
        "paper": "",
        "logo": f"https://{mark}.example/logo.png",
    },
    "subscribers.prompt.when": lambda mark, pk: {
        "delay": 0,
        "scroll": 0,
        "pages": 1,
        "visits": 1,
        "exit": False,
        "only": [f"/{mark}"],
        "never": [],
    },
    "subscribers.prompt.topics": lambda mark, pk: [{"tag": mark, "label": {"": mark}, "on": True}],
    "subscribers.prompt.rival": lambda mark, pk: None,
    "subscribers.prompt.again": lambda mark, pk: [3],
    "subscribers.funnelcount.day": lambda mark, pk: timezone.now().date(),
    "subscribers.prompt.kind": lambda mark, pk: "bell",
    "subscribers.prompt.is_live": lambda mark, pk: True,
    "subscribers.prompt.live_at": lambda mark, pk: timezone.now(),
    "subscribers.job.kind": lambda mark, pk: "import" if is_draft(pk) else "export",
    "subscribers.job.state": lambda mark, pk: "failed",
    "subscribers.job.wish": lambda mark, pk: _import(mark, pk) if is_draft(pk) else _export(mark, pk),
    "subscribers.job.result": lambda mark, pk: {"note": mark},
    "subscribers.vapidkey.worker_path": lambda mark, pk: f"/{mark}/old.js",
    "subscribers.site.restraint": lambda mark, pk: {"per_day": pk + 1, "note": mark},
    "subscribers.site.checked": lambda mark, pk: {
        "state": "done",
        "asked_at": "2020-01-01T00:00:00+00:00",
        "at": "2020-01-01T00:00:00+00:00",
        "seconds": 1,
        "findings": [{"state": "warning", "title": mark}],
    },
    # So old that nobody believes it.
    "subscribers.site.figures": lambda mark, pk: {"at": "2020-01-01T00:00:00+00:00", "note": mark},
    "subscribers.site.time_zone": lambda mark, pk: mark,
    "campaigns.campaign.schedule": lambda mark, pk: {"at": "2026-12-01T09:00", "zone": "UTC", "ended": mark},
    "campaigns.campaign.wish": lambda mark, pk: {
        "timing": {"at": "2099-12-01T09:00", "zone": mark},
        "by": pk,
    },
    "campaigns.campaign.leave_out": lambda mark, pk: {"dormant_days": 90, "note": mark},
    "campaigns.campaign.also": lambda mark, pk: [],
    "campaigns.campaign.excluded": lambda mark, pk: [pk],
    "campaigns.campaign.typed": lambda mark, pk: urlencode({"title": mark}) if pk == TYPED else "",
    "campaigns.campaign.archived_at": lambda mark, pk: None,
    "campaigns.send.canary": lambda mark, pk: {"state": "stop", "said": mark},
    "campaigns.send.ab": lambda mark, pk: {
        **AbTest(shares=(50, 50), first=10).as_json(),
        "state": "ask",
        "said": mark,
    },
    "campaigns.send.breakdown": lambda mark, pk: {"by": {"country": [[mark, 1, 1, 1, 1]]}},
    "campaigns.send.timing": lambda mark, pk: {
        "zone": "UTC",
        "local": "2026-12-01T09:00",
        "past": "skip",
        "left_out": {mark: 1},
    },
    "campaigns.campaign.segment": lambda mark, pk: Segment(pk=pk),
    "campaigns.campaign.state": lambda mark, pk: (
        "draft" if is_draft(pk) else "waiting" if pk == WAITING else "launched"
    ),
    "campaigns.message.variant": lambda mark, pk: 0,
    "campaigns.message.url": lambda mark, pk: f"https://{mark}.example/page",
    "campaigns.message.icon_url": lambda mark, pk: f"https://{mark}.example/icon.png",
    "campaigns.message.image_url": lambda mark, pk: f"https://{mark}.example/image.png",
    "campaigns.message.badge_url": lambda mark, pk: f"https://{mark}.example/badge.png",
    "campaigns.message.utm": lambda mark, pk: {"source": mark},
    "campaigns.message.translations": lambda mark, pk: {"de": {"title": mark, "body": "", "url": ""}},
    "campaigns.message.buttons": lambda mark, pk: [
        {"title": mark, "url": f"https://{mark}.example", "icon_url": ""}
    ],
    "campaigns.image.kind": lambda mark, pk: "icon",
    "campaigns.image.extension": lambda mark, pk: "png",
    "campaigns.send.kind": lambda mark, pk: "test" if is_draft(pk) else "campaign",
    "campaigns.send.state": lambda mark, pk: "finished",
    "campaigns.send.content": _content,
    "campaigns.send.rule": lambda mark, pk: {"everyone": True, "note": mark},
    "campaigns.send.reasons": lambda mark, pk: {f"failed {mark} 503": 1},
    "campaigns.send.launched_at": lambda mark, pk: timezone.now(),
    "campaigns.send.finished_at": lambda mark, pk: timezone.now(),
    "campaigns.send.audience": lambda mark, pk: 1,
    "campaigns.send.failed": lambda mark, pk: 1,
    "campaigns.capuse.sends": lambda mark, pk: [pk],
    "campaigns.capuse.times": lambda mark, pk: [timezone.now()],
    "campaigns.engagement.sends": lambda mark, pk: [pk],
    "campaigns.batch.root": lambda mark, pk: None,
    "campaigns.batch.ids": lambda mark, pk: [pk],
    "campaigns.batch.size": lambda mark, pk: 1,
    "campaigns.batch.ordinals": lambda mark, pk: None,
    "campaigns.receipt.ordinal": lambda mark, pk: 0,
    "tenants.siteindex.origins": lambda mark, pk: [f"https://{mark}.example"],
}


@dataclass(frozen=True)
class Marks:
    """`place` is "a" or "b": zqa000 to zqa999 are the marks of the first workspace's columns."""

    place: str

    def of(self, column: str) -> str:
        return f"zq{self.place}{text_columns().index(column):03d}"

    def in_text(self, text: str) -> set[str]:
        """Find this workspace's marks; standing alone, since tokens are random letters and hold anything by chance."""
        return set(re.findall(rf"(?<![a-z0-9])zq{self.place}\d{{3}}(?![a-z0-9])", text))

    def all(self) -> dict[str, str]:
        return {f"zq{self.place}{number:03d}": column for number, column in enumerate(text_columns())}


def _plain(field: Any, pk: int) -> Any:
    """A value for a column that needs one and is not text."""
    if field.primary_key or isinstance(field, models.ForeignKey):
        return pk
    if field.null:
        return None
    if isinstance(field, models.DateTimeField):
        return timezone.now() - timedelta(days=1)
    if isinstance(field, models.BinaryField):
        return bytes([pk]) * (field.max_length or 1)
    if isinstance(field, models.IntegerField):
        return pk
    raise AssertionError(f"say in SHAPES what a row of the test has in {name_of(field)}")


def _value(field: Any, mark: str, pk: int) -> Any:
    if isinstance(field, ArrayField):
        return [mark] if is_text(field) else [pk]
    if isinstance(field, models.JSONField):
        return {"note": mark}
    return mark[: field.max_length] if is_text(field) else _plain(field, pk)


def row(model: type[models.Model], marks: Marks, pk: int) -> models.Model:
    """Build one row; columns with a default keep it unless they are text or have a shape."""
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        name = name_of(field)
        mark = f"{marks.of(name)}-{pk}" if is_text(field) and name not in TOO_SHORT else str(pk)
        if name in SHAPES:
            values[field.name] = SHAPES[name](mark, pk)
        elif is_text(field) and name not in TOO_SHORT:
            values[field.name] = _value(field, mark, pk)
        elif not (field.has_default() or field.has_db_default() or field.blank) or field.primary_key:
            values[field.attname] = _plain(field, pk)
    return model(**values)


def fill(place: Workspace, letter: str, pks: tuple[int, ...]) -> None:
    """Give the workspace its rows, their entries in the public tables, and a marked name."""
    fill_with(Marks(letter), place, pks)


def fill_with(marks: Marks, place: Workspace, pks: tuple[int, ...]) -> None:
    with in_tenant(place.schema):
        for model in models_of_tenants():
            model._default_manager.bulk_create([row(model, marks, pk) for pk in pks])
            if isinstance(model._meta.pk, models.AutoField):
                _number_from(101, model._meta.db_table)
        keys = dict(Site.objects.values_list("pk", "site_key"))
    for pk in pks:
        own = {"tenant_id": place.tenant.pk, "schema_name": place.schema}
        index, send = row(SiteIndex, marks, pk), row(SendIndex, marks, pk)
        for entry in (index, send):
            entry.pk = None
        SiteIndex.objects.create(**{**_given(index), **own, "site_id": pk, "site_key": keys[pk]})
        SendIndex.objects.create(**{**_given(send), **own, "send_id": pk})
    words = ("actor", "action", "target", "address", "request_id")
    audit: dict[str, Any] = {name: marks.of(f"tenants.auditentry.{name}") for name in words}
    audit |= {
        name: {"note": marks.of(f"tenants.auditentry.{name}")} for name in ("detail", "before", "after")
    }
    AuditEntry.objects.create(**audit, tenant_id=place.tenant.pk)
    Tenant.objects.filter(pk=place.tenant.pk).update(
        name=marks.of("tenants.tenant.name"),
        state_detail=marks.of("tenants.tenant.state_detail"),
        migration_error=marks.of("tenants.tenant.migration_error"),
    )
    forget_all()


def _number_from(first: int, table: str) -> None:
    """Let rows that a test makes begin there: those of the fill chose their ids themselves."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), greatest(nextval(pg_get_serial_sequence(%s, 'id')), %s))",
            [table, table, first - 1],
        )


def _given(entry: models.Model) -> dict[str, Any]:
    names = {f.attname for f in entry._meta.concrete_fields if not f.primary_key and not f.has_db_default()}
    return {name: getattr(entry, name) for name in names}


def site_key(place: Workspace, pk: int) -> str:
    with in_tenant(place.schema):
        return str(Site.objects.values_list("site_key", flat=True).get(pk=pk))


def snapshot(place: Workspace) -> dict[str, list[dict[str, Any]]]:
    """Read every row of every tenant table, and the tenant's rows in the public tables."""
    with in_tenant(place.schema):
        found = {m._meta.label: list(m._default_manager.order_by("pk").values()) for m in models_of_tenants()}
    for model in (SiteIndex, SendIndex):
        found[model._meta.label] = list(
            model.objects.filter(tenant_id=place.tenant.pk).order_by("pk").values()
        )
    return found
