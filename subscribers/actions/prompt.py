"""Make, change, order and remove opt-in prompts, set them live, and try two beside each other."""

from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Coalesce, Now

from subscribers.models import Prompt, Site
from subscribers.prompts import SEEN, SWITCHES, PromptRefused, check_design, design_of
from tenants.actions import audit
from tenants.models import Tenant, User

MOST_PROMPTS = 20
MOST_NAME = 80


def _lock(site_id: int) -> Site:
    """A website's prompts change one at a time: their order, and who is whose rival, hang together."""
    return Site.objects.select_for_update(no_key=True).get(pk=site_id)


def _again(prompt: Prompt, *, only_paused: bool = False) -> Prompt:
    """Read a prompt anew under the lock; raises PromptRefused if it went meanwhile, or is live and must not be."""
    found = Prompt.objects.filter(pk=prompt.pk).first()
    if found is None:
        raise PromptRefused("name", f"“{prompt.name}” was removed a moment ago.")
    if only_paused and found.is_live:
        raise PromptRefused(
            "name", f"“{found.name}” is live: an admin or the owner can change it, or pause it first."
        )
    return found


def _check_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME or "\x00" in name:
        raise PromptRefused("name", f"Give a name of 1 to {MOST_NAME} characters.")
    return name


def rival_of(prompt: Prompt) -> Prompt | None:
    """The A whose B this is."""
    return Prompt.objects.filter(rival=prompt).first()


def _record(verb: str, actor: User | None, tenant: Tenant, prompt: Prompt, **detail: Any) -> None:
    audit.record(
        f"prompt.{verb}", actor=actor, tenant_id=tenant.pk, target=f"prompt {prompt.pk}", name=prompt.name, **detail
    )  # fmt: skip


@transaction.atomic
def add_prompt(
    *, actor: User | None, tenant: Tenant, site: Site, name: str, design: dict[str, Any]
) -> Prompt:
    """Add a paused prompt behind the others; raises PromptRefused."""
    _lock(site.pk)
    checked, name = check_design(design), _check_name(name)
    mine = Prompt.objects.filter(site=site)
    if mine.count() >= MOST_PROMPTS:
        raise PromptRefused("name", f"{site.name} has {MOST_PROMPTS} prompts already. Remove one.")
    last = mine.aggregate(last=Max("position"))["last"] or 0
    prompt = Prompt.objects.create(
        site=site, name=name, position=last + 1, created_by=actor.pk if actor else None, **vars(checked)
    )
    _record("add", actor, tenant, prompt, kind=checked.kind)
    return prompt


@transaction.atomic
def change_prompt(
    *,
    actor: User | None,
    tenant: Tenant,
    prompt: Prompt,
    name: str,
    design: dict[str, Any],
    share: int | None = None,
    only_paused: bool = False,
) -> Prompt:
    """Change a prompt; its version grows if visitors see something of it. Raises PromptRefused."""
    _lock(prompt.site_id)
    prompt, checked = _again(prompt, only_paused=only_paused), check_design(design)
    before = design_of(prompt)
    is_tested = prompt.rival_id or rival_of(prompt)
    if is_tested and (before.kind in SWITCHES) != (checked.kind in SWITCHES):
        raise PromptRefused(
            "kind", "In a test both ask, or both are a bell or a button: the one takes the other's place."
        )
    prompt.name = _check_name(name)
    if share is not None:
        if not 1 <= share <= 99:
            raise PromptRefused("share", f"{share} % is no share of the visitors. Give 1 to 99.")
        prompt.share = share
    for part, value in vars(checked).items():
        setattr(prompt, part, value)
    changed = [part for part, value in vars(checked).items() if getattr(before, part) != value]
    if set(changed) & set(SEEN):
        prompt.version += 1
    prompt.save(update_fields=["name", "share", "version", *vars(checked)])
    Prompt.objects.filter(pk=prompt.pk).update(updated_at=Now())
    told = {
        when: {part: vars(one)[part] for part in changed}
        for when, one in (("before", before), ("after", checked))
    }
    _record("change", actor, tenant, prompt, version=prompt.version, **told)
    return prompt


@transaction.atomic
def set_live(*, actor: User | None, tenant: Tenant, prompt: Prompt, live: bool) -> None:
    """Show a prompt to visitors from now on (they have it within a minute or two), or pause it.

    Raises PromptRefused for a B whose A is not live: it is shown in that one's place.
    """
    _lock(prompt.site_id)
    prompt = _again(prompt)
    first = rival_of(prompt)
    if live and first and not first.is_live:
        raise PromptRefused("name", f"Set “{first.name}” live first: this one is shown in its place.")
    since = {"live_at": Coalesce(F("live_at"), Now())} if live else {}
    if Prompt.objects.filter(pk=prompt.pk, is_live=not live).update(is_live=live, updated_at=Now(), **since):
        _record("live" if live else "pause", actor, tenant, prompt, version=prompt.version)


@transaction.atomic
def move_prompt(*, actor: User | None, tenant: Tenant, prompt: Prompt, up: bool) -> None:
    """Let a prompt change places with its neighbour in the website's order; at the end it stays where it is."""
    _lock(prompt.site_id)
    # The order shown is that of those that are nobody's rival, each with a number of its own from now on.
    order = list(
        Prompt.objects.filter(site_id=prompt.site_id, rival_of__isnull=True).values_list("pk", flat=True)
    )
    if prompt.pk not in order:
        raise PromptRefused("name", f"“{prompt.name}” has no place of its own: it is part of a test.")
    at = order.index(prompt.pk)
    to = at - 1 if up else at + 1
    if not 0 <= to < len(order):
        return
    order[at], order[to] = order[to], order[at]
    for position, pk in enumerate(order, 1):
        Prompt.objects.filter(pk=pk).exclude(position=position).update(position=position)
    _record("order", actor, tenant, prompt, order=order)


@transaction.atomic
def start_test(*, actor: User | None, tenant: Tenant, prompt: Prompt) -> Prompt:
    """Copy a prompt as its rival, paused: the test begins when that is set live. Raises PromptRefused."""
    site = _lock(prompt.site_id)
    prompt = _again(prompt)
    if prompt.rival_id or rival_of(prompt):
        raise PromptRefused("name", f"“{prompt.name}” is in a test already. End that first.")
    if Prompt.objects.filter(site=site).count() >= MOST_PROMPTS:
        raise PromptRefused("name", f"{site.name} has {MOST_PROMPTS} prompts already. Remove one.")
    rival = Prompt.objects.create(
        site=site,
        name=f"{prompt.name[: MOST_NAME - 2]} B",
        position=prompt.position,
        created_by=actor.pk if actor else None,
        **vars(design_of(prompt)),
    )
    Prompt.objects.filter(pk=prompt.pk).update(rival=rival, share=50)
    _record("test", actor, tenant, prompt, rival=rival.pk)
    return rival


@transaction.atomic
def choose(*, actor: User | None, tenant: Tenant, prompt: Prompt, keep: str) -> Prompt:
    """End a test: keep `a`, the prompt itself, or `b`, its rival, which takes its place; answer the one that is kept.

    The other one is removed; its figures stay. Conditions are those of A, which the test had.
    """
    _lock(prompt.site_id)
    prompt = _again(prompt)
    rival = prompt.rival
    if rival is None:
        raise PromptRefused("name", f"“{prompt.name}” is in no test.")
    if keep not in ("a", "b"):
        raise PromptRefused("keep", f"“{keep:.20}” is neither a nor b. Say which of the two stays.")
    kept, gone = (prompt, rival) if keep == "a" else (rival, prompt)
    if keep == "b":
        place: dict[str, Any] = {
            part: getattr(prompt, part) for part in ("position", "is_live", "when", "again")
        }
        since = {"live_at": Coalesce(F("live_at"), Now())} if prompt.is_live else {}
        Prompt.objects.filter(pk=rival.pk).update(**place, **since, updated_at=Now())
    _record("choose", actor, tenant, kept, removed=gone.pk, design=vars(design_of(gone)))
    gone.delete()
    return _again(kept)


@transaction.atomic
def remove_prompt(*, actor: User | None, tenant: Tenant, prompt: Prompt, only_paused: bool = False) -> None:
    """Remove a prompt; its figures stay. Raises PromptRefused for one that is in a test."""
    _lock(prompt.site_id)
    prompt = _again(prompt, only_paused=only_paused)
    if prompt.rival_id or rival_of(prompt):
        raise PromptRefused("name", f"“{prompt.name}” is in a test. End it by choosing A or B.")
    _record("remove", actor, tenant, prompt, design=vars(design_of(prompt)))
    prompt.delete()
