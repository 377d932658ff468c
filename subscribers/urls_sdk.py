"""Routes of this app on the SDK's host."""

from django.urls import path

from subscribers import api, funnel_call, sdk

app_name = "sdk"
urlpatterns = [
    path("sdk/v1/<slug:site_key>/truepush.js", sdk.loader, name="loader"),
    path("sdk/a/<slug:content_hash>/<slug:part>.js", sdk.part, name="part"),
    path("sdk/v1/<slug:site_key>/settings.json", sdk.settings_json, name="settings"),
    path("w/<slug:site_key>.js", sdk.worker, name="worker"),
    path("sdk/v1/<slug:site_key>/subscriptions", api.Subscriptions.as_view(), name="subscriptions"),
    path("sdk/v1/<slug:site_key>/unsubscribe", api.Unsubscribe.as_view(), name="unsubscribe"),
    path("sdk/v1/<slug:site_key>/tags", api.Tags.as_view(), name="tags"),
    path("sdk/v1/<slug:site_key>/profile", api.ProfileCall.as_view(), name="profile"),
    path("sdk/v1/<slug:site_key>/funnel", funnel_call.funnel, name="funnel_call"),
]
