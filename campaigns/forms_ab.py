"""The form of how versions are tried, and who is held out."""

from typing import Any

from django import forms
from django.http import QueryDict

from campaigns.delivery.ab import (
    LEAST_FIRST,
    LONGEST_TEST,
    MOST_FIRST,
    MOST_HELD_OUT,
    MOST_VARIANTS,
    SHORTEST_TEST,
    AbTest,
    equal_shares,
)

_WRONG = ("invalid", "min_value", "max_value")
MINUTES = {"minutes": 1, "hours": 60, "days": 1440}


def _said(text: str) -> dict[str, str]:
    return dict.fromkeys(_WRONG, f"A/B test: {text}")


class AbForm(forms.Form):
    """Parts in percent (`share`, one for each version), who is held out, and whether a winner is chosen."""

    hold_out = forms.FloatField(
        required=False,
        min_value=0,
        max_value=MOST_HELD_OUT,
        error_messages=_said(f"hold out 0 to {MOST_HELD_OUT} per cent."),
    )
    winner = forms.BooleanField(required=False)
    first = forms.FloatField(
        required=False,
        min_value=LEAST_FIRST,
        max_value=MOST_FIRST,
        error_messages=_said(f"test it on {LEAST_FIRST} to {MOST_FIRST} per cent."),
    )
    after = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_TEST,
        error_messages=_said("give a whole number of minutes, hours or days."),
    )
    after_unit = forms.ChoiceField(choices=[(one, one) for one in MINUTES], required=False)
    metric = forms.ChoiceField(choices=[("clicked", ""), ("displayed", "")], required=False)
    winner_then = forms.ChoiceField(choices=[("go", ""), ("ask", "")], required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self.shares = self._read_shares()
        if data.get("winner") and not SHORTEST_TEST <= self._minutes() <= LONGEST_TEST:
            self.add_error("after", f"A/B test: choose the winner within {LONGEST_TEST // 1440} days.")
        return data

    def _minutes(self) -> int:
        data = self.cleaned_data
        return int((data.get("after") or 1) * MINUTES[data.get("after_unit") or "hours"])

    def _read_shares(self) -> tuple[int, ...]:
        given = self.data.getlist("share") if isinstance(self.data, QueryDict) else []
        texts = [text.strip() for text in given[:MOST_VARIANTS] if text.strip()]
        if all(text.isascii() and text.isdecimal() and len(text) <= 3 for text in texts):
            return tuple(int(text) for text in texts)
        self.add_error(None, f"A/B test: parts are whole numbers of per cent, not {', '.join(texts)[:60]}.")
        return ()

    def chosen(self, versions: int, delays: tuple[int, ...]) -> AbTest | None:
        """What was chosen for so many versions of the text, or of the time; call after is_valid()."""
        data, tried = self.cleaned_data, versions if versions > 1 else len(delays) + 1
        hold_out = data["hold_out"] or 0.0
        if tried == 1:
            return AbTest(hold_out=hold_out) if hold_out else None
        return AbTest(
            shares=self.shares or equal_shares(tried),
            hold_out=hold_out,
            first=(data["first"] or 20.0) if data["winner"] else None,
            minutes=self._minutes(),
            metric="displayed" if data["metric"] == "displayed" else "clicked",
            then="ask" if data["winner_then"] == "ask" else "go",
            delays=delays,
        )
