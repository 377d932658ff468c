"""Routes of this app on the SDK's host."""

from django.urls import path

from subscribers import api, sdk

app_name = "sdk"
urlpatterns = [
    path("sdk/v1/<slug:site_key>/truepush.js", sdk.loader, name="loader"),
    path("sdk/v1/<slug:site_key>/bell.js", sdk.module, {"name": "bell"}, name="bell"),
    path("sdk/v1/<slug:site_key>/visitor.js", sdk.module, {"name": "visitor"}, name="visitor"),
    path("sdk/v1/<slug:site_key>/settings.json", sdk.settings_json, name="settings"),
    path("w/<slug:site_key>.js", sdk.worker, name="worker"),
    path("sdk/v1/<slug:site_key>/subscriptions", api.Subscriptions.as_view(), name="subscriptions"),
    path("sdk/v1/<slug:site_key>/unsubscribe", api.Unsubscribe.as_view(), name="unsubscribe"),
    path("sdk/v1/<slug:site_key>/profile", api.ProfileCall.as_view(), name="profile"),
]
