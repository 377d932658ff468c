"""Where things are on a workspace's host, for notices: whoever writes one may be on no host at all."""

from django.conf import settings
from django.urls import reverse


def report_path(send_id: int) -> str:
    return reverse("campaigns:report", urlconf=settings.ROOT_URLCONF, args=[send_id])


def composer_path(campaign_id: int) -> str:
    return reverse("campaigns:compose", urlconf=settings.ROOT_URLCONF, args=[campaign_id])
