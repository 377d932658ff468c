"""Routes of this app on a tenant's host."""

from django.urls import path

from campaigns import (
    views,
    views_compose,
    views_control,
    views_flow,
    views_images,
    views_person,
    views_recipients,
    views_schedule,
)

app_name = "campaigns"
urlpatterns = [
    path("", views.home, name="home"),
    path("campaigns/", views.campaign_list, name="list"),
    path("campaigns/new/", views_compose.new, name="new"),
    path("campaigns/calendar/", views_schedule.calendar, name="calendar"),
    path("campaigns/reach/", views_schedule.audience, name="reach"),
    path("campaigns/<int:pk>/", views_compose.compose, name="compose"),
    path("campaigns/<int:pk>/test/", views_compose.test, name="test"),
    path("campaigns/<int:pk>/tests/", views_compose.tests, name="tests"),
    path("campaigns/<int:pk>/send/", views_compose.send, name="send"),
    path("campaigns/keep/", views_flow.keep_new, name="keep_new"),
    path("campaigns/<int:pk>/keep/", views_flow.keep_typed, name="keep_typed"),
    path("campaigns/<int:pk>/forget/", views_flow.forget_typed, name="forget_typed"),
    path("campaigns/<int:pk>/copy/", views_flow.copy, name="copy"),
    path("campaigns/<int:pk>/archive/", views_flow.archive, name="archive"),
    path("campaigns/<int:pk>/restore/", views_flow.restore, name="restore"),
    path("campaigns/<int:pk>/delete/", views_flow.delete, name="delete"),
    path("campaigns/<int:pk>/times/", views_schedule.times, name="times"),
    path("campaigns/preview-person/", views_compose.preview_person, name="preview_person"),
    path("images/", views_images.images, name="images"),
    path("images/new/", views_images.image_new, name="image_new"),
    path("images/fetch/", views_images.image_fetch, name="image_fetch"),
    path("images/<int:pk>/remove/", views_images.image_remove, name="image_remove"),
    path("sends/<int:pk>/call-back/", views_schedule.take_back, name="call_back"),
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
