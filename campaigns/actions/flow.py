"""What people do with campaigns besides sending them: copies, templates, what was typed, archive, removal."""

from django.db import transaction
from django.db.models.functions import Now

from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.payload import FIELDS
from campaigns.models import Campaign, Message, Send
from campaigns.states import ALLOWED
from campaigns.whom import MOST_COPIES
from subscribers.models import Segment, Site
from tenants.actions import audit
from tenants.models import SendIndex, Tenant, User

# Characters of a form that is kept as it was typed: the fields' own limits come to less.
MOST_TYPED = 100_000
COPIED = (*FIELDS, "urgency", "ttl")


@transaction.atomic
def copy(*, actor: User, tenant: Tenant, campaign: Campaign, as_template: bool = False) -> Campaign:
    """Make a new draft, or a template, with the same content and audience; what was typed and not saved comes along.

    Segments that are no longer there are left out.
    """
    wanted = [pk for pk in (campaign.segment_id, *campaign.also) if pk]
    known = set(Segment.objects.filter(pk__in=[*wanted, *campaign.excluded]).values_list("pk", flat=True))
    segments = [pk for pk in wanted if pk in known]
    made = Campaign.objects.create(
        site_id=campaign.site_id,
        name=campaign.name,
        state=Campaign.State.TEMPLATE if as_template else Campaign.State.DRAFT,
        segment_id=segments[0] if segments else None,
        also=segments[1:],
        excluded=[pk for pk in campaign.excluded if pk in known],
        typed=campaign.typed,
        purpose=campaign.purpose,
        leave_out=campaign.leave_out,
        copied_from=[campaign.pk, *campaign.copied_from][:MOST_COPIES],
        oversize_bridged=campaign.oversize_bridged,
    )
    for values in campaign.messages.values("variant", *COPIED):
        Message.objects.create(campaign=made, **values)
    audit.record(
        "campaign.copy",
        actor=actor,
        tenant_id=tenant.pk,
        target=f"campaign {made.pk}",
        of=campaign.pk,
        template=as_template,
    )
    return made


@transaction.atomic
def begin_draft(*, actor: User, tenant: Tenant, site: Site, name: str, typed: str) -> Campaign:
    """Keep what was typed of a campaign that was never saved."""
    _check_typed(typed)
    made = Campaign.objects.create(site=site, name=name[:120], typed=typed)
    Message.objects.create(campaign=made, variant=0, title="", url="")
    audit.record("campaign.begin", actor=actor, tenant_id=tenant.pk, target=f"campaign {made.pk}")
    return made


def keep_typed(*, campaign: Campaign, typed: str, name: str) -> None:
    """Keep what was typed since the draft was last saved; raises CampaignRefused if it is no draft any more.

    No audit row: this comes every few seconds while somebody writes, and what counts is the save.
    """
    _check_typed(typed)
    never_saved = {} if campaign.messages.exclude(url="").exists() else {"name": name[:120]}
    changed = Campaign.objects.filter(pk=campaign.pk, state__in=ALLOWED["keep_typed"]).update(
        typed=typed, updated_at=Now(), **never_saved
    )
    if not changed:
        raise CampaignRefused("This campaign is no draft any more, so nothing of it is kept.")


def _check_typed(typed: str) -> None:
    if len(typed) > MOST_TYPED:
        raise CampaignRefused(
            f"The form has {len(typed):,} characters; {MOST_TYPED:,} are kept. Shorten its texts."
        )


@transaction.atomic
def forget_typed(*, actor: User, tenant: Tenant, campaign: Campaign) -> None:
    """Go back to what was saved."""
    _move(campaign, "keep_typed", typed="")
    audit.record("campaign.forget_typed", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")


@transaction.atomic
def archive(*, actor: User, tenant: Tenant, campaign: Campaign) -> None:
    """Take it out of the lists; raises CampaignRefused while a send of it is to come or under way."""
    if Send.objects.filter(campaign=campaign, kind=Send.Kind.CAMPAIGN, finished_at__isnull=True).exists():
        raise CampaignRefused("It has not ended yet. Wait for its end, or cancel it, then archive it.")
    _move(campaign, "archive", archived_at=Now())
    audit.record("campaign.archive", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")


@transaction.atomic
def restore(*, actor: User, tenant: Tenant, campaign: Campaign) -> None:
    """Bring it back into the lists."""
    _move(campaign, "restore", archived_at=None)
    audit.record("campaign.restore", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")


@transaction.atomic
def delete(*, actor: User, tenant: Tenant, campaign: Campaign) -> None:
    """Remove a draft or a template for good, with its test sends; raises CampaignRefused for one that went out."""
    if Send.objects.filter(campaign=campaign, kind=Send.Kind.CAMPAIGN).exists():
        raise CampaignRefused("It went out, so it is kept. Archive it instead.")
    if Send.objects.filter(campaign=campaign, finished_at__isnull=True).exists():
        raise CampaignRefused("A test of it is still on its way. Try again in a moment.")
    _move(campaign, "delete")
    audit.record(
        "campaign.delete",
        actor=actor,
        tenant_id=tenant.pk,
        target=f"campaign {campaign.pk}",
        before={"name": campaign.name},
    )
    tests = Send.objects.filter(campaign=campaign).values_list("pk", flat=True)
    SendIndex.objects.filter(tenant_id=tenant.pk, send_id__in=list(tests)).delete()
    Campaign.objects.filter(pk=campaign.pk).delete()


def _move(campaign: Campaign, verb: str, **changes: object) -> None:
    """Change it if the verb is allowed from its state; raises CampaignRefused. Locks its row."""
    changed = Campaign.objects.filter(pk=campaign.pk, state__in=ALLOWED[verb]).update(
        updated_at=Now(), **changes
    )
    if not changed:
        row = Campaign.objects.filter(pk=campaign.pk).first()
        now = row.get_state_display().lower() if row else "gone"
        raise CampaignRefused(f"This campaign is {now} now, so that cannot be done.")
