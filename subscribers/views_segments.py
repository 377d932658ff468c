"""Console pages of segments: list with suggestions, builder, live count, delete."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from subscribers.access import access_segment, access_site, chosen_site
from subscribers.actions.segment import SegmentRefused, delete_segment, note_count, save_segment
from subscribers.audience import Busy, TooSlow, count, name_in, slot, where
from subscribers.forms_segment import PreviewForm, SegmentForm
from subscribers.hints import hints
from subscribers.models import Segment, Site
from subscribers.rules.arguments import RuleRefused
from subscribers.rules.rule import read
from subscribers.rules.sentence import Name, sentence
from subscribers.rules.suggested import SUGGESTED
from subscribers.rules.things import THINGS
from subscribers.rules.vocabulary import vocabulary
from subscribers.segment_preview import SLOW_MS, preview
from subscribers.segment_users import users_of
from subscribers.suggestions import suggestions
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest

# A list that is looked at counts anew what was counted longer ago.
STALE = timedelta(minutes=10)
_EMPTY = {"match": "all", "rules": []}


@console(Role.ANALYST)
def segment_list(request: ConsoleRequest) -> HttpResponse:
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.GET.get("site", ""))
    name_of = name_in(site.pk) if site else None
    rows = [_row(segment, name_of) for segment in Segment.objects.filter(site=site)] if name_of else []
    new_url = f"{reverse('subscribers:segment_new')}?site={site.pk}" if site else ""
    context = {"sites": sites, "site": site, "rows": rows, "new_url": new_url}
    return render(request, "subscribers/segment_list.html", context)


def _row(segment: Segment, name_of: Name | None = None) -> dict[str, Any]:
    counted_at = segment.counted_at
    return {
        "segment": segment,
        "says": sentence(read(segment.rule), name_of=name_of or name_in(segment.site_id)),
        "is_slow": segment.count_ms is not None and segment.count_ms > SLOW_MS,
        "is_stale": counted_at is None or timezone.now() - counted_at > STALE,
    }


@console(Role.ANALYST)
def suggested(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Answer the part of the list that counts: it comes by itself, so that the page need not wait for it."""
    site = access_site(pk)
    try:
        with slot():
            context = suggestions(site)
    except Busy:
        context = {"is_busy": True}
    return render(request, "subscribers/_suggested.html", {"site": site, **context})


@console(Role.ANALYST, write=True, even_suspended=True)
def segment_count(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Count one segment anew and answer its cell of the list."""
    segment = access_segment(pk)
    state = ""
    try:
        with slot():
            meant = where(segment.site_id, read(segment.rule), timezone.now())
            note_count(segment, count(meant, milliseconds=5000))
    except (Busy, TooSlow) as error:
        state = "busy" if isinstance(error, Busy) else "slow"
    segment.refresh_from_db()
    return render(request, "subscribers/_segment_count.html", {**_row(segment), "state": state})


@console(Role.EDITOR, form=True)
def segment_new(request: ConsoleRequest) -> HttpResponse:
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.GET.get("site", ""))
    if site is None:
        messages.info(request, "Add your website first: a segment is a part of a website's subscribers.")
        return redirect("subscribers:site_new")
    name, rule = _start(request)
    initial = {"site": site, "name": name, "rule": json.dumps(rule)}
    form = SegmentForm(request.POST or None, initial=initial, is_new=True)
    if request.method == "POST" and form.is_valid() and (saved := _save(request, form, None)):
        messages.success(request, f"Segment “{saved.name}” saved.")
        return redirect("subscribers:segment", saved.pk)
    return render(request, "subscribers/segment_form.html", _context(form, site, None))


def _start(request: ConsoleRequest) -> tuple[str, Any]:
    """What the builder begins with: nothing, a suggestion, or a rule of one value (from the suggested list)."""
    found = SUGGESTED.get(request.GET.get("suggested", ""))
    if found:
        return found.name, found.rule
    try:
        rule = read(json.loads(request.GET.get("rule", "")[:4000])).as_json()
    except (ValueError, RecursionError):
        rule = _EMPTY
    return request.GET.get("name", "")[:120], rule


@console(Role.ANALYST)
def segment(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show whom a segment means, by which rule, and who uses it."""
    found = access_segment(pk)
    context = {**_row(found), "users": users_of(found), "rule": json.dumps(found.rule)}
    return render(request, "subscribers/segment.html", context)


@console(Role.EDITOR, form=True)
def segment_edit(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_segment(pk)
    initial = {"site": found.site, "name": found.name, "rule": json.dumps(found.rule)}
    form = SegmentForm(request.POST or None, initial=initial, is_new=False)
    if request.method == "POST" and form.is_valid() and (saved := _save(request, form, found)):
        messages.success(request, f"Segment “{saved.name}” saved.")
        return redirect("subscribers:segment", saved.pk)
    return render(request, "subscribers/segment_form.html", _context(form, found.site, found))


def _save(request: ConsoleRequest, form: SegmentForm, known: Segment | None) -> Segment | None:
    try:
        return save_segment(
            actor=request.user,
            tenant=request.tenant,
            site=form.cleaned_data["site"],
            name=form.cleaned_data["name"],
            rule=form.cleaned_data["rule"],
            segment=known,
        )
    except SegmentRefused as error:
        form.add_error("name", str(error))
    except RuleRefused as error:
        form.add_error("rule", str(error))
    return None


def _context(form: SegmentForm, site: Site, found: Segment | None) -> dict[str, Any]:
    others = Segment.objects.filter(site=site).exclude(pk=found.pk if found else 0)
    options = {
        **hints(site.pk),
        "segment": [{"value": other.pk, "label": other.name} for other in others],
        **{key: _options(thing.choices(site.pk)) for key, thing in THINGS.items()},
    }
    return {
        "form": form,
        "site": site,
        "segment": found,
        "builder": {"fields": vocabulary(), "options": options},
    }


def _options(choices: list[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"value": pk, "label": name} for pk, name in choices]


@console(Role.ANALYST, write=True, even_suspended=True)
def segment_preview(request: ConsoleRequest) -> HttpResponse:
    """Answer the builder's live part; a rule that is not finished is said to be so, not an error."""
    form = PreviewForm(request.POST)
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            found = preview(
                form.cleaned_data["site"], form.cleaned_data["rule"], refine=form.cleaned_data["refine"]
            )
            context = {"preview": found}
        except RuleRefused as error:
            context = {"problem": str(error)}
    else:
        context = {"problem": " ".join(str(error) for errors in form.errors.values() for error in errors)}
    return render(request, "subscribers/_segment_preview.html", context)


@console(Role.EDITOR, write=True)
def segment_delete(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_segment(pk)
    try:
        delete_segment(actor=request.user, tenant=request.tenant, segment=found)
    except SegmentRefused as error:
        messages.error(request, str(error))
        return redirect("subscribers:segment", pk)
    messages.success(
        request, f"Segment “{found.name}” deleted. Campaigns that were sent to it keep its rule."
    )
    return redirect(f"{reverse('subscribers:segment_list')}?site={found.site_id}")
