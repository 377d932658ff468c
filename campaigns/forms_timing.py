"""The form of when a campaign goes out."""

from datetime import date, datetime
from typing import Any

from django import forms

from campaigns.timing import AT_ONCE, DAYS, FREQUENCIES, PASTS, Past, Repeat, Timing
from subscribers.models import Site

NOW, AT = "now", "at"
MOST_INTERVAL, MOST_COUNT = 99, 999
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class TimingForm(forms.Form):
    """At once, or at a time: of the website or of each subscriber, once or in a series."""

    when = forms.ChoiceField(choices=[(NOW, "Now"), (AT, "At a time")], required=False)
    at = forms.CharField(max_length=19, required=False)
    clock = forms.ChoiceField(
        choices=[("site", "The website's"), ("local", "Each subscriber's own")], required=False
    )
    past = forms.ChoiceField(choices=[(one, one) for one in PASTS], required=False)
    repeat = forms.ChoiceField(choices=[("", "Once"), *((one, one) for one in FREQUENCIES)], required=False)
    interval = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_INTERVAL,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), f"Every: give 1 to {MOST_INTERVAL}."
        ),
    )
    days = forms.MultipleChoiceField(choices=list(zip(DAYS, DAY_NAMES, strict=True)), required=False)
    end = forms.ChoiceField(choices=[("never", ""), ("until", ""), ("count", "")], required=False)
    until = forms.DateField(required=False, error_messages={"invalid": "Until: give a date."})
    count = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_COUNT,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), f"Times: give 1 to {MOST_COUNT}."
        ),
    )

    def clean_at(self) -> datetime | None:
        text = self.cleaned_data["at"].strip()
        if self.data.get("when") != AT:
            return None
        if not text:
            raise forms.ValidationError("Give the date and time at which it goes out.")
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = None
        if found is None or found.tzinfo is not None:
            raise forms.ValidationError(f"{text} is no date and time. Example: 2027-03-01 09:00")
        return found.replace(second=0, microsecond=0)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("when") == AT and data.get("repeat"):
            self._check_end(data)
        return data

    def _check_end(self, data: dict[str, Any]) -> None:
        at, until = data.get("at"), data.get("until")
        if data.get("end") == "until" and "until" not in self.errors:
            if until is None:
                self.add_error("until", "Say until which day it repeats.")
            elif at and until < at.date():
                self.add_error("until", f"It cannot end on {until:%d %B %Y}, before it begins.")
        if data.get("end") == "count" and not data.get("count") and "count" not in self.errors:
            self.add_error("count", "Say how many times it goes out.")

    def chosen(self, site: Site) -> Timing:
        """What was chosen, in the website's zone; call after is_valid()."""
        data = self.cleaned_data
        at: datetime | None = data["at"]
        if at is None:
            return AT_ONCE
        past: Past = data["past"] or "next_day"
        rule = self._repeat().rule(at) if data["repeat"] else ""
        return Timing(at, site.time_zone, is_local=data["clock"] == "local", past=past, rule=rule)

    def _repeat(self) -> Repeat:
        data = self.cleaned_data
        until: date | None = data["until"] if data["end"] == "until" else None
        count: int | None = data["count"] if data["end"] == "count" else None
        return Repeat(data["repeat"], data["interval"] or 1, tuple(data["days"]), until, count)
