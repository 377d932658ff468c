"""Support staff's view of all customers, read-only; on the public host alone."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tenants.access import signed_in_user
from tenants.actions.sdk_release import SHARES, ReleaseRefused, call_back_release, start_release
from tenants.admin_flags import FeatureFlagPages, do_step, percent_of
from tenants.models import (
    Alert,
    AuditEntry,
    DueWork,
    FeatureFlag,
    KeptMail,
    Membership,
    Pace,
    SdkRelease,
    SendIndex,
    SiteIndex,
    Tenant,
    Throttle,
    User,
    WorkerProcess,
)
from tenants.outbox import text_of
from tenants.sdk_rings import forget, installed, order_of, rows, state_of

MAY_RELEASE = "tenants.release_sdk"

admin.site.site_header = "Truepush support"
admin.site.site_title = "Truepush support"
admin.site.index_title = "All customers"
admin.site.enable_nav_sidebar = False


class ReadOnly:
    """Deny every change: support reads here, verbs change."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipInline(ReadOnly, admin.TabularInline[Membership, Tenant]):
    model = Membership
    extra = 0
    fields = ["user", "tenant", "role", "created_at"]
    readonly_fields = ["user", "tenant", "role", "created_at"]


@admin.register(Tenant)
class TenantAdmin(ReadOnly, admin.ModelAdmin[Tenant]):
    list_display = ["name", "slug", "state", "sending_paused_at", "is_demo", "created_at"]
    list_filter = ["state", "is_demo", ("sending_paused_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "slug"]
    inlines = [MembershipInline]


@admin.register(User)
class UserAdmin(ReadOnly, admin.ModelAdmin[User]):
    list_display = ["email", "name", "is_active", "is_staff", "date_joined", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_staff", "is_superuser", "date_joined", "last_login"]
    inlines = [MembershipInline]


@admin.register(SiteIndex)
class SiteIndexAdmin(ReadOnly, admin.ModelAdmin[SiteIndex]):
    list_display = ["name", "site_key", "schema_name", "origins", "state", "created_at"]
    list_filter = ["state"]
    search_fields = ["name", "site_key", "schema_name", "origins"]
    show_full_result_count = False


@admin.register(SendIndex)
class SendIndexAdmin(ReadOnly, admin.ModelAdmin[SendIndex]):
    list_display = [
        "send_id", "schema_name", "kind", "state", "audience", "accepted", "gone", "failed", "displayed", "clicked",
        "launched_at", "finished_at",
    ]  # fmt: skip
    list_filter = ["state", "kind"]
    search_fields = ["schema_name", "=send_id"]
    show_full_result_count = False


@admin.register(DueWork)
class DueWorkAdmin(ReadOnly, admin.ModelAdmin[DueWork]):
    list_display = ["schema_name", "send_id", "priority", "due_at", "served_at", "is_held"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, admin.ModelAdmin[AuditEntry]):
    list_display = ["at", "actor", "action", "target", "tenant_id"]
    search_fields = ["actor", "action", "target"]
    show_full_result_count = False


@admin.register(WorkerProcess)
class WorkerProcessAdmin(ReadOnly, admin.ModelAdmin[WorkerProcess]):
    list_display = [
        "host", "pid", "role", "version", "seen_at", "rate", "in_flight", "connections", "open_files", "most_files",
        "memory_mb", "is_stopping",
    ]  # fmt: skip
    list_filter = ["role", "host"]


@admin.register(Alert)
class AlertAdmin(ReadOnly, admin.ModelAdmin[Alert]):
    list_display = ["kind", "tenant_id", "text", "times", "first_at", "last_at", "closed_at"]
    list_filter = ["kind", ("closed_at", admin.EmptyFieldListFilter)]


@admin.register(Pace)
class PaceAdmin(ReadOnly, admin.ModelAdmin[Pace]):
    list_display = ["key", "per_minute", "next_at"]
    search_fields = ["key"]


@admin.register(Throttle)
class ThrottleAdmin(ReadOnly, admin.ModelAdmin[Throttle]):
    list_display = ["lane", "kind", "per_second", "normal", "reason", "since", "next_at"]
    list_filter = ["kind"]
    search_fields = ["lane"]


@admin.register(SdkRelease)
class SdkReleaseAdmin(ReadOnly, admin.ModelAdmin[SdkRelease]):
    """The one list with buttons, for whoever may release: they call the verbs."""

    list_display = ["version", "given", "steps", "kept_at", "started_at", "called_back_at"]
    fields = ["version", "digest", "percent", "kept_at", "started_at", "called_back_at"]
    actions = None
    change_list_template = "tenants/sdk_releases.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[SdkRelease]:
        return super().get_queryset(request).defer("files")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [
            name
            for name in self.list_display
            if name != "steps" or signed_in_user(request).has_perm(MAY_RELEASE)
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        forget()  # what another process changed a moment ago is shown too
        return super().changelist_view(
            request, {"title": "SDK releases", "installed": installed().version, "rings": settings.SDK_RINGS}
        )

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<path:object_id>/start/", self.admin_site.admin_view(self.start), name="sdk_start"),
            path(
                "<path:object_id>/call-back/",
                self.admin_site.admin_view(self.call_back),
                name="sdk_call_back",
            ),
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="Who gets it")
    def given(self, release: SdkRelease) -> str:
        return state_of(release)

    @admin.display(description="")
    def steps(self, release: SdkRelease) -> SafeString:
        """Buttons for what would not be refused; they send the list's own form, which has the token."""
        order = order_of(rows())
        given = order[0] if order else None
        is_tried, is_given = given and given.percent < 100, given and given.version == release.version
        if is_tried and not is_given:
            return SafeString("&nbsp;")
        shares = [share for share in SHARES if not given or not is_given or share > given.percent]
        if not settings.SDK_RINGS:
            shares = shares[-1:] if release.version == installed().version else []
        buttons = [(f"{release.pk}/start/", share, f"Start for {share} %") for share in shares]
        if is_given:
            buttons.append((f"{release.pk}/call-back/", 0, "Call back"))
        button = '<button class="button" formaction="{}" name="percent" value="{}">{}</button>'
        return format_html('<span class="nowrap">{}</span>', format_html_join(" ", button, buttons))

    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        percent = percent_of(request)

        def do(user: User) -> str:
            version = self._version(request, object_id)
            start_release(actor=user, version=version, percent=percent)
            return f"{version} goes to {percent} % of websites."

        return self._step(request, do)

    def call_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def do(user: User) -> str:
            version = self._version(request, object_id)
            then = call_back_release(actor=user, version=version)
            return f"{version} is called back. Its websites get {then} again."

        return self._step(request, do)

    def _version(self, request: HttpRequest, object_id: str) -> str:
        release = self.get_object(request, object_id)
        if release is None:
            raise Http404
        return release.version

    def _step(self, request: HttpRequest, do: Callable[[User], str]) -> HttpResponse:
        return do_step(
            request,
            do,
            permission=MAY_RELEASE,
            refusal=ReleaseRefused,
            page="admin:tenants_sdkrelease_changelist",
        )


@admin.register(FeatureFlag)
class FeatureFlagAdmin(ReadOnly, FeatureFlagPages):
    """One page with buttons, for whoever may release."""


@admin.register(KeptMail)
class KeptMailAdmin(ReadOnly, admin.ModelAdmin[KeptMail]):
    list_display = ["at", "recipient", "subject"]
    search_fields = ["recipient", "subject"]
    fields = ["at", "recipient", "subject", "text"]

    @admin.display(description="Text")
    def text(self, mail: KeptMail) -> SafeString:
        return format_html_join("", "{}<br>", ((_linked(line),) for line in text_of(mail).splitlines()))


def _linked(line: str) -> str:
    """Links of our mails stand on lines of their own."""
    return format_html('<a href="{0}">{0}</a>', line) if line.startswith(("http://", "https://")) else line
