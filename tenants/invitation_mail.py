"""The mail with an invitation's link. It lets somebody in, so no queue and no log ever carries one."""

import logging
import smtplib

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from tenants.actions.invitations import issue_token, note_failure
from tenants.models import Role

log = logging.getLogger(__name__)


def mail_invitation(pk: int) -> bool:
    """Mail an invitation that waits for it, once; False if it was not sent."""
    issued = issue_token(pk)
    if issued is None:
        return False
    invitation, token = issued
    path = reverse("tenants:invitation_link", urlconf=settings.PUBLIC_SCHEMA_URLCONF, args=[token])
    context = {
        "invitation": invitation,
        "workspace": " ".join(invitation.tenant.name.split()),
        "role": Role(invitation.role).label.lower(),
        "link": f"{settings.BASE_URL}{path}",
    }
    subject, _, text = render_to_string("tenants/email/invitation.txt", context).partition("\n")
    try:
        send_mail(subject[:150], text.lstrip("\n"), None, [invitation.email])
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail invitation=%s not sent: %s", pk, type(error).__name__)
        note_failure(pk)
        return False
    return True
