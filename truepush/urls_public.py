"""The public host: sign-up, sign-in, workspaces, support staff's admin."""

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from allauth.mfa.webauthn import views as passkeys
from django.contrib import admin
from django.urls import include, path, re_path

from tenants import views_second_factor as changes
from tenants import views_sign_up

urlpatterns = [
    path("", include("tenants.urls_public")),
    path("sign-in/", account.login, name="account_login"),
    path("sign-up/", views_sign_up.SignUp.as_view(), name="account_signup"),
    path("sign-up/sent/", views_sign_up.sent, name="sign_up_sent"),
    path("sign-up/<str:key>/", views_sign_up.by_link, name="sign_up_link"),
    path("reset/", account.password_reset, name="account_reset_password"),
    path("reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    # A key has hyphens, the person's number has none.
    re_path(
        r"^reset/(?P<uidb36>[0-9a-z]{1,20})-(?P<key>[0-9A-Za-z-]{1,200})/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("account/password/", account.password_change, name="account_change_password"),
    path("sign-in/second-factor/", second_factor.authenticate, name="mfa_authenticate"),
    path("account/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("account/confirm/code/", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("account/confirm/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/second-factor/", second_factor.index, name="mfa_index"),
    path("account/second-factor/app/", changes.AddApp.as_view(), name="mfa_activate_totp"),
    path("account/second-factor/app/remove/", changes.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("account/second-factor/codes/", changes.ShowCodes.as_view(), name="mfa_view_recovery_codes"),
    path("account/second-factor/codes/new/", changes.MakeCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("account/second-factor/passkeys/add/", changes.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path(
        "account/second-factor/passkeys/<int:pk>/remove/",
        changes.RemovePasskey.as_view(),
        name="mfa_remove_webauthn",
    ),
    path("admin/", include("truepush.staff.urls")),
    path("admin/", admin.site.urls),
]

handler500 = "tenants.away.handle_error"
