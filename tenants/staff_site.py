"""Django's admin with our own sign-in in front of it, which counts tries and asks for a second factor."""

from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from tenants.access import is_local_path


class StaffSite(admin.AdminSite):
    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """Lead to the sign-in of everybody, and say no to who is signed in and may not come in."""
        path = request.GET.get("next", "")
        path = path if is_local_path(path) else reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(path)
        if request.user.is_authenticated:
            reason = "This page is for the support staff of this installation."
            return render(request, "tenants/refused.html", {"reason": reason, "start_url": "/"}, status=403)
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': path})}")
