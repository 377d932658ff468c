"""The form of when a campaign goes out."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from campaigns.timing import AT_ONCE, DAYS, FREQUENCIES, PASTS, Past, Repeat, Timing, instant, zone_of
from subscribers.models import Site

NOW, AT, BEST = "now", "at", "best"
MOST_TIMES = 5
MOST_INTERVAL, MOST_COUNT = 99, 999
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def read_time(text: str) -> datetime:
    """Read a wall clock time, to the minute; raises ValidationError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise forms.ValidationError(f"{text[:40]} is no date and time. Example: 2027-03-01 09:00")
    return found.replace(second=0, microsecond=0)


class TimingForm(forms.Form):
    """At once, at a time of the website or of each subscriber, or in each one's best hour; once or in a series."""

    when = forms.ChoiceField(choices=[(NOW, "Now"), (AT, "At a time"), (BEST, "Best hour")], required=False)
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
        when = self.data.get("when")
        if when not in (AT, BEST) or (when == BEST and not text):
            return None
        if not text:
            raise forms.ValidationError("Give the date and time at which it goes out.")
        return read_time(text)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self.others = self._read_others()
        if data.get("when") in (AT, BEST) and data.get("repeat"):
            self._check_end(data)
        return data

    def _read_others(self) -> list[datetime]:
        """The other times that are tried: `at_other`, as often as there are any."""
        given = self.data.getlist("at_other") if isinstance(self.data, QueryDict) else []
        found = []
        for text in [one for one in given if one.strip()][:MOST_TIMES]:
            try:
                found.append(read_time(text))
            except forms.ValidationError as error:
                self.add_error("at", error)
        return found

    def delays(self, site: Site) -> tuple[int, ...]:
        """In how many minutes after the first time the other ones come that are tried; call after is_valid().

        By the website's clock, which may change between them; by each subscriber's as the clock shows.
        """
        data = self.cleaned_data
        at: datetime | None = data["at"]
        if at is None or data["when"] != AT:
            return ()
        zone = "UTC" if data["clock"] == "local" else site.time_zone
        begins = instant(at, zone)
        return tuple(
            sorted(int((instant(other, zone) - begins).total_seconds()) // 60 for other in self.others)
        )

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
        is_best = data["when"] == BEST
        at: datetime | None = data["at"]
        if at is None and not is_best:
            return AT_ONCE
        if at is None:
            at = (
                timezone.now()
                .astimezone(zone_of(site.time_zone))
                .replace(tzinfo=None, second=0, microsecond=0)
            )
        past: Past = data["past"] or "next_day"
        rule = self._repeat().rule(at) if data["repeat"] else ""
        is_local = data["clock"] == "local" and not is_best
        return Timing(at, site.time_zone, is_local=is_local, past=past, rule=rule, is_best=is_best)

    def _repeat(self) -> Repeat:
        data = self.cleaned_data
        until: date | None = data["until"] if data["end"] == "until" else None
        count: int | None = data["count"] if data["end"] == "count" else None
        return Repeat(data["repeat"], data["interval"] or 1, tuple(data["days"]), until, count)
