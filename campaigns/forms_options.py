"""What a message can have besides its text: pictures, buttons, how it is shown, how long it is kept."""

from typing import Any

from django import forms

from campaigns.forms_personal import check_personal_url, check_places
from campaigns.models import Message
from subscribers.forms import check_url

MINUTE, HOUR, DAY = 60, 3600, 86_400
# RFC 8030 sections 5.2 and 5.3; 28 days is what push services keep at most.
KEPT = {
    "": "As long as usual",
    str(MINUTE): "1 minute",
    str(15 * MINUTE): "15 minutes",
    str(HOUR): "1 hour",
    str(4 * HOUR): "4 hours",
    str(12 * HOUR): "12 hours",
    str(DAY): "1 day",
    str(3 * DAY): "3 days",
    str(7 * DAY): "1 week",
    str(14 * DAY): "2 weeks",
    str(28 * DAY): "28 days",
}
MOST_BUTTON_TITLE = 40


def _address(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        max_length=2000,
        required=False,
        label=label,
        help_text=help_text,
        widget=forms.TextInput(attrs={"inputmode": "url"}),
    )


def _title(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(max_length=MOST_BUTTON_TITLE, required=False, label=label, help_text=help_text)


class OptionsForm(forms.Form):
    image_url = _address(
        "Large image",
        "Chrome and Edge on Windows and Android show it; Safari, Firefox and macOS leave it out.",
    )
    badge_url = _address("Badge", "A small white shape for Android's status bar; others leave it out.")
    button1_title = _title(
        "First button", "Chrome and Edge show up to two; elsewhere a click opens the page above."
    )
    button1_url = _address("First button opens")
    button1_icon = _address("First button's icon", "Chrome and Edge on Windows show it.")
    button2_title = _title("Second button")
    button2_url = _address("Second button opens")
    button2_icon = _address("Second button's icon")
    replaces = forms.CharField(
        max_length=40,
        required=False,
        label="Replaces earlier ones named",
        help_text="Give a name, for example price alert: a browser then shows the newest of that name only.",
    )
    sticky = forms.BooleanField(
        required=False,
        label="Stay until the visitor acts",
        help_text="Chrome and Edge on computers keep it on the screen; phones and Safari do not.",
    )
    silent = forms.BooleanField(
        required=False, label="No sound", help_text="The system decides in the end; some are silent anyway."
    )
    ttl = forms.ChoiceField(
        required=False,
        choices=list(KEPT.items()),
        label="Keep for browsers that are offline",
        help_text="After that it is shown to nobody any more. Some push services keep it less long.",
    )
    urgency = forms.ChoiceField(
        required=False,
        choices=Message.Urgency.choices,
        label="Urgency",
        help_text="Lets a phone save its battery. Some push services do not look at it.",
    )

    def clean_image_url(self) -> str:
        return self._checked("image_url", "The large image")

    def clean_badge_url(self) -> str:
        return self._checked("badge_url", "The badge")

    def clean_replaces(self) -> str:
        return " ".join(str(self.cleaned_data["replaces"]).split())

    def clean_ttl(self) -> int | None:
        text = self.cleaned_data["ttl"]
        return int(text) if text else None

    def clean_urgency(self) -> str:
        return self.cleaned_data["urgency"] or "normal"

    def _checked(self, name: str, what: str) -> str:
        text = self.cleaned_data.get(name, "")
        return check_personal_url(text, what) if text else ""

    def read_buttons(self) -> list[dict[str, str]]:
        """Answer the buttons that are filled in; notes what is missing or wrong with its field."""
        return [button for number in (1, 2) if (button := self._button(number))]

    def _button(self, number: int) -> dict[str, str] | None:
        data = self.cleaned_data
        names = {part: f"button{number}_{part}" for part in ("title", "url", "icon")}
        given = {part: " ".join(str(data.get(name, "")).split()) for part, name in names.items()}
        if not any(given.values()):
            return None
        checked = {"title": given["title"], "url": "", "icon_url": ""}
        if not given["title"]:
            self.add_error(names["title"], "Give the button a title, or leave all of it empty.")
        if not given["url"]:
            self.add_error(names["url"], "Give the page that the button opens, or leave all of it empty.")
        for part, key, check, what in _BUTTON_PARTS:
            try:
                checked[key] = check(given[part], what) if given[part] else ""
            except forms.ValidationError as error:
                self.add_error(names[part], error)
        return checked


_BUTTON_PARTS = (
    ("title", "title", check_places, "The button's title"),
    ("url", "url", check_personal_url, "The button's page"),
    ("icon", "icon_url", check_url, "The button's icon"),
)


def options_initial(message: Message) -> dict[str, Any]:
    """Fill the fields from a Message."""
    made = {
        "image_url": message.image_url,
        "badge_url": message.badge_url,
        "replaces": message.replaces,
        "sticky": message.sticky,
        "silent": message.silent,
        "urgency": message.urgency,
        "ttl": str(message.ttl or ""),
    }
    for number, button in enumerate(message.buttons, 1):
        made |= {
            f"button{number}_title": button["title"],
            f"button{number}_url": button["url"],
            f"button{number}_icon": button.get("icon_url", ""),
        }
    return made
