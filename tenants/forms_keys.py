"""What a new API key may do, from where, how often and until when."""

import ipaddress
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from tenants.models import Scope

MOST_ADDRESSES = 20
DAYS = [("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("never", "Never")]


class KeyForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=60,
        help_text="Where it is used, for example Shop server.",
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=Scope.choices,
        help_text="For routes to come: so far the API only says what a key is.",
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    days = forms.ChoiceField(
        label="Ends after",
        choices=DAYS,
        initial="365",
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    addresses = forms.CharField(
        label="Only from these addresses",
        required=False,
        max_length=1000,
        help_text="One address or network a line, for example 203.0.113.7 or 2001:db8::/48. Empty is everywhere.",
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3, "spellcheck": "false"}),
    )
    per_minute = forms.IntegerField(
        label="Requests a minute, at most",
        min_value=1,
        max_value=6000,
        initial=600,
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_addresses(self) -> list[str]:
        lines = str(self.cleaned_data["addresses"]).replace(",", " ").split()
        if len(lines) > MOST_ADDRESSES:
            raise forms.ValidationError(
                f"{len(lines)} are too many: give at most {MOST_ADDRESSES}, or networks."
            )
        return list(dict.fromkeys(_network(line) for line in lines))

    @property
    def verb_arguments(self) -> dict[str, Any]:
        """What create_key takes."""
        given = {name: self.cleaned_data[name] for name in ("name", "scopes", "addresses", "per_minute")}
        days = self.cleaned_data["days"]
        ends = None if days == "never" else timezone.now() + timedelta(days=int(days))
        return {**given, "expires_at": ends}


def _network(text: str) -> str:
    """Normalise an address or network. None by which no request is told: of one interface, or IPv4 written as IPv6."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        network = None
    if network is None or "%" in text or getattr(network.network_address, "ipv4_mapped", None):
        raise forms.ValidationError(
            f"{text!r} is not an address or a network: write 203.0.113.7 or 203.0.113.0/24."
        )
    return str(network.network_address if network.num_addresses == 1 else network)
