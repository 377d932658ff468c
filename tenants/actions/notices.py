"""Tell people of a workspace what happened: a line in the console's inbox, and a mail to who wants it."""

import logging
import smtplib
from collections.abc import Iterable

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django_q.tasks import async_task

from tenants.addresses import console_url
from tenants.models import Membership, Notice, Role, Tenant, User
from tenants.roles import RANK

log = logging.getLogger(__name__)

MOST_TEXT = 300
KEPT_PER_PERSON = 500


def tell(
    tenant_id: int, user_ids: Iterable[int | None], *, site_id: int | None, kind: str, text: str, path: str
) -> None:
    """Write a notice for each of these people who is still a member and may see the website (None: the workspace).

    Call in the transaction of what it is about.
    """
    _tell(_who_see(tenant_id, site_id), tenant_id, user_ids, kind=kind, text=text, path=path)


def tell_one(tenant_id: int, user_id: int, *, kind: str, text: str, path: str) -> None:
    """Write a notice about something of the person's own, whichever websites they may see, if still a member."""
    _tell(
        Membership.objects.filter(tenant_id=tenant_id), tenant_id, [user_id], kind=kind, text=text, path=path
    )


def _tell(
    members: QuerySet[Membership],
    tenant_id: int,
    user_ids: Iterable[int | None],
    *,
    kind: str,
    text: str,
    path: str,
) -> None:
    told = members.filter(user_id__in=[pk for pk in set(user_ids) if pk], user__is_active=True)
    found = sorted(told.values_list("user_id", flat=True))
    made = Notice.objects.bulk_create(
        Notice(tenant_id=tenant_id, user_id=pk, kind=kind, text=text[:MOST_TEXT], path=path) for pk in found
    )
    if made:
        # Not among the deliveries: a mail server that is slow would hold them up.
        async_task("tenants.tasks.mail_notices", [notice.pk for notice in made], cluster=settings.SHORT_QUEUE)


def who_may(tenant_id: int, role: Role, *, site_id: int | None) -> list[int]:
    """The members of at least this role who may see the website (None: the whole workspace)."""
    roles = [one for one, rank in RANK.items() if rank >= RANK[role]]
    return list(_who_see(tenant_id, site_id).filter(role__in=roles).values_list("user_id", flat=True))


def _who_see(tenant_id: int, site_id: int | None) -> QuerySet[Membership]:
    all_sites = Q(site_ids=[])
    may_see = all_sites if site_id is None else all_sites | Q(site_ids__contains=[site_id])
    return Membership.objects.filter(may_see, tenant_id=tenant_id)


def unread(user: User, tenant: Tenant) -> int:
    return Notice.objects.filter(user=user, tenant_id=tenant.pk, read_at__isnull=True).count()


@transaction.atomic
def read_notices(*, actor: User, tenant: Tenant, pk: int | None = None) -> None:
    """Mark one of one's own notices as read, or all; what is older than the newest KEPT_PER_PERSON goes.

    No audit row: what somebody has read is their own.
    """
    mine = Notice.objects.filter(user=actor, tenant_id=tenant.pk)
    chosen = mine if pk is None else mine.filter(pk=pk)
    chosen.filter(read_at__isnull=True).update(read_at=Now())
    last = mine.order_by("-pk").values_list("pk", flat=True)[KEPT_PER_PERSON : KEPT_PER_PERSON + 1]
    for oldest in list(last):
        mine.filter(pk__lte=oldest).delete()


@transaction.atomic
def set_by_mail(*, actor: User, tenant: Tenant, by_mail: bool) -> None:
    """Choose whether one's own notices of this workspace are mailed too."""
    Membership.objects.filter(user=actor, tenant=tenant).update(by_mail=by_mail)


def mail_notices(ids: list[int]) -> int:
    """Mail notices that were not mailed yet, each at most once; answer how many were."""
    sent = 0
    for notice in Notice.objects.filter(pk__in=ids, mailed_at__isnull=True).select_related("user"):
        wanted = Q(user=notice.user, tenant_id=notice.tenant_id, by_mail=True, user__is_active=True)
        membership = Membership.objects.filter(wanted).select_related("tenant").first()
        if membership and Notice.objects.filter(pk=notice.pk, mailed_at__isnull=True).update(mailed_at=Now()):
            sent += _mail(notice, membership.tenant)
    return sent


def _mail(notice: Notice, tenant: Tenant) -> bool:
    """One that cannot be sent is logged: it is in the inbox too."""
    inbox = console_url(tenant, "/inbox/")
    text = (
        f"{notice.text}\n\n{console_url(tenant, notice.path)}\n\n"
        f"You get this because you work in {tenant.name}. Choose at {inbox} whether it is mailed.\n"
    )
    subject = " ".join(f"{tenant.name}: {notice.text}".split())[:150]
    try:
        send_mail(subject, text, None, [notice.user.email])
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail notice=%s not sent: %s", notice.pk, type(error).__name__)
        return False
    return True
