"""Find what a customer speaks of, in all workspaces or in one, in bounded time; what was left out is said."""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import Max, Q
from django.urls import reverse

from campaigns.models import Campaign
from subscribers.audience import TooSlow, patience, read_rows
from subscribers.models import Subscriber
from subscribers.rules.sql import Sql, begins_with
from subscribers.subscriber_list import search_kinds
from tenants.doorway import in_tenant
from tenants.models import Membership, SendIndex, SiteIndex, Tenant, User
from truepush.lib.ids import read_id

LEAST, MOST = 2, 128
# Of each kind of thing, and in each workspace.
PER_KIND, PER_WORKSPACE = 20, 5
MOST_FOUND = 60
# How long workspaces are visited, and each query at most.
PATIENCE_SECONDS, PATIENCE_MS = 4.0, 500


class Hit(NamedTuple):
    """A line of the answer: what it is, in which workspace, and the page that it leads to."""

    name: str
    note: str
    workspace: str
    path: str


@dataclass
class Found:
    """`skipped` did not answer in time or are not migrated; `rest`, those after the workspace `after`, wait."""

    groups: dict[str, list[Hit]] = field(default_factory=dict)
    visited: int = 0
    skipped: list[str] = field(default_factory=list)
    rest: int = 0
    after: int = 0

    def add(self, kind: str, hits: list[Hit]) -> None:
        if hits:
            self.groups.setdefault(kind, []).extend(hits)

    @property
    def total(self) -> int:
        return sum(len(hits) for hits in self.groups.values())


def search(text: str, *, within: Tenant | None = None, after: int = 0, people: bool = True) -> Found:
    """Look `text` up: first what the public schema knows, then each workspace from `after` on until time is up."""
    found = Found()
    if not after:
        try:
            with patience(PATIENCE_MS):
                _search_books(text, within, found, people=people)
        except TooSlow:
            found.skipped.append("names of workspaces, websites and people")
    with_schema = Tenant.objects.exclude(state__in=Tenant.NO_SCHEMA).order_by("pk")
    places = list(with_schema.filter(pk=within.pk) if within else with_schema.filter(pk__gt=after))
    until = time.monotonic() + PATIENCE_SECONDS
    for number, tenant in enumerate(places):
        # Never before the first: what the books give alone may be enough, and going on is to get on.
        if number and (time.monotonic() > until or found.total >= MOST_FOUND):
            found.rest, found.after = len(places) - number, places[number - 1].pk
            break
        if tenant.migration_error:
            found.skipped.append(tenant.name)
            continue
        try:
            with in_tenant(tenant.schema_name), patience(PATIENCE_MS):
                _search_workspace(text, tenant, found)
        except TooSlow:
            found.skipped.append(tenant.name)
        else:
            found.visited += 1
    return found


def _search_books(text: str, within: Tenant | None, found: Found, *, people: bool) -> None:
    page = "staff:workspace"
    tenants = Tenant.objects.filter(Q(name__icontains=text) | Q(slug__icontains=text))
    if not within:
        found.add(
            "Workspaces",
            [Hit(t.name, t.slug, t.name, reverse(page, args=[t.pk])) for t in tenants[:PER_KIND]],
        )
    sites = SiteIndex.objects.filter(
        Q(name__icontains=text) | Q(site_key__startswith=text) | Q(origins__icontains=text)
    )
    members = Membership.objects.filter(user__email__icontains=text).select_related("user", "tenant")
    sends = SendIndex.objects.filter(send_id=read_id(text))
    if within:
        sites, members = sites.filter(tenant_id=within.pk), members.filter(tenant=within)
        sends = sends.filter(tenant_id=within.pk)
    rows: list[Any] = [*sites[:PER_KIND], *sends[:PER_KIND]]
    names = Tenant.objects.in_bulk({row.tenant_id for row in rows})
    for row in rows:
        tenant = names.get(row.tenant_id)
        name = tenant.name if tenant else row.schema_name
        if isinstance(row, SiteIndex):
            path = reverse("admin:tenants_siteindex_change", args=[row.pk])
            found.add("Websites", [Hit(row.name, ", ".join([row.site_key, *row.origins]), name, path)])
        else:
            hit = Hit(f"Send {row.send_id}", row.state, name, reverse("staff:send", args=[row.pk]))
            found.add("Sends", [hit])
    if people:
        _add_people(text, within, members[:PER_KIND], found)


def _add_people(text: str, within: Tenant | None, members: Any, found: Found) -> None:
    hits = [
        Hit(
            m.user.email,
            m.get_role_display(),
            m.tenant.name,
            reverse("admin:tenants_user_change", args=[m.user_id]),
        )
        for m in members
    ]
    if not within:
        for user in User.objects.filter(email__icontains=text, memberships=None)[:PER_KIND]:
            path = reverse("admin:tenants_user_change", args=[user.pk])
            hits.append(Hit(user.email, "in no workspace", "", path))
    found.add("People", hits)


def _search_workspace(text: str, tenant: Tenant, found: Found) -> None:
    """Look subscribers and campaigns up, each by an index or among few; raises TooSlow."""
    path = reverse("staff:workspace", args=[tenant.pk])
    kinds = search_kinds(text)
    picked = " UNION ".join(
        f"(SELECT person.id FROM subscribers_subscriber person WHERE {kind.text} LIMIT %s)"  # noqa: S608
        for kind in kinds
    )
    values = tuple(value for kind in kinds for value in (*kind.values, PER_WORKSPACE))
    ids = [pk for (pk,) in read_rows(picked, Sql("", values), PATIENCE_MS)][:PER_WORKSPACE]
    people = Subscriber.objects.filter(pk__in=ids).select_related("site").order_by("pk") if ids else ()
    found.add(
        "Subscribers",
        [Hit(f"Subscriber {row.pk}", _says(row), tenant.name, path) for row in people],
    )
    like = Sql("", (f"%{begins_with(text)}", PER_WORKSPACE))
    named = read_rows(
        "SELECT id, name FROM campaigns_campaign WHERE name ILIKE %s LIMIT %s", like, PATIENCE_MS
    )
    if named:
        _add_sends(dict(named), tenant, found)


def _says(row: Subscriber) -> str:
    parts = [row.external_id, row.get_state_display(), row.site.name, row.browser]
    return ", ".join(part for part in parts if part)


def _add_sends(names: dict[int, str], tenant: Tenant, found: Found) -> None:
    """Lead to the newest send of each campaign of that name; one that was never sent leads to its workspace."""
    rows = list(Campaign.objects.filter(pk__in=names).annotate(last=Max("sends")).order_by("-pk"))
    sends = [row.last for row in rows if row.last]
    index = dict(
        SendIndex.objects.filter(tenant_id=tenant.pk, send_id__in=sends).values_list("send_id", "pk")
    )
    for row in rows:
        pk = index.get(row.last)
        path = reverse("staff:send", args=[pk]) if pk else reverse("staff:workspace", args=[tenant.pk])
        found.add("Campaigns", [Hit(row.name, row.get_state_display(), tenant.name, path)])
