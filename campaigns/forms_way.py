"""How a campaign goes out, as the dialog of sending says it: when, how fast, a few first, versions."""

from typing import Any

from django import forms
from django.http import QueryDict

from campaigns.forms_ab import AbForm
from campaigns.forms_speed import SpeedForm
from campaigns.forms_timing import TimingForm
from campaigns.models import Campaign


def read_way(data: QueryDict, campaign: Campaign) -> dict[str, Any] | list[forms.Form]:
    """Answer {"timing", "speed"} as launch_campaign() takes them, or the forms if something is wrong in them."""
    speed, when, ab = SpeedForm(data), TimingForm(data), AbForm(data)
    given: list[forms.Form] = [speed, when, ab]
    # Each of them is looked at, so that all that is wrong is said at once.
    if sum(form.is_valid() for form in given) < len(given):
        return given
    tried = ab.chosen(campaign.messages.count(), when.delays(campaign.site))
    return {"timing": when.chosen(campaign.site), "speed": speed.chosen()._replace(ab=tried)}
