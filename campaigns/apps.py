from django.apps import AppConfig

from campaigns.audit_words import WORDS, kinds
from campaigns.rule_fields import CAMPAIGN_FIELDS, CAMPAIGN_SUGGESTIONS
from campaigns.segment_use import campaign_thing, campaign_users
from subscribers.rules.fields import register
from subscribers.rules.suggested import suggest
from subscribers.rules.things import register_thing
from subscribers.rules.uses import register_users
from tenants.audit_words import register_words


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        register(*CAMPAIGN_FIELDS)
        suggest(*CAMPAIGN_SUGGESTIONS)
        campaign = self.get_model("Campaign")
        register_users("campaigns", campaign_users(campaign))
        register_thing("campaign", campaign_thing(campaign))
        register_words(WORDS, kinds(campaign, self.get_model("Send"), self.get_model("Image")))
