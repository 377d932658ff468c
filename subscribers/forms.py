"""The form of a website."""

import re
from typing import Any
from urllib.parse import urlsplit

import idna
from django import forms
from django.conf import settings
from django.forms.utils import flatatt
from django.utils.html import escape
from django.utils.safestring import SafeString

from subscribers.models import Site
from subscribers.time_zones import time_zone_choices
from truepush.lib.hostname import USUAL_PORTS, is_host_name, is_local, url_problem
from truepush.lib.webpush.contact import ContactRefused, check_contact

MOST_ORIGIN = 255
_WORKER_PATH = re.compile(r"/[A-Za-z0-9_.\-/]+\.js")


def read_origin(text: str) -> str:
    """Cut an address down to its origin as browsers spell it; raises ValidationError with the remedy."""
    text = text.strip()
    refusal = forms.ValidationError(f"{text} is not a web address. Example: https://www.example.com")
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        if "://" not in text and is_local(parts.hostname or ""):
            parts = parts._replace(scheme="http")
        port = parts.port
    except ValueError:
        raise refusal from None
    host = _browsers_host(parts.hostname or "")
    if not host or parts.username is not None or parts.scheme not in ("http", "https") or port == 0:
        raise refusal
    if parts.scheme == "http" and not is_local(host):
        raise forms.ValidationError(
            f"{text} begins with http://, but browsers allow push on https only. Give the address with https://."
        )
    if "." not in host and not is_local(host):
        raise forms.ValidationError(f"{host} is not a full host name. Example: https://www.example.com")
    default = USUAL_PORTS[parts.scheme]
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")
    if len(origin) > MOST_ORIGIN:
        raise forms.ValidationError(
            f"{host:.80}... is too long: an address has at most {MOST_ORIGIN} characters."
        )
    return origin


def _browsers_host(name: str) -> str:
    """Spell a host as browsers do (IDNA 2008 by UTS 46: straße is not strasse); empty if it is none.

    Underscores are no part of host names, but browsers open websites that have them.
    """
    if name == "::1":
        return "[::1]"
    try:
        host = name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return ""
    return host if is_host_name(host.replace("_", "x")) else ""


def check_url(text: str, what: str) -> str:
    """Check an absolute address as `url_problem` does; raises ValidationError."""
    text = text.strip()
    if problem := url_problem(text):
        raise forms.ValidationError(f"{what} {problem}")
    return text


def is_script_path(path: str) -> bool:
    """Tell a path on a website that a browser takes a worker from."""
    return bool(_WORKER_PATH.fullmatch(path)) and "//" not in path and "/." not in path


class LongSelect(forms.Select):
    """A select of hundreds, without groups. Django has templates for each option: 39 ms for all zones, here 5."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        options = [
            f'<option value="{escape(one)}"{" selected" if one in chosen else ""}>{escape(label)}</option>'
            for one, label in self.choices
        ]
        given = flatatt({"name": name, **self.attrs, **(attrs or {})})
        return SafeString(f"<select{given}>{''.join(options)}</select>")


class SiteForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="What you call this website in the console.")
    origin = forms.CharField(
        max_length=2000,
        label="Address",
        help_text="Where visitors see it, for example https://www.example.com. Pages of other hosts are not included.",
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://www.example.com"}),
    )
    icon_url = forms.CharField(
        max_length=2000,
        required=False,
        label="Icon",
        help_text="The address of a square picture of 192 pixels or more, shown beside each notification.",
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://www.example.com/icon.png"}),
    )
    contact = forms.CharField(
        max_length=254,
        required=False,
        label="Contact for push services",
        help_text="Push services write here if your sending is at fault: mailto:you@example.com, or a page. "
        "Left empty, the operator of this installation is named.",
        widget=forms.TextInput(attrs={"placeholder": "mailto:web@example.com"}),
    )
    time_zone = forms.ChoiceField(
        widget=LongSelect,
        choices=time_zone_choices,
        required=False,
        initial="UTC",
        label="Time zone",
        help_text="By whose clock campaigns go out that are scheduled for a time.",
    )
    worker_path = forms.CharField(
        max_length=200,
        label="Path of the worker file",
        initial="/truepush/worker.js",
        help_text="Where you will put the worker file on your website. It has a folder of its own, so that it never "
        "meets another worker of yours.",
    )
    in_own_worker = forms.BooleanField(
        required=False,
        label="My website has a worker of its own, in the root, which imports Truepush's",
        help_text="Then the path above is that worker's, for example /sw.js. Without this, both live side by side.",
    )

    def __init__(self, *args: Any, site: Site | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.site = site
        self.fields["in_own_worker"].initial = site is not None and site.worker_scope == "/"

    def clean_origin(self) -> str:
        origin = read_origin(self.cleaned_data["origin"])
        others = Site.objects.filter(origin=origin).exclude(pk=self.site.pk if self.site else 0)
        if others.exists():
            raise forms.ValidationError(f"{origin} is a website of this workspace already.")
        return origin

    def clean_icon_url(self) -> str:
        text = str(self.cleaned_data["icon_url"])
        return check_url(text, "The icon") if text else ""

    def clean_contact(self) -> str:
        text = self.cleaned_data["contact"].strip() or settings.VAPID_CONTACT
        try:
            return check_contact(text)
        except ContactRefused as error:
            raise forms.ValidationError(str(error)) from None

    def clean_time_zone(self) -> str:
        return self.cleaned_data["time_zone"] or (self.site.time_zone if self.site else "UTC")

    def clean_worker_path(self) -> str:
        path = str(self.cleaned_data["worker_path"]).strip()
        if not is_script_path(path):
            raise forms.ValidationError(f"{path} is not a path of a script. Example: /truepush/worker.js")
        return path

    def clean(self) -> dict[str, Any]:
        """Take a worker in the root only if it is the website's own."""
        data = super().clean() or {}
        path, is_own = data.get("worker_path", ""), data.pop("in_own_worker", False)
        if path.count("/") == 1 and not is_own:
            self.add_error(
                "worker_path",
                f"{path} lies in the root, where it would control every page. Put it in a folder: /truepush{path}",
            )
        elif path.count("/") > 1 and is_own:
            self.add_error(
                "worker_path", f"{path} lies in a folder. Give the path of the worker in the root."
            )
        return data
