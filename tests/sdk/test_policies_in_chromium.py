"""What truepush.lib.csp foretells of a policy, and what a real Chromium does with it: the same, for each of these."""

from typing import NamedTuple

import pytest

from subscribers.doctor.policies import DEFAULT_POLICY
from tests.sdk.conftest import Visitor
from tests.sdk.server import SDK_PATH, SITE_KEY, World, part
from truepush.lib.csp import Request, read_policies, stops
from truepush.lib.page_scan import scan

HASH = "sha384-" + "A" * 64
PAGE = """<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,">{meta}
<script src="{sdk}/sdk/v1/{key}/truepush.js" async {more}></script></head><body>{body}</body></html>"""
NOTE = """window.refused = [];
addEventListener("securitypolicyviolation", (event) => {
  event.disposition === "enforce" && refused.push(event.blockedURI);
});"""
DECIDED = """() => document.querySelector("truepush-doctor")
  || refused.some((url) => /(truepush|doctor)\\.js/.test(url))"""
CONNECTS = "(url) => fetch(url).then(() => true, () => false)"
REGISTERS = """(url) => navigator.serviceWorker.register(url, {scope: "/truepush/"})
  .then((one) => one.unregister()).then(() => true, () => false)"""


class Stopped(NamedTuple):
    snippet: bool
    parts: bool
    calls: bool
    worker: bool


POLICIES = {
    "none": "",
    "star": "default-src *",
    "https only": "default-src https:",
    "http scheme": "default-src http:",
    "self": "default-src 'self'",
    "documented": "default-src 'self'; script-src 'self' {sdk}; connect-src {sdk}; worker-src 'self'",
    "no connect": "default-src 'self'; script-src {sdk}; worker-src 'self'",
    "script falls back for the worker": "script-src {sdk}; connect-src {sdk}",
    "child-src for the worker": "script-src {sdk}; child-src 'self'",
    "child-src comes before script-src": "script-src 'self' {sdk}; child-src https://a.example",
    "worker none": "worker-src 'none'",
    "worker by host": "worker-src {shop}",
    "elem alone": "script-src-elem {sdk}; script-src 'none'; worker-src 'self'",
    "elem stops": "script-src-elem 'self'; script-src {sdk}",
    "nonce": "script-src 'nonce-abc'; worker-src 'self'",
    "wrong nonce": "script-src 'nonce-xyz'; worker-src 'self'",
    "nonce beside a host": "script-src 'nonce-xyz' {sdk}",
    "strict-dynamic with nonce": "script-src 'strict-dynamic' 'nonce-abc'",
    "strict-dynamic with host only": "script-src 'strict-dynamic' {sdk} https: 'unsafe-inline'",
    "strict-dynamic in default": "default-src 'strict-dynamic' 'nonce-abc' {sdk}",
    "strict-dynamic leaves connect alone": "default-src 'nonce-abc' 'strict-dynamic'; connect-src 'self'",
    "hash of nothing here": f"script-src '{HASH}'",
    "wildcard host": "script-src http://*.localhost:*; connect-src http://*.localhost:*",
    "wildcard is not the host itself": "worker-src http://*.localhost:*",
    "wildcard port": "script-src sdk.localhost:*; connect-src http://sdk.localhost:*",
    "no port": "script-src sdk.localhost; connect-src http://sdk.localhost",
    "sockets": "connect-src ws: wss:",
    "other port": "script-src sdk.localhost:1; worker-src 'self'",
    "path of a folder": "script-src {sdk}/sdk/v1/; connect-src {sdk}/sdk/",
    "path of the loader only": "script-src {sdk}/sdk/v1/{key}/truepush.js",
    "path of another folder": "script-src {sdk}/other/; connect-src {sdk}/sdk",
    "upper case": "SCRIPT-SRC {upper}; Connect-Src 'NONE'",
    "said twice": "script-src 'none'; script-src {sdk}",
    "two policies": "script-src {sdk}, script-src 'self'",
    "two that agree": "script-src {sdk}, connect-src {sdk}",
    "nothing allowed": "connect-src",
    "keywords only": "script-src 'unsafe-inline' 'unsafe-eval'",
}


def foretold(world: World, header: str, markup: str, nonce: str = "") -> Stopped:
    policies = read_policies(header, scan(markup).policies)
    loader = Request("script-src-elem", f"{world.sdk}{SDK_PATH}/truepush.js", nonce=nonce, is_parsed=True)
    requests = [
        loader,
        loader._replace(url=f"{world.sdk}{part('doctor')}"),
        Request("connect-src", f"{world.sdk}{SDK_PATH}/settings.json"),
        Request("worker-src", f"{world.shop}/truepush/worker.js"),
    ]
    return Stopped(*(any(stops(one, request, world.shop) for one in policies) for request in requests))


def seen(visitor: Visitor, world: World) -> Stopped:
    """What Chromium did; of the parts nothing is known where the snippet does not run."""
    page = visitor.page
    page.add_init_script(NOTE)
    page.goto(f"{world.shop}/#truepush-check")
    page.wait_for_function(DECIDED, timeout=5000)
    runs = page.evaluate("Boolean(window.truepush)")
    return Stopped(
        snippet=not runs,
        parts=not page.evaluate("Boolean(document.querySelector('truepush-doctor'))"),
        calls=not page.evaluate(CONNECTS, f"{world.sdk}{SDK_PATH}/settings.json"),
        worker=not page.evaluate(REGISTERS, f"/truepush/worker.js?k={SITE_KEY}"),
    )


IN_META = ("self", "two policies", "strict-dynamic with nonce")


@pytest.mark.parametrize(
    ("name", "place"), [*((name, "header") for name in POLICIES), *((name, "meta") for name in IN_META)]
)
def test_what_is_foretold_is_what_chromium_does(
    visitor: Visitor, world: World, name: str, place: str
) -> None:
    policy = POLICIES[name].format(
        sdk=world.sdk, shop=world.shop, upper=world.sdk.upper(), key=SITE_KEY
    )  # fmt: skip
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if place == "meta" else ""
    markup = PAGE.format(meta=meta, sdk=world.sdk, key=SITE_KEY, more='nonce="abc"', body="")
    header = policy if place == "header" else ""
    world.pages["/"] = (markup, {"Content-Security-Policy": header} if header else {})
    expected, found = foretold(world, header, markup, "abc"), seen(visitor, world)
    assert found == (expected._replace(parts=True) if expected.snippet else expected)


def test_trusted_types_refuse_the_worker_until_the_policy_that_we_give_is_there(
    visitor: Visitor, world: World
) -> None:
    header = {"Content-Security-Policy": "require-trusted-types-for 'script'"}
    given = {"meta": "", "sdk": world.sdk, "key": SITE_KEY, "more": ""}
    bare = PAGE.format(body="", **given)
    mended = PAGE.format(body=DEFAULT_POLICY.format(scope="/truepush/"), **given)
    for markup, is_stopped in ((bare, True), (mended, False)):
        world.pages["/"] = (markup, header)
        assert seen(visitor, world) == Stopped(False, False, False, is_stopped)
        visitor.page.goto("about:blank")


def test_a_policy_that_only_reports_and_one_in_the_body_stop_nothing(visitor: Visitor, world: World) -> None:
    body = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
    markup = PAGE.format(meta="", sdk=world.sdk, key=SITE_KEY, more="", body=body)
    world.pages["/"] = (markup, {"Content-Security-Policy-Report-Only": "default-src 'none'"})
    nothing = Stopped(False, False, False, False)
    assert (foretold(world, "", markup), seen(visitor, world)) == (nothing, nothing)
