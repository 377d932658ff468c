"""The public host: sign-up, sign-in, workspaces, support staff's admin."""

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("tenants.urls_public")),
    path("sign-in/", account.login, name="account_login"),
    path("sign-up/", account.signup, name="account_signup"),
    path("admin/", admin.site.urls),
]

handler500 = "tenants.away.handle_error"
