"""Routes of this app on the SDK's host."""

from django.urls import path

from campaigns import images_sdk, receipts

app_name = "receipts"
urlpatterns = [
    path("sdk/v1/receipts", receipts.receipts, name="receipts"),
    path("i/<slug:site_key>/<str:name>", images_sdk.picture, name="picture"),
]
