"""The console's pages of prompts and of the funnel, through HTTP: what they say, and who may do what."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from subscribers.actions.prompt import set_live, start_test
from subscribers.models import FunnelCount, Prompt, Site
from tenants.doorway import in_tenant
from tenants.models import Role
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import field_errors, page_text
from tests.subscribers.prompt_samples import add
from tests.tenants.people import add_member

pytestmark = pytest.mark.django_db

FIELDS = {
    "name": "Ask", "kind": "box", "language": "en", "title": "News?", "text": "Twice a month.", "allow": "Yes",
    "later": "No", "position": "bottom-left", "accent": "#2563EB", "paper": "#ffffff", "ink": "#000000", "logo": "",
    "delay": "5", "scroll": "0", "pages": "2", "visits": "1", "only": "/blog/*\r\n/tea", "never": "", "again": "3, 7",
}  # fmt: skip


@pytest.fixture
def owner(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


@pytest.fixture
def editor(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme, add_member(acme, Role.EDITOR))


def save(client: Client, path: str, **changes: Any) -> Any:
    return client.post(path, {**FIELDS, **changes})


def new(client: Client, site: Site, **changes: Any) -> Any:
    return save(client, f"/prompts/new/?site={site.pk}", **changes)


def only(place: Workspace) -> Prompt:
    with in_tenant(place.schema):
        return Prompt.objects.get()


def test_a_prompt_is_made_of_what_the_form_says(editor: Client, acme: Workspace, shop: Site) -> None:
    answer = new(
        editor, shop, own_colours="on",
        translation_language=["de", "fr"], translation_title=["Neues?", "Du neuf ?"], translation_text=["", ""],
        translation_allow=["Ja", ""], translation_later=["", ""],
    )  # fmt: skip
    made = only(acme)
    assert answer["Location"] == f"/prompts/{made.pk}/"
    assert made.texts == {
        "": {"title": "News?", "text": "Twice a month.", "allow": "Yes", "later": "No"},
        "de": {"title": "Neues?", "text": "", "allow": "Ja", "later": ""},
        "fr": {"title": "Du neuf ?", "text": "", "allow": "", "later": ""},
    }
    assert made.look == {
        "position": "bottom-left", "accent": "#2563eb", "ink": "#000000", "paper": "#ffffff", "logo": "",
    }  # fmt: skip
    assert made.when == {
        "delay": 5, "scroll": 0, "pages": 2, "visits": 1, "exit": False, "only": ["/blog/*", "/tea"], "never": [],
    }  # fmt: skip
    assert (made.again, made.is_live, made.version) == ([3, 7], False, 1)
    text = page_text(editor.get(answer["Location"]))
    assert "Ask Draft" in text
    assert (
        "From page 2 on. After 5 seconds on the page. Only on /blog/*, /tea. After a “no” again in 3, 7 days."
        in text
    )
    assert "Set live" not in text


def test_topics_are_read_with_their_other_names(owner: Client, acme: Workspace, shop: Site) -> None:
    topics = {
        "topic_tag": ["news", "sale"], "topic_label": ["News", "Offers"], "topic_others": ["de: Neues; fr: Infos", ""],
        "topic_on": ["1", "0"],
    }  # fmt: skip
    new(owner, shop, kind="topics", **topics)
    assert only(acme).topics == [
        {"tag": "news", "label": {"": "News", "de": "Neues", "fr": "Infos"}, "on": True},
        {"tag": "sale", "label": {"": "Offers"}, "on": False},
    ]
    page = owner.get(f"/prompts/{only(acme).pk}/edit/").content.decode()
    assert 'value="de: Neues; fr: Infos"' in page
    new(owner, shop, name="Box", kind="box", **topics)
    with in_tenant(acme.schema):
        assert Prompt.objects.get(name="Box").topics == []


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"title": ""}, ("title", "Write something here")),
        ({"accent": "red"}, ("accent", "“red” is no colour")),
        ({"never": "blog"}, ("never", "“blog” is no path of the website")),
        ({"again": "soon"}, ("again", "“soon” are no numbers of days")),
        ({"again": "0"}, ("again", "“0” is not a whole number from 1 to 365")),
        ({"delay": "601"}, ("delay", "Give a whole number from 0 to 600")),
        ({"logo": "x"}, ("logo", "“x” is no address of a picture")),
        ({"translation_language": ["<b>"], "translation_title": ["x"]}, ("title", "“<b>” is no language")),
        ({"translation_language": [""], "translation_title": ["x"]}, ("title", "Choose the other language")),
        (
            {"translation_language": ["de", "de"], "translation_title": ["x", "y"]},
            ("title", "German is here twice"),
        ),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    owner: Client, acme: Workspace, shop: Site, changes: dict[str, Any], where: tuple[str, str]
) -> None:
    field, error = where
    answer = new(owner, shop, **changes)
    assert answer.status_code == 200
    assert error in field_errors(answer).get(field, "")
    with in_tenant(acme.schema):
        assert not Prompt.objects.exists()


def test_many_topics_are_refused_at_the_top(owner: Client, acme: Workspace, shop: Site) -> None:
    answer = new(owner, shop, kind="topics", topic_tag=[str(n) for n in range(16)], topic_label=["x"] * 16)
    assert "16 topics; 15 are possible. Take some away." in page_text(answer)
    answer = new(
        owner, shop, kind="topics", topic_tag=[str(n) for n in range(10_000)], topic_label=["x"] * 10_000
    )
    assert answer.status_code == 413


def test_html_is_shown_as_text(owner: Client, acme: Workspace, shop: Site) -> None:
    new(owner, shop, name="<script>alert(1)</script>", title="<img src=x onerror=alert(1)>")
    for path in (
        "/prompts/",
        f"/prompts/{only(acme).pk}/",
        f"/prompts/{only(acme).pk}/edit/",
        "/prompts/funnel/",
    ):
        page = owner.get(path).content.decode()
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page


def test_editors_change_drafts_and_leave_what_is_live(
    editor: Client, owner: Client, acme: Workspace, shop: Site
) -> None:
    new(editor, shop)
    pk = only(acme).pk
    assert save(editor, f"/prompts/{pk}/edit/", title="Better?").status_code == 302
    assert only(acme).texts[""]["title"] == "Better?"
    assert editor.post(f"/prompts/{pk}/live/").status_code == 403
    assert owner.post(f"/prompts/{pk}/live/").status_code == 302
    assert only(acme).is_live
    for answer in (save(editor, f"/prompts/{pk}/edit/", title="Mine"), editor.get(f"/prompts/{pk}/edit/")):
        assert answer["Location"] == f"/prompts/{pk}/"
    page = page_text(editor.get(f"/prompts/{pk}/"))
    assert "“Ask” is live: an admin or the owner can change it, or pause it first." in page
    assert "Remove this prompt" not in page
    assert "Editors make prompts and change those that are not live." in page
    editor.post(f"/prompts/{pk}/delete/")
    assert (only(acme).texts[""]["title"], only(acme).version) == ("Better?", 2)
    save(owner, f"/prompts/{pk}/edit/", title="Live change?")
    assert (only(acme).texts[""]["title"], only(acme).version) == ("Live change?", 3)
    assert owner.post(f"/prompts/{pk}/pause/").status_code == 302
    assert editor.post(f"/prompts/{pk}/delete/")["Location"] == f"/prompts/?site={shop.pk}"
    with in_tenant(acme.schema):
        assert not Prompt.objects.exists()


def test_analysts_read(console: Callable[..., Client], acme: Workspace, shop: Site) -> None:
    analyst = console(acme, add_member(acme, Role.ANALYST))
    with in_tenant(acme.schema):
        pk = add(acme, shop).pk
    for path in ("/prompts/", f"/prompts/{pk}/", "/prompts/stage/", "/prompts/funnel/"):
        assert analyst.get(path).status_code == 200
    assert "New prompt" not in page_text(analyst.get("/prompts/"))
    page = analyst.get(f"/prompts/{pk}/").content.decode()
    assert [word for word in ("/edit/", "Set live", "Make a B", "Remove this prompt") if word in page] == []
    for path in ("/prompts/new/", f"/prompts/{pk}/edit/"):
        assert analyst.get(path).status_code == 403


def test_the_list_says_what_visitors_get_now(owner: Client, acme: Workspace, shop: Site) -> None:
    assert "Visitors get a small bell at the bottom right." in page_text(owner.get("/prompts/"))
    with in_tenant(acme.schema):
        prompt = add(acme, shop, "Ask")
        count(shop, prompt.pk, "shown", 200, ago=29)
        count(shop, prompt.pk, "shown", 999, ago=30)
        count(shop, prompt.pk, "subscribed", 25)
    assert "Nothing is live yet: visitors of Shop get the small bell" in page_text(owner.get("/prompts/"))
    owner.post(f"/prompts/{prompt.pk}/live/")
    text = page_text(owner.get("/prompts/"))
    assert "Ask Live Box At once, on every page. After a “no” again in 3, 7, 30 days. 200 25 12.5 %" in text
    owner.post(f"/prompts/{prompt.pk}/pause/")
    assert "All are paused: Shop asks nobody." in page_text(owner.get("/prompts/"))


def test_admins_order_them(owner: Client, acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        add(acme, shop, "First")
        second = add(acme, shop, "Second")
    answer = owner.post(f"/prompts/{second.pk}/move/", {"to": "up"})
    assert answer["Location"] == f"/prompts/?site={shop.pk}"
    names = re.findall(r'class="cell-title"><a [^>]+>(\w+)<', owner.get("/prompts/").content.decode())
    assert names == ["Second", "First"]


def count(site: Site, prompt: int, step: str, number: int, *, ago: int = 0, **more: str) -> None:
    values = {"page": "/", "browser": "Chrome", "country": "DE", **more}
    day = timezone.now().date() - timedelta(days=ago)
    FunnelCount.objects.create(
        site=site, day=day, prompt=prompt, version=1, step=step, count=number, **values
    )


def test_the_funnel_goes_from_shown_to_subscribed(owner: Client, acme: Workspace, shop: Site) -> None:
    assert "Nothing was counted yet" in page_text(owner.get("/prompts/funnel/"))
    with in_tenant(acme.schema):
        prompt = add(acme, shop, live=True)
        for step, number in (
            ("shown", 1000), ("accepted", 200), ("native", 200), ("granted", 150), ("subscribed", 147),
            ("dismissed", 400), ("denied", 30), ("closed", 20),
        ):  # fmt: skip
            count(shop, prompt.pk, step, number)
        count(shop, 0, "shown", 50, page="/tea", browser="Firefox", country="", ago=10)
        count(shop, 4711, "shown", 5, ago=60)
    text = page_text(owner.get(f"/prompts/funnel/?site={shop.pk}&days=30"))
    assert (
        "Shown 1,050 all Accepted 200 19.0 % Browser asked 200 100.0 % Granted 150 75.0 % Subscribed 147 98.0 % "
        "Dismissed 400 Denied in the browser 30 Closed unanswered 20"
    ) in text
    assert "Ask 1,000 200 20.0 % 200 100.0 % 150 75.0 % 147 98.0 % 14.70 % 400 30" in text
    assert "Without a prompt of the list 50" in text
    assert "Firefox 50" in text
    assert "Germany 1,000" in text
    assert "Not known 50" in text
    assert "Removed prompt 4711" not in text
    assert "Removed prompt 4711 5" in page_text(owner.get("/prompts/funnel/?days=90"))
    assert "Shown 1,000 all" in page_text(owner.get("/prompts/funnel/?days=7"))
    assert "Shown 1,050 all" in page_text(owner.get("/prompts/funnel/?days=-1"))


def test_tables_have_the_largest_twenty_and_one_line_for_the_others(
    owner: Client, acme: Workspace, shop: Site
) -> None:
    with in_tenant(acme.schema):
        for number in range(25):
            count(shop, 0, "shown", 100 - number, page=f"/p{number:02}")
        count(shop, 0, "shown", 1000, page="other")
    pages = re.findall(
        r'funnel-name">(.*?)</td><td class="cell-num">([\d,]+)',
        owner.get("/prompts/funnel/").content.decode(),
    )
    found = [(unescape(name), number) for name, number in pages if name.startswith(("/p", "Other"))]
    assert found[:2] == [("/p00", "100"), ("/p01", "99")]
    assert found[-2:] == [("/p19", "81"), ("Other", f"{1000 + 80 + 79 + 78 + 77 + 76:,}")]


def test_a_test_says_when_there_is_too_little_and_which_is_better(
    owner: Client, acme: Workspace, shop: Site
) -> None:
    with in_tenant(acme.schema):
        first = add(acme, shop, live=True)
        rival = start_test(actor=acme.owner, tenant=acme.tenant, prompt=first)
        count(shop, first.pk, "shown", 5000, ago=3)
    assert "Not begun: set B live to begin." in page_text(owner.get("/prompts/funnel/"))
    with in_tenant(acme.schema):
        set_live(actor=acme.owner, tenant=acme.tenant, prompt=rival, live=True)
        count(shop, first.pk, "shown", 1000)
        count(shop, first.pk, "subscribed", 50)
        count(shop, rival.pk, "shown", 99)
        count(shop, rival.pk, "subscribed", 9)
    text = page_text(owner.get("/prompts/funnel/"))
    assert "Too little to tell yet: it takes 100 shown of each, 10 subscribed in all." in text
    assert "probability" not in text
    with in_tenant(acme.schema):
        count(shop, rival.pk, "shown", 901, page="/b")
        count(shop, rival.pk, "subscribed", 61, page="/b")
    text = page_text(owner.get("/prompts/funnel/"))
    # What was shown of A before B was live does not count: 50 of 1,000 against 70 of 1,000.
    assert "A Ask 50 % 1,000 0 50 5.00 % B Ask B 50 % 1,000 0 70 7.00 %" in text
    assert "B is better with a probability of 97.0 % . B is the better one." in text
    answer = owner.post(f"/prompts/{first.pk}/choose/", {"keep": "b"})
    assert answer["Location"] == f"/prompts/{rival.pk}/"
    assert only(acme).is_live


def test_the_preview_is_what_settings_would_say(editor: Client, acme: Workspace, shop: Site) -> None:
    path = f"/prompts/preview/?site={shop.pk}"
    answer = save(editor, path, title="<b>Hi</b>").json()
    assert (answer["site"], answer["prompt"]["kind"], answer["prompt"]["texts"][""]["title"]) == (
        "Shop", "box", "<b>Hi</b>",
    )  # fmt: skip
    assert answer["prompt"]["texts"][""]["close"] == "Close"
    assert save(editor, path, accent="red").json() == {
        "problem": "Colour of the button: “red” is no colour. Give six digits as in #2563eb."
    }
    with in_tenant(acme.schema):
        assert not Prompt.objects.exists()


def test_only_the_stage_may_be_framed_and_it_allows_nothing_else(owner: Client) -> None:
    stage = owner.get("/prompts/stage/")
    policy = stage["Content-Security-Policy"]
    assert stage["X-Frame-Options"] == "SAMEORIGIN"
    assert (
        "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'"
        in policy
    )
    assert "frame-ancestors 'self'" in policy
    assert owner.get("/prompts/")["X-Frame-Options"] == "DENY"


def test_the_pages_of_websites_and_the_navigation_lead_to_prompts(owner: Client, shop: Site) -> None:
    page = owner.get(f"/sites/{shop.pk}/").content.decode()
    assert f'href="/prompts/?site={shop.pk}"' in page
    assert 'href="/prompts/"' in page


def test_without_a_website_the_pages_say_so(owner: Client) -> None:
    for path in ("/prompts/", "/prompts/funnel/"):
        assert "Add your website first" in page_text(owner.get(path))
    assert owner.get("/prompts/new/")["Location"] == "/sites/new/"


def test_every_kind_can_be_chosen(owner: Client, acme: Workspace) -> None:
    site = make_site(acme)
    page = unescape(owner.get(f"/prompts/new/?site={site.pk}").content.decode())
    for kind in Prompt.Kind.values:
        assert f"/prompts/new/?site={site.pk}&kind={kind}" in page
        answer = owner.get(f"/prompts/new/?site={site.pk}&kind={kind}")
        words = json.loads(
            re.search(r'id="prompt-words" type="application/json">(.*?)</script>', answer.content.decode())[1]
        )  # type: ignore[index]
        assert f'value="{kind}" selected' in answer.content.decode()
        assert len(words["words"]) == 12
