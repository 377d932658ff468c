"""Routes of this app on a tenant's host."""

from django.urls import path

from subscribers import views, views_exports, views_person, views_segments, views_sending, views_subscribers

app_name = "subscribers"
urlpatterns = [
    path("sites/", views.site_list, name="site_list"),
    path("sites/new/", views.site_new, name="site_new"),
    path("sites/<int:pk>/", views.site, name="site"),
    path("sites/<int:pk>/identity/", views.identity, name="identity"),
    path("sites/<int:pk>/edit/", views.site_edit, name="site_edit"),
    path("subscribers/", views_subscribers.subscriber_list, name="subscriber_list"),
    path("sites/<int:pk>/totals/", views_subscribers.subscriber_totals, name="subscriber_totals"),
    path("subscribers/shrinking/", views_subscribers.shrinking, name="shrinking"),
    path("subscribers/<int:pk>/unsubscribe/", views_person.person_unsubscribe, name="person_unsubscribe"),
    path("subscribers/<int:pk>/tags/", views_person.person_tags, name="person_tags"),
    path("subscribers/<int:pk>/test/", views_person.person_test, name="person_test"),
    path("subscribers/<int:pk>/erase/", views_person.person_erase, name="person_erase"),
    path("exports/", views_exports.export_list, name="export_list"),
    path("exports/new/", views_exports.export_new, name="export_new"),
    path("exports/<int:pk>/row/", views_exports.export_row, name="export_row"),
    path("exports/<int:pk>/cancel/", views_exports.export_cancel, name="export_cancel"),
    path("exports/<int:pk>/file", views_exports.export_file, name="export_file"),
    path("exports/<int:pk>/keys", views_exports.export_keys, name="export_keys"),
    path("segments/", views_segments.segment_list, name="segment_list"),
    path("segments/new/", views_segments.segment_new, name="segment_new"),
    path("segments/preview/", views_segments.segment_preview, name="segment_preview"),
    path("segments/<int:pk>/", views_segments.segment, name="segment"),
    path("segments/<int:pk>/edit/", views_segments.segment_edit, name="segment_edit"),
    path("segments/<int:pk>/count/", views_segments.segment_count, name="segment_count"),
    path("segments/<int:pk>/delete/", views_segments.segment_delete, name="segment_delete"),
    path("sites/<int:pk>/suggested/", views_segments.suggested, name="suggested"),
    path("sending/", views_sending.rates, name="sending"),
    path("sending/resume/", views_sending.resume, name="sending_resume"),
    path("sites/<int:pk>/waiting/", views.waiting, name="waiting"),
    path("sites/<int:pk>/worker.js", views.stub, name="stub"),
    path("sites/<int:pk>/test-device/", views.test_device, name="test_device"),
    path("test-device/<slug:site_key>/worker.js", views.test_worker, name="test_worker"),
]
