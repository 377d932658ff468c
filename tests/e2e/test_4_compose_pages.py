"""The composer in a real Chromium on a real installation: written, seen, timed and sent, by mouse and by keyboard."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.campaigns.picture_files import photo, written
from tests.e2e.installation import Installation
from tests.e2e.test_2_chromium_clone_to_click import figure

# From the dashboard to "sending", for a plain campaign.
MOST_INTERACTIONS = 6
PAGES = (
    "/", "/campaigns/", "/campaigns/?show=archived", "/campaigns/calendar/", "/campaigns/new/", "/subscribers/",
    "/segments/", "/segments/new/", "/sites/", "/sites/new/", "/sending/", "/exports/", "/imports/", "/imports/new/",
    "/privacy/", "/inbox/", "/prompts/", "/prompts/new/", "/prompts/new/?kind=topics", "/prompts/funnel/",
)  # fmt: skip
GRAVE = {"serious", "critical"}
TYPE_AND_LOOK = """() => {
  const began = performance.now();
  const field = document.querySelector("[name=title]");
  field.value = "Typed";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return [document.querySelector("[data-preview=title]").textContent, performance.now() - began];
}"""


def begin(truepush: Installation, page: Page, title: str) -> None:
    """Open a new campaign and write the least that one needs."""
    page.goto(f"{truepush.console('demo')}/campaigns/new/")
    page.locator("[name=title]").fill(title)
    page.locator("[name=url]").fill(f"{truepush.shop}/new-arrivals")


def save(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Continue|Save draft")).click()
    expect(page.get_by_role("button", name="Save draft")).to_be_visible()
    expect(page.locator("[data-reach]")).to_contain_text("right now")


def open_dialog(page: Page) -> Locator:
    page.get_by_role("button", name=re.compile("Send to [0-9,]+ subscriber")).click()
    return page.locator("#send-dialog")


def preview(page: Page, name: str) -> Locator:
    return page.locator(f"[data-preview={name}]")


@pytest.mark.timeout(120)
def test_from_the_dashboard_to_sending_in_six_interactions(truepush: Installation, page: Page) -> None:
    page.goto(truepush.console("demo"))
    done = 0
    for interaction in (
        page.get_by_role("link", name="New campaign").first.click,
        lambda: page.locator("[name=title]").fill("Six steps"),
        lambda: page.locator("[name=url]").fill(f"{truepush.shop}/new-arrivals"),
        page.get_by_role("button", name="Continue").click,
        page.get_by_role("button", name=re.compile("Send to [0-9,]+ subscriber")).click,
        page.locator("[data-send-button]").click,
    ):
        interaction()
        done += 1
    page.wait_for_url("**/sends/*/")
    assert done <= MOST_INTERACTIONS
    expect(figure(page, "Audience")).to_have_text(re.compile("^[1-9]"), timeout=20_000)
    page.reload()
    expect(page.locator("#breakdown")).to_contain_text("By kind of people", timeout=20_000)
    assert grave(page, "the report") == []


@pytest.mark.timeout(120)
def test_a_message_is_written_seen_and_kept(truepush: Installation, page: Page) -> None:
    begin(truepush, page, "Hi ")
    title = page.locator(".field", has=page.locator("[name=title]"))
    title.get_by_role("button", name="Personalise").click()
    page.locator("#insert-place").get_by_role("button", name="country", exact=True).click()
    assert page.locator("[name=title]").input_value() == 'Hi {{ country|default:"" }}'
    body = page.locator(".field", has=page.locator("[name=body]"))
    body.get_by_role("button", name="Emoji").click()
    page.locator("#insert-emoji").get_by_role("button", name="🔥", exact=True).click()
    page.locator("[name=body]").press_sequentially(" sale " + "and more " * 20)
    # The preview follows within the same keystroke, before anything else can run.
    shown, took = page.evaluate(TYPE_AND_LOOK)
    print(f"from a keystroke to the preview: {took:.1f} ms")
    assert shown == "Typed"
    # As Android cuts it, and as Windows does.
    page.locator("[data-preview-platform]").select_option("chrome-android")
    assert len(preview(page, "body").inner_text()) <= 50
    page.locator("[data-preview-platform]").select_option("chrome-windows")
    assert len(preview(page, "body").inner_text()) > 50
    # Another language, in the preview too.
    page.get_by_text("Other languages").click()
    page.get_by_role("button", name="Add a language").click()
    block = page.locator("[data-language]").last
    block.locator("[name=translation_language]").select_option("de")
    block.locator("[name=translation_title]").fill("Hallo")
    page.locator("[data-preview-language]").select_option("de")
    expect(preview(page, "title")).to_have_text("Hallo")
    page.locator("[data-preview-language]").select_option("")
    # As somebody of the demo's subscribers reads it.
    page.get_by_role("button", name="Somebody").click()
    expect(page.locator("[data-preview-who]")).to_contain_text("Subscriber ")
    # Tracking is shown where it goes.
    page.get_by_text("Tracking (UTM parameters)").click()
    page.locator("[name=utm_source]").fill("truepush")
    expect(page.locator("[data-tracked-address]")).to_contain_text("/new-arrivals?utm_source=truepush")
    # Kept as typed, whatever happens to the page.
    expect(page.locator("[data-kept]")).to_have_text("Kept as typed.")
    assert re.search(r"/campaigns/\d+/$", page.url)
    page.reload()
    expect(page.locator("main")).to_contain_text("These changes are not saved yet")
    assert page.locator("[name=translation_title]").first.input_value() == "Hallo"
    save(page)
    expect(page.locator("main")).not_to_contain_text("These changes are not saved yet")


@pytest.mark.timeout(120)
def test_a_picture_is_brought_cropped_by_keyboard_and_shown(truepush: Installation, page: Page) -> None:
    begin(truepush, page, "With a picture")
    page.get_by_text("Pictures, buttons, sound and expiry").click()
    field = page.locator("[data-picture=image]")
    field.get_by_role("button", name="Choose a picture").click()
    picture = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": written(photo(), "JPEG")}
    page.locator("[data-picture-file]").set_input_files(picture)  # type: ignore[arg-type]
    stage = page.locator("[data-picture-stage]")
    stage.press("ArrowDown")
    page.locator("[data-picture-zoom]").fill("2")
    page.get_by_role("button", name="Use it").click()
    expect(field.locator("[data-picture-saving]")).to_contain_text(re.compile("720 . 360"))
    address = field.locator("input").input_value()
    assert re.search(r"/i/\w+/[0-9a-f]{32}\.(webp|jpg)$", address)
    expect(preview(page, "image")).to_be_visible()
    page.locator("[data-preview-platform]").select_option("safari-macos")
    expect(preview(page, "image")).to_be_hidden()
    expect(page.locator("[data-preview-note]")).to_contain_text("It leaves out the large image.")
    # It is there for the next one, and the same file is not kept twice.
    field.get_by_role("button", name="Choose a picture").click()
    expect(page.locator("[data-picture-list] li")).to_have_count(1)


@pytest.mark.timeout(120)
def test_a_time_is_chosen_shown_and_taken_back(truepush: Installation, page: Page) -> None:
    begin(truepush, page, "Later")
    save(page)
    dialog = open_dialog(page)
    dialog.get_by_label("At a time").check()
    day = (datetime.now(UTC) + timedelta(days=9)).replace(tzinfo=None)
    dialog.get_by_label("Date and time").fill(f"{day:%Y-%m-%d}T09:30")
    dialog.get_by_label("By the clock of").select_option("local")
    dialog.get_by_label("Repeat").select_option("daily")
    expect(dialog.locator("[data-times]")).to_contain_text("of each subscriber's own clock")
    dialog.get_by_text("When each time zone gets it").click()
    expect(dialog.locator(".zone-table tbody tr").first).to_contain_text("UTC")
    dialog.get_by_role("button", name="Schedule").click()
    page.wait_for_url("**/sends/*/")
    expect(page.locator(".figures-state")).to_contain_text("by each subscriber's own clock")
    page.goto(f"{truepush.console('demo')}/campaigns/calendar/?month={day:%Y-%m}")
    expect(page.locator(".month-entry", has_text="Later").first).to_contain_text("09:30")
    page.locator(".month-entry.is-scheduled", has_text="Later").first.click()
    page.get_by_role("button", name="Call it back").click()
    expect(page.locator("main")).to_contain_text("Called back: nobody got it, and it is a draft again.")


@pytest.mark.timeout(120)
def test_two_versions_are_tried_and_one_is_chosen_for_the_rest(truepush: Installation, page: Page) -> None:
    begin(truepush, page, "Version A")
    # The whole of it by keyboard.
    page.locator("summary", has_text="Other versions (A/B test)").press("Enter")
    page.get_by_role("button", name="Add a version").press("Enter")
    page.locator("[name=version_title]").first.fill("Version B")
    page.locator("[data-preview-version]").select_option(label="B")
    expect(preview(page, "title")).to_have_text("Version B")
    save(page)
    dialog = open_dialog(page)
    shares = dialog.locator("[name=share]")
    expect(shares).to_have_count(2)
    assert [field.input_value() for field in shares.all()] == ["50", "50"]
    shares.first.fill("70")
    expect(dialog).to_contain_text("The parts come to 120 %. Make it 100 %.")
    shares.last.fill("30")
    dialog.get_by_label("Test on").press("Space")
    dialog.get_by_label("Hold out").fill("10")
    assert grave(page, "the send dialog with versions") == []
    dialog.locator("[data-send-button]").press("Enter")
    page.wait_for_url("**/sends/*/")
    versions = page.locator(".versions")
    expect(versions).to_contain_text("Is the best", timeout=30_000)
    expect(figure(page, "Displayed")).to_have_text(re.compile("^[1-9]"), timeout=30_000)
    assert grave(page, "the report with versions") == []
    page.locator("#choose-B").press("Enter")
    expect(page.locator("main")).to_contain_text("The rest gets this version now.")
    expect(versions).to_contain_text("got B")
    expect(versions.locator("tr", has_text="Version B")).to_contain_text("Winner")


@pytest.mark.timeout(180)
def test_axe_finds_nothing_grave_on_any_page_of_it(truepush: Installation, page: Page) -> None:
    console = truepush.console("demo")
    begin(truepush, page, "Looked at")
    save(page)
    composer = page.url
    found: list[str] = []
    for path in PAGES:
        page.goto(f"{console}{path}")
        found += grave(page, path)
    page.goto(composer)
    for summary in page.locator("details.options > summary").all():
        summary.click()
    page.get_by_role("button", name="Add a version").click()
    page.get_by_role("button", name="Add a language").click()
    found += grave(page, "the composer, everything open")
    dialog = open_dialog(page)
    dialog.get_by_label("At a time").check()
    dialog.get_by_label("Repeat").select_option("weekly")
    found += grave(page, "the send dialog")
    dialog.get_by_role("button", name="Not yet").click()
    page.get_by_role("button", name="More").click()
    found += grave(page, "the menu")
    page.keyboard.press("Escape")
    page.locator("[data-picture=icon]").first.get_by_role("button", name="Choose a picture").click()
    found += grave(page, "the picture dialog")
    page.emulate_media(color_scheme="dark")
    for address in (console, f"{console}/campaigns/", f"{console}/campaigns/calendar/", composer):
        page.goto(address)
        found += grave(page, f"{address} in the dark")
    assert not found, "\n".join(found)


def grave(page: Page, what: str) -> list[str]:
    """What axe finds on the page as it is now."""
    found = Axe().run(page).response["violations"]
    return [
        f"{what}: {one['id']}: {node['html'][:140]} {node['any'][0]['message'][:160] if node['any'] else ''}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
