"""Support staff see each flag with who has it and how both groups do, and start and stop it, if they may."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tenants.flag_figures import figures
from tenants.flags import DELIVERIES
from tenants.models import AuditEntry, FeatureFlag, User
from tenants.own_connection import ask_here
from tests.conftest import Workspace
from tests.tenants.people import add_person, give_second_factor

SignIn = Callable[[User], Client]
PAGE = "/admin/tenants/featureflag/"
FLAG = f"{PAGE}own-encoder/"


@pytest.fixture
def staff(signed_in: SignIn, acme: Workspace, globex: Workspace) -> Client:
    user = add_person("support@truepush.test", is_staff=True, is_superuser=True)
    client = signed_in(user)
    give_second_factor(user)
    return client


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def buttons(answer: Any) -> list[str]:
    return re.findall(r"<button class=\"button[^>]*>([^<]+)<", answer.content.decode())


def test_a_flag_is_shown_before_anybody_touched_it(staff: Client) -> None:
    answer = staff.get(PAGE)
    page = words(answer)
    assert "own-encoder: on for 100 % of workspaces" in page
    assert "With it, messages are encrypted by Truepush" in page
    assert "Who has it Acme , Globex" in page
    assert buttons(answer) == [
        "Start for 1 %", "Start for 10 %", "Start for 50 %", "Stop for all", "On", "Off", "By share",
    ] * 2  # fmt: skip
    assert FeatureFlag.objects.count() == 0


def test_the_buttons_start_name_and_stop(staff: Client) -> None:
    assert "The flag own-encoder is on for 1 % of workspaces." in words(
        staff.post(f"{FLAG}start/", {"percent": "1"}, follow=True)
    )
    page = words(staff.post(f"{FLAG}name/", {"slug": " Acme ", "choice": "on"}, follow=True))
    assert "The flag own-encoder is on for acme." in page
    assert "On by name: acme" in page
    answer = staff.post(f"{FLAG}stop/", follow=True)
    assert "The flag own-encoder is off for all workspaces." in words(answer)
    assert "own-encoder: stopped" in words(answer)
    assert "Who has it Nobody." in words(answer)
    assert buttons(answer).count("Stop for all") == 1  # of the other flag
    page = words(staff.post(f"{FLAG}name/", {"slug": "acme", "choice": "share"}, follow=True))
    assert "The flag own-encoder is by share for acme once it is started again." in page
    entries = AuditEntry.objects.filter(target="own-encoder").values_list("action", "actor")
    assert list(entries) == [
        (f"flag.{step}", "support@truepush.test") for step in ("name", "stop", "name", "start")
    ]


def test_what_cannot_be_done_says_why(staff: Client) -> None:
    for step, given, why in (
        ("start", {"percent": "25"}, "25 % cannot be chosen: give 1, 10, 50 or 100."),
        ("name", {"slug": "nobody", "choice": "on"}, "There is no workspace &#x27;nobody&#x27;"),
        ("name", {"slug": "acme", "choice": "x"}, "cannot be chosen: give on, off or share."),
    ):
        assert why in words(staff.post(f"{FLAG}{step}/", given, follow=True))
    assert "There is no flag" in words(staff.post(f"{PAGE}nothing/stop/", follow=True))
    assert FeatureFlag.objects.count() == 0


def test_deliveries_of_both_groups_are_shown(staff: Client, acme: Workspace, globex: Workspace) -> None:
    staff.post(f"{FLAG}start/", {"percent": "1"})
    staff.post(f"{FLAG}name/", {"slug": "acme", "choice": "on"})
    staff.post(f"{FLAG}name/", {"slug": "globex", "choice": "off"})
    figures.flush(ask_here)
    FeatureFlag.objects.update(started_at="2020-01-01T00:00Z")  # it reached all processes
    figures.count(DELIVERIES, acme.tenant.pk, 3, 0)
    figures.count(DELIVERIES, globex.tenant.pk, 2, 1)
    figures.flush(ask_here)
    page = words(staff.get(PAGE))
    assert "With it (1) deliveries 3 0 0.00 %" in page
    assert "Without it (1) deliveries 2 1 50.00 %" in page
    assert "Judged by deliveries." in page
    staff.post(f"{PAGE}import-in-pairs/start/", {"percent": "1"})
    assert words(staff.get(PAGE)).count("With it (") == 1
    assert "No figure here shows what it changes: it is stopped by hand alone." in words(staff.get(PAGE))


def test_staff_who_may_only_look_see_no_buttons_and_are_refused(signed_in: SignIn, acme: Workspace) -> None:
    user = add_person("looks@truepush.test", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_featureflag"))
    client = signed_in(user)
    give_second_factor(user)
    assert buttons(client.get(PAGE)) == []
    for step in ("start", "stop", "name"):
        assert client.post(f"{FLAG}{step}/", {"percent": "1"}).status_code == 403
    assert FeatureFlag.objects.count() == 0
    user.user_permissions.add(Permission.objects.get(codename="release_flags"))
    client.post(f"{FLAG}start/", {"percent": "1"})
    assert FeatureFlag.objects.get().percent == 1
