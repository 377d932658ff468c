"""The form of how fast a send goes."""

from typing import Any, Literal

from django import forms

from campaigns.actions.control import LONGEST_SPREAD_MINUTES
from campaigns.actions.new_send import Speed
from campaigns.delivery.canary import LEAST_SHARE, LONGEST_LOOK, MOST_PEOPLE, MOST_SHARE, Canary
from tenants.actions.sending import FASTEST, SLOWEST

_WRONG = ("invalid", "min_value", "max_value")
_SHARE = f"A few first: give {LEAST_SHARE} to {MOST_SHARE} per cent, or 1 to {MOST_PEOPLE:,} people."
_LOOK = f"A few first: give 1 to {LONGEST_LOOK:,} minutes."
FULL, RATE, SPREAD = "full", "rate", "spread"


class SpeedForm(forms.Form):
    """As fast as possible, so many messages a minute, or spread over so many minutes."""

    speed = forms.ChoiceField(
        choices=[(FULL, "As fast as possible"), (RATE, "Messages a minute"), (SPREAD, "Spread over minutes")],
        required=False,
        label="Speed",
    )
    per_minute = forms.IntegerField(
        required=False,
        min_value=SLOWEST,
        max_value=FASTEST,
        error_messages={
            "invalid": "Messages a minute: give a whole number.",
            "min_value": f"Messages a minute: give {SLOWEST} to {FASTEST:,}.",
            "max_value": f"Messages a minute: give {SLOWEST} to {FASTEST:,}.",
        },
    )
    spread_minutes = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_SPREAD_MINUTES,
        error_messages={
            "invalid": "Minutes: give a whole number.",
            "min_value": f"Minutes: give 1 to {LONGEST_SPREAD_MINUTES:,}.",
            "max_value": f"Minutes: give 1 to {LONGEST_SPREAD_MINUTES:,}.",
        },
    )

    canary = forms.BooleanField(required=False)
    canary_size = forms.FloatField(
        required=False,
        min_value=LEAST_SHARE,
        max_value=MOST_PEOPLE,
        error_messages=dict.fromkeys(_WRONG, _SHARE),
    )
    canary_unit = forms.ChoiceField(choices=[("percent", ""), ("people", "")], required=False)
    canary_minutes = forms.IntegerField(
        required=False, min_value=1, max_value=LONGEST_LOOK, error_messages=dict.fromkeys(_WRONG, _LOOK)
    )
    canary_then = forms.ChoiceField(choices=[("go", ""), ("ask", "")], required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        size, is_people = data.get("canary_size"), data.get("canary_unit") == "people"
        if data.get("canary") and size and (size != int(size) if is_people else size > MOST_SHARE):
            self.add_error("canary_size", _SHARE)
        if data.get("speed") == RATE and not data.get("per_minute") and "per_minute" not in self.errors:
            self.add_error("per_minute", "Say how many messages a minute.")
        if (
            data.get("speed") == SPREAD
            and not data.get("spread_minutes")
            and "spread_minutes" not in self.errors
        ):
            self.add_error("spread_minutes", "Say over how many minutes.")
        return data

    def chosen(self) -> Speed:
        """What was chosen; call after is_valid()."""
        data, canary = self.cleaned_data, self._canary()
        if data["speed"] == RATE:
            return Speed(per_minute=data["per_minute"], canary=canary)
        if data["speed"] == SPREAD:
            return Speed(spread_minutes=data["spread_minutes"], canary=canary)
        return Speed(canary=canary)

    def _canary(self) -> Canary | None:
        data = self.cleaned_data
        if not data["canary"]:
            return None
        size, minutes = data["canary_size"], data["canary_minutes"] or 15
        then: Literal["go", "ask"] = "ask" if data["canary_then"] == "ask" else "go"
        if data["canary_unit"] == "people":
            return Canary(MOST_SHARE, minutes, then, number=int(size or 1000))
        return Canary(size or 1.0, minutes, then)

    def in_words(self) -> str:
        chosen = self.chosen()
        if chosen.per_minute:
            return f"{chosen.per_minute:,} messages a minute"
        if chosen.spread_minutes:
            return f"what is left spread over {chosen.spread_minutes:,} minutes"
        return "as fast as possible"
