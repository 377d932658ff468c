"""The whole path in a real Firefox, nothing stubbed: sign up, subscribe, send, show, click, count."""

import json

import pytest

from tests.e2e.browsers.firefox import Firefox, firefox
from tests.e2e.installation import Installation

TITLE, BODY = "Fresh tea has arrived", "Jasmine pearls, from the boat this morning."
# A font that was still loading when the page moved on (NS_BINDING_ABORTED).
ABANDONED = "status=2152398850"
PASSWORD = "correct horse battery staple"


@pytest.mark.timeout(120)
def test_firefox_from_sign_up_to_a_counted_click(truepush: Installation) -> None:
    with firefox(truepush.push_socket) as browser:
        browser.viewport(1280, 900)
        sign_up(browser, truepush)
        key = add_the_shop(browser, truepush)
        subscribe_at_the_shop(browser, truepush, key)
        see_the_install_page_turn_green(browser)
        send_to_everyone(browser, truepush)
        wait_for_figures(browser, audience="1", accepted="1", displayed="1", clicked="0")
        click_the_notification(browser, truepush)
        wait_for_figures(browser, audience="1", accepted="1", displayed="1", clicked="1")
        assert [error for error in browser.errors if ABANDONED not in error] == []


def arrive(browser: Firefox, selector: str) -> None:
    """Wait until a page that has this is loaded with its scripts: a click before them would do nothing."""
    browser.wait_for(
        f"document.readyState === 'complete' && !!document.querySelector({json.dumps(selector)})"
    )


def sign_up(browser: Firefox, truepush: Installation) -> None:
    browser.navigate(f"{truepush.base}/")
    browser.click("a[href='/sign-up/']")
    arrive(browser, "[name=workspace]")
    browser.type("[name=workspace]", "Tide Tea")
    browser.type("[name=email]", "ann@tide.example")
    browser.type("[name=password1]", PASSWORD)
    browser.click("form button[type=submit]")
    # The page says that the workspace is being made, and moves on to its console by itself.
    browser.wait_for(f"location.origin === '{truepush.console('tide-tea')}' && document.title", seconds=20)
    arrive(browser, 'a[href="/campaigns/"]')


def add_the_shop(browser: Firefox, truepush: Installation) -> str:
    browser.navigate(f"{truepush.console('tide-tea')}/sites/new/")
    browser.type("[name=name]", "Tide Tea shop")
    browser.type("[name=origin]", truepush.shop)
    browser.click("main form button[type=submit]")
    arrive(browser, "#waiting")
    assert "Waiting for your first subscriber" in browser.evaluate("document.body.innerText")
    key = browser.evaluate(r"/sdk\/v1\/([^\/]+)\/truepush\.js/.exec(document.body.innerText)[1]")
    return str(key)


def subscribe_at_the_shop(browser: Firefox, truepush: Installation, key: str) -> None:
    """In a tab of its own, since the install page goes on waiting."""
    browser.evaluate(f"void window.open('{truepush.shop}/?site={key}')")
    console = browser.wait_for_tab("tide-tea")
    shop = browser.wait_for_tab(f"site={key}")
    browser.use(shop)
    # The profile allows notifications everywhere, so there is nothing to ask: not yet subscribed.
    browser.wait_for(
        "document.querySelector('[data-truepush=subscribe]')?.dataset.truepushState === 'unsubscribed'"
    )
    browser.click("[data-truepush=subscribe]")
    browser.wait_for(
        "document.querySelector('[data-truepush=subscribe]').dataset.truepushState === 'subscribed'"
    )
    browser.use(console)


def see_the_install_page_turn_green(browser: Firefox) -> None:
    arrive(browser, "#waiting.is-done")
    assert "1 subscriber: the website is connected" in browser.evaluate("document.body.innerText")


def send_to_everyone(browser: Firefox, truepush: Installation) -> None:
    browser.click("#waiting a")
    arrive(browser, "[name=title]")
    browser.type("[name=title]", TITLE)
    browser.type("[name=body]", BODY)
    browser.type("[name=url]", f"{truepush.shop}/new-arrivals")
    browser.click("#compose-form button[value=continue]")
    arrive(browser, "[commandfor=send-dialog]")
    # What comes by itself may move the button from under the pointer.
    browser.wait_for("document.querySelector('[data-reach]').textContent.includes('right now')")
    browser.click("[commandfor=send-dialog]")
    browser.wait_for("document.querySelector('#send-dialog').open")
    browser.click("#send-dialog button[type=submit]")
    arrive(browser, "#figures")


def wait_for_figures(browser: Firefox, **expected: str) -> None:
    """Read the report's figures as the page shows them, without a reload of ours."""
    shown = (
        "Object.fromEntries([...document.querySelectorAll('#figures .stats > *')].map((stat) =>"
        " [stat.querySelector('dt').innerText.trim().toLowerCase(),"
        " stat.querySelector('dd').innerText.trim().split(/\\s/)[0]]))"
    )
    wanted = " && ".join(f"shown.{name} === '{value}'" for name, value in expected.items())
    browser.wait_for(f"((shown) => {wanted})({shown})", seconds=30)


def click_the_notification(browser: Firefox, truepush: Installation) -> None:
    browser.click_alert(TITLE)
    report = browser.wait_for_tab("/sends/")
    opened = browser.wait_for_tab("/new-arrivals")
    assert opened.url == f"{truepush.shop}/new-arrivals"
    browser.use(report)
