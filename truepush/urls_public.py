"""The public host: sign-up, sign-in, workspaces, support staff's admin."""

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path, re_path

urlpatterns = [
    path("", include("tenants.urls_public")),
    path("sign-in/", account.login, name="account_login"),
    path("sign-up/", account.signup, name="account_signup"),
    path("reset/", account.password_reset, name="account_reset_password"),
    path("reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    # A key has hyphens, the person's number has none.
    re_path(
        r"^reset/(?P<uidb36>[0-9a-z]{1,20})-(?P<key>[0-9A-Za-z-]{1,200})/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("account/password/", account.password_change, name="account_change_password"),
    path("admin/", admin.site.urls),
]

handler500 = "tenants.away.handle_error"
