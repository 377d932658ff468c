"""The buttons on the report, and what it says of a send that waits."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Send
from subscribers.models import VapidKey
from tenants.actions.sending import pause_sending
from tenants.doorway import in_tenant
from tenants.models import Pace, Role, Tenant, Throttle
from tests.campaigns.places import NORMAL, Place, add_subscribers, fresh, launch, new_campaign
from tests.tenants.people import add_member

Console = Callable[..., Client]


@pytest.fixture
def running(place: Place) -> Send:
    add_subscribers(place, [NORMAL] * 3)
    send = launch(place)
    with in_tenant(place.schema):
        Send.objects.filter(pk=send.pk).update(state="running", audience=3, launched_at=timezone.now())
    return send


def post(client: Client, send: Send, verb: str, **data: Any) -> str:
    answer = client.post(f"/sends/{send.pk}/{verb}/", data, follow=True)
    assert answer.redirect_chain == [(f"/sends/{send.pk}/", 302)]
    return str(answer.content.decode())


def test_a_send_is_paused_resumed_and_cancelled_by_buttons(
    place: Place, running: Send, console: Console
) -> None:
    client = console(place.workspace)
    page = client.get(f"/sends/{running.pk}/").content.decode()
    assert 'form="pause-form"' in page
    assert 'commandfor="cancel-dialog"' in page
    assert "Paused. What was on its way still arrives." in post(client, running, "pause")
    assert fresh(place, running).state == "paused"
    assert "This send is paused now, so that cannot be done." in post(client, running, "pause")
    assert 'form="resume-form"' in client.get(f"/sends/{running.pk}/figures/").content.decode()
    assert "It goes on where it stopped." in post(client, running, "resume")
    page = post(client, running, "cancel")
    assert "Cancelled. Nobody else gets it." in page
    assert fresh(place, running).state == "cancelled"


def test_who_may_not_send_sees_no_buttons(place: Place, running: Send, console: Console) -> None:
    for role in (Role.EDITOR, Role.ANALYST):
        client = console(place.workspace, add_member(place.workspace, role))
        assert "pause-form" not in client.get(f"/sends/{running.pk}/").content.decode()
        assert client.post(f"/sends/{running.pk}/pause/").status_code == 403
    assert fresh(place, running).state == "running"


@pytest.mark.parametrize(
    "case",
    [
        ({"speed": "rate", "per_minute": "600"}, "From now on: 600 messages a minute.", 600.0),
        ({"speed": "spread", "spread_minutes": "3"}, "spread over 3 minutes", 1.0),
        ({"speed": "full"}, "From now on: as fast as possible.", None),
        ({"speed": "rate"}, "Say how many messages a minute.", None),
        ({"speed": "rate", "per_minute": "0"}, "Messages a minute: give 1 to 10,000,000.", None),
        ({"speed": "rate", "per_minute": "many"}, "Messages a minute: give a whole number.", None),
        ({"speed": "spread", "spread_minutes": "1441"}, "Minutes: give 1 to 1,440.", None),
    ],
)
def test_the_speed_is_changed_while_it_runs(
    place: Place, running: Send, console: Console, case: tuple[dict[str, str], str, float | None]
) -> None:
    data, said, rate = case
    assert said in post(console(place.workspace), running, "speed", **data)
    found = Pace.objects.filter(key=f"send:{place.workspace.tenant.pk}:{running.pk}").first()
    assert (found.per_minute if found else None) == rate


def test_a_campaign_may_be_launched_with_a_speed(place: Place, console: Console) -> None:
    add_subscribers(place, [NORMAL])
    client = console(place.workspace)
    campaign = new_campaign(place)
    page = client.post(f"/campaigns/{campaign.pk}/send/", {"speed": "rate"}, follow=True).content.decode()
    assert "Say how many messages a minute." in page
    client.post(f"/campaigns/{campaign.pk}/send/", {"speed": "rate", "per_minute": "90"})
    with in_tenant(place.schema):
        assert Send.objects.get(campaign=campaign).rate_per_minute == 90


def test_the_report_says_what_a_send_waits_for(place: Place, running: Send, console: Console) -> None:
    tenant = place.workspace.tenant
    client = console(place.workspace)
    with in_tenant(place.schema):
        key = VapidKey.objects.get(site=place.site)
    Pace.objects.create(key=f"site:{tenant.pk}:{place.site.pk}", tenant_id=tenant.pk, per_minute=1019)
    given = {"origin": "https://fcm.googleapis.com", "per_second": 15.0, "normal": 900.0}
    Throttle.objects.create(lane="k:1", kind="key", tenant_id=tenant.pk, vapid_key_id=key.pk, **given)
    Throttle.objects.create(lane="k:2", kind="key", tenant_id=tenant.pk + 1, vapid_key_id=key.pk, **given)
    Throttle.objects.create(
        lane="o:1", kind="origin", **{**given, "origin": "https://updates.push.services.mozilla.com"}
    )
    page = client.get(f"/sends/{running.pk}/").content.decode()
    assert "It goes at 1,019 messages a minute: the website&#x27;s limit." in page
    assert page.count("Google&#x27;s push service has asked this website to slow down.") == 1
    assert "about 900 messages a minute" in page
    assert "Mozilla&#x27;s push service has not answered properly since" in page


def test_a_paused_workspace_says_so_on_every_page_and_an_admin_resumes_it(
    place: Place, console: Console
) -> None:
    tenant = place.workspace.tenant
    pause_sending(actor=None, tenant_id=tenant.pk, why="Too <many>.", kind="runaway")
    analyst = console(place.workspace, add_member(place.workspace, Role.ANALYST))
    for path in ("/", "/campaigns/", "/sites/"):
        page = analyst.get(path).content.decode()
        assert "Too &lt;many&gt;." in page
        assert "An admin or the owner can resume it." in page
    owner = console(place.workspace)
    assert 'action="/sending/resume/"' in owner.get("/").content.decode()
    assert "Sending goes on." in owner.post("/sending/resume/", follow=True).content.decode()
    assert Tenant.objects.get(pk=tenant.pk).sending_paused_at is None


def test_limits_of_the_workspace_and_its_websites_are_set_on_one_page(place: Place, console: Console) -> None:
    tenant, site = place.workspace.tenant, place.site
    client = console(place.workspace)
    wrong = client.post("/sending/", {"workspace": "0", f"site_{site.pk}": "x"}).content.decode()
    assert wrong.count("Give 1 to 10,000,000 messages a minute") == 2
    client.post("/sending/", {"workspace": "5000", f"site_{site.pk}": "1000"})
    rates = dict(Pace.objects.values_list("key", "per_minute"))
    assert rates == {f"tenant:{tenant.pk}": 5000.0, f"site:{tenant.pk}:{site.pk}": 1000.0}
    client.post("/sending/", {"workspace": "", f"site_{site.pk}": "1000"})
    assert list(Pace.objects.values_list("key", flat=True)) == [f"site:{tenant.pk}:{site.pk}"]
