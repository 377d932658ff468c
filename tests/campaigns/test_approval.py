"""A second person approves what goes out, and people hear in their inbox, and by mail, of what concerns them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from campaigns.actions import approval
from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import FULL_SPEED, Speed
from campaigns.delivery.ab import AbTest
from campaigns.delivery.canary import Canary
from campaigns.models import Campaign, Send
from campaigns.timing import AT_ONCE, Timing
from subscribers.models import Site
from tenants.actions.notices import mail_notices, set_by_mail, tell
from tenants.actions.sending import pause_sending, set_needs_approval
from tenants.doorway import in_tenant
from tenants.models import Membership, Notice, Role, User
from tests.campaigns.places import CONTENT, TTL, Place, add_subscribers, finish, launch
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people
from tests.tenants.people import add_member
from truepush.local.sandbox.subscriptions import Behaviour

NEXT_YEAR = datetime.now(UTC).year + 1
SignIn = Callable[..., Client]


@pytest.fixture
def site(acme: Workspace) -> Site:
    made = make_site(acme)
    with in_tenant(acme.schema):
        add_people(made, [{}])
    set_needs_approval(actor=acme.owner, tenant=acme.tenant, needs_approval=True)
    acme.tenant.refresh_from_db()
    return made


@pytest.fixture
def sender(acme: Workspace) -> User:
    return add_member(acme, Role.SENDER)


def draft(acme: Workspace, site: Site) -> Campaign:
    with in_tenant(acme.schema):
        return save_draft(actor=acme.owner, tenant=acme.tenant, site=site, content=CONTENT)


def ask(acme: Workspace, campaign: Campaign, timing: Timing = AT_ONCE, speed: Speed = FULL_SPEED) -> None:
    with in_tenant(acme.schema):
        approval.ask(actor=acme.owner, tenant=acme.tenant, campaign=campaign, timing=timing, speed=speed)


def notices(user: User) -> list[tuple[str, str, str]]:
    return [(one.kind, one.text, one.path) for one in Notice.objects.filter(user=user).order_by("pk")]


def test_nothing_goes_out_without_a_second_person(acme: Workspace, site: Site, sender: User) -> None:
    campaign = draft(acme, site)
    with (
        in_tenant(acme.schema),
        pytest.raises(CampaignRefused, match="a second person approves what is sent"),
    ):
        launch_campaign(actor=acme.owner, tenant=acme.tenant, campaign=campaign, ttl=TTL)
    timing = Timing(datetime(NEXT_YEAR, 3, 1, 9), "UTC")
    ask(acme, campaign, timing, Speed(per_minute=600))
    title = CONTENT["title"]
    assert notices(sender) == [
        ("approval", f"{acme.owner.email} asks you to approve “{title}”.", f"/campaigns/{campaign.pk}/")
    ]
    assert notices(acme.owner) == []
    given: dict[str, Any] = {"tenant": acme.tenant, "campaign": campaign}
    with in_tenant(acme.schema):
        with pytest.raises(CampaignRefused, match="You asked for it yourself"):
            approval.approve(actor=acme.owner, **given, ttl=TTL)
        assert (Campaign.objects.get().state, Send.objects.count()) == ("waiting", 0)
        send = approval.approve(actor=sender, **given, ttl=TTL)
        assert (send.state, send.due_at, send.rate_per_minute) == (
            "scheduled",
            datetime(NEXT_YEAR, 3, 1, 9, tzinfo=UTC),
            600,
        )
        with pytest.raises(CampaignRefused, match="does not wait for approval any more"):
            approval.approve(actor=sender, **given, ttl=TTL)
    assert notices(acme.owner) == [("approved", f"{sender.email} approved “{title}”.", f"/sends/{send.pk}/")]


def test_what_is_not_approved_is_a_draft_again_with_a_word_why(
    acme: Workspace, site: Site, sender: User
) -> None:
    campaign = draft(acme, site)
    ask(acme, campaign)
    with in_tenant(acme.schema):
        approval.decline(actor=sender, tenant=acme.tenant, campaign=campaign, note=" The price\nis wrong ")
        assert Campaign.objects.get().state == "draft"
    [(kind, text, _)] = notices(acme.owner)
    assert (kind, text) == (
        "declined", f"{sender.email} did not approve “{CONTENT['title']}”: The price is wrong",
    )  # fmt: skip


def test_the_question_is_taken_back(acme: Workspace, site: Site, sender: User) -> None:
    campaign = draft(acme, site)
    ask(acme, campaign)
    with in_tenant(acme.schema):
        with pytest.raises(CampaignRefused, match="waits for approval"):
            save_draft(actor=acme.owner, tenant=acme.tenant, site=site, content=CONTENT, campaign=campaign)
        approval.withdraw(actor=acme.owner, tenant=acme.tenant, campaign=campaign)
        assert (Campaign.objects.get().state, Campaign.objects.get().wish) == ("draft", {})


def test_what_could_not_be_sent_is_not_asked_for(acme: Workspace, site: Site) -> None:
    campaign = draft(acme, site)
    with pytest.raises(CampaignRefused, match="Nobody else may send in this workspace"):
        ask(acme, campaign)
    add_member(acme, Role.SENDER)
    with pytest.raises(CampaignRefused, match="has passed in UTC"):
        ask(acme, campaign, Timing(datetime(2020, 1, 1)))
    with in_tenant(acme.schema):
        Campaign.objects.update(typed="title=x")
    with pytest.raises(CampaignRefused, match="changes that are not saved"):
        ask(acme, campaign)
    with in_tenant(acme.schema):
        assert Campaign.objects.get().state == "draft"


def test_by_the_pages(acme: Workspace, site: Site, sender: User, console: SignIn) -> None:
    campaign = draft(acme, site)
    owner, other = console(acme), console(acme, sender)
    page = f"/campaigns/{campaign.pk}/"
    assert "Ask for approval" in page_text(owner.get(page))
    owner.post(f"{page}ask/", {"when": "now"})
    assert "A second person who may send must approve it." in page_text(owner.get(page))
    text = page_text(other.get(page))
    assert f"{acme.owner.email} asks for approval" in text
    assert "Approve and send" in text
    assert other.get("/inbox/count/").content.decode().startswith('<span class="nav-count">1')
    inbox = page_text(other.get("/inbox/"))
    assert "asks you to approve" in inbox
    [notice] = Notice.objects.filter(user=sender)
    assert other.post(f"/inbox/{notice.pk}/open/").headers["Location"] == page
    assert other.get("/inbox/count/").content.decode().strip() == ""
    assert owner.post(f"/inbox/{notice.pk}/open/").status_code == 404
    assert other.post(f"{page}approve/").headers["Location"].startswith("/sends/")


def test_who_launched_it_hears_of_its_end_and_by_mail_unless_they_do_not_want_to(
    place: Place, transport: Any, django_capture_on_commit_callbacks: Any
) -> None:
    acme = place.workspace
    add_subscribers(place, [Behaviour()] * 2)
    send = finish(place, launch(place), transport)
    text = f"“{CONTENT['title']}” was sent: 2 of 2 accepted."
    assert notices(acme.owner) == [("finished", text, f"/sends/{send.pk}/")]
    ids = list(Notice.objects.values_list("pk", flat=True))
    assert mail_notices(ids) == 1
    assert mail_notices(ids) == 0  # a task may run twice
    [sent] = mail.outbox
    assert (sent.to, sent.subject) == ([acme.owner.email], f"Acme: {text}")
    assert f"http://acme.localhost:8000/sends/{send.pk}/" in sent.body
    set_by_mail(actor=acme.owner, tenant=acme.tenant, by_mail=False)
    tell(acme.tenant.pk, [acme.owner.pk], site_id=None, kind="x", text="More", path="/")
    assert mail_notices([Notice.objects.latest("pk").pk]) == 0


def test_only_members_are_told_and_each_once(acme: Workspace, globex: Workspace) -> None:
    tell(
        acme.tenant.pk,
        [acme.owner.pk, acme.owner.pk, globex.owner.pk, None],
        site_id=None,
        kind="x",
        text="y" * 400,
        path="/",
    )
    [notice] = Notice.objects.all()
    assert (notice.user, len(notice.text)) == (acme.owner, 300)
    Membership.objects.filter(user=acme.owner).delete()
    assert mail_notices([notice.pk]) == 0
    assert mail.outbox == []


def test_a_subject_is_one_line(acme: Workspace) -> None:
    tell(
        acme.tenant.pk,
        [acme.owner.pk],
        site_id=None,
        kind="x",
        text="A\r\nBcc: evil@example.com\n" + "z" * 200,
        path="/",
    )
    assert mail_notices([Notice.objects.get().pk]) == 1
    assert len(mail.outbox[0].subject) == 150
    assert "\n" not in mail.outbox[0].subject


def test_a_pause_by_a_guard_is_told_to_who_may_end_it(acme: Workspace) -> None:
    admin, editor = add_member(acme, Role.ADMIN), add_member(acme, Role.EDITOR)
    pause_sending(actor=None, tenant_id=acme.tenant.pk, why="Too many at once.", kind="runaway")
    said = [("paused", "All sending is paused. Too many at once.", "/")]
    assert (notices(acme.owner), notices(admin), notices(editor)) == (said, said, [])
    assert not pause_sending(actor=None, tenant_id=acme.tenant.pk, why="Again.", kind="runaway")
    assert len(notices(admin)) == 1


def test_who_approves_sees_every_version_and_how_it_goes_out(
    acme: Workspace, site: Site, sender: User, console: SignIn
) -> None:
    with in_tenant(acme.schema):
        campaign = save_draft(
            actor=acme.owner, tenant=acme.tenant, site=site, purpose="service", leave_out={"dormant_days": 60},
            content={**CONTENT, "translations": {"de": {"title": "Schluss", "body": "", "url": ""}}},
            variants=[{"title": "Buy now", "url": "https://other.example/"}],
        )  # fmt: skip
    test = AbTest(shares=(60, 40), first=20, hold_out=5)
    best = Timing(datetime.now(UTC).replace(tzinfo=None), "UTC", is_best=True)
    ask(acme, campaign, best, Speed(per_minute=500))
    with in_tenant(acme.schema):
        wish = Campaign.objects.get(pk=campaign.pk).wish
        Campaign.objects.filter(pk=campaign.pk).update(wish={**wish, "ab": test.as_json()})
    text = page_text(console(acme).get(f"/campaigns/{campaign.pk}/"))
    for said in (
        "Version A", "Version A, German", "Schluss", "Version B", "Buy now", "Opens https://other.example/",
        "A service message", "Not to who was not seen for 60 days.", "At most 500 messages a minute.",
        "Versions are tried in parts: A 60 %, B 40 %.", "On 20 % first", "5 % are held out", "best hour",
    ):  # fmt: skip
        assert said in text, said


def test_what_cannot_go_out_is_not_asked_for(acme: Workspace, site: Site, sender: User) -> None:
    campaign = draft(acme, site)
    best = Timing(datetime.now(UTC).replace(tzinfo=None), "UTC", is_best=True)
    with pytest.raises(CampaignRefused, match="exclude each other"):
        ask(acme, campaign, best, Speed(canary=Canary(1, 15)))
    with in_tenant(acme.schema):
        assert Campaign.objects.get(pk=campaign.pk).state == "draft"
