"""Prompts are made, changed, ordered, tried beside each other and removed; settings.json says what visitors get."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from subscribers.actions.prompt import (
    MOST_PROMPTS,
    change_prompt,
    choose,
    move_prompt,
    remove_prompt,
    set_live,
    start_test,
)
from subscribers.models import Prompt, Site
from subscribers.prompts import PromptRefused, design_of, new_design
from subscribers.sdk import site_settings
from tenants.doorway import in_tenant
from tenants.models import AuditEntry
from tests.conftest import Workspace, make_site
from tests.subscribers.prompt_samples import add, design

pytestmark = pytest.mark.django_db


def as_(place: Workspace) -> dict[str, Any]:
    return {"actor": place.owner, "tenant": place.tenant}


def change(place: Workspace, prompt: Prompt, **changes: Any) -> Prompt:
    given = {**vars(design_of(prompt)), **changes}
    return change_prompt(**as_(place), prompt=prompt, name=prompt.name, design=given)


def listed(site: Site) -> Any:
    return json.loads(json.dumps(site_settings(site))).get("prompts", "absent")


def audited() -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(action__startswith="prompt.").order_by("pk")
    return [(row.action, row.detail["name"]) for row in rows]


def test_a_website_without_a_live_prompt_keeps_the_default_bell(acme: Workspace, shop: Site) -> None:
    """A draft of an editor's must not take the bell off a website; once one was live, an empty list asks nobody."""
    with in_tenant(acme.schema):
        assert listed(shop) == "absent"
        prompt = add(acme, shop)
        assert listed(shop) == "absent"
        set_live(**as_(acme), prompt=prompt, live=True)
        assert [one["id"] for one in listed(shop)] == [prompt.pk]
        set_live(**as_(acme), prompt=prompt, live=False)
        assert listed(shop) == []
        remove_prompt(**as_(acme), prompt=prompt)
        assert listed(shop) == "absent"
    assert audited() == [(f"prompt.{verb}", "Ask") for verb in ("add", "live", "pause", "remove")]


def test_settings_say_all_that_a_page_needs(acme: Workspace, sdk: Client) -> None:
    site = make_site(acme, icon_url="https://shop.example/icon.png")
    texts = {"": {"title": "News?", "allow": "Yes", "later": "No"}, "de": {"title": "Neues?", "allow": "Ja"}}
    with in_tenant(acme.schema):
        prompt = add(acme, site, live=True, texts=texts)
    body = sdk.get(f"/sdk/v1/{site.site_key}/settings.json").json()
    [found] = body["prompts"]
    german = found["texts"]["de"]
    assert (found["id"], found["version"], found["kind"]) == (prompt.pk, 1, "box")
    # Left empty in German it says what everybody reads; what we say ourselves is German.
    assert {name: german[name] for name in ("title", "text", "allow", "later", "close")} == {
        "title": "Neues?", "text": "", "allow": "Ja", "later": "No", "close": "Schließen",
    }  # fmt: skip
    assert found["look"] == {
        "position": "top", "accent": "#2b6bea", "ink": "", "paper": "", "logo": "https://shop.example/icon.png",
    }  # fmt: skip
    assert found["when"] == {
        "delay": 0, "scroll": 0, "pages": 1, "visits": 1, "exit": False, "only": [], "never": [],
    }  # fmt: skip
    assert (found["again"], found["topics"]) == ([3, 7, 30], [])
    assert "rival" not in found


def test_settings_cost_one_query_more_however_many_prompts_there_are(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        for number in range(4):
            add(acme, shop, f"Ask {number}", live=True)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            site_settings(shop)
    assert len([one for one in asked if "subscribers_prompt" in one["sql"]]) == 1


def test_the_version_grows_with_what_visitors_see_and_with_nothing_else(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        prompt = add(acme, shop)
        for changes, version in (
            ({"when": {**prompt.when, "delay": 5}}, 1),
            ({"again": [1]}, 1),
            ({"look": {**prompt.look, "accent": "#aa0000"}}, 2),
            ({"texts": {"": {**prompt.texts[""], "title": "Other"}}}, 3),
            ({"kind": "bar", "look": {**prompt.look, "position": "bottom"}}, 4),
            ({}, 4),
        ):
            prompt = change(acme, prompt, **changes)
            assert prompt.version == version
        entry = AuditEntry.objects.filter(action="prompt.change").latest("pk")
    assert (entry.detail, entry.before, entry.after) == ({"name": "Ask", "version": 4}, {}, {})


def test_who_may_not_change_what_is_live_does_not(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        prompt = add(acme, shop, live=True)
        with pytest.raises(PromptRefused, match="“Ask” is live: an admin or the owner can change it"):
            change_prompt(**as_(acme), prompt=prompt, name="X", design=design(), only_paused=True)
        with pytest.raises(PromptRefused, match="“Ask” is live"):
            remove_prompt(**as_(acme), prompt=prompt, only_paused=True)
        assert Prompt.objects.get().name == "Ask"


def test_prompts_are_listed_in_their_order(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        a, b, c = (add(acme, shop, name, live=True) for name in "abc")
        move_prompt(**as_(acme), prompt=c, up=True)
        assert [one["id"] for one in listed(shop)] == [a.pk, c.pk, b.pk]
        move_prompt(**as_(acme), prompt=a, up=True)
        move_prompt(**as_(acme), prompt=b, up=False)
        assert [one["id"] for one in listed(shop)] == [a.pk, c.pk, b.pk]
        move_prompt(**as_(acme), prompt=a, up=False)
        assert [one["id"] for one in listed(shop)] == [c.pk, a.pk, b.pk]


def test_a_rival_is_a_copy_that_takes_part_once_it_is_live(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        prompt = add(acme, shop, live=True)
        rival = start_test(**as_(acme), prompt=prompt)
        assert (rival.name, design_of(rival), rival.is_live) == ("Ask B", design_of(prompt), False)
        assert "rival" not in listed(shop)[0]
        rival = change(acme, rival, kind="bar", look={**rival.look, "position": "bottom"})
        set_live(**as_(acme), prompt=rival, live=True)
        [found] = listed(shop)
        assert (found["share"], found["rival"]["id"], found["rival"]["version"], found["rival"]["kind"]) == (
            50, rival.pk, 2, "bar",
        )  # fmt: skip
        assert set(found["rival"]) == {"id", "version", "kind", "texts", "look", "topics", "language"}
        for refused in (prompt, rival):
            with pytest.raises(PromptRefused, match="is in a test already"):
                start_test(**as_(acme), prompt=Prompt.objects.get(pk=refused.pk))
            with pytest.raises(PromptRefused, match="End it by choosing A or B"):
                remove_prompt(**as_(acme), prompt=refused)
        with pytest.raises(PromptRefused, match="it is part of a test"):
            move_prompt(**as_(acme), prompt=rival, up=True)


def test_a_rival_goes_live_in_the_place_of_a_live_prompt_only(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        first = add(acme, shop)
        rival = start_test(**as_(acme), prompt=first)
        with pytest.raises(PromptRefused, match="Set “Ask” live first: this one is shown"):
            set_live(**as_(acme), prompt=rival, live=True)
        for one in (first, rival):
            set_live(**as_(acme), prompt=one, live=True)
        set_live(**as_(acme), prompt=first, live=False)
        assert listed(shop) == []


def test_in_a_test_what_asks_does_not_become_what_stands_there(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        first = add(acme, shop)
        rival, bell = start_test(**as_(acme), prompt=first), new_design("bell")
        for one in (first, rival):
            with pytest.raises(PromptRefused, match="In a test both ask, or both are a bell or a button"):
                change(acme, one, **bell)
        assert change(acme, rival, **new_design("native")).kind == "native"


@pytest.mark.parametrize("keep", ["a", "b"])
def test_the_one_that_is_kept_has_the_place_and_the_conditions(
    acme: Workspace, shop: Site, keep: str
) -> None:
    with in_tenant(acme.schema):
        first = add(acme, shop, live=True, when={**new_design("box")["when"], "delay": 9})
        add(acme, shop, "Last", live=True)
        rival = change(acme, start_test(**as_(acme), prompt=first), again=[1])
        kept = choose(**as_(acme), prompt=first, keep=keep)
        assert kept.pk == (first.pk if keep == "a" else rival.pk)
        found = listed(shop)
        assert found[0]["id"] == kept.pk
        assert (found[0]["when"]["delay"], found[0]["again"]) == (9, [3, 7, 30])
        assert Prompt.objects.count() == 2
        with pytest.raises(PromptRefused, match="is in no test"):
            choose(**as_(acme), prompt=kept, keep="a")


def test_a_choice_that_is_none_changes_nothing(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        first = add(acme, shop)
        start_test(**as_(acme), prompt=first)
        with pytest.raises(PromptRefused, match="“c” is neither a nor b"):
            choose(**as_(acme), prompt=first, keep="c")
        assert Prompt.objects.count() == 2


def test_a_website_has_at_most_so_many_prompts(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        for number in range(MOST_PROMPTS):
            prompt = add(acme, shop, str(number))
        with pytest.raises(PromptRefused, match="Shop has 20 prompts already"):
            add(acme, shop)
        with pytest.raises(PromptRefused, match="Shop has 20 prompts already"):
            start_test(**as_(acme), prompt=prompt)


def test_what_was_removed_meanwhile_is_refused(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        prompt = add(acme, shop)
        gone = Prompt.objects.get(pk=prompt.pk)
        remove_prompt(**as_(acme), prompt=prompt)
        for act in (
            lambda: change(acme, gone),
            lambda: set_live(**as_(acme), prompt=gone, live=True),
            lambda: start_test(**as_(acme), prompt=gone),
            lambda: remove_prompt(**as_(acme), prompt=gone),
        ):
            with pytest.raises(PromptRefused, match="was removed a moment ago"):
                act()
