"""A tenant's host: the console."""

from django.urls import include, path

urlpatterns = [
    path("", include("campaigns.urls")),
    path("", include("subscribers.urls")),
    path("", include("tenants.urls_tenant")),
]

handler500 = "tenants.away.handle_error"
