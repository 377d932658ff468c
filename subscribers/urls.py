"""Routes of this app on a tenant's host."""

from django.urls import path

from subscribers import views, views_sending

app_name = "subscribers"
urlpatterns = [
    path("sites/", views.site_list, name="site_list"),
    path("sites/new/", views.site_new, name="site_new"),
    path("sites/<int:pk>/", views.site, name="site"),
    path("sites/<int:pk>/edit/", views.site_edit, name="site_edit"),
    path("sending/", views_sending.rates, name="sending"),
    path("sending/resume/", views_sending.resume, name="sending_resume"),
    path("sites/<int:pk>/waiting/", views.waiting, name="waiting"),
    path("sites/<int:pk>/worker.js", views.stub, name="stub"),
    path("sites/<int:pk>/test-device/", views.test_device, name="test_device"),
    path("test-device/<slug:site_key>/worker.js", views.test_worker, name="test_worker"),
]
