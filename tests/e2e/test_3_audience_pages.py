"""The audience's pages in a real Chromium on a real installation: the rule builder, and a customer who moves in.

The imported subscriptions are the sandbox's, made with a key pair of the test's own: it takes messages for them only if
they are signed with exactly that pair.
"""

import csv
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.installation import Installation
from tests.e2e.test_2_chromium_clone_to_click import figure
from truepush.lib import base64url
from truepush.lib.webpush.vapid import KeyPair, generate_key_pair

PEOPLE = 15
SAMPLE = 10


def condition(page: Page, number: int) -> Locator:
    return page.locator(".builder .condition").nth(number)


@pytest.mark.timeout(120)
def test_a_segment_is_built_by_keyboard_and_mouse_with_a_live_count(
    truepush: Installation, page: Page
) -> None:
    page.goto(f"{truepush.console('demo')}/segments/new/")
    preview = page.locator("#segment-preview")
    expect(preview).to_contain_text("Fill in the conditions to see who is in the segment.")
    page.get_by_label("Name").fill("Built in a browser")
    first = condition(page, 0)
    first.get_by_label("Field").select_option("device")
    expect(preview).to_contain_text("Fill in the conditions")
    first.get_by_label("Add a value").fill("desktop")
    first.get_by_label("Add a value").press("Enter")
    expect(preview.locator(".preview-says")).to_contain_text("whose device is “desktop”")
    on_desktops = shown_count(preview)
    assert on_desktops > 0
    # The value is taken out by keyboard, another comes in, and the count follows.
    first.get_by_label("Add a value").press("Backspace")
    expect(preview).to_contain_text("Fill in the conditions")
    first.get_by_label("Add a value").fill("mobile")
    first.get_by_label("Add a value").press(",")
    first.locator(".is-operator").select_option("is_not")
    expect(preview.locator(".preview-says")).to_contain_text("whose device is not “mobile”")
    assert shown_count(preview) >= on_desktops
    # A group inside, of which any may hold; then it goes again.
    page.get_by_role("button", name="Group", exact=True).click()
    second = condition(page, 1)
    second.get_by_label("Field").select_option("country")
    second.get_by_label("Add a value").fill("Germany")
    second.get_by_label("Add a value").press("Enter")
    expect(preview.locator(".preview-says")).to_contain_text("Germany")
    assert shown_count(preview) > 0
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Built in a browser")
    expect(page.locator("main")).to_contain_text("whose device is not “mobile”")


def shown_count(preview: Locator) -> int:
    """The number of the live count."""
    return int(preview.locator(".preview-number").inner_text().replace(",", "").replace("about ", ""))


def write_export(truepush: Installation, pair: KeyPair, path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["identifier", "web_p256", "web_auth", "external_user_id", "tags"])
        for number in range(PEOPLE):
            asked = {"application_server_key": base64url.encode(pair.public)}
            made: Any = truepush.ask_sandbox("/subscriptions", asked)
            keys = made["keys"]
            writer.writerow(
                [made["endpoint"], keys["p256dh"], keys["auth"], f"moved-{number}", '{"moved":"yes"}']
            )
        writer.writerow(["https://evil.example/push", "AAAA", "AAAA", "", ""])


@pytest.mark.timeout(150)
def test_a_customer_moves_in_with_a_file_and_a_key_pair(
    truepush: Installation, page: Page, tmp_path: Path
) -> None:
    pair, file = generate_key_pair(), tmp_path / "export.csv"
    write_export(truepush, pair, file)
    page.goto(f"{truepush.console('demo')}/imports/new/")
    page.get_by_label("Where they come from").select_option("onesignal")
    page.get_by_label("Private key").fill(base64url.encode(pair.private))
    page.get_by_role("button", name="Go on to the file").click()
    expect(page.locator("main")).to_contain_text(f"{truepush.shop}/OneSignalSDKWorker.js")
    page.locator("[type=file]").set_input_files(file)
    page.get_by_role("button", name="Import", exact=True).click()
    state = page.locator("#import-state")
    expect(state).to_contain_text(f"{SAMPLE} of them were let in, {PEOPLE - SAMPLE} wait.", timeout=30_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Refused rows, by line").click()
    assert "17,endpoint," in download.value.path().read_text()
    imported = page.url
    # The test message, to those who were let in: the sandbox takes it by the imported key pair.
    page.get_by_role("button", name="Write the test message").click()
    page.locator("[name=title]").fill("You moved with us")
    page.locator("[name=body]").fill("Nobody was asked again.")
    page.locator("[name=url]").fill(f"{truepush.shop}/new-arrivals")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name=f"Send to {SAMPLE} subscribers").click()
    page.locator("#send-dialog").get_by_role("button", name="Send now").click()
    expect(figure(page, "Accepted")).to_have_text(str(SAMPLE), timeout=30_000)
    # It arrived: the rest comes in.
    page.goto(imported)
    page.get_by_role("button", name="The test arrived: take in the rest").click()
    expect(state).to_contain_text(f"{PEOPLE} of its people are subscribed.", timeout=30_000)
