"""Support staff's view of all customers, read-only; on the public host alone."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from tenants.models import (
    Alert,
    AuditEntry,
    DueWork,
    Membership,
    Pace,
    SendIndex,
    SiteIndex,
    Tenant,
    Throttle,
    User,
    WorkerProcess,
)

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
