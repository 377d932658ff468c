"""A second factor besides the password: an authenticator app, recovery codes, and who must have one (AU-03, 05, 08)."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tenants import tasks
from tenants.actions import attempts
from tenants.models import AttemptCount, AuditEntry, Role, User
from tenants.sealing import SECOND_FACTOR, unseal
from tests.conftest import PASSWORD, Workspace
from tests.tenants.people import SECRET, Browser, add_member, add_person, give_second_factor

OWNER = "owner@acme.test"
SignIn = Callable[[User], Client]
Console = Callable[..., Client]


@pytest.fixture(autouse=True)
def _allauth_remembers_nothing() -> None:
    """Its memory of used codes is one of the process, and numbers of people come again in tests."""
    cache.clear()


def code(secret: str = SECRET, steps: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


def password(email: str = OWNER, **options: Any) -> Client:
    """Give the password; the session is then at its second step."""
    client = Client(headers={"host": "localhost:8000"}, **options)
    answer = client.post("/sign-in/", {"login": email, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/second-factor/")
    return client


def give(client: Client, given: str) -> Any:
    return client.post("/sign-in/second-factor/", {"code": given})


def confirmed(client: Client, path: str) -> Any:
    """Open a page that asks for the password first; answer the page."""
    asked = client.get(path)
    assert asked["Location"].startswith("/account/confirm/?next=")
    answer = client.post(asked["Location"], {"password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, path)
    return client.get(path)


def add_app(client: Client) -> tuple[str, Any]:
    """Add an authenticator app by its pages; answer its secret and the page with the recovery codes."""
    page = confirmed(client, "/account/second-factor/app/").content.decode()
    found = re.search(r'secret-text">([A-Z2-7]+)<', page)
    assert found
    answer = client.post("/account/second-factor/app/", {"code": code(found[1])})
    assert (answer.status_code, answer["Location"]) == (302, "/account/second-factor/codes/")
    return found[1], client.get(answer["Location"])


def codes_of(page: Any) -> list[str]:
    return re.findall(r"\b\d{8}\b", page.content.decode().split("secret-codes")[1].split("</pre>")[0])


def test_the_password_alone_opens_nothing(acme: Workspace) -> None:
    give_second_factor(acme.owner)
    client = password()
    assert client.get("/workspaces/")["Location"] == "/sign-in/?next=/workspaces/"
    assert client.get("/account/second-factor/").status_code == 302
    # No passkey, so nothing of them on the page.
    assert b"passkey" not in client.get("/sign-in/second-factor/").content


def test_a_code_opens_and_the_session_key_changes(acme: Workspace) -> None:
    """AU-03."""
    give_second_factor(acme.owner)
    client = password()
    before = client.session.session_key
    answer = give(client, code())
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/")
    assert client.session.session_key != before
    assert client.get("/account/").status_code == 200


@pytest.mark.parametrize(("steps", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(acme: Workspace, steps: int, fits: bool) -> None:
    give_second_factor(acme.owner)
    assert (give(password(), code(steps=steps)).status_code == 302) == fits


def test_a_code_works_once_for_every_process(acme: Workspace) -> None:
    """AU-05: allauth's own memory is a cache of one process; ours is the database."""
    give_second_factor(acme.owner)
    used = code()
    assert give(password(), used).status_code == 302
    cache.clear()
    again = give(password(), f" {used[:3]} {used[3:]}")
    assert (again.status_code, b"Incorrect code." in again.content) == (200, True)


def test_five_wrong_codes_are_all(acme: Workspace) -> None:
    """AU-05: by account, whichever session and address they come from; the password's tries are counted apart."""
    give_second_factor(acme.owner)
    statuses = [give(password(REMOTE_ADDR=f"203.0.113.{n}"), "000000").status_code for n in range(6)]
    assert statuses == [200] * 5 + [429]
    refused = give(password(), code())
    assert refused.status_code == 429
    assert 890 < int(refused["Retry-After"]) <= 900


def test_what_happens_at_the_second_step_is_in_the_audit_log(acme: Workspace) -> None:
    give_second_factor(acme.owner)
    client = password()
    give(client, "000000")
    give(client, code())
    rows = AuditEntry.objects.filter(action__startswith="user.").order_by("pk")
    assert [(row.action, row.target, row.detail) for row in rows] == [
        ("user.second_factor_failed", OWNER, {}),
        ("user.sign_in", OWNER, {"methods": ["password", "mfa"]}),
    ]


def test_an_app_is_added_and_recovery_codes_are_shown_once(acme: Workspace, signed_in: SignIn) -> None:
    client = signed_in(acme.owner)
    secret, page = add_app(client)
    codes = codes_of(page)
    assert len(set(codes)) == 10
    again = client.get("/account/second-factor/codes/").content.decode()
    assert ("10 of 10 are left" in again, codes[0] in again) == (True, False)
    assert give(password(), code(secret, steps=1)).status_code == 302


def test_secrets_are_sealed_in_the_database(acme: Workspace, signed_in: SignIn) -> None:
    """AU-08: neither the app's secret nor a recovery code, nor what makes them, is in its rows."""
    secret, page = add_app(signed_in(acme.owner))
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM mfa_authenticator t")
        (stored,) = cursor.fetchone()
    assert secret not in stored
    assert [one for one in codes_of(page) if one in stored] == []
    data = {row.type: row.data for row in Authenticator.objects.all()}
    assert re.fullmatch(r"[^:]+:[\w-]{60,}", data["totp"]["secret"])
    assert re.fullmatch(r"[^:]+:[\w-]{60,}", data["recovery_codes"]["hashes"])


def test_codes_that_were_shown_are_hashes_and_nothing_makes_them_again(
    acme: Workspace, signed_in: SignIn
) -> None:
    """AU-05: what is sealed is opened here, as by a thief of the keys too."""
    _, page = add_app(signed_in(acme.owner))
    row = Authenticator.objects.get(type="recovery_codes")
    assert set(row.data) == {"viewed_at", "hashes", "migrated_codes"}
    opened = unseal(row.data["hashes"], context=SECOND_FACTOR)
    assert [one for one in codes_of(page) if one in opened or one in str(row.data)] == []
    kept = json.loads(opened)
    salt, first = bytes.fromhex(kept["salt"]), codes_of(page)[0]
    assert hashlib.scrypt(first.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex() in kept["codes"]
    # Neither what stands in the row nor a hash is a code.
    for wrong in (row.data["migrated_codes"][0], kept["codes"][0], "00000000"):
        assert give(password(), wrong).status_code == 200


def test_codes_that_were_never_shown_or_are_older_work_and_are_hashed_at_the_next_look(
    acme: Workspace, signed_in: SignIn
) -> None:
    give_second_factor(acme.owner)
    made = RecoveryCodes.activate(acme.owner)
    first, second, *_ = made.get_unused_codes()
    assert give(password(), first).status_code == 302
    client = password()
    assert give(client, code()).status_code == 302
    page = confirmed(client, "/account/second-factor/codes/")
    assert (len(codes_of(page)), "seed" in Authenticator.objects.get(pk=made.instance.pk).data) == (9, False)
    assert give(password(), first).status_code == 200
    assert give(password(), f"{second[:4]} {second[4:]}").status_code == 302
    assert b"8 of 10 are left" in client.get("/account/second-factor/codes/").content


def test_a_recovery_code_works_once(acme: Workspace, signed_in: SignIn) -> None:
    _, page = add_app(signed_in(acme.owner))
    first = codes_of(page)[0]
    assert give(password(), first).status_code == 302
    assert give(password(), first).status_code == 200


def test_adding_one_ends_the_sessions_that_did_not_pass_it_and_mails(
    acme: Workspace, signed_in: SignIn
) -> None:
    browser, other = Browser(acme, signed_in(acme.owner)), signed_in(acme.owner)
    browser.come_in()
    add_app(browser.public)
    assert browser.public.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert browser.console.get("/").status_code == 302
    row = AuditEntry.objects.get(action="user.totp_activated")
    assert (row.actor, row.target) == (OWNER, OWNER)
    tasks.mail_change(acme.owner.pk, "totp_activated")
    assert mail.outbox[-1].subject == "Your Truepush account: an authenticator app was added"


def test_removing_it_asks_for_the_password_and_is_recorded(acme: Workspace, signed_in: SignIn) -> None:
    client = signed_in(acme.owner)
    give_second_factor(acme.owner)
    page = confirmed(client, "/account/second-factor/app/remove/")
    assert b"Remove the authenticator app?" in page.content
    client.post("/account/second-factor/app/remove/")
    assert Authenticator.objects.count() == 0
    assert AuditEntry.objects.filter(action="user.totp_deactivated", actor=OWNER).count() == 1


def test_the_operator_lets_somebody_in_who_lost_them_all(acme: Workspace, signed_in: SignIn) -> None:
    give_second_factor(acme.owner)
    with pytest.raises(CommandError, match=r"Nobody signs in as 'eve@acme.test'"):
        call_command("forget_second_factor", "eve@acme.test", why="called back")
    with pytest.raises(CommandError, match="--why is empty"):
        call_command("forget_second_factor", OWNER, why=" ")
    client = signed_in(acme.owner)
    call_command("forget_second_factor", OWNER.upper(), why="called back")
    assert not Authenticator.objects.exists()
    assert client.get("/account/").status_code == 302
    row = AuditEntry.objects.get(action="user.factors_forgotten")
    assert (row.actor, row.target, row.detail["why"]) == ("system", OWNER, "called back")
    tasks.mail_change(acme.owner.pk, "factors_forgotten")
    assert mail.outbox[-1].subject.endswith("every second factor was removed by those who run Truepush here")
    with pytest.raises(CommandError, match="has no second factor, so nothing was changed"):
        call_command("forget_second_factor", OWNER, why="called back")


def test_a_reset_of_the_password_does_not_remove_it(acme: Workspace) -> None:
    """AU-05: the link stands for the password, the second step is still asked for."""
    give_second_factor(acme.owner)
    tasks.mail_reset(acme.owner.pk)
    path = re.search(r"http://localhost:8000(/reset/\S+)", mail.outbox[-1].body)
    assert path
    client = Client(headers={"host": "localhost:8000"})
    new = {"password1": "fifteen letters at least", "password2": "fifteen letters at least"}
    answer = client.post(client.get(path[1])["Location"], new)
    assert answer["Location"] == "/sign-in/second-factor/"
    assert client.get("/account/").status_code == 302
    assert give(client, code()).status_code == 302


def test_who_has_not_verified_their_address_can_add_none(db: None, public: Client) -> None:
    """Else whoever signs up with another's address could lock them out of it for good."""
    form = {"workspace": "Tea", "email": "ann@example.com", "password1": PASSWORD}
    public.post("/sign-up/", form)
    assert public.get("/account/second-factor/app/")["Location"] == "/account/second-factor/"


def ask_owners(client: Client, asked: bool = True) -> Any:
    return client.post("/security/", {"owners_need_mfa": "on"} if asked else {})


def test_an_owner_without_one_cannot_ask_others_for_one(acme: Workspace, console: Console) -> None:
    answer = ask_owners(console(acme))
    assert b"Add a second factor to your own account first." in answer.content
    acme.tenant.refresh_from_db()
    assert not acme.tenant.owners_need_mfa


def test_owners_come_in_only_with_one_where_the_workspace_says_so(acme: Workspace, console: Console) -> None:
    give_second_factor(acme.owner)
    other = add_member(acme, Role.OWNER, "second@acme.test")
    assert ask_owners(console(acme)).status_code == 302
    row = AuditEntry.objects.get(action="workspace.security")
    assert (row.actor, row.tenant_id) == (OWNER, acme.tenant.pk)
    assert console(acme).get("/").status_code == 200
    answer = console(acme, other).get("/campaigns/")
    assert answer["Location"] == "http://localhost:8000/account/second-factor/?needed"
    assert console(acme, other).post("/sites/new/", {"name": "x"}).status_code == 302
    assert console(acme, add_member(acme, Role.ADMIN)).get("/").status_code == 200
    give_second_factor(other)
    assert console(acme, other).get("/").status_code == 200
    assert ask_owners(console(acme), asked=False).status_code == 302


def test_the_demonstration_asks_nobody_and_says_so(acme: Workspace, console: Console, settings: Any) -> None:
    settings.DEMO = True
    acme.tenant.owners_need_mfa = True
    acme.tenant.save()
    page = console(acme).get("/security/")
    assert (page.status_code, b"nobody is asked for a second factor here" in page.content) == (200, True)


@pytest.mark.parametrize(
    ("marks", "status"), [("needs", 302), ("needs has", 200), ("", 200), ("needs demo", 200)]
)
def test_staff_come_into_the_admin_only_with_one(
    acme: Workspace, signed_in: SignIn, settings: Any, marks: str, status: int
) -> None:
    """AU-11."""
    settings.STAFF_NEEDS_MFA, settings.DEMO = "needs" in marks, "demo" in marks
    user = add_person("support@truepush.test", is_staff=True, is_superuser=True)
    client = signed_in(user)
    if "has" in marks:
        give_second_factor(user)
    assert client.get("/admin/tenants/tenant/").status_code == status
    assert client.get("/admin/login/")["Location"] == (
        "/admin/" if status == 200 else "/account/second-factor/"
    )


def test_one_code_at_the_same_moment_opens_one_session(alone: Workspace) -> None:
    def use(_: int) -> bool:
        try:
            return attempts.use_once("totp:1:123456", seconds=120)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(use, range(20))).count(True) == 1
    AttemptCount.objects.all().delete()
