"""Save and delete segments, and note what a count of one said."""

from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now
from django.utils import timezone

from subscribers.audience import Count, lookup_in
from subscribers.models import Segment, Site
from subscribers.rules.arguments import RuleRefused
from subscribers.rules.compile import compile_rule
from subscribers.rules.rule import Group
from subscribers.segment_users import release, users_of
from tenants.actions import audit
from tenants.models import Tenant, User

MOST_SEGMENTS = 500


class SegmentRefused(ValueError):
    """The segment cannot be saved or deleted as asked; the text says why and what to do."""


@transaction.atomic
def save_segment(
    *, actor: User | None, tenant: Tenant, site: Site, name: str, rule: Group, segment: Segment | None = None
) -> Segment:
    """Create a segment or change one; raises SegmentRefused for a name that is taken, RuleRefused for the rule."""
    # The website's segments use each other: one at a time, or two could come to use each other.
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    if segment is None and Segment.objects.filter(site=site).count() >= MOST_SEGMENTS:
        raise SegmentRefused(
            f"{site.name} has {MOST_SEGMENTS} segments already. Delete one that nobody uses."
        )
    fresh = {"counted": None, "counted_at": None, "count_ms": None, "updated_at": Now()}
    before, was = (_told(segment), segment.rule) if segment else (None, None)
    values = {"name": name, "rule": rule.as_json(), **fresh}
    try:
        with transaction.atomic():
            if segment is None:
                segment = Segment.objects.create(site=site, created_by=actor.pk if actor else None, **values)
            else:
                Segment.objects.filter(pk=segment.pk).update(**values)
    except IntegrityError:
        raise SegmentRefused(
            f"There is a segment “{name}” on this website already. Choose another name."
        ) from None
    saved = Segment.objects.get(pk=segment.pk)
    _check_all(saved)
    audit.record(
        "segment.save", actor=actor, tenant_id=tenant.pk, target=f"segment {saved.pk}",
        before=before, after=_told(saved), rule_changed=before is not None and was != saved.rule,
    )  # fmt: skip
    return saved


def _told(segment: Segment) -> dict[str, Any]:
    """What the audit log keeps of it: not what its conditions compare with, which may name a person who is erased."""
    return {"name": segment.name, "conditions": list(_conditions(segment.rule))}


def _conditions(raw: Any) -> Iterator[str]:
    """Name fields and operators of a rule as it is stored, which may be of a field that is no more."""
    for one in raw.get("rules", ()):
        if "rules" in one:
            yield from _conditions(one)
        else:
            yield f"{one.get('field')} {one.get('op')}"


def _check_all(saved: Segment) -> None:
    """Refuse what would make this segment, or one that uses it, impossible to compile: circles, too much in all."""
    lookup, now = lookup_in(saved.site_id), timezone.now()
    for other in Segment.objects.filter(site_id=saved.site_id).order_by("pk"):
        try:
            compile_rule(lookup(other.pk), now=now, lookup=lookup, inside=(other.pk,))
        except RuleRefused as error:
            if other.pk == saved.pk:
                raise
            raise RuleRefused(
                "rule", f"“{other.name}” uses this segment, and then: {error.problem}"
            ) from None


@transaction.atomic
def delete_segment(*, actor: User | None, tenant: Tenant, segment: Segment) -> None:
    """Delete a segment that nothing needs; raises SegmentRefused with the list of its users."""
    Site.objects.select_for_update(no_key=True).get(pk=segment.site_id)
    pk, users = segment.pk, users_of(segment)
    if users:
        raise SegmentRefused(f"“{segment.name}” is used by {', '.join(users)}. Change these first.")
    release(segment)
    try:
        segment.delete()
    except ProtectedError:
        raise SegmentRefused(
            f"“{segment.name}” was taken into use a moment ago. Look again who uses it."
        ) from None
    audit.record(
        "segment.delete", actor=actor, tenant_id=tenant.pk, target=f"segment {pk}", before=_told(segment),
    )  # fmt: skip


def note_count(segment: Segment, counted: Count) -> None:
    """Remember an exact count, by which lists show how large and how slow a segment is."""
    Segment.objects.filter(pk=segment.pk, updated_at=segment.updated_at).update(
        counted=counted.total, counted_at=Now(), count_ms=counted.ms
    )
