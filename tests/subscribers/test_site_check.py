"""A check of a website from here, against real servers in the ways in which customers' websites go wrong."""

import ssl
import time
from pathlib import Path

import pytest

from tests.subscribers.customer import (
    KEY,
    OTHER,
    SDK,
    SNIPPET,
    WORKER,
    File,
    Website,
    case_for,
    check,
    leading_to,
    page,
    told,
    wrong,
)  # fmt: skip
from truepush.lib.guarded import Trust
from truepush.local.sandbox.authority import server_context

IN_BROWSER = "Use “Check in this browser”, which looks at the page as a visitor sees it."


def test_a_good_website_is_well_in_every_part_for_two_requests(website: Website, trust: Trust) -> None:
    found = check(case_for(website.origin), trust)
    assert list(found) == [
        "HTTPS works",
        "The snippet is in the page",
        "No Content-Security-Policy is in the way",
        "The worker file is in its place",
    ]
    assert wrong(found) == []
    assert found["The snippet is in the page"]["found"] == f"Site key {KEY}."
    assert [path for path, _ in website.asked] == ["/", f"{WORKER}?k={KEY}"]
    headers = website.asked[0][1]
    assert headers["User-Agent"].startswith("Mozilla/5.0 (compatible; Truepush site check; +http")
    assert "Cookie" not in headers


# --- The way


def test_a_website_that_leads_to_another_address_names_it(
    website: Website, www: Website, trust: Trust
) -> None:
    website.files["/"] = leading_to(f"{www.origin}/")
    found = check(case_for(website.origin), trust)
    assert wrong(found) == ["Visitors end at another address"]
    one = found["Visitors end at another address"]
    assert one["state"] == "problem"
    assert one["found"] == (
        f"{website.origin} leads visitors on to {www.origin}. Browsers keep subscriptions by address, and calls from "
        "there are refused."
    )
    assert one["remedy"].startswith("Edit this website and change its address")
    assert one["copy"] == www.origin
    # The rest is looked at where visitors are.
    assert [path for path, _ in www.asked] == ["/", f"{WORKER}?k={KEY}"]


def test_where_it_leads_to_another_website_of_ours_that_one_is_named(
    website: Website, www: Website, trust: Trust
) -> None:
    website.files["/"] = leading_to(f"{www.origin}/start", 308)
    www.files["/start"] = page()
    found = check(
        case_for(website.origin, origins={website.origin: "Shop", www.origin: "Shop with www"}), trust
    )
    assert found["Visitors end at another address"]["remedy"] == (
        f"{www.origin} is your website “Shop with www” already: put the snippet of that one into its pages."
    )


def test_a_redirect_within_the_website_is_nothing(website: Website, trust: Trust) -> None:
    website.files["/"] = leading_to("/en/", 302)
    website.files["/en/"] = page()
    assert wrong(check(case_for(website.origin), trust)) == []


def test_a_page_that_leads_on_without_end_is_left(website: Website, trust: Trust) -> None:
    website.files["/"] = leading_to("/")
    found = check(case_for(website.origin), trust)
    assert wrong(found) == ["The page leads on without end"]
    assert found["The page leads on without end"]["state"] == "unknown"
    assert len(website.asked) == 6


@pytest.mark.parametrize(
    ("place", "title", "state"),
    [
        ("http://shop.example/", "The page leads to an address without HTTPS", "problem"),
        ("https://10.0.0.1/", "Not looked at from here", "unknown"),
        ("https://169.254.169.254/latest/meta-data", "Not looked at from here", "unknown"),
        ("https://[::ffff:127.0.0.1]/", "Not looked at from here", "unknown"),
        ("https://2130706433/", "Not looked at from here", "unknown"),
        ("https://0x7f.1/", "Not looked at from here", "unknown"),
        ("https://user:secret@shop.example/", "The page leads to an address without HTTPS", "problem"),
        ("file:///etc/passwd", "The page leads to an address without HTTPS", "problem"),
        ("https://[", "The page leads to an address without HTTPS", "problem"),
    ],
)
def test_sr10_each_step_of_a_redirect_is_checked_anew(
    website: Website, authority: Path, place: str, title: str, state: str
) -> None:
    """Only the first host is one that may lie on this machine."""
    website.files["/"] = leading_to(place)
    context = ssl.create_default_context(cafile=str(authority))
    found = check(case_for(website.origin), Trust(context, allow_loopback=True))
    assert (wrong(found), found[title]["state"]) == ([title], state)
    assert len(website.asked) == 1
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "origin",
    ["https://127.0.0.1", "https://[::1]", "https://0x7f.1", "https://2130706433", "https://0177.0.0.1",
     "https://[::ffff:169.254.169.254]", "https://10.0.0.1", "https://8.8.8.8", "http://localhost:9", "http://a.localhost"],
)  # fmt: skip
def test_sr06_addresses_of_numbers_and_of_this_machine_are_never_asked(origin: str) -> None:
    found = check(case_for(origin))
    assert wrong(found) == ["Not looked at from here"]
    assert found["Not looked at from here"]["remedy"] == IN_BROWSER


def test_a_certificate_that_nobody_trusts_says_why(website: Website) -> None:
    found = check(case_for(website.origin), Trust(allow_loopback=True))
    assert wrong(found) == ["The certificate is not valid"]
    assert found["The certificate is not valid"]["found"] == (
        "localhost: The certificate between it and its authority is missing."
    )
    assert website.asked == []


def test_a_certificate_for_another_name(authority: Path, trust: Trust) -> None:
    other = Website(server_context(authority), name="shop.localhost")
    found = check(case_for(other.origin), trust)
    other.close()
    assert found["The certificate is not valid"]["found"] == "shop.localhost: It is for another name."


def test_a_server_that_speaks_no_https(trust: Trust) -> None:
    other = Website()
    found = check(case_for(other.origin.replace("http:", "https:")), trust)
    other.close()
    assert wrong(found) in (["HTTPS does not work"], ["The website cannot be reached"])


def test_a_name_that_leads_nowhere_and_a_server_that_is_off(website: Website, trust: Trust) -> None:
    assert wrong(check(case_for("https://nowhere.invalid"))) == ["The address leads nowhere"]
    website.close()
    assert wrong(check(case_for(website.origin), trust)) == ["The website cannot be reached"]


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_where_we_are_not_let_in_the_browser_is_pointed_to(
    website: Website, trust: Trust, status: int
) -> None:
    website.files = {"/": File("No.", status=status), WORKER: File("No.", status=status)}
    found = check(case_for(website.origin), trust)
    assert {title: found[title]["state"] for title in wrong(found)} == {
        "We are not let in": "unknown",
        "We may not see the worker file": "unknown",
    }
    assert found["We are not let in"]["found"].startswith(f"{website.origin}/ answers {status} to us")
    assert IN_BROWSER in found["We are not let in"]["remedy"]


def test_a_first_page_that_is_not_there(website: Website, trust: Trust) -> None:
    del website.files["/"]
    found = check(case_for(website.origin), trust)
    assert wrong(found) == ["The first page is not there"]
    assert found["The first page is not there"]["found"] == f"{website.origin}/ answers 404."


def test_the_whole_check_has_one_time_limit(website: Website, trust: Trust) -> None:
    website.files["/"] = page("x" * 100)
    began = time.monotonic()
    found = check(case_for(website.origin), trust, seconds=0.0)
    assert time.monotonic() - began < 2
    assert (wrong(found), website.asked) == (["The website was too slow"], [])


# --- The snippet


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("", ("The snippet is not in the page", "problem", SNIPPET)),
        (f"<!-- {SNIPPET} -->", ("The snippet is where no browser runs it", "problem", SNIPPET)),
        (f"<noscript>{SNIPPET}</noscript>", ("The snippet is where no browser runs it", "problem", SNIPPET)),
        (SNIPPET.replace(KEY, OTHER), ("The page has another website's snippet", "problem", SNIPPET)),
        (SNIPPET + SNIPPET, ("The snippet is in the page twice", "warning", "")),
        (
            SNIPPET.replace("push.example", "old.example"), ("The snippet loads from another installation", "problem",
            SNIPPET),
        ),
        (SNIPPET.replace("<script ", '<script type="text/plain" '), ("The snippet waits", "warning", "")),
        (SNIPPET.replace(" src=", " data-src="), ("The snippet waits", "warning", "")),
        (
            '<script>var g = "https://www.googletagmanager.com/gtm.js?id=1"</script>',
            ("The snippet is not in the page's own text", "unknown", ""),
        ),
    ],
)  # fmt: skip
def test_a_snippet_that_does_not_serve_the_page(
    website: Website, trust: Trust, markup: str, expected: tuple[str, str, str]
) -> None:
    website.files["/"] = page(markup)
    found = check(case_for(website.origin), trust)
    assert told(found) == [expected]


def test_a_foreign_snippet_is_named_by_its_website(website: Website, trust: Trust) -> None:
    website.files["/"] = page(SNIPPET + SNIPPET.replace(KEY, OTHER) + SNIPPET.replace(KEY, "unknown"))
    found = (
        check(case_for(website.origin, names={KEY: "Shop", OTHER: "Blog", "x": "y"}), trust)
        if False
        else None
    )
    website.files["/"] = page(SNIPPET + SNIPPET.replace(KEY, OTHER))
    found = check(case_for(website.origin), trust)
    assert found["The page has another website's snippet"]["found"] == (
        f"Its site key {OTHER} is of your website “Blog”. Of two snippets the first that arrives serves the page."
    )
    website.files["/"] = page(SNIPPET.replace(KEY, "elsewhere"))
    found = check(case_for(website.origin), trust)
    assert (
        "is of a website that this workspace does not have"
        in (found["The page has another website's snippet"]["found"])
    )


def test_a_snippet_that_a_script_puts_in_is_as_good(website: Website, trust: Trust) -> None:
    website.files["/"] = page(f'<script>add("{SDK}/sdk/v1/{KEY}/truepush.js")</script>')
    found = check(case_for(website.origin), trust)
    assert wrong(found) == []
    assert "A script of the page puts the snippet in" in found


def test_of_a_page_that_is_only_partly_read_nothing_is_claimed(website: Website, trust: Trust) -> None:
    website.files["/"] = page("<p>" + "x" * (2 * 1024 * 1024))
    assert wrong(check(case_for(website.origin), trust)) == ["The snippet was not found"]
    website.files["/"] = leading_to("/account/login?next=/", 302)
    website.files["/account/login"] = page("")
    assert wrong(check(case_for(website.origin), trust)) == ["The snippet was not found"]
    website.files["/"] = page("", Content_Encoding="br")
    assert wrong(check(case_for(website.origin), trust)) == ["The snippet was not found"]


@pytest.mark.parametrize(
    ("markup", "provider"),
    [
        ('<script src="https://cdn.onesignal.com/sdks/web/v16/OneSignalSDK.page.js" defer></script>', "OneSignal"),
        ('<script>s.src = "https://cdn.pushcrew.com/js/1.js"</script>', "VWO Engage"),
        ("<script>s('https://cdn.moengage.com/webpush/moe_webSdk.min.latest.js')</script>", "MoEngage"),
        ('<script src="https://clientcdn.pushengage.com/core/1.js"></script>', "PushEngage"),
        ('<script src="https://www.gstatic.com/firebasejs/9/firebase-messaging.js"></script>', "Firebase messaging"),
    ],
)  # fmt: skip
def test_another_provider_s_script_is_named(
    website: Website, trust: Trust, markup: str, provider: str
) -> None:
    website.files["/"] = page(SNIPPET + markup)
    found = check(case_for(website.origin), trust)
    assert wrong(found) == [f"{provider} is in the page too"]
    assert found[f"{provider} is in the page too"]["state"] == "warning"
