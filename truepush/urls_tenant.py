"""A tenant's host: the console."""

from django.urls import include, path

urlpatterns = [
    path("", include("campaigns.urls")),
    path("", include("subscribers.urls")),
    path("", include("tenants.urls_tenant")),
]

handler404 = "tenants.missing.handle_missing"
handler500 = "tenants.away.handle_error"
