"""Limits of messages a minute: one for the workspace, one for each website."""

from collections.abc import Sequence
from typing import Any

from django import forms

from subscribers.models import Site
from tenants.actions.sending import FASTEST, SLOWEST
from tenants.models import Tenant

_WRONG = f"Give {SLOWEST} to {FASTEST:,} messages a minute, or leave it empty for as fast as possible."


class RatesForm(forms.Form):
    """`workspace`, and `site_<id>` for each website; empty is as fast as possible."""

    def __init__(self, *args: Any, tenant: Tenant, sites: Sequence[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["workspace"] = _rate("All websites together", tenant.rate_per_minute)
        for site in sites:
            self.fields[f"site_{site.pk}"] = _rate(site.name, site.rate_per_minute)
        self.fields["needs_approval"] = forms.BooleanField(
            required=False,
            initial=tenant.needs_approval,
            label="A second person approves what is sent",
            help_text="Whoever writes a campaign asks for approval; anybody else who may send gives it.",
        )


def _rate(label: str, now: int | None) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        initial=now,
        min_value=SLOWEST,
        max_value=FASTEST,
        error_messages={"invalid": _WRONG, "min_value": _WRONG, "max_value": _WRONG},
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
    )
