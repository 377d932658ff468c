"""A check from here of policies and of the worker file, against a real server."""

import pytest

from tests.subscribers.customer import (
    KEY,
    OTHER,
    SDK,
    SNIPPET,
    STUB,
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

IMPORT = STUB.splitlines()[1]
TYPE = "Content-Type: text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "default-src 'self'; connect-src *", ("The Content-Security-Policy stops the snippet",
            f"script-src 'self' {SDK}"),
        ),
        (
            f"script-src {SDK}; worker-src 'self'; connect-src 'self' https://api.example",
            ("The Content-Security-Policy stops the snippet's calls", f"connect-src 'self' https://api.example {SDK}"),
        ),
        (f"script-src {SDK}", ("The Content-Security-Policy stops the worker", f"worker-src {SDK} 'self'")),
        (
            f"script-src {SDK}/sdk/v1/{KEY}/truepush.js; worker-src 'self'",
            ("The Content-Security-Policy stops the parts that the snippet loads",
            f"script-src {SDK}/sdk/v1/{KEY}/truepush.js {SDK}"),
        ),
        (
            f"script-src 'strict-dynamic' 'nonce-abc' {SDK}", ("The Content-Security-Policy stops the snippet",
            SNIPPET.replace("<script ", '<script nonce="NONCE-OF-THE-PAGE" ')),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_meta", [False, True])
def test_a_policy_that_stops_us_comes_with_the_directive_to_copy(
    website: Website, trust: Trust, policy: str, expected: tuple[str, str], is_meta: bool
) -> None:
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    website.files["/"] = page(meta + SNIPPET) if is_meta else page(SNIPPET, Content_Security_Policy=policy)
    found = check(case_for(website.origin), trust)
    title, copy = expected
    assert told(found) == [(title, "problem", copy)]
    place = "the page's <meta> policy" if is_meta else "the Content-Security-Policy header"
    assert found[title]["found"].startswith(f"In {place}: ")


def test_the_nonce_of_the_snippet_s_element_counts(website: Website, trust: Trust) -> None:
    markup = SNIPPET.replace("<script ", '<script nonce="abc" ')
    website.files["/"] = page(
        markup, Content_Security_Policy="script-src 'strict-dynamic' 'nonce-abc'; worker-src 'self'"
    )
    found = check(case_for(website.origin), trust)
    assert wrong(found) == []
    assert found["The Content-Security-Policy allows everything"]["found"] == (
        "It lets the snippet, its calls and the worker by."
    )


def test_all_policies_must_allow_and_one_that_reports_is_none(website: Website, trust: Trust) -> None:
    website.files["/"] = page(
        Content_Security_Policy=f"connect-src {SDK}, connect-src 'self'",
        Content_Security_Policy_Report_Only="default-src 'none'",
    )
    found = check(case_for(website.origin), trust)
    assert wrong(found) == ["The Content-Security-Policy stops the snippet's calls"]
    one = found["The Content-Security-Policy stops the snippet's calls"]
    assert one["found"] == ("In policy 2 of the Content-Security-Policy header: connect-src 'self'")
    assert one["remedy"] == (
        "Change this directive in policy 2 of the Content-Security-Policy header; the others stay as they are."
    )


def test_trusted_types_and_a_sandbox_are_told(website: Website, trust: Trust) -> None:
    website.files["/"] = page(
        Content_Security_Policy="require-trusted-types-for 'script'; sandbox allow-scripts"
    )
    found = check(case_for(website.origin), trust)
    assert wrong(found) == ["The page is in a sandbox", "Trusted Types guard the page"]
    assert 'location.origin + "/truepush/"' in found["Trusted Types guard the page"]["copy"]


# --- The worker file


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (File("", status=404), ("The worker file is not there", "problem", STUB)),
        (leading_to("/elsewhere.js"), ("The worker file leads on", "problem", "")),
        (File("<!doctype html>"), ("In place of the worker file comes a page", "problem", STUB)),
        (
            File(STUB, "text/plain"), ("The worker file has the wrong type", "problem",
            TYPE),
        ),
        (File(STUB, ""), ("The worker file has the wrong type", "problem", TYPE)),
        (File("", "text/javascript"), ("The worker file is not ours", "problem", STUB)),
        (File(f"// {IMPORT}", "text/javascript"), ("The worker file is not ours", "problem", STUB)),
        (File(f"/*\n{IMPORT}\n*/", "text/javascript"), ("The worker file is not ours", "problem", STUB)),
        (File("/*" * 50_000 + IMPORT, "text/javascript"), ("The worker file is not ours", "problem", STUB)),
        (File(STUB.replace(KEY, OTHER), "text/javascript"), ("The worker file is another website's", "problem", STUB)),
        (
            File(STUB.replace("push.example", "old.example"), "text/javascript"),
            ("The worker file is another website's", "problem", STUB),
        ),
        (
            File('importScripts("https://cdn.onesignal.com/sdks/web/v16/OneSignalSDK.sw.js");', "text/javascript"),
            ("The worker file is not ours", "problem", STUB),
        ),
        (
            File(STUB + 'importScripts("https://cdn.izooto.com/scripts/workers/1.js")', "text/javascript"),
            ("The worker file is shared", "warning", ""),
        ),
        (File(STUB, "text/javascript", 403), ("We may not see the worker file", "unknown", "")),
        (
            File(STUB, "text/javascript", headers={"Service-Worker-Allowed": "/push/"}),
            ("The worker may not have its scope", "problem", "Service-Worker-Allowed: /truepush/"),
        ),
    ],
)  # fmt: skip
def test_a_worker_file_that_a_browser_would_not_take_or_that_is_not_ours(
    website: Website, trust: Trust, file: File, expected: tuple[str, str, str]
) -> None:
    website.files[WORKER] = file
    found = check(case_for(website.origin), trust)
    assert told(found) == [expected]


@pytest.mark.parametrize(
    "file",
    [
        File(STUB, "application/javascript; charset=utf-8"),
        File(STUB, "TEXT/JavaScript"),
        File(
            "\ufeffself.x = 1;\n" + STUB.replace('"', "'").replace("https:", ""), "application/x-javascript"
        ),
        File(f"// Of what is below /truepush/* alone.\n{IMPORT}\n", "text/javascript"),
        File(f"\t// /*\n{IMPORT}\n// */\n/* // */ self.x = 1;", "text/javascript"),
        File(STUB, "text/javascript", headers={"Service-Worker-Allowed": "/"}),
        File(STUB, "text/javascript", headers={"Service-Worker-Allowed": "/truepush/"}),
    ],
)
def test_a_worker_file_that_is_good_in_other_words(website: Website, trust: Trust, file: File) -> None:
    website.files[WORKER] = file
    assert wrong(check(case_for(website.origin), trust)) == []


def test_a_policy_in_the_worker_file_s_own_headers_counts_for_the_worker(
    website: Website, trust: Trust
) -> None:
    website.files[WORKER] = File(
        STUB, "text/javascript", headers={"Content-Security-Policy": "default-src 'self'"}
    )
    found = check(case_for(website.origin, receipts_url="https://receipts.example"), trust)
    titles = wrong(found)
    assert titles == [
        "The Content-Security-Policy stops the worker's code (in the worker file's own headers)",
        "The Content-Security-Policy stops the worker's reports (in the worker file's own headers)",
    ]
    assert [found[title]["copy"] for title in titles] == [
        f"script-src 'self' {SDK}",
        f"connect-src 'self' https://receipts.example {SDK}",
    ]


def test_what_a_website_says_is_cut_and_holds_no_null(website: Website, trust: Trust) -> None:
    website.files["/"] = page(Content_Security_Policy="script-src " + "https://a.example " * 400)
    found = check(case_for(website.origin), trust)
    one = found["The Content-Security-Policy stops the snippet"]
    assert (len(one["found"]), one["found"][-1]) == (600, "…")
    website.files["/"] = page(
        SNIPPET.replace("<script ", '<script type="a\0\ud800b" '.encode("utf-8", "replace").decode())
    )
    assert "\0" not in str(check(case_for(website.origin), trust))
