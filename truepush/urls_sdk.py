"""The SDK's host: what visitors' browsers load and call. No cookie is set or read here."""

from django.urls import include, path

urlpatterns = [
    path("", include("campaigns.urls_sdk")),
    path("", include("subscribers.urls_sdk")),
]

handler404 = "tenants.missing.handle_missing"
handler500 = "tenants.away.handle_error"
