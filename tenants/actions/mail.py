"""Mail to the people of a tenant. One that cannot be sent is logged: what it says is in the console too."""

import logging
import smtplib

from django.conf import settings
from django.core.mail import send_mail

from tenants.models import Membership, Role, Tenant

log = logging.getLogger(__name__)


def mail_sending_paused(*, tenant_id: int) -> int:
    """Tell owners and admins that sending was stopped, and why; answer how many were written to."""
    tenant = Tenant.objects.filter(pk=tenant_id, sending_paused_at__isnull=False).first()
    if tenant is None:
        return 0  # resumed in the meantime
    people = Membership.objects.filter(tenant=tenant, role__in=(Role.OWNER, Role.ADMIN), user__is_active=True)
    addresses = sorted(people.values_list("user__email", flat=True))
    text = (
        f"All sending of {tenant.name} is paused.\n\n{tenant.sending_paused_why}\n\n"
        f"Look at it and resume in the console: {settings.BASE_URL}\n"
    )
    try:
        for address in addresses:
            send_mail(f"Sending of {tenant.name} is paused", text, None, [address])
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail sending_paused tenant=%s not sent: %s", tenant_id, type(error).__name__)
        return 0
    return len(addresses)
