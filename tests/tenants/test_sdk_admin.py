"""Support staff start SDK releases and call them back on the list, if they may; it says how fast that is."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tenants.models import AuditEntry, SdkRelease, User
from tenants.sdk_rings import installed
from tests.tenants.people import add_person, give_second_factor

SignIn = Callable[[User], Client]
LIST = "/admin/tenants/sdkrelease/"
HERE = installed().version


@pytest.fixture
def releases(db: None, settings: Any) -> dict[str, SdkRelease]:
    settings.SDK_RINGS = True
    SdkRelease.objects.all().delete()
    old = SdkRelease.objects.create(version="0.9.0", files={}, digest="old")
    SdkRelease.objects.update(percent=100, started_at=old.kept_at)
    new = SdkRelease.objects.create(version=HERE, files=installed().files, digest=installed().digest)
    return {"0.9.0": old, HERE: new}


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def buttons(staff: Client) -> list[str]:
    """What can be pressed, with the version that it is sent for."""
    html = staff.get(LIST).content.decode()
    found = re.findall(r'formaction="(\d+)/[^>]*>([^<]+)<', html)
    return sorted(f"{SdkRelease.objects.get(pk=pk).version}: {text}" for pk, text in found)


def test_the_list_says_who_gets_what_and_how_fast_a_call_back_is(
    releases: dict[str, SdkRelease], staff: Client
) -> None:
    page = words(staff.get(LIST))
    assert "A new version goes to no website until it is started here: for 1 %, 10 %, then all." in page
    assert "for the loader within 5 minutes" in page
    assert (
        "for the worker at the subscriber's next page view, else at the browser's own check, once a day"
        in page
    )
    assert f"{HERE} not started" in page
    assert "0.9.0 goes to 100 % of websites" in page


def test_the_buttons_start_and_call_back(releases: dict[str, SdkRelease], staff: Client) -> None:
    new = f"{LIST}{releases[HERE].pk}/"
    assert buttons(staff) == ["0.9.0: Call back", *(f"{HERE}: Start for {share} %" for share in (1, 10, 100))]
    page = words(staff.post(f"{new}start/", {"percent": "10"}, follow=True))
    assert f"{HERE} goes to 10 % of websites." in page
    assert f"{HERE} goes to 10 % of websites" in page
    assert "0.9.0 goes to 90 % of websites" in page.replace(" Start for 100 % Call back", "")
    assert buttons(staff) == [f"{HERE}: Call back", f"{HERE}: Start for 100 %"]
    page = words(staff.post(f"{new}call-back/", follow=True))
    assert f"{HERE} is called back. Its websites get 0.9.0 again." in page
    entries = AuditEntry.objects.filter(target=HERE).values_list("action", "actor")
    assert list(entries) == [
        ("sdk.call_back", "support@truepush.test"),
        ("sdk.start", "support@truepush.test"),
    ]


@pytest.mark.parametrize("percent", ["", "50", "0", "-1", "1e9", "x", "\N{SUPERSCRIPT ONE}"])
def test_another_share_is_refused_with_the_reason(
    releases: dict[str, SdkRelease], staff: Client, percent: str
) -> None:
    page = words(staff.post(f"{LIST}{releases[HERE].pk}/start/", {"percent": percent}, follow=True))
    assert "cannot be chosen: give 1, 10 or 100." in page
    assert SdkRelease.objects.get(version=HERE).percent == 0


def test_what_cannot_be_called_back_says_why(releases: dict[str, SdkRelease], staff: Client) -> None:
    page = words(staff.post(f"{LIST}{releases['0.9.0'].pk}/call-back/", follow=True))
    assert "No release before 0.9.0 is kept, so there is none to return to." in page


def test_without_rings_there_is_a_button_for_all_or_none(
    releases: dict[str, SdkRelease], staff: Client, settings: Any
) -> None:
    settings.SDK_RINGS = False
    assert "the installed version, " + HERE + ", goes to every website" in words(staff.get(LIST))
    assert buttons(staff) == [f"{HERE}: Call back"]
    staff.post(f"{LIST}{releases[HERE].pk}/call-back/")
    assert buttons(staff) == ["0.9.0: Call back", f"{HERE}: Start for 100 %"]


def test_staff_who_may_only_look_see_no_buttons_and_are_refused(
    releases: dict[str, SdkRelease], signed_in: SignIn
) -> None:
    user = add_person("looks@truepush.test", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_sdkrelease"))
    client = signed_in(user)
    give_second_factor(user)
    assert "formaction" not in client.get(LIST).content.decode()
    for step in ("start", "call-back"):
        assert client.post(f"{LIST}{releases[HERE].pk}/{step}/", {"percent": "100"}).status_code == 403
    assert SdkRelease.objects.get(version=HERE).percent == 0
    user.user_permissions.add(Permission.objects.get(codename="release_sdk"))
    client.post(f"{LIST}{releases[HERE].pk}/start/", {"percent": "1"})
    assert SdkRelease.objects.get(version=HERE).percent == 1


def test_a_release_that_is_not_there_is_404(releases: dict[str, SdkRelease], staff: Client) -> None:
    for pk in ("999999", "x", "1/2"):
        assert staff.post(f"{LIST}{pk}/call-back/").status_code == 404
