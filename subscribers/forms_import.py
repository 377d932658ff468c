"""The form of an import: what kind of file, and for subscriptions the key pair that they were made with."""

from typing import Any

from django import forms

from subscribers.forms import is_script_path
from subscribers.importing.wish import KINDS, PROVIDERS, SUBSCRIPTIONS
from subscribers.models import Site, VapidKey
from truepush.lib import base64url
from truepush.lib.webpush.keys import KeyRefused
from truepush.lib.webpush.vapid import KeyPair, read_private_key

NEW_KEY = "new"


class ImportForm(forms.Form):
    kind = forms.ChoiceField(choices=list(KINDS.items()), label="What to import", widget=forms.RadioSelect)
    provider = forms.ChoiceField(
        error_messages={"required": "Choose where the subscriptions come from."},
        choices=[("", "Choose"), *((name, one.label) for name, one in PROVIDERS.items())],
        label="Where they come from",
    )
    key = forms.ChoiceField(
        label="Key pair they were made with",
        help_text="Push services take messages for a subscription only with the VAPID key pair it was made with.",
    )
    private_key = forms.CharField(
        label="Private key of another pair",
        required=False,
        max_length=4000,
        strip=True,
        help_text="As your provider gives it: base64url, PEM or JSON. It is stored encrypted and never shown again.",
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    worker_path = forms.CharField(
        label="Worker file of the old provider",
        required=False,
        max_length=200,
        help_text="Where its worker lies on your website. Left empty, it is where this provider puts it.",
        widget=forms.TextInput(attrs={"placeholder": "/OneSignalSDKWorker.js"}),
    )

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pair: KeyPair | None = None
        self.keys = {str(key.pk): key for key in VapidKey.objects.filter(site=site).exclude(state="retired")}
        known = [
            (pk, f"{_name(key)} ({base64url.encode(bytes(key.public))[:12]}…)")
            for pk, key in self.keys.items()
        ]
        # For profiles nothing of this is asked.
        is_people = not self.is_bound or self.data.get("kind") == SUBSCRIPTIONS
        self.fields["provider"].required = self.fields["key"].required = is_people
        choice = self.fields["key"]
        if isinstance(choice, forms.ChoiceField):
            choice.choices = [(NEW_KEY, "Another one: give its private key below"), *known]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") != SUBSCRIPTIONS:
            return data
        path = (
            data.get("worker_path") or PROVIDERS.get(data.get("provider", ""), PROVIDERS["own"]).worker_path
        )
        if path and not is_script_path(path):
            self.add_error(
                "worker_path", f"{path} is not a path of a script. Example: /OneSignalSDKWorker.js"
            )
        data["worker_path"] = path
        if data.get("key") == NEW_KEY:
            self._read_pair(data.get("private_key", ""))
        return data

    def _read_pair(self, text: str) -> None:
        if not text:
            self.add_error("private_key", "Give the private key, or choose a key pair that this website has.")
            return
        try:
            self.pair = read_private_key(text)
        except KeyRefused as error:
            self.add_error("private_key", f"The private key {error.reason}.")


def _name(key: VapidKey) -> str:
    if key.state == VapidKey.State.CURRENT:
        return "The one in use here"
    provider = PROVIDERS.get(key.provider)
    return f"The one of {provider.label}" if provider else "An older one of this website"
