"""Console pages of opt-in prompts: list, editor with live preview, and the buttons that set live, test and choose."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from subscribers.access import access_prompt, chosen_site
from subscribers.actions import prompt as verbs
from subscribers.forms_prompt import PromptForm, language_choices
from subscribers.funnel import Line, day_of, steps_by_prompt
from subscribers.models import Prompt, Site
from subscribers.prompt_says import KINDS, said_of
from subscribers.prompt_words import LANGUAGES, written_words
from subscribers.prompts import (
    POSITIONS,
    SHOWN_TEXTS,
    WITH_TOPICS,
    PromptRefused,
    as_json,
    check_design,
)
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least

DAYS = 30
_IMAGES = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"]
# Nothing but our own script and style, and pictures; a screenshot that the person chose is a blob.
STAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'self'; img-src blob: {' '.join(_IMAGES)}"
)


def _is_admin(request: ConsoleRequest) -> bool:
    return is_at_least(request.membership, Role.ADMIN)


def may_change(request: ConsoleRequest, prompt: Prompt) -> bool:
    """Editors change what visitors do not see; what is live is for who may set it live."""
    return is_at_least(request.membership, Role.EDITOR) and (not prompt.is_live or _is_admin(request))


def list_url(site: Site) -> str:
    return f"{reverse('subscribers:prompt_list')}?site={site.pk}"


@console(Role.ANALYST)
def prompt_list(request: ConsoleRequest) -> HttpResponse:
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.GET.get("site", ""))
    known = list(Prompt.objects.filter(site=site).select_related("rival")) if site else []
    figures = steps_by_prompt(site, day_of(DAYS, timezone.now().date())) if site and known else {}
    rivals = {one.rival_id for one in known}
    rows: list[dict[str, Any]] = [
        {"prompt": one, "line": Line(one.name, figures[one.pk]), "says": " ".join(said_of(one))}
        for one in known
        if one.pk not in rivals
    ]
    context = {
        "sites": sites,
        "site": site,
        "rows": rows,
        "days": DAYS,
        "new_url": f"{reverse('subscribers:prompt_new')}?site={site.pk}" if site else "",
        "live": sum(row["prompt"].is_live for row in rows),
        "was_live": any(one.live_at for one in known),
        "may_order": _is_admin(request),
        "may_add": is_at_least(request.membership, Role.EDITOR),
    }
    return render(request, "subscribers/prompt_list.html", context)


@console(Role.EDITOR, form=True)
def prompt_new(request: ConsoleRequest) -> HttpResponse:
    """Show the kinds to choose from; once one is chosen, the form."""
    site = chosen_site(list(Site.objects.all()), request.GET.get("site", ""))
    if site is None:
        messages.info(request, "Add your website first: prompts ask its visitors.")
        return redirect("subscribers:site_new")
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    if kind not in KINDS:
        kinds = [(one, Prompt.Kind(one).label, says) for one, says in KINDS.items()]
        return render(request, "subscribers/prompt_kinds.html", {"site": site, "kinds": kinds})
    form = PromptForm(request.POST or None, kind=kind, name=Prompt.Kind(kind).label)
    if request.method == "POST" and form.is_valid() and (made := _save(request, form, site, None)):
        messages.success(request, f"“{made.name}” saved. Visitors see it once it is set live.")
        return redirect("subscribers:prompt", made.pk)
    return render(request, "subscribers/prompt_form.html", _form_context(form, site, None))


@console(Role.EDITOR, form=True)
def prompt_edit(request: ConsoleRequest, pk: int) -> HttpResponse:
    prompt = access_prompt(pk)
    if not may_change(request, prompt):
        messages.error(
            request, f"“{prompt.name}” is live: an admin or the owner can change it, or pause it first."
        )
        return redirect("subscribers:prompt", pk)
    form = PromptForm(request.POST or None, prompt=prompt)
    if request.method == "POST" and form.is_valid() and (saved := _save(request, form, prompt.site, prompt)):
        messages.success(request, f"“{saved.name}” saved.")
        return redirect("subscribers:prompt", pk)
    return render(request, "subscribers/prompt_form.html", _form_context(form, prompt.site, prompt))


def _save(request: ConsoleRequest, form: PromptForm, site: Site, prompt: Prompt | None) -> Prompt | None:
    given: dict[str, Any] = {
        "actor": request.user,
        "tenant": request.tenant,
        "name": form.cleaned_data["name"],
        "design": form.design,
    }
    try:
        if prompt is None:
            return verbs.add_prompt(site=site, **given)
        share, only_paused = form.cleaned_data.get("share"), not _is_admin(request)
        return verbs.change_prompt(prompt=prompt, share=share, only_paused=only_paused, **given)
    except PromptRefused as error:
        form.refuse(error)
    return None


def _form_context(form: PromptForm, site: Site, prompt: Prompt | None) -> dict[str, Any]:
    return {
        "form": form,
        "site": site,
        "prompt": prompt,
        "language_choices": language_choices(),
        "stage": {
            "positions": POSITIONS,
            "shown_texts": SHOWN_TEXTS,
            "with_topics": WITH_TOPICS,
            "words": {
                tag: {kind: written_words(kind, tag) for kind in ("box", "topics", "button")}
                for tag in LANGUAGES
            },
        },
    }


@console(Role.EDITOR, write=True)
def prompt_preview(request: ConsoleRequest) -> HttpResponse:
    """Answer what settings.json would say of the form as it stands, or what is wrong with it."""
    site = chosen_site(list(Site.objects.all()), request.GET.get("site", ""))
    form = PromptForm(request.POST)
    if site is None or not form.is_valid():
        problems = [
            f"{_label(form, name)}{error}" for name, errors in form.errors.items() for error in errors
        ]
        return JsonResponse({"problem": " ".join(problems) or "Add a website first."})
    return JsonResponse(preview_of(Prompt(pk=0, site=site, **vars(check_design(form.design)))))


def _label(form: PromptForm, name: str) -> str:
    return f"{form[name].label}: " if name in form.fields else ""


def preview_of(prompt: Prompt) -> dict[str, Any]:
    """What the stage needs to draw one."""
    return {"prompt": as_json(prompt, None, prompt.site), "site": prompt.site.name}


@console(Role.ANALYST)
def prompt_stage(request: ConsoleRequest) -> HttpResponse:
    """The page on which a prompt is previewed: framed by the console's own pages, and told by them what to draw."""
    answer = render(request, "subscribers/prompt_stage.html")
    answer["X-Frame-Options"] = "SAMEORIGIN"
    answer["Content-Security-Policy"] = STAGE_POLICY
    return answer


@console(Role.ANALYST)
def prompt(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show a prompt as visitors see it, when they see it, and what can be done with it."""
    found = access_prompt(pk)
    context = {
        "prompt": found,
        "site": found.site,
        "first": verbs.rival_of(found),
        "says": said_of(found),
        "preview": preview_of(found),
        "is_admin": _is_admin(request),
        "may_change": may_change(request, found),
        "may_test": is_at_least(request.membership, Role.EDITOR),
    }
    return render(request, "subscribers/prompt.html", context)


def _do(request: ConsoleRequest, prompt: Prompt, verb: Callable[..., Any], said: str, **more: Any) -> Any:
    """Do it and say so, or say why not; answer what came of it."""
    try:
        made = verb(actor=request.user, tenant=request.tenant, prompt=prompt, **more)
    except PromptRefused as error:
        messages.error(request, str(error))
        return None
    messages.success(request, said)
    return made


@console(Role.ADMIN, write=True)
def prompt_live(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_prompt(pk)
    _do(request, found, verbs.set_live, "Live. Visitors see it within two minutes.", live=True)
    return redirect("subscribers:prompt", pk)


@console(Role.ADMIN, write=True)
def prompt_pause(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_prompt(pk)
    _do(request, found, verbs.set_live, "Paused. New pages do not show it within two minutes.", live=False)
    return redirect("subscribers:prompt", pk)


@console(Role.ADMIN, write=True)
def prompt_move(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_prompt(pk)
    up = request.POST.get("to") == "up"
    _do(
        request,
        found,
        verbs.move_prompt,
        f"“{found.name}” is {'earlier' if up else 'later'} in the order now.",
        up=up,
    )
    return redirect(list_url(found.site))


@console(Role.EDITOR, write=True)
def prompt_test(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_prompt(pk)
    rival = _do(
        request, found, verbs.start_test, "This is B, a copy. Change it; the test begins once B is set live."
    )
    return redirect("subscribers:prompt_edit", rival.pk) if rival else redirect("subscribers:prompt", pk)


@console(Role.ADMIN, write=True)
def prompt_choose(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_prompt(pk)
    keep = request.POST.get("keep", "")
    said = f"The test is over; {keep.upper()[:1]} stays, and the other one is removed. Its figures stay."
    kept = _do(request, found, verbs.choose, said, keep=keep)
    return redirect("subscribers:prompt", kept.pk if kept else pk)


@console(Role.EDITOR, write=True)
def prompt_delete(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_prompt(pk)
    said, only_paused = f"“{found.name}” removed. Its figures stay.", not _is_admin(request)
    before = Prompt.objects.filter(pk=pk)
    _do(request, found, verbs.remove_prompt, said, only_paused=only_paused)
    return redirect("subscribers:prompt", pk) if before.exists() else redirect(list_url(found.site))
