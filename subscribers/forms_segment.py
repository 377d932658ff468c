"""The form of a segment: its name, its website, and its rule as the builder writes it."""

from typing import Any

from django import forms

from subscribers.models import Site
from subscribers.rules.arguments import RuleRefused
from subscribers.rules.rule import MOST_OCTETS, Group, read_text


class RuleField(forms.CharField):
    """JSON of a rule; its clean value is a Group. What is wrong is said with the place in the rule."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> Group:
        text = super().clean(value)
        try:
            return read_text(text)
        except RuleRefused as error:
            raise forms.ValidationError(str(error)) from None


class SegmentForm(forms.Form):
    site = forms.ModelChoiceField(queryset=Site.objects.none(), label="Website", empty_label=None)
    name = forms.CharField(
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": "Buyers in Germany", "autocomplete": "off"}),
    )
    rule = RuleField(max_length=MOST_OCTETS, error_messages={"required": "Add at least one condition."})

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["site"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Site.objects.all()
        # A segment stays on its website: its tags and events are of that one.
        field.disabled = not is_new

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())


class PreviewForm(forms.Form):
    """What the builder sends while it is edited."""

    site = forms.ModelChoiceField(queryset=Site.objects.none())
    rule = RuleField(max_length=MOST_OCTETS)
    refine = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["site"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Site.objects.all()
