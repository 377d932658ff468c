"""Support's page of feature flags: one for all of them, with buttons for whoever may release, and what buttons do."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path

from tenants.access import signed_in_user
from tenants.actions.flags import LEAST_EVENTS, FlagRefused, name_workspace, start_flag, stop_flag
from tenants.flag_page import flags_shown
from tenants.flags import LIFETIME_SECONDS
from tenants.models import FeatureFlag, User

MAY_RELEASE = "tenants.release_flags"


class FeatureFlagPages(admin.ModelAdmin[FeatureFlag]):
    """Buttons call the verbs; they are shown for every flag that the code names, with a row or without."""

    actions = None
    change_list_template = "tenants/feature_flags.html"
    fields = ("name", "percent", "on_for", "off_for", "step", "started_at", "stopped_at", "stopped_why")

    def get_urls(self) -> list[URLPattern]:
        steps = {"start": self.start, "stop": self.stop, "name": self.name_one}
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"flag_{name}")
            for name, view in steps.items()
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {
            "title": "Feature flags",
            "flags": flags_shown(),
            "lifetime": int(LIFETIME_SECONDS),
            "least": LEAST_EVENTS,
            "may_release": signed_in_user(request).has_perm(MAY_RELEASE),
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        percent = percent_of(request)

        def do(user: User) -> str:
            start_flag(actor=user, name=object_id, percent=percent)
            return f"The flag {object_id} is on for {percent} % of workspaces."

        return _step(request, do)

    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def do(user: User) -> str:
            is_stopped = stop_flag(actor=user, name=object_id)
            return f"The flag {object_id} {'is' if is_stopped else 'was already'} off for all workspaces."

        return _step(request, do)

    def name_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        slug, choice = request.POST.get("slug", "").strip().lower()[:40], request.POST.get("choice", "")

        def do(user: User) -> str:
            holds = name_workspace(actor=user, name=object_id, slug=slug, choice=choice)
            how, then = (
                "by share" if choice == "share" else choice,
                "" if holds else " once it is started again",
            )
            return f"The flag {object_id} is {how} for {slug}{then}."

        return _step(request, do)


def _step(request: HttpRequest, do: Callable[[User], str]) -> HttpResponse:
    return do_step(
        request, do, permission=MAY_RELEASE, refusal=FlagRefused, page="admin:tenants_featureflag_changelist"
    )


def do_step(
    request: HttpRequest,
    do: Callable[[User], str],
    *,
    permission: str,
    refusal: type[ValueError],
    page: str,
) -> HttpResponse:
    """Do it, for whom it is allowed, and lead back to the page, which says what came of it."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user = signed_in_user(request)
    if not user.has_perm(permission):
        raise PermissionDenied
    try:
        messages.success(request, do(user))
    except refusal as error:
        messages.error(request, str(error))
    return redirect(page)


def percent_of(request: HttpRequest) -> int:
    """Read the share that a button sends; the verb refuses what none does."""
    share = request.POST.get("percent", "")[:4]
    return int(share) if share.isdecimal() else 0
