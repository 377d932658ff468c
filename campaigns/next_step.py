"""What to do next, for the workspace's first page: one step at a time, in the order in which they work."""

from typing import Any, TypedDict

from django.urls import reverse

from campaigns.models import Send


class Step(TypedDict):
    title: str
    text: str
    url: str
    action: str


def next_step(sites: list[dict[str, Any]]) -> Step | None:
    """Choose the step from what exists; None once something was sent."""
    if not sites:
        return {
            "title": "Add your website",
            "text": "Truepush makes its keys and gives you one line for its pages.",
            "url": reverse("subscribers:site_new"),
            "action": "Add website",
        }
    has_sent = Send.objects.filter(kind=Send.Kind.CAMPAIGN).exists()
    if not has_sent and not any(row["total"] for row in sites):
        site = sites[0]["site"]
        return {
            "title": "Install the snippet",
            "text": f"Nobody has subscribed to {site.name} yet. Put the snippet on its pages and subscribe yourself.",
            "url": reverse("subscribers:site", args=[site.pk]),
            "action": "Show the snippet",
        }
    if not has_sent:
        return {
            "title": "Send your first campaign",
            "text": "Write a message, look at it on your own browser, then send it to everyone.",
            "url": reverse("campaigns:new"),
            "action": "New campaign",
        }
    return None
