"""The check on the install page: who may ask for one, how it goes on in the background, what it shows."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from subscribers.actions.site_check import CheckRefused, ask_check, is_moving, run_check
from subscribers.doctor.visit import trust_of
from subscribers.models import Site
from subscribers.tasks import check_site
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, Role
from tests.conftest import Workspace, make_site
from tests.subscribers.customer import File, Website, page
from tests.subscribers.pages import text_of
from tests.tenants.people import add_member
from truepush.lib.guarded import Trust

POLL = re.compile(r'hx-get="([^"]*/check/state/)" hx-trigger="every 1s"')


@pytest.fixture
def local() -> Iterator[Website]:
    """A website of this machine, as a demonstration has it."""
    running = Website(name="shop.localhost")
    yield running
    running.close()


@pytest.fixture
def demo(settings: Any) -> None:
    settings.DEMO = True


def checked(place: Workspace, site: Site) -> dict[str, Any]:
    with in_tenant(place.schema):
        return dict(Site.objects.get(pk=site.pk).checked)


def keep(place: Workspace, site: Site, **values: Any) -> None:
    with in_tenant(place.schema):
        Site.objects.filter(pk=site.pk).update(checked=values)


def tasks() -> list[dict[str, Any]]:
    return [one.task for one in OrmQ.objects.all() if one.task["func"] == "subscribers.tasks.check_site"]


def ago(**given: float) -> str:
    return (timezone.now() - timedelta(**given)).isoformat()


def test_before_the_first_check_the_page_offers_both(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    answer = console(acme).get(f"/sites/{shop.pk}/")
    words = text_of(answer)
    assert (
        "Snippet, worker file, certificate and policy, as they look from here and in your browser." in words
    )
    html = answer.content.decode()
    assert 'href="https://shop.example/#truepush-check" target="_blank" rel="noopener"' in html
    assert f'hx-post="/sites/{shop.pk}/check/"' in html
    assert POLL.findall(html) == []


def test_a_check_goes_on_in_the_background_and_its_findings_are_kept(
    acme: Workspace, console: Callable[..., Client], local: Website, demo: None, settings: Any
) -> None:
    site = make_site(acme, origin=local.origin)
    client = console(acme)
    asked = client.post(f"/sites/{site.pk}/check/", headers={"hx-request": "true"})
    assert asked.status_code == 200
    html = asked.content.decode()
    assert "<html" not in html
    # A button that is disabled loses the focus at the next swap.
    assert re.findall(r'<button [^>]*id="check-now"[^>]*>', html) == [
        '<button class="btn btn-primary disabled" id="check-now" type="submit" aria-disabled="true">'
    ]
    assert POLL.findall(asked.content.decode()) == [f"/sites/{site.pk}/check/state/"]
    assert f"{local.origin} is looked at; that takes ten seconds at most." in text_of(asked)
    # Nothing has been asked of the website yet: a worker does that.
    assert local.asked == []
    [task] = tasks()
    assert task["args"] == (acme.schema, site.pk)
    check_site(*task["args"])
    assert [path for path, _ in local.asked] == ["/", f"/truepush/worker.js?k={site.site_key}"]
    shown = client.get(f"/sites/{site.pk}/check/state/")
    assert POLL.findall(shown.content.decode()) == []
    words = text_of(shown)
    assert "2 problems Looked at from here now." in words
    assert words.index("Problem: The page has another website's snippet") < words.index(
        "Good: No HTTPS needed"
    )
    assert f'<script src="{settings.SDK_URL}/sdk/v1/{site.site_key}/truepush.js" async></script>' in words
    assert 'data-copy="#remedy-1"' in shown.content.decode()
    kept = checked(acme, site)
    assert (kept["state"], [one["state"] for one in kept["findings"]]) == (
        "done",
        ["problem"] * 2 + ["good"] * 2,
    )
    [entry] = AuditEntry.objects.filter(action="site.check")
    assert (entry.actor_id, entry.target) == (acme.owner.pk, f"site {site.pk}")


def test_a_good_installation_says_so(
    acme: Workspace, console: Callable[..., Client], local: Website, demo: None
) -> None:
    site = make_site(acme, origin=local.origin)
    client = console(acme)
    html = client.get(f"/sites/{site.pk}/")
    snippet = re.search(r'<code id="snippet">(.*?)</code>', html.content.decode())
    assert snippet
    local.files["/"] = page(snippet[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"'))
    stub = client.get(f"/sites/{site.pk}/worker.js").content.decode()
    local.files["/truepush/worker.js"] = File(stub, "text/javascript")
    client.post(f"/sites/{site.pk}/check/")
    check_site(acme.schema, site.pk)
    assert "All is well Looked at from here now." in text_of(client.get(f"/sites/{site.pk}/"))


def test_sr10_outside_of_a_demonstration_this_machine_is_not_asked(
    acme: Workspace, local: Website, settings: Any
) -> None:
    site = make_site(acme, origin=local.origin)
    for demo, domain in ((False, "localhost"), (True, "truepush.example")):
        settings.DEMO, settings.BASE_DOMAIN = demo, domain
        keep(acme, site, state="waiting", asked_at=ago(seconds=1))
        check_site(acme.schema, site.pk)
        [finding] = checked(acme, site)["findings"]
        assert (finding["state"], finding["title"]) == ("unknown", "Not looked at from here")
    assert local.asked == []


def test_what_a_website_says_is_text_on_the_page(
    acme: Workspace, console: Callable[..., Client], local: Website, demo: None
) -> None:
    site = make_site(acme, origin=local.origin)
    local.files["/truepush/worker.js"] = File("", "<img/src=x>")
    keep(acme, site, state="waiting", asked_at=ago(seconds=1))
    check_site(acme.schema, site.pk)
    html = console(acme).get(f"/sites/{site.pk}/").content.decode()
    assert "is of type &lt;img/src=x&gt;;" in html
    assert "<img/src" not in html


def test_who_may_look_but_not_change_sees_the_findings_and_no_button(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    finding = {"state": "good", "title": "HTTPS works", "found": "", "remedy": "", "copy": ""}
    keep(acme, shop, state="done", asked_at=ago(days=3), at=ago(days=3), seconds=0.4, findings=[finding])
    analyst = console(acme, add_member(acme, Role.ANALYST))
    answer = analyst.get(f"/sites/{shop.pk}/")
    assert "All is well Looked at from here 3 days ago." in text_of(answer)
    assert "HTTPS works" in text_of(answer)
    assert "Check in this browser" in text_of(answer)
    assert "Check now" not in text_of(answer)
    assert analyst.post(f"/sites/{shop.pk}/check/").status_code == 403


def test_one_at_a_time_and_whose_website_is_slow_waits_longer(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    other = make_site(acme, origin="https://blog.example", name="Blog")
    client = console(acme)
    client.post(f"/sites/{other.pk}/check/")
    busy = client.post(f"/sites/{shop.pk}/check/", headers={"hx-request": "true"})
    assert "“Blog” is being checked. Wait until that is done." in text_of(busy)
    done = {"state": "done", "asked_at": ago(seconds=30), "findings": []}
    keep(acme, other, **done, at=ago(seconds=4), seconds=0.3)
    assert client.post(f"/sites/{shop.pk}/check/").status_code == 302
    assert checked(acme, shop)["state"] == "waiting"
    keep(acme, shop)
    keep(acme, other, **done, at=ago(seconds=20), seconds=10.0)
    answer = client.post(f"/sites/{shop.pk}/check/", follow=True)
    assert "The last check was a moment ago. Try again in 30 s." in text_of(answer)
    assert checked(acme, shop) == {}
    assert len(tasks()) == 2


def test_a_check_that_was_lost_says_so_and_can_be_asked_for_again(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    client = console(acme)
    for times in ({"state": "waiting"}, {"state": "running", "began_at": ago(seconds=361)}):
        keep(acme, shop, asked_at=ago(seconds=400), **times)
        answer = client.get(f"/sites/{shop.pk}/")
        assert "The last check did not come back. Start it again." in text_of(answer)
        assert POLL.findall(answer.content.decode()) == []
        client.post(f"/sites/{shop.pk}/check/")
        assert checked(acme, shop)["state"] == "waiting"


def test_a_check_that_began_and_was_lost_rests_as_a_slow_one(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    keep(acme, shop, state="running", asked_at=ago(seconds=150), began_at=ago(seconds=100))
    client = console(acme)
    shown = client.get(f"/sites/{shop.pk}/")
    assert re.search(r"did not come back\. It can be started again in 2[56]\d s\.", text_of(shown))
    refused = client.post(f"/sites/{shop.pk}/check/", follow=True)
    assert re.search(r"The last check was a moment ago\. Try again in 2[56]\d s\.", text_of(refused))
    assert checked(acme, shop)["state"] == "running"


def test_a_check_that_waited_long_has_its_minute_from_when_it_began(
    acme: Workspace, local: Website, demo: None
) -> None:
    site = make_site(acme, origin=local.origin)
    keep(acme, site, state="waiting", asked_at=ago(seconds=59))
    states: list[dict[str, Any]] = []

    def looked_at_meanwhile(host: str) -> Trust:
        states.append(checked(acme, site))
        return trust_of(host)

    with in_tenant(acme.schema):
        assert run_check(site.pk, trust=looked_at_meanwhile)
    later = timezone.now() + timedelta(seconds=30)
    assert states[0]["state"] == "running"
    assert is_moving(states[0], later)
    assert "began_at" not in checked(acme, site)


def test_a_task_that_runs_twice_checks_once(acme: Workspace, local: Website, demo: None) -> None:
    site = make_site(acme, origin=local.origin)
    keep(acme, site, state="waiting", asked_at=ago(seconds=1))
    with in_tenant(acme.schema):
        assert [run_check(site.pk), run_check(site.pk)] == [True, False]
    assert len(local.asked) == 2


def test_the_result_of_a_check_that_was_given_up_does_not_replace_a_newer_one(
    acme: Workspace, local: Website, demo: None
) -> None:
    site = make_site(acme, origin=local.origin)
    keep(acme, site, state="waiting", asked_at=ago(seconds=1))
    newer = {"state": "waiting", "asked_at": ago(seconds=0)}

    def asked_meanwhile(host: str) -> Trust:
        keep(acme, site, **newer)
        return trust_of(host)

    with in_tenant(acme.schema):
        assert run_check(site.pk, trust=asked_meanwhile) is False
    assert checked(acme, site) == newer


def test_a_website_of_another_workspace_is_not_there(
    acme: Workspace, globex: Workspace, console: Callable[..., Client]
) -> None:
    for number in range(2):
        foreign = make_site(globex, origin=f"https://{number}.example")
    client = console(acme)
    assert client.post(f"/sites/{foreign.pk}/check/").status_code == 404
    assert client.get(f"/sites/{foreign.pk}/check/state/").status_code == 404
    assert checked(globex, foreign) == {}


def test_the_verb_refuses_what_the_page_refuses(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        given: dict[str, Any] = {"actor": acme.owner, "tenant": acme.tenant, "site": shop}
        ask_check(**given)
        with pytest.raises(CheckRefused, match="is being checked"):
            ask_check(**given)
    assert AuditEntry.objects.filter(action="site.check").count() == 1
