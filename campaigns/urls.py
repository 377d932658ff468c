"""Routes of this app on a tenant's host."""

from django.urls import path

from campaigns import views, views_control, views_person, views_recipients

app_name = "campaigns"
urlpatterns = [
    path("", views.home, name="home"),
    path("campaigns/", views.campaign_list, name="list"),
    path("campaigns/new/", views.new, name="new"),
    path("campaigns/<int:pk>/", views.compose, name="compose"),
    path("campaigns/<int:pk>/test/", views.test, name="test"),
    path("campaigns/<int:pk>/tests/", views.tests, name="tests"),
    path("campaigns/<int:pk>/send/", views.send, name="send"),
    path("sends/<int:pk>/", views.report, name="report"),
    path("sends/<int:pk>/figures/", views.figures, name="figures"),
    path("sends/<int:pk>/recipients/", views_recipients.send_recipients, name="recipients"),
    path("sends/<int:pk>/again/", views_recipients.send_again, name="send_again"),
    path("subscribers/<int:pk>/", views_recipients.subscriber, name="subscriber"),
    path("subscribers/<int:pk>/data.json", views_person.person_data, name="person_data"),
    path("privacy/data.json", views_person.privacy_data, name="privacy_data"),
    path("sends/<int:pk>/pause/", views_control.pause, name="pause"),
    path("sends/<int:pk>/resume/", views_control.resume, name="resume"),
    path("sends/<int:pk>/cancel/", views_control.cancel, name="cancel"),
    path("sends/<int:pk>/speed/", views_control.speed, name="speed"),
]
