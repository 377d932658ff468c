"""The editor's preview in a real Chromium, before the web server of production: the code that visitors get draws it."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Frame, Page, expect

from tests.campaigns.picture_files import png
from tests.conftest import Workspace, make_site
from tests.e2e.browsers.chromium import chromium
from tests.isolation.live import granian

# Chromium carries the scheme of a frame's element into the frame only where no scheme is emulated.
_SCHEME = "matchMedia('(prefers-color-scheme: dark)').matches"


@dataclass
class Editor:
    """A page of the console that is signed in, and what it complained of."""

    base: str
    page: Page
    site_id: int
    complaints: list[str]

    def open(self, kind: str) -> Frame:
        self.page.goto(f"{self.base}/prompts/new/?site={self.site_id}&kind={kind}")
        stage = next(frame for frame in self.page.frames if frame.url.endswith("/prompts/stage/"))
        stage.wait_for_selector("body")
        return stage


@pytest.fixture
def editor(alone: Workspace, console: Callable[..., Client]) -> Iterator[Editor]:
    site = make_site(alone, name="Tea <b>shop</b>")
    cookie = console(alone).cookies["truepush_session"].value
    with granian() as server, chromium() as browser:
        base = f"http://alone.localhost:{server.port}"
        context = browser.new_context(color_scheme="null", viewport={"width": 1280, "height": 900})
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": "truepush_session", "value": cookie, "url": base}])
        made = Editor(base, context.new_page(), site.pk, [])
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.page.on("console", lambda said: said.type == "error" and made.complaints.append(said.text))
        yield made


@pytest.mark.timeout(170)
def test_the_preview_draws_what_is_typed_and_what_is_saved_is_the_same(editor: Editor) -> None:
    stage, page = editor.open("box"), editor.page
    drawn = stage.locator("truepush-prompt")
    expect(drawn.get_by_role("heading")).to_have_text("Get notifications from Tea <b>shop</b>")
    title = page.locator("[name=title]")
    title.fill("<i>Tea</i>?")
    expect(drawn.get_by_role("heading")).to_have_text("<i>Tea</i>?")
    # What is drawn must not take the focus from the field that is typed in, also where it is a dialog of its own.
    page.locator("[name=position]").select_option("centre")
    title.press_sequentially(" Now", delay=150)
    expect(drawn.get_by_role("heading")).to_have_text("<i>Tea</i>? Now")
    expect(title).to_be_focused()
    assert drawn.count() == 1
    drawn.get_by_role("button", name="Not now").click()
    expect(drawn).to_have_count(0)
    page.get_by_role("button", name="Draw again").click()
    expect(drawn).to_have_count(1)
    drawn.get_by_role("button", name="Allow").click()
    expect(drawn).to_contain_text("Thank you. Notifications are on.")
    # An answer that changes nothing draws nothing: what is tried stays as it is.
    with page.expect_response("**/prompts/preview/**"):
        title.dispatch_event("input")
    page.wait_for_timeout(100)
    expect(drawn).to_contain_text("Thank you. Notifications are on.")
    page.get_by_role("button", name="Save prompt").click()
    page.wait_for_url(re.compile(r"/prompts/\d+/$"))
    prompt = json.loads(page.locator("#stage-data").text_content() or "")["prompt"]
    assert (prompt["texts"][""]["title"], prompt["look"]["position"]) == ("<i>Tea</i>? Now", "centre")
    saved = next(frame for frame in page.frames if frame.url.endswith("/prompts/stage/"))
    expect(saved.locator("truepush-prompt").get_by_role("heading")).to_have_text("<i>Tea</i>? Now")
    assert editor.complaints == []


@pytest.mark.timeout(170)
def test_languages_kinds_widths_schemes_and_a_picture_of_the_website(editor: Editor) -> None:
    stage, page = editor.open("box"), editor.page
    drawn = stage.locator("truepush-prompt")
    page.get_by_text("Other languages").click()
    page.get_by_role("button", name="Add a language").click()
    page.locator("[name=translation_language]").select_option("ar")
    # Our own texts of the language come by themselves, and the preview shows the language that is worked at.
    page.locator("[name=translation_title]").fill("جديد؟")
    page.locator("[data-stage-language]").select_option("ar")
    expect(drawn.get_by_role("heading")).to_have_text("جديد؟")
    expect(drawn).to_have_attribute("dir", "rtl")
    expect(drawn.get_by_role("button", name="السماح")).to_be_visible()
    page.locator("[data-stage-language]").select_option("")
    page.locator("[name=kind]").select_option("topics")
    expect(page.locator("[name=title]")).to_have_value("What would you like to hear about?")
    page.get_by_role("button", name="Add a topic").click()
    page.locator("[name=topic_label]").fill("Green tea")
    expect(page.locator("[data-stage-problem]")).to_contain_text("A topic needs a tag")
    page.locator("[name=topic_tag]").fill("green-tea")
    expect(drawn.get_by_label("Green tea")).to_be_checked()
    page.locator("[data-stage-width=phone]").click()
    assert stage.evaluate("innerWidth") == 390
    page.locator("[data-stage-scheme=dark]").click()
    assert stage.evaluate(_SCHEME) is True
    page.locator("[data-stage-scheme=light]").click()
    assert stage.evaluate(_SCHEME) is False
    page.locator("[data-stage-picture]").set_input_files(
        {"name": "shop.png", "mimeType": "image/png", "buffer": png()}
    )
    expect(stage.locator("[data-shot]")).to_have_attribute("src", re.compile("^blob:"))
    for kind, place in (
        ("native", "[data-browser]"),
        ("bell", "truepush-bell button.bell"),
        ("bar", "[role=region]"),
    ):
        page.locator("[name=kind]").select_option(kind)
        expect(stage.locator(place)).to_be_visible()
    assert editor.complaints == []


@pytest.mark.timeout(170)
def test_colours_that_cannot_be_read_are_warned_of(editor: Editor) -> None:
    editor.open("box")
    page, warning = editor.page, editor.page.locator("[data-contrast]")
    expect(warning).to_be_hidden()
    page.get_by_label("Own background and text colours").check()
    page.locator("[name=ink]").fill("#999999")
    expect(warning).to_have_text(
        "The text on its background has a contrast of 2.8; readable is 4.5 and more."
    )
    page.locator("[name=ink]").fill("#767676")
    expect(warning).to_be_hidden()
    page.locator("[name=accent]").fill("#dddddd")
    expect(warning).to_contain_text(
        "The button hardly stands out from the background (1.4; 3 and more does)."
    )


@pytest.mark.timeout(170)
def test_the_stage_hears_nobody_but_the_page_around_it(editor: Editor) -> None:
    """WB-14: a message of another origin, or of the stage to itself, draws nothing."""
    stage, page = editor.open("box"), editor.page
    drawn = stage.locator("truepush-prompt")
    heading = drawn.get_by_role("heading")
    expect(heading).to_have_text("Get notifications from Tea <b>shop</b>")
    forged = """() => {
      const data = {do: "draw", site: "x", languages: [], prompt: {kind: "box", texts: {"": {title: "Forged"}}}};
      window.postMessage(data, location.origin);
      dispatchEvent(new MessageEvent("message", {data, origin: "https://evil.test", source: parent}));
      dispatchEvent(new MessageEvent("message", {data, origin: location.origin, source: window}));
    }"""
    stage.evaluate(forged)
    page.wait_for_timeout(300)
    expect(heading).to_have_text("Get notifications from Tea <b>shop</b>")
    # The console's page hears its own frame alone: "ready" from anybody else has nothing drawn anew.
    drawn.evaluate("element => element.setAttribute('data-mark', '1')")
    page.evaluate("window.postMessage({do: 'ready'}, location.origin)")
    page.wait_for_timeout(300)
    expect(drawn).to_have_attribute("data-mark", "1")
