"""Passkeys in a real Chromium, whose authenticator DevTools plays: added, and asked for at sign-in."""

import re
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from playwright.sync_api import Page, expect

from tenants.models import AttemptCount, AuditEntry, User
from tests.conftest import PASSWORD, Workspace
from tests.e2e.browsers.chromium import chromium
from tests.isolation.live import granian

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def _swept(alone: Workspace) -> Iterator[None]:
    yield
    Authenticator.objects.filter(user=alone.owner).delete()
    AttemptCount.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_session")


def sign_in(page: Page, email: str, base: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{base}/sign-in/?next=/account/second-factor/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()


def test_a_passkey_is_added_and_opens_the_account(
    _swept: None, alone: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AU-05, on http://localhost, which browsers take for secure."""
    monkeypatch.setenv(
        "PASSWORD_HASHERS", "django.contrib.auth.hashers.MD5PasswordHasher"
    )  # as in this process
    email, complaints = alone.owner.email, list[str]()
    with granian() as server, chromium() as browser:
        base, page = f"http://localhost:{server.port}", browser.new_context().new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        # 1. Add it: the password first, then the browser's dialog, which the authenticator answers.
        sign_in(page, email, base)
        page.get_by_role("link", name="Add a passkey").click()
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.get_by_role("button", name="Add the passkey").click()
        expect(page.locator(".secret-codes")).to_have_text(re.compile(r"^(\d{8}\s+){10}$"))
        kept = devtools.send("WebAuthn.getCredentials", {"authenticatorId": made["authenticatorId"]})
        assert [key["rpId"] for key in kept["credentials"]] == ["localhost"]
        # 2. Sign in with it.
        sign_in(page, email, base)
        page.get_by_role("button", name="Use passkey").click()
        expect(page.get_by_text("10 left.")).to_be_visible()
        # 3. A browser without it says so, and stays out.
        devtools.send("WebAuthn.clearCredentials", {"authenticatorId": made["authenticatorId"]})
        sign_in(page, email, base)
        page.get_by_role("button", name="Use passkey").click()
        expect(page.get_by_text("Nothing came of it")).to_be_visible()
        assert page.url == f"{base}/sign-in/second-factor/"
        page.context.close()
    assert complaints == []
    user = User.objects.get(email=email)
    assert Authenticator.objects.get(user=user, type="webauthn").data["name"] == "Passkey"
    actions = AuditEntry.objects.filter(actor=email, action__startswith="user.").order_by("pk")
    assert [(row.action, row.detail) for row in actions] == [
        ("user.sign_in", {"methods": ["password"]}),
        ("user.webauthn_added", {}),
        ("user.sign_in", {"methods": ["password", "mfa"]}),
    ]
