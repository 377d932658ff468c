"""Routes of this app on the public host."""

from django.urls import path

from tenants import views, views_account, views_health, views_invitations

app_name = "tenants"
urlpatterns = [
    path("", views.landing, name="landing"),
    path("healthz", views_health.healthz, name="healthz"),
    path("readyz", views_health.readyz, name="readyz"),
    path("readyz/web", views_health.readyz_web, name="readyz_web"),
    path("workspaces/", views.workspaces, name="workspaces"),
    path("workspaces/<slug:slug>/preparing/", views.preparing, name="preparing"),
    path("workspaces/<slug:slug>/state/", views.preparing_state, name="preparing_state"),
    path("workspaces/<slug:slug>/retry/", views.preparing_retry, name="preparing_retry"),
    path("open/<slug:slug>/", views.open_workspace, name="open"),
    path("invitation/", views_invitations.invitation, name="invitation"),
    path("invitation/accept/", views_invitations.invitation_accept, name="invitation_accept"),
    path("invitation/join/", views_invitations.invitation_join, name="invitation_join"),
    path("invitation/<str:key>/", views_invitations.invitation_link, name="invitation_link"),
    path("account/", views_account.account, name="account"),
    path("account/verify/", views_account.ask_to_verify, name="ask_to_verify"),
    path("account/sessions/", views_account.sessions, name="sessions"),
    path("account/sessions/end-others/", views_account.end_others, name="end_others"),
    path("account/sessions/<int:pk>/end/", views_account.end_one, name="end_session"),
    path("verify/<str:key>/", views_account.verify, name="verify"),
    path("sign-out/", views.sign_out, name="sign_out"),
]
