"""Django's admin with our own sign-in in front of it, which counts tries and asks for a second factor."""

from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from tenants.access import is_local_path, signed_in_user
from tenants.actions.second_factor import is_missing_for_staff


class StaffSite(admin.AdminSite):
    index_template = "staff/index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not is_missing_for_staff(signed_in_user(request))

    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """Lead to the sign-in of everybody, and say no to who is signed in and may not come in."""
        path = request.GET.get("next", "")
        path = path if is_local_path(path) else reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(path)
        if super().has_permission(request):
            messages.warning(
                request, "Support staff need a second factor. Add one, then open the admin again."
            )
            return HttpResponseRedirect(reverse("mfa_index"))
        if request.user.is_authenticated:
            reason = "This page is for the support staff of this installation."
            return render(request, "tenants/refused.html", {"reason": reason, "start_url": "/"}, status=403)
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': path})}")

    def password_change(  # type: ignore[override]  # the stubs promise a page of the admin's own
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Lead to the page of everybody, where guesses are limited and the change is recorded."""
        return HttpResponseRedirect(reverse("account_change_password"))
