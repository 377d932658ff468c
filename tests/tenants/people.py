"""Members of workspaces, and the whole way of one browser from the public host into a console."""

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qs, urlsplit

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tenants.models import Membership, Role, User
from tenants.sealing import seal
from tests.conftest import PASSWORD, Workspace

PUBLIC = "http://localhost:8000"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def add_person(email: str, **fields: object) -> User:
    return User.objects.create_user(email, PASSWORD, **fields)


def verified(user: User) -> User:
    """Have the person's address verified, as by the link in a mail; without the audit row, which would stay."""
    user.email_verified_at = timezone.now()
    user.save(update_fields=["email_verified_at"])
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def add_member(place: Workspace, role: Role, email: str = "") -> User:
    user = add_person(email or f"{role}@{place.tenant.slug}.test")
    Membership.objects.create(tenant=place.tenant, user=user, role=role)
    return user


def give_second_factor(user: User, secret: str = SECRET) -> None:
    """Add an authenticator app, as if by its page; sessions that are open stay."""
    Authenticator.objects.create(
        user=user, type=Authenticator.Type.TOTP, data={"secret": seal(secret, context="second factor")}
    )


@dataclass
class Browser:
    """One browser: the public host and one console, each with cookies of its own."""

    place: Workspace
    public: Client
    console: Client = field(init=False)

    def __post_init__(self) -> None:
        self.console = Client(headers={"host": self.place.host})

    @property
    def origin(self) -> str:
        return f"http://{self.place.host}"

    def ask(self, path: str = "/") -> str:
        """Visit the console without a session; answer the address on the public host that it sends us to."""
        answer = self.console.get(path)
        assert answer.status_code == 302
        return str(answer["Location"])

    def open(self, address: str) -> dict[str, str]:
        """Follow to the public host; answer the fields of the form that it would post."""
        assert address.startswith(PUBLIC)
        return form_fields(self.public.get(address.removeprefix(PUBLIC)))

    def knock(self, fields: dict[str, str]) -> HttpResponse:
        """Post as the public host's form does: across sites, so without the console's SameSite cookies."""
        stranger = Client(headers={"host": self.place.host})
        return stranger.post("/enter/", fields, headers={"origin": PUBLIC})

    def enter(self, fields: dict[str, str], **headers: str) -> HttpResponse:
        """Post from the console's own interstitial page, with the cookies of the console."""
        return self.console.post("/enter/", fields, headers={"origin": self.origin, **headers})

    def come_in(self, path: str = "/") -> HttpResponse:
        fields = self.open(self.ask(path))
        return self.enter(form_fields(self.knock(fields)))

    @property
    def nonce(self) -> str:
        return str(self.console.cookies[settings.ENTER_COOKIE_NAME].value)


def form_fields(page: HttpResponse) -> dict[str, str]:
    """Read the hidden fields of the page's form, except the CSRF token."""
    assert page.status_code == 200, page.content
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
