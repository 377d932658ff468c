"""Routes of this app on the public host."""

from django.urls import path

from tenants import views

app_name = "tenants"
urlpatterns = [
    path("", views.landing, name="landing"),
    path("workspaces/", views.workspaces, name="workspaces"),
    path("workspaces/<slug:slug>/preparing/", views.preparing, name="preparing"),
    path("workspaces/<slug:slug>/state/", views.preparing_state, name="preparing_state"),
    path("workspaces/<slug:slug>/retry/", views.preparing_retry, name="preparing_retry"),
    path("open/<slug:slug>/", views.open_workspace, name="open"),
    path("sign-out/", views.sign_out, name="sign_out"),
]
