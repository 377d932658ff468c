"""The doorways to campaigns and sends: fetched and checked together, 404 otherwise."""

from django.http import Http404

from campaigns.models import Campaign, Image, Send
from subscribers.models import Site
from truepush.lib.ids import read_id


def chosen_site(text: str | None) -> Site | None:
    """The website whose id an address or a form names, else the newest; None if there is none at all."""
    return Site.objects.filter(pk=read_id(text)).first() or Site.objects.order_by("-pk").first()


def access_campaign(pk: int) -> Campaign:
    """Fetch a campaign of the tenant in whose schema we are, with its site, else 404."""
    campaign = Campaign.objects.select_related("site").filter(pk=pk).first()
    if campaign is None:
        raise Http404
    return campaign


def access_send(pk: int) -> Send:
    """Fetch a send of the tenant in whose schema we are, with its campaign and site, else 404."""
    send = Send.objects.select_related("campaign", "site").filter(pk=pk).first()
    if send is None:
        raise Http404
    return send


def newest_send(campaign: Campaign) -> Send:
    """The last send of a campaign that is no resend, else 404."""
    sends = Send.objects.filter(campaign=campaign, kind=Send.Kind.CAMPAIGN)
    found = sends.exclude(occurrence__startswith="resend-").order_by("-pk").first()
    if found is None:
        raise Http404
    return found


def access_image(pk: int) -> Image:
    """Fetch a picture of the tenant in whose schema we are, else 404."""
    image = Image.objects.filter(pk=pk).first()
    if image is None:
        raise Http404
    return image
