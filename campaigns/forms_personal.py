"""What a message says to whom: places for a recipient's own values, and what tracking is told."""

import re
from typing import Any

from django import forms

from campaigns.delivery.payload import UTM
from campaigns.delivery.personal import Marks, has_places, stray_braces
from subscribers.forms import check_url

MOST_UTM = 100
_LITERAL_HOST = re.compile(r"https?://[^/?#{}\s]+[/?#]", re.IGNORECASE)
_UTM_HELP = {
    "source": "Which tool it came from, for example truepush.",
    "medium": "The channel, for example web-push.",
    "campaign": "What it is part of, for example spring-sale.",
}


def check_places(text: str, what: str) -> str:
    """Raise ValidationError for braces that would reach a recipient."""
    if stray := stray_braces(text):
        raise forms.ValidationError(
            f"{what} has braces that are no placeholder: {stray}. "
            'Write one as {{ first_name|default:"there" }}, or take the braces away.'
        )
    return text


def check_personal_url(text: str, what: str) -> str:
    """Check an address that may have placeholders, after its host."""
    text = check_places(text.strip(), what)
    if not has_places(text):
        return check_url(text, what)
    if not _LITERAL_HOST.match(text):
        raise forms.ValidationError(
            f"{what} must begin with https:// and a host of its own; placeholders stand after it, "
            "for example https://www.example.com/for/{{ city }}."
        )
    check_url(Marks().mark(text).replace("\x00", ""), what)
    return text


class TrackingForm(forms.Form):
    """The parameters that analytics tools read, added to the message's pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in UTM:
            self.fields[f"utm_{name}"] = forms.CharField(
                max_length=MOST_UTM, required=False, label=f"utm_{name}", help_text=_UTM_HELP.get(name, "")
            )

    def read_utm(self) -> dict[str, str]:
        """Answer those that are filled in, as typed."""
        found = {}
        for name in UTM:
            text = " ".join(str(self.cleaned_data.get(f"utm_{name}", "")).split())
            try:
                found[name] = check_places(text, f"utm_{name}")
            except forms.ValidationError as error:
                self.add_error(f"utm_{name}", error)
        return {name: text for name, text in found.items() if text}

    def tracking(self) -> list[forms.BoundField]:
        return [self[f"utm_{name}"] for name in UTM]

    @property
    def has_tracking(self) -> bool:
        """Whether any of it is filled in, or wrong."""
        return any(field.value() or field.errors for field in self.tracking())
