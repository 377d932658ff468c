"""What this app's actions and targets are called in the audit log."""

from django.db.models import Model

from tenants.audit_words import Kind, named, page_of

WORDS = {
    "campaign.begin": "began the {}",
    "campaign.save": "saved the {}",
    "campaign.forget_typed": "dropped the unsaved changes of the {}",
    "campaign.copy": "copied the {}",
    "campaign.archive": "archived the {}",
    "campaign.restore": "took the {} out of the archive",
    "campaign.delete": "deleted the {}",
    "campaign.test": "sent a test of the {}",
    "campaign.send": "launched the {}",
    "campaign.next": "scheduled the next run of the {}",
    "campaign.call_back": "called back the {}",
    "campaign.ask": "asked for approval of the {}",
    "campaign.approve": "approved the {}",
    "campaign.decline": "did not approve the {}",
    "campaign.withdraw": "withdrew the question for approval of the {}",
    "send.pause": "paused the {}",
    "send.resume": "let the {} go on",
    "send.requeue": "queued a batch of {} again",
    "send.cancel": "cancelled the {}",
    "send.choose": "chose the version for the rest of the {}",
    "send.rate": "changed how fast the {} goes",
    "send.resend": "sent again to the rest of the {}",
    "send.canary": "judged the first messages of the {}",
    "send.ab": "ended the comparison of versions of the {}",
    "send.export": "downloaded the recipients of the {}",
    "site.fill": "made an audience for trying out of the {}",
    "image.add": "added the {}",
    "image.remove": "removed the {}",
    "subscriber.data": "downloaded what is known of the {}",
}


def kinds(campaign: type[Model], send: type[Model], image: type[Model]) -> dict[str, Kind]:
    """The models are given, since this is asked before Django's models are there."""
    return {
        "campaign": Kind("campaign", named(campaign), page_of("campaigns:compose")),
        "send": Kind("send of", named(send, "campaign__name"), page_of("campaigns:report")),
        "image": Kind("picture", named(image)),
    }
