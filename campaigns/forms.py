"""The form of a campaign's content."""

from typing import Any

from django import forms

from campaigns.actions.errors import CampaignRefused
from campaigns.content_rules import check_segments, checked_variants, most_octets
from campaigns.delivery.payload import FIELDS, UTM
from campaigns.forms_blocks import BlocksForm
from campaigns.forms_options import OptionsForm, options_initial
from campaigns.forms_personal import TrackingForm, check_personal_url, check_places
from campaigns.models import Message, Purpose
from campaigns.whom import DORMANT_DAYS
from subscribers.forms import check_url
from subscribers.models import Segment, Site
from truepush.lib.webpush.encryption import MAX_PLAINTEXT


class SegmentField(forms.ModelMultipleChoiceField[Segment]):
    """As many as there are. With several websites each segment says whose it is."""

    names_site = False

    def clean(self, value: Any) -> Any:
        return list(super().clean([pk for pk in value or [] if pk]))

    def label_from_instance(self, obj: Segment) -> str:
        return f"{obj.name} ({obj.site.name})" if self.names_site else obj.name


class ComposeForm(BlocksForm, TrackingForm, OptionsForm):
    site = forms.ModelChoiceField(queryset=Site.objects.none(), label="Website", empty_label=None)
    segment = SegmentField(
        queryset=Segment.objects.none(),
        label="Send to",
        required=False,
        widget=forms.SelectMultiple(attrs={"data-chips": "Everyone who subscribed"}),
    )
    excluded = SegmentField(
        queryset=Segment.objects.none(),
        label="But not to",
        required=False,
        widget=forms.SelectMultiple(attrs={"data-chips": "Nobody is left out"}),
    )
    dormant_days = forms.TypedChoiceField(
        choices=[("", "Nobody for that"), *((days, f"{days} days") for days in DORMANT_DAYS)],
        coerce=int,
        empty_value=None,
        required=False,
        label="Leave out who was not seen for",
    )
    had = forms.BooleanField(
        required=False,
        label="Leave out who had it already",
        help_text="Who got this campaign before, in a series or by another copy of it.",
    )
    title = forms.CharField(max_length=200, help_text="Most browsers show about 50 characters.")
    body = forms.CharField(
        max_length=2000,
        required=False,
        label="Message",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Most browsers show about 120 characters.",
    )
    url = forms.CharField(
        max_length=2000,
        label="Opens",
        help_text="The page that a click opens.",
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://www.example.com/sale"}),
    )
    icon_url = forms.CharField(
        max_length=2000,
        required=False,
        label="Icon",
        help_text="Left empty, the website's own icon is shown.",
        widget=forms.TextInput(attrs={"inputmode": "url"}),
    )

    purpose = forms.ChoiceField(
        choices=Purpose.choices,
        required=False,
        label="What it is for",
        help_text="A website's caps and quiet hours are about promotion; a service message comes through.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.variants: list[dict[str, Any]] = []
        field = self.fields["site"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Site.objects.all()
        for name in ("segment", "excluded"):
            segment = self.fields[name]
            if isinstance(segment, SegmentField):
                segment.queryset = Segment.objects.select_related("site")
                segment.names_site = Site.objects.count() > 1

    def clean_title(self) -> str:
        return check_places(self._one_line("title"), "The title")

    def clean_body(self) -> str:
        return check_places(str(self.cleaned_data["body"]).replace("\r\n", "\n").strip(), "The message")

    def _one_line(self, name: str) -> str:
        return " ".join(str(self.cleaned_data[name]).split())

    def clean_url(self) -> str:
        return check_personal_url(self.cleaned_data["url"], "The page to open")

    def clean_icon_url(self) -> str:
        text = self.cleaned_data["icon_url"]
        return check_url(text, "The icon") if text else ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["buttons"] = self.read_buttons()
        data["utm"] = self.read_utm()
        said = self.read_languages()
        data["translations"] = said.get(0, {})
        self.variants = self.read_versions(said)
        if self.errors:
            return data
        try:
            check_segments(data["site"], data["segment"], data["excluded"])
        except CampaignRefused as error:
            self.add_error("segment", str(error))
        content = self.content()
        try:
            others = checked_variants(content, self.variants)
        except CampaignRefused as error:
            self.add_error(None, str(error))
            return data
        octets = most_octets(content, others, site_icon=data["site"].icon_url)
        if octets > MAX_PLAINTEXT:
            self.add_error(
                "body",
                f"The notification has {octets} octets; browsers take {MAX_PLAINTEXT}. "
                f"Shorten the message by {octets - MAX_PLAINTEXT}.",
            )
        return data

    def content(self) -> dict[str, Any]:
        """What becomes a Message."""
        return {name: self.cleaned_data[name] for name in (*FIELDS, "urgency", "ttl")}

    def draft(self) -> dict[str, Any]:
        """What save_draft() takes."""
        data = self.cleaned_data
        return {
            "site": data["site"],
            "segments": data["segment"],
            "excluded": data["excluded"],
            "content": self.content(),
            "variants": self.variants,
            "leave_out": self.leave_out(),
            "purpose": data["purpose"] or Purpose.PROMOTION,
        }

    def leave_out(self) -> dict[str, Any]:
        """What a campaign stores of who is left out besides."""
        data = self.cleaned_data
        days = {"dormant_days": data["dormant_days"]} if data["dormant_days"] else {}
        return {**days, **({"had": True} if data["had"] else {})}

    @property
    def leaves_out(self) -> bool:
        """Whether any of it is chosen: then it is open."""
        return bool(self["dormant_days"].value() or self["had"].value())

    def options(self) -> list[forms.BoundField]:
        """The fields that stand under "More"."""
        return [self[name] for name in (*OptionsForm.base_fields, "purpose")]

    @property
    def has_options(self) -> bool:
        """Whether any of them is filled in, or wrong: then they are open."""
        usual = {"urgency": "normal", "purpose": Purpose.PROMOTION}
        given = [(field.value(), usual.get(field.name)) for field in self.options()]
        return any(value and value != known for value, known in given) or any(
            field.errors for field in self.options()
        )


def as_initial(message: Message) -> dict[str, Any]:
    """Fill the form from a Message."""
    texts = {name: getattr(message, name) for name in ("title", "body", "url", "icon_url")}
    utm = {f"utm_{name}": message.utm.get(name, "") for name in UTM}
    return {**texts, **utm, **options_initial(message)}
