"""Invitations by mail: one link, once, within a day, for one address, and never more than who invites may give."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from tenants.actions import invitations
from tenants.actions.invitations import MOST_MAILS, MOST_OPEN, InvitationRefused, accept, invite, resend
from tenants.models import AuditEntry, Invitation, Membership, Role, SeenSession, Tenant, User
from tenants.session_store import stored_key
from tenants.tasks import forget_invitations, mail_invitation
from tests.conftest import PASSWORD, Workspace, make_site
from tests.tenants.people import add_member, add_person, verified

Console = Callable[..., Client]
EVE = "eve@new.test"


@pytest.fixture(autouse=True)
def _owners_are_verified(request: pytest.FixtureRequest) -> None:
    for name in {"acme", "globex", "alone"} & set(request.fixturenames):
        verified(request.getfixturevalue(name).owner)


def sent(invitation: Invitation) -> str:
    """Have it mailed, as the worker does; answer the token of the link."""
    mail.outbox.clear()
    mail_invitation(invitation.pk)
    [message] = mail.outbox
    assert message.to == [invitation.email]
    found = re.search(r"http://localhost:8000/invitation/([\w-]+)/", str(message.body))
    assert found is not None
    return found[1]


def invited(place: Workspace, email: str = EVE, role: str = "editor", **more: Any) -> tuple[Invitation, str]:
    made = invite(actor=place.owner, tenant=place.tenant, email=email, role=role, **more)
    return made, sent(made)


def opened(client: Client, token: str) -> Any:
    return client.get(f"/invitation/{token}/", follow=True)


def members(place: Workspace) -> set[str]:
    return set(Membership.objects.filter(tenant=place.tenant).values_list("user__email", flat=True))


def test_who_has_no_account_makes_one_by_the_link_and_is_in(acme: Workspace, public: Client) -> None:
    site = make_site(acme)
    _, token = invited(acme, role="sender", site_ids=[site.pk])
    page = opened(public, token)
    assert page.redirect_chain == [("/invitation/", 302)]
    assert f"invites {EVE} to work there as sender, on 1 of its websites" in page.content.decode()
    answer = public.post("/invitation/join/", {"password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "http://acme.localhost:8000/")
    user = User.objects.get(email=EVE)
    assert user.check_password(PASSWORD)
    joined = Membership.objects.get(tenant=acme.tenant, user=user)
    assert (joined.role, joined.site_ids) == ("sender", [site.pk])
    assert EmailAddress.objects.get(user=user, email=EVE).verified
    assert public.get("/workspaces/").status_code == 302
    assert (
        SeenSession.objects.filter(user=user, session_key=stored_key(public.session.session_key)).count() == 1
    )
    assert AuditEntry.objects.get(action="user.sign_in").detail == {"methods": ["invitation"]}
    entry = AuditEntry.objects.filter(action="invitation.accept").get()
    assert (entry.actor, entry.target, entry.tenant_id) == (EVE, acme.owner.email, acme.tenant.pk)
    assert entry.after == {"role": "sender", "websites": ["Shop"]}


def test_who_has_an_account_signs_in_and_accepts(acme: Workspace, globex: Workspace, public: Client) -> None:
    _, token = invited(acme, globex.owner.email)
    assert "/sign-in/?next=/invitation/" in opened(public, token).content.decode()
    answer = public.post(
        "/sign-in/", {"login": globex.owner.email, "password": PASSWORD, "next": "/invitation/"}
    )
    assert answer["Location"] == "/invitation/"
    assert "Accept" in public.get("/invitation/").content.decode()
    answer = public.post("/invitation/accept/")
    assert answer["Location"] == "http://acme.localhost:8000/"
    assert globex.owner.email in members(acme)
    page = public.get("/workspaces/").content.decode()
    assert re.findall(r'<span class="cell-note">(\w+)</span>', page) == ["Editor", "Owner"]


def test_somebody_else_who_is_signed_in_cannot_accept_it(acme: Workspace, public: Client) -> None:
    made, token = invited(acme)
    public.force_login(add_person("other@new.test"))
    assert "You are signed in as" in opened(public, token).content.decode()
    for path in ("/invitation/accept/", "/invitation/join/"):
        assert public.post(path, {"password": PASSWORD})["Location"] == "/invitation/"
    assert members(acme) == {acme.owner.email}
    assert Invitation.objects.get(pk=made.pk).accepted_at is None
    assert not EmailAddress.objects.exclude(user=acme.owner).exists()


def test_the_link_works_once(acme: Workspace, public: Client) -> None:
    _, token = invited(acme)
    opened(public, token)
    assert public.post("/invitation/join/", {"password": PASSWORD})["Location"].startswith("http://acme.")
    again = Client(headers={"host": "localhost:8000"})
    answer = opened(again, token)
    assert (answer.status_code, "This invitation is not open" in answer.content.decode()) == (404, True)
    with pytest.raises(InvitationRefused, match="not open any more"):
        accept(actor=User.objects.get(email=EVE), token=token)


def test_every_link_that_opens_nothing_answers_alike(acme: Workspace, public: Client) -> None:
    over, token = invited(acme, "over@new.test")
    Invitation.objects.filter(pk=over.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    gone, other = invited(acme, "gone@new.test")
    invitations.withdraw(actor=acme.owner, tenant=acme.tenant, invitation=gone)
    first, third = invited(acme, "again@new.test")
    resend(actor=acme.owner, tenant=acme.tenant, invitation=first)
    pages = [opened(public, key) for key in (token, other, third, "never-given-out", "x" * 500)]
    texts = {re.sub(r'nonce="[^"]*"|value="[^"]*"', "", page.content.decode()) for page in pages}
    assert ([page.status_code for page in pages], len(texts)) == ([404] * 5, 1)
    assert sent(first) != third


def test_neither_the_database_nor_the_queue_nor_the_log_holds_the_token(
    acme: Workspace, caplog: pytest.LogCaptureFixture, public: Client
) -> None:
    made, token = invited(acme)
    opened(public, token)
    assert made.expires_at - timezone.now() <= timedelta(hours=24)
    row = Invitation.objects.filter(pk=made.pk).values().get()
    assert token not in repr(row)
    assert bytes(row["digest"]) == invitations.digest_of(token)
    assert [task.payload for task in OrmQ.objects.all() if token in str(task.payload)] == []
    assert token not in caplog.text
    assert token not in repr(list(AuditEntry.objects.values()))


def test_a_task_that_runs_twice_mails_once(acme: Workspace) -> None:
    made, token = invited(acme)
    mail.outbox.clear()
    mail_invitation(made.pk)
    assert mail.outbox == []
    assert invitations.find(token) is not None


def test_a_mail_that_cannot_be_sent_is_shown_and_its_link_is_dead(
    acme: Workspace, console: Console, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", 1
    made = invite(actor=acme.owner, tenant=acme.tenant, email=EVE, role="editor")
    mail_invitation(made.pk)
    row = Invitation.objects.get(pk=made.pk)
    assert (row.mail_failed, row.digest) == (True, None)
    assert "Not sent" in console(acme).get("/people/").content.decode()


def test_the_answer_is_the_same_whether_there_is_an_account(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    client, pages = console(acme), []
    for email in (globex.owner.email, "nobody@new.test"):
        answer = client.post("/people/invite/", {"email": email, "role": "editor", "where": "all"})
        assert (answer.status_code, answer["Location"]) == (302, "/people/")
        page = client.get("/people/").content.decode()
        assert f"{email} gets a mail with a link that is good for a day." in page
        pages.append(page.count("On its way"))
    assert pages == [1, 2]


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "an admin invites an owner": ("admin", {"role": "owner"}, "Only owners make owners"),
    "a sender invites": ("sender", {}, "Only admins and owners"),
    "a limited admin invites": ("limited", {}, "of the whole workspace"),
    "by whose own address is not verified": ("unverified", {}, "Verify your own e-mail address first"),
    "somebody who is no member": ("stranger", {}, "no longer a member"),
    "a role that is none": ("owner", {"role": "root"}, "is no role"),
    "a website that is not there": ("owner", {"site_ids": [4711]}, "not there any more"),
    "somebody who is in already": ("owner", {"email": "SENDER@acme.test "}, "is a member"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_is_refused_and_changes_nothing(acme: Workspace, case: str) -> None:
    who, changed, said = REFUSED[case]
    people = {name: add_member(acme, Role(name)) for name in ("admin", "sender")}
    people |= {"owner": acme.owner, "limited": add_member(acme, Role.ADMIN, "limited@acme.test")}
    people["stranger"] = add_person("stranger@new.test")
    people["unverified"] = add_member(acme, Role.ADMIN, "hasty@acme.test")
    Membership.objects.filter(user=people["limited"]).update(site_ids=[make_site(acme).pk])
    before = (AuditEntry.objects.count(), OrmQ.objects.count())
    with pytest.raises(InvitationRefused, match=said):
        invite(actor=people[who], tenant=acme.tenant, **{"email": EVE, "role": "editor", **changed})
    assert (AuditEntry.objects.count(), OrmQ.objects.count()) == before
    assert not Invitation.objects.exists()


def test_who_has_not_verified_their_own_address_is_told_before_they_ask(
    acme: Workspace, console: Console
) -> None:
    said = "Before you can invite anybody, verify your own e-mail address"
    assert said not in console(acme).get("/people/invite/").content.decode()
    hasty = add_member(acme, Role.ADMIN)
    assert said in console(acme, hasty).get("/people/invite/").content.decode()


def test_an_invitation_holds_no_longer_than_its_sender_could_send_it(acme: Workspace) -> None:
    ada = verified(add_member(acme, Role.ADMIN))
    made = invite(actor=ada, tenant=acme.tenant, email=EVE, role="admin")
    token, user = sent(made), add_person(EVE)
    Membership.objects.filter(user=ada).update(role=Role.SENDER)
    with pytest.raises(InvitationRefused, match="does not hold any more"):
        accept(actor=user, token=token)
    assert EVE not in members(acme)
    with pytest.raises(InvitationRefused):
        resend(actor=ada, tenant=acme.tenant, invitation=made)


def test_nobody_joins_a_suspended_workspace(acme: Workspace, public: Client) -> None:
    made, token = invited(acme)
    Tenant.objects.filter(pk=acme.tenant.pk).update(state="suspended")
    opened(public, token)
    page = public.post("/invitation/join/", {"password": PASSWORD}).content.decode()
    assert "Acme is suspended. Accept when support has opened it again." in page
    with pytest.raises(InvitationRefused, match="is suspended"):
        accept(actor=add_person(EVE), token=token)
    assert EVE not in members(acme)
    assert Invitation.objects.get(pk=made.pk).accepted_at is None


def test_asking_again_changes_what_is_asked_and_ends_the_link_before(acme: Workspace) -> None:
    first, token = invited(acme, role="admin")
    second, newer = invited(acme, role="analyst")
    assert (first.pk, Invitation.objects.count()) == (second.pk, 1)
    assert invitations.find(token) is None
    accept(actor=add_person(EVE), token=newer)
    assert Membership.objects.get(user__email=EVE).role == "analyst"


def test_limits_of_open_invitations_and_of_mails(acme: Workspace) -> None:
    for _ in range(MOST_MAILS):
        made, _ = invited(acme)
    with pytest.raises(InvitationRefused, match="as many mails"):
        invite(actor=acme.owner, tenant=acme.tenant, email=EVE, role="editor")
    invitations.withdraw(actor=acme.owner, tenant=acme.tenant, invitation=made)
    with pytest.raises(InvitationRefused, match="as many mails"):
        invite(actor=acme.owner, tenant=acme.tenant, email=EVE, role="editor")
    later = timezone.now() + timedelta(hours=1)
    Invitation.objects.bulk_create(
        Invitation(
            tenant=acme.tenant, email=f"{n}@new.test", role="editor", invited_by=acme.owner, expires_at=later
        )
        for n in range(MOST_OPEN)
    )
    with pytest.raises(InvitationRefused, match="50 invitations are open"):
        invite(actor=acme.owner, tenant=acme.tenant, email="more@new.test", role="editor")
    Invitation.objects.filter(email="7@new.test").update(expires_at=timezone.now())
    invite(actor=acme.owner, tenant=acme.tenant, email="more@new.test", role="editor")


def test_an_admin_cannot_withdraw_or_resend_an_owner_s(acme: Workspace, console: Console) -> None:
    made, token = invited(acme, role="owner")
    client = console(acme, add_member(acme, Role.ADMIN))
    for verb in ("resend", "withdraw"):
        answer = client.post(f"/people/invitations/{made.pk}/{verb}/", follow=True)
        assert "Only owners make owners." in answer.content.decode()
    assert invitations.find(token) is not None
    assert console(acme).post(f"/people/invitations/{made.pk}/withdraw/").status_code == 302
    assert invitations.find(token) is None


def test_an_invitation_of_another_workspace_is_not_there(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    made, token = invited(globex)
    for verb in ("resend", "withdraw"):
        assert console(acme).post(f"/people/invitations/{made.pk}/{verb}/").status_code == 404
    assert invitations.find(token) is not None


def test_a_weak_password_is_refused_and_the_link_stays_good(acme: Workspace, public: Client) -> None:
    _, token = invited(acme)
    opened(public, token)
    for password in ("", "short", "password", EVE):
        answer = public.post("/invitation/join/", {"password": password})
        assert (answer.status_code, User.objects.filter(email=EVE).exists()) == (200, False)
    assert public.post("/invitation/join/", {"password": PASSWORD}).status_code == 302


def test_a_member_keeps_the_role_they_have_got_meanwhile(acme: Workspace) -> None:
    _, token = invited(acme, role="admin")
    user = add_member(acme, Role.ANALYST, EVE)
    accept(actor=user, token=token)
    assert Membership.objects.get(user=user).role == "analyst"


def test_old_invitations_are_forgotten(acme: Workspace) -> None:
    made, _ = invited(acme)
    Invitation.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(days=31))
    invited(acme, "young@new.test")
    assert forget_invitations() == 1
    assert list(Invitation.objects.values_list("email", flat=True)) == ["young@new.test"]


def test_two_clicks_at_once_let_one_person_in_once(alone: Workspace) -> None:
    made, start = invite(actor=alone.owner, tenant=alone.tenant, email=EVE, role="editor"), Barrier(2)
    token = sent(made)

    def join(_: int) -> bool:
        start.wait(timeout=10)
        try:
            invitations.join(token=token, password=PASSWORD)
        except InvitationRefused:
            return False
        finally:
            connection.close()
        return True

    try:
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(join, range(2))) == [False, True]
        assert members(alone) == {alone.owner.email, EVE}
    finally:
        User.objects.filter(email=EVE).delete()
