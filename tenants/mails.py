"""Mails to one person about their account. They hold links that open it, so no queue and no log ever carries one."""

import time

from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from tenants.models import User
from tenants.sealing import seal, unseal
from truepush.lib.fieldcrypt import FieldCryptError

_LINK = "sign-up link"
LINK_SECONDS = 24 * 3600
MOST_KEY = 1000


class MailNotSent(Exception):
    """The mail server did not take a mail; the text names the type of the error alone."""


# What a mail can say has changed.
CHANGES = {
    "password": "the password was changed",
    "totp_activated": "an authenticator app was added",
    "totp_deactivated": "the authenticator app was removed",
    "webauthn_added": "a passkey was added",
    "webauthn_removed": "a passkey was removed",
    "recovery_codes_generated": "new recovery codes were made",
    "factors_forgotten": "every second factor was removed by those who run Truepush here",
}


def mail_reset(user: User) -> None:
    """The link works once, for an hour, and no longer than the password stays what it is."""
    token = EmailAwarePasswordResetTokenGenerator().make_token(user)
    link = _address("account_reset_password_from_key", uidb36=user_pk_to_url_str(user), key=token)
    _send("account/email/reset.txt", user, link=link)


def mail_verification(user: User) -> None:
    """The link verifies the address that the account has now, for a day."""
    address, _ = EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"primary": True, "verified": False}
    )
    _send(
        "account/email/verify.txt",
        user,
        link=_address("tenants:verify", key=EmailConfirmationHMAC(address).key),
    )


def mail_sign_up(email: str) -> None:
    """Send a link to a new workspace, good for a day; whoever has an account is sent to the sign-in."""
    user = User.objects.filter(email__iexact=email).first()
    if user:
        _send(
            "account/email/sign_up_known.txt",
            user,
            link=_address("account_login"),
            reset=_address("account_reset_password"),
        )
        return
    key = seal(f"{int(time.time())} {email}", context=_LINK)
    _send("account/email/sign_up.txt", User(email=email), link=_address("sign_up_link", key=key))


def address_of_link(key: str) -> str | None:
    """The address to which the link with this key was mailed, within the last day; None for any other key."""
    try:
        at, _, email = unseal(key[:MOST_KEY], context=_LINK).partition(" ")
    except FieldCryptError:
        return None
    return email if time.time() - int(at) < LINK_SECONDS else None


def mail_change(user: User, what: str) -> None:
    """Say that something about the account changed, so that whoever did not do it can act."""
    _send("account/email/changed.txt", user, what=what, link=_address("account_reset_password"))


def _address(name: str, **given: str) -> str:
    path = reverse(name, urlconf=settings.PUBLIC_SCHEMA_URLCONF, kwargs=given or None)
    return f"{settings.BASE_URL}{path}"


def _send(template: str, user: User, **context: str) -> None:
    """Send a template whose first line is the subject."""
    text = render_to_string(template, {"user": user, "base_url": settings.BASE_URL, **context})
    subject, _, body = text.partition("\n")
    try:
        send_mail(subject, body.lstrip("\n"), None, [user.email])
    except OSError as error:  # smtplib's own are of it
        # What is raised is kept in the queue's books, and a mail server's words have the address.
        raise MailNotSent(type(error).__name__) from None
