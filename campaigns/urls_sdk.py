"""Routes of this app on the SDK's host."""

from django.urls import path

from campaigns import receipts

app_name = "receipts"
urlpatterns = [path("sdk/v1/receipts", receipts.receipts, name="receipts")]
