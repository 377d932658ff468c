"""What bin/screens does: opens every page of a running bin/up, takes its picture, lists what looks wrong.

It works in the demo tenant as its owner. On a fresh demo it composes one draft and, if nothing was sent yet,
sends it to the sandbox's subscribers, so that there is a draft and a report to show. Not here are the pages
that live for a second (preparing, open, enter): the tests of the whole path go through them.
"""

import argparse
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)
from playwright.sync_api import Error as PlaywrightError

from truepush.local.errors import CannotStartError
from truepush.local.paths import VAR, make_folder
from truepush.local.screen_steps import (
    RULE,
    ask_for_person,
    begin_import,
    compose,
    compose_versions,
    make_export,
    make_segment,
    open_best_hour,
    open_dialog,
    open_erase,
    open_everything,
    open_menu,
    open_pictures,
    open_schedule,
    open_speed,
    open_ways,
    schedule,
    send,
    submit,
    submit_import,
    try_versions,
    wait_for_counts,
    wait_for_preview,
    wait_for_stage,
)

PICTURES = VAR / "screens"
SIGN_IN = VAR / "demo-sign-in.txt"
SIZES = {390: 844, 1280: 900, 1920: 1080}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FIRST_SITE = "table a[href^='/sites/']:not([href$='/edit/'])"
FIRST_DRAFT = "table a[href^='/campaigns/']"
FIRST_REPORT = "table a[href^='/sends/']"
FIRST_IMPORT = "table a[href^='/imports/']"
FIRST_PROMPT = "table a[href^='/prompts/']"
FIRST_SEGMENT = "table a[href^='/segments/']"
FIRST_SUBSCRIBER = "main a[href^='/subscribers/']"

# Text that is cut on purpose carries its whole text as a title, or is clamped to a number of lines.
LAYOUT_PROBLEMS = """() => {
  const problems = [];
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) {
    problems.push(`scrolls sideways: ${page.scrollWidth} px of content in ${page.clientWidth} px`);
  }
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg, .visually-hidden, dialog:not([open])") || !element.textContent.trim()) continue;
    const style = getComputedStyle(element);
    const cuts = ["hidden", "clip"].includes(style.overflowX) && element.clientWidth > 1;
    const isMeant = element.classList.contains("text-truncate") && element.title;
    if (cuts && !isMeant && element.scrollWidth > element.clientWidth) {
      const text = element.textContent.trim().slice(0, 60);
      problems.push(`clips "${text}" in ${element.localName}.${element.className}`);
    }
  }
  return problems;
}"""


@dataclass(frozen=True)
class View:
    """One page: its address, the status it answers with, and what to do there before the picture is taken."""

    name: str
    url: str
    status: int = 200
    prepare: Callable[[Page], object] = lambda page: None
    signed_in: bool = True


@dataclass
class Watch:
    """Collects what the browser complains about while a page is open."""

    expected: str = ""
    problems: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.on("console", self.on_console)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("requestfailed", self.on_failed)
        page.on("response", self.on_response)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and message.location["url"] != self.expected:
            self.problems.append(f"console: {message.text}")

    def on_failed(self, request: Request) -> None:
        # A live part that was still loading when the page was left is no failure.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed: {request.url} ({request.failure})")

    def on_response(self, response: Response) -> None:
        if response.status >= 400 and response.url != self.expected:
            self.problems.append(f"answered {response.status}: {response.url}")

    def take(self) -> list[str]:
        taken, self.problems = self.problems, []
        return taken


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/screens", description="Pictures of every page into var/screens."
    )
    parser.add_argument("--only", metavar="NAME", help="only the page of this name")
    only: str | None = parser.parse_args().only
    try:
        problems = take_pictures(f"http://localhost:{os.environ.get('PORT') or 8000}", only)
    except CannotStartError as error:
        print(f"bin/screens: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems. The pictures are in {PICTURES.relative_to(VAR.parent)}/.")
    return 1 if problems else 0


def take_pictures(base: str, only: str | None) -> list[str]:
    check_running(base)
    email, password = read_sign_in()
    make_folder(PICTURES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        try:
            guest = browser.new_context()
            page = guest.new_page()
            sign_in(page, base, email, password)
            views = [view for view in all_views(page, base) if only in (None, view.name)]
            if not views:
                raise CannotStartError(f"there is no page named {only}.")
            return [problem for scheme in SCHEMES for problem in in_scheme(browser, guest, scheme, views)]
        except PlaywrightError as error:
            raise CannotStartError(f"the browser stopped: {error.message.splitlines()[0]}") from error
        finally:
            browser.close()


def check_running(base: str) -> None:
    # 127.0.0.1, because a resolver need not know localhost; the host is not looked at for this path.
    address = f"http://127.0.0.1:{urlsplit(base).port}/healthz"
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except (urllib.error.URLError, TimeoutError):
        raise CannotStartError(f"nothing answers at {address}: start bin/up first.") from None


def read_sign_in() -> tuple[str, str]:
    try:
        email, password = SIGN_IN.read_text().split()[:2]
    except FileNotFoundError:
        raise CannotStartError(f"{SIGN_IN} is missing: start bin/up first, it makes the demo.") from None
    return email, password


def find_browser() -> str:
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise CannotStartError("Chromium is missing: apt-get install chromium.")


def sign_in(page: Page, base: str, email: str, password: str) -> None:
    """Sign in on the public host and follow the hand-over to the console."""
    page.goto(f"{base}/sign-in/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    public = urlsplit(base).hostname
    page.wait_for_url(lambda url: urlsplit(url).hostname != public)
    page.wait_for_selector(".sidebar-nav")


def all_views(page: Page, base: str) -> list[View]:
    """Name every page; `page` is signed in at the console and finds (or makes) what there is to show."""
    console = "http://" + urlsplit(page.url).netloc
    site = find(page, f"{console}/sites/", FIRST_SITE)
    if site is None:
        raise CannotStartError("the demo has no website: start bin/up --reset, then bin/up.")
    draft = find(page, f"{console}/campaigns/", FIRST_DRAFT) or compose(page, console)
    report = find(page, f"{console}/campaigns/", FIRST_REPORT)
    if report is None:
        report = send(page, console + draft)
        draft = compose(page, console)
    segment = find(page, f"{console}/segments/", FIRST_SEGMENT) or make_segment(page, console)
    slow = send(page, console + compose(page, console), per_minute=60)
    browser = find(page, f"{console}{report}recipients/?q=100", FIRST_SUBSCRIBER) or slow
    return [
        *guest_views(base),
        View("workspaces", f"{base}/workspaces/?all"),
        View("home", f"{console}/"),
        View("sites", f"{console}/sites/"),
        View("site-new", f"{console}/sites/new/"),
        View("site-new-errors", f"{console}/sites/new/", prepare=submit),
        View("site-edit", f"{console}{site}edit/"),
        View("install", f"{console}{site}"),
        View("campaigns", f"{console}/campaigns/"),
        View("compose-new", f"{console}/campaigns/new/"),
        View("compose", console + draft),
        View("compose-send", console + draft, prepare=open_dialog),
        *composer_views(page, console, draft),
        View("report", console + report),
        View("report-running", console + slow),
        View("report-speed", console + slow, prepare=open_speed),
        View("recipients", f"{console}{report}recipients/"),
        View("subscriber", console + browser),
        *audience_views(console, browser, segment),
        *import_views(page, console, site),
        *prompt_views(console, find(page, f"{console}/prompts/", FIRST_PROMPT) or "/prompts/"),
        View("sending", f"{console}/sending/"),
        *people_views(console),
        View("console-not-found", f"{console}/nothing-here/", 404),
    ]


def composer_views(page: Page, console: str, draft: str) -> list[View]:
    versions = try_versions(page, console, compose_versions(page, console))
    return [
        View("compose-versions", console + compose_versions(page, console), prepare=open_ways),
        View("compose-best-hour", console + draft, prepare=open_best_hour),
        View("report-versions", console + versions),
        View("compose-everything", console + draft, prepare=open_everything),
        View("compose-schedule", console + draft, prepare=open_schedule),
        View("compose-picture", console + draft, prepare=open_pictures),
        View("compose-menu", console + draft, prepare=open_menu),
        View("report-scheduled", console + schedule(page, console)),
        View("campaigns-templates", f"{console}/campaigns/?show=templates"),
        View("calendar", f"{console}/campaigns/calendar/"),
        View("inbox", f"{console}/inbox/"),
        View("problem-new", f"{console}/problems/new/?page=/sends/1/"),
    ]


def people_views(console: str) -> list[View]:
    return [
        View("people", f"{console}/people/"),
        View("people-invite", f"{console}/people/invite/"),
        View("people-invite-errors", f"{console}/people/invite/", prepare=submit),
        View("people-leave", f"{console}/people/leave/"),
        View("audit", f"{console}/audit/"),
    ]


def audience_views(console: str, browser: str, segment: str) -> list[View]:
    return [
        View("subscribers", f"{console}/subscribers/"),
        View("subscribers-none", f"{console}/subscribers/?q=nobody"),
        View("subscriber-erase", console + browser, prepare=open_erase),
        View("shrinking", f"{console}/subscribers/shrinking/"),
        View("exports", f"{console}/exports/", prepare=make_export),
        View("segments", f"{console}/segments/", prepare=wait_for_counts),
        View("segment-new", f"{console}/segments/new/?{urlencode({'rule': RULE})}", prepare=wait_for_preview),
        View("segment", console + segment, prepare=wait_for_preview),
    ]


def prompt_views(console: str, prompt: str) -> list[View]:
    return [
        View("prompts", f"{console}/prompts/"),
        View("prompt-kinds", f"{console}/prompts/new/"),
        View("prompt-new", f"{console}/prompts/new/?kind=topics", prepare=wait_for_stage),
        View("prompt", console + prompt, prepare=wait_for_stage),
        View("funnel", f"{console}/prompts/funnel/"),
    ]


def import_views(page: Page, console: str, site: str) -> list[View]:
    begun = find(page, f"{console}/imports/", FIRST_IMPORT) or begin_import(page, console)
    return [
        View("identity", f"{console}{site}identity/"),
        View("imports", f"{console}/imports/"),
        View("import-new", f"{console}/imports/new/"),
        View("import-new-errors", f"{console}/imports/new/", prepare=submit_import),
        View("import-file", console + begun),
        View("privacy", f"{console}/privacy/"),
        View("privacy-person", f"{console}/privacy/", prepare=ask_for_person),
    ]


def guest_views(base: str) -> list[View]:
    return [
        View("landing", f"{base}/", signed_in=False),
        View("sign-in", f"{base}/sign-in/", signed_in=False),
        View("sign-in-errors", f"{base}/sign-in/", prepare=submit, signed_in=False),
        View("sign-up", f"{base}/sign-up/", signed_in=False),
        View("sign-up-errors", f"{base}/sign-up/", prepare=submit, signed_in=False),
        View("not-found", f"{base}/nothing-here/", 404, signed_in=False),
    ]


def find(page: Page, address: str, selector: str) -> str | None:
    """Answer the path of the first link that matches on a page of the console."""
    page.goto(address)
    link = page.locator(selector).first
    return link.get_attribute("href") if link.count() else None


def in_scheme(browser: Browser, signed_in: BrowserContext, scheme: Scheme, views: list[View]) -> list[str]:
    """Take every picture in one colour scheme; answers the problems as lines."""
    problems: list[str] = []
    state = signed_in.storage_state()
    for is_in, cookies in ((False, None), (True, state)):
        context = browser.new_context(storage_state=cookies, color_scheme=scheme)
        page, watch = context.new_page(), Watch()
        watch.attach(page)
        for width, height in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for view in (view for view in views if view.signed_in == is_in):
                name = f"{view.name}-{width}-{scheme}"
                problems += [f"{name}: {problem}" for problem in take_picture(page, watch, view, name)]
        context.close()
    return problems


def take_picture(page: Page, watch: Watch, view: View, name: str) -> list[str]:
    watch.take()
    watch.expected = view.url if view.status >= 400 else ""
    answer = page.goto(view.url)
    problems: list[str] = []
    if answer is None or answer.status != view.status:
        problems.append(f"answered {answer.status if answer else 'nothing'} instead of {view.status}")
    try:
        view.prepare(page)
    except PlaywrightError as error:
        problems.append(f"could not be prepared: {error.message.splitlines()[0]}")
    page.evaluate("document.fonts.ready.then(() => null)")
    # A dialog dims what is in view, and no more.
    is_whole = page.locator("dialog[open]").count() == 0
    page.screenshot(path=PICTURES / f"{name}.png", full_page=is_whole, animations="disabled")
    layout: list[str] = page.evaluate(LAYOUT_PROBLEMS)
    return problems + layout + watch.take()


if __name__ == "__main__":
    sys.exit(main())
