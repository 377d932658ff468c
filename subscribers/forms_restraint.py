"""The form of a website's restraint."""

from datetime import time
from typing import Any

from django import forms

from subscribers.models import Site
from subscribers.restraint import MOST_CAP, MOST_GAP_MINUTES, Restraint


def _number(label: str, most: int, help_text: str = "") -> forms.IntegerField:
    wrong = f"Give 1 to {most:,}, or leave it empty."
    return forms.IntegerField(
        label=label, required=False, min_value=1, max_value=most, help_text=help_text,
        error_messages={"invalid": wrong, "min_value": wrong, "max_value": wrong},
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
    )  # fmt: skip


def _clock(label: str, help_text: str = "") -> forms.TimeField:
    return forms.TimeField(
        label=label, required=False, help_text=help_text, error_messages={"invalid": "Give a time, for example 22:00."},
        widget=forms.TimeInput(attrs={"class": "form-control", "type": "time"}, format="%H:%M"),
    )  # fmt: skip


class RestraintForm(forms.Form):
    per_hour = _number(
        "Campaigns an hour, at most", MOST_CAP, "For each subscriber. Who has had as many is left out."
    )
    per_day = _number("Campaigns a day, at most", MOST_CAP)
    per_week = _number("Campaigns a week, at most", MOST_CAP)
    gap_minutes = _number("Minutes between two campaigns, at least", MOST_GAP_MINUTES)
    quiet_from = _clock("Quiet from", "By each subscriber's own clock.")
    quiet_to = _clock("Quiet to")
    quiet = forms.ChoiceField(
        choices=[("hold", "Wait until it is over"), ("drop", "Leave the subscriber out")],
        required=False,
        label="What is due in quiet hours",
        help_text="What waits too long for its expiry is not shown any more.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        start, end = data.get("quiet_from"), data.get("quiet_to")
        for name, given, other in (("quiet_to", end, start), ("quiet_from", start, end)):
            if other is not None and given is None and name not in self.errors:
                self.add_error(name, "Give both times, or neither.")
        if start is not None and start == end:
            self.add_error("quiet_to", "The two times are the same. Give a later one, or leave both empty.")
        return data

    def chosen(self) -> Restraint:
        """What was chosen; call after is_valid()."""
        data = self.cleaned_data
        return Restraint(
            per_hour=data["per_hour"],
            per_day=data["per_day"],
            per_week=data["per_week"],
            gap_minutes=data["gap_minutes"],
            quiet_from=_minutes(data["quiet_from"]),
            quiet_to=_minutes(data["quiet_to"]),
            quiet=data["quiet"] or "hold",
        )


def _minutes(clock: time | None) -> int | None:
    return None if clock is None else clock.hour * 60 + clock.minute


def as_initial(site: Site) -> dict[str, Any]:
    """Fill the form from a website."""
    rule = vars(Restraint.from_json(site.restraint))
    clocks = {
        name: time(*divmod(rule[name], 60)) for name in ("quiet_from", "quiet_to") if rule[name] is not None
    }
    return {**rule, **clocks}
