from django.apps import AppConfig

from campaigns.rule_fields import CAMPAIGN_FIELDS
from campaigns.segment_use import campaign_users
from subscribers.rules.fields import register
from subscribers.rules.uses import register_users


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        register(*CAMPAIGN_FIELDS)
        register_users("campaigns", campaign_users(self.get_model("Campaign")))
