"""Mail of an installation without a mail server: kept for a day, the newest fifty, for its operator to read."""

import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models.functions import Now

from tenants.models import KeptMail
from tenants.sealing import mail_context, seal, unseal

log = logging.getLogger(__name__)

MOST_KEPT = 50
KEPT_FOR = timedelta(days=1)


class EmailBackend(BaseEmailBackend):
    """In place of Django's, which writes the whole mail, and with it the links that open accounts, into the log."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for mail in email_messages:
            _keep(mail)
        return len(email_messages)


def _keep(mail: EmailMessage) -> None:
    pk = uuid.uuid4()
    KeptMail.objects.create(
        id=pk,
        recipient=", ".join(mail.to)[:254],
        subject=" ".join(mail.subject.split())[:200],
        sealed=seal(str(mail.body), context=mail_context(pk)),
    )
    log.info(
        "mail kept, not sent: EMAIL_URL names no mail server. Staff read it in the admin, mails not sent."
    )
    newest = KeptMail.objects.order_by("-at").values_list("pk", flat=True)[:MOST_KEPT]
    KeptMail.objects.exclude(pk__in=list(newest)).delete()


def text_of(mail: KeptMail) -> str:
    return unseal(mail.sealed, context=mail_context(mail.pk))


def forget_old_mail() -> int:
    number, _ = KeptMail.objects.filter(at__lt=Now() - KEPT_FOR).delete()
    return number
