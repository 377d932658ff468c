"""Routes of this app on a tenant's host."""

from django.urls import path

from tenants import views

app_name = "tenants"
urlpatterns = [
    path("enter/", views.enter, name="enter"),
    path("sign-out/", views.sign_out, name="leave"),
]
