"""What bin/screens does on pages before their pictures: fills in, opens dialogs, waits for what comes by itself."""

import json
from datetime import date, timedelta
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Page

# One of each kind of input of the builder, and a group.
RULE = json.dumps({
    "match": "all",
    "rules": [
        {"field": "country", "op": "is", "values": ["DE", "GB", "US"]},
        {"field": "seen_at", "op": "within", "days": 30},
        {"match": "any", "rules": [
            {"field": "tag", "op": "has", "values": ["green-tea"]},
            {"field": "attribute", "name": "orders", "op": "at_least", "number": 2},
            {"field": "event", "op": "did", "name": "purchase", "times": 2, "days": 90},
        ]},
    ],
})  # fmt: skip


def compose(page: Page, console: str) -> str:
    """Make a draft that fits the demo shop; answers its path."""
    shop = f"http://localhost:{(urlsplit(console).port or 0) + 1}"
    page.goto(f"{console}/campaigns/new/")
    page.fill("[name=title]", "This week's crate is in")
    page.fill("[name=body]", "This spring's Jasmine Pearls, and a first small box of white tea.")
    page.fill("[name=url]", f"{shop}/new-arrivals")
    page.click("button[name=action][value=continue]")
    page.wait_for_selector("#test-form", state="attached")
    return urlsplit(page.url).path


def make_segment(page: Page, console: str) -> str:
    page.goto(f"{console}/segments/new/?{urlencode({'rule': RULE})}")
    page.fill("[name=name]", "Tea drinkers")
    wait_for_preview(page)
    page.click("main form button[type=submit]")
    page.wait_for_url(lambda url: urlsplit(url).path.count("/") == 3 and "/new/" not in url)
    return urlsplit(page.url).path


def wait_for_preview(page: Page) -> None:
    page.wait_for_selector("#segment-preview .preview-sql")


def wait_for_stage(page: Page) -> None:
    page.frame_locator("[data-stage-frame]").locator("truepush-prompt, truepush-bell").wait_for(
        state="attached"
    )


def wait_for_counts(page: Page) -> None:
    page.wait_for_selector(".suggested-grid")
    page.wait_for_function("!document.querySelector('main').textContent.includes('Counting')")


def make_export(page: Page) -> None:
    if not page.locator("table a[href*='/file']").count():
        page.click("main form button:has-text('Export'):not(:has-text('everything'))")
    page.wait_for_selector("table a[href*='/file']")


def begin_import(page: Page, console: str) -> str:
    page.goto(f"{console}/imports/new/?kind=profiles")
    submit_import(page)
    page.wait_for_selector("[data-import]")
    return urlsplit(page.url).path


def submit_import(page: Page) -> None:
    page.click(".import-form button[type=submit]")


def ask_for_person(page: Page) -> None:
    page.fill("[name=external_id]", "nobody")
    page.click(".privacy-find button")
    page.wait_for_selector("[role=status]")


def open_erase(page: Page) -> None:
    page.click("[commandfor=erase-dialog]:not(dialog *)")
    page.wait_for_selector("#erase-dialog[open]")


def send(page: Page, address: str, per_minute: int = 0) -> str:
    page.goto(address)
    open_dialog(page)
    if per_minute:
        page.click("#send-dialog summary:has-text('How fast')")
        page.check("#send-dialog [value=rate]")
        page.fill("#send-dialog [name=per_minute]", str(per_minute))
    page.click("#send-dialog button[type=submit]")
    page.wait_for_selector("#figures")
    return urlsplit(page.url).path


def submit(page: Page) -> None:
    page.click("main form button[type=submit]")
    page.wait_for_selector(".field-error")


def open_dialog(page: Page) -> None:
    page.click("[commandfor=send-dialog]:not(dialog *)")
    page.wait_for_selector("#send-dialog[open]")


def open_speed(page: Page) -> None:
    page.click("#steer-speed")
    page.wait_for_selector("#speed-dialog[open]")


def open_everything(page: Page) -> None:
    for summary in page.locator("details.options > summary").all():
        summary.click()
    page.click("[data-version-add]")
    page.click("[data-language-add]")


def open_ways(page: Page) -> None:
    """The send dialog with all that it can ask."""
    open_dialog(page)
    for summary in page.locator("#send-dialog details:not([open]) > summary").all():
        summary.click()


def open_best_hour(page: Page) -> None:
    open_dialog(page)
    page.check("[name=when][value=best]")
    page.wait_for_selector("[data-times] p")


def compose_versions(page: Page, console: str) -> str:
    """Make a draft of two versions; answers its path."""
    path = compose(page, console)
    page.click("summary:has-text('Other versions')")
    page.click("[data-version-add]")
    page.fill("[name=version_title] >> nth=0", "White tea has come")
    page.click("button[name=action][value=save]")
    page.wait_for_selector("[role=status]:has-text('saved')")
    return path


def try_versions(page: Page, console: str, path: str) -> str:
    """Test its versions on a part; answers its report's path once the figures by version are there."""
    page.goto(console + path)
    open_dialog(page)
    page.check("#send-dialog [name=winner]")
    page.fill("#send-dialog [name=hold_out]", "10")
    page.click("#send-dialog [data-send-button]")
    page.wait_for_selector(".versions", timeout=60_000)
    return urlsplit(page.url).path


def open_schedule(page: Page) -> None:
    page.click("[commandfor=send-dialog]")
    page.check("[name=when][value=at]")
    page.fill("[name=at]", f"{date.today() + timedelta(days=9)}T09:00")
    page.select_option("[name=clock]", "local")
    page.select_option("[name=repeat]", "weekly")
    page.wait_for_selector("[data-times] .zones")


def open_pictures(page: Page) -> None:
    page.click("[data-picture=icon] [data-picture-open]")


def open_menu(page: Page) -> None:
    page.click("[popovertarget=campaign-more]")


def schedule(page: Page, console: str) -> str:
    """Schedule a campaign for next week; answers its report's path."""
    page.goto(console + compose(page, console))
    open_schedule(page)
    page.click("[data-send-button]")
    page.wait_for_url("**/sends/*/")
    return urlsplit(page.url).path
