"""Console page of the audit log: who did what, and the same as a file."""

from typing import Any, cast

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from tenants.access import console
from tenants.actions import audit
from tenants.audit_file import FORMATS, lines
from tenants.audit_log import Wanted, action_choices, in_words, page_of, read_cursor
from tenants.models import Membership, Role
from tenants.request import ConsoleRequest


@console(Role.ADMIN, whole=True)
def audit_log(request: ConsoleRequest) -> HttpResponse:
    wanted = Wanted.from_query(request.GET)
    page = page_of(
        wanted.entries(request.tenant.pk),
        before=read_cursor(request.GET.get("before", "")),
        after=read_cursor(request.GET.get("after", "")),
    )
    members = Membership.objects.filter(tenant=request.tenant).order_by("user__email")
    context = {
        "lines": in_words(page.entries),
        "page": page,
        "wanted": wanted,
        "people": members.values_list("user__email", flat=True),
        "actions": action_choices(),
    }
    return render(request, "tenants/audit_log.html", context)


@console(Role.ADMIN, write=True, whole=True, even_suspended=True)
def audit_file(request: ConsoleRequest) -> HttpResponse:
    """Download what the filters leave; noted in the audit log itself."""
    wanted, file_format = Wanted.from_query(request.POST), request.POST.get("format", "csv")
    if file_format not in FORMATS:
        raise Http404
    audit.record(
        "audit.export",
        actor=request.user,
        tenant_id=request.tenant.pk,
        format=file_format,
        filters={name: str(value) for name, value in wanted.values().items() if value},
    )
    found = wanted.entries(request.tenant.pk)
    answer: Any = StreamingHttpResponse(
        lines(found, file_format, request.tenant.schema_name), content_type=FORMATS[file_format]
    )
    answer["Content-Disposition"] = f'attachment; filename="audit-{request.tenant.slug}.{file_format}"'
    answer["Cache-Control"] = "no-store"
    return cast("HttpResponse", answer)
