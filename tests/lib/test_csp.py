"""What policies stop, source by source; tests/sdk/test_policies_in_chromium.py asks a browser the same."""

import pytest

from truepush.lib.csp import Request, allowing, has_nonce, is_by_nonce, read_policies, stops

SHOP = "https://shop.example"
SDK = "https://push.example"
SNIPPET = Request("script-src-elem", f"{SDK}/sdk/v1/key/truepush.js", is_parsed=True)
CALL = Request("connect-src", f"{SDK}/sdk/v1/key/settings.json")
WORKER = Request("worker-src", f"{SHOP}/truepush/worker.js")


def is_stopped(header: str, request: Request, *metas: str, page: str = SHOP) -> bool:
    return any(stops(policy, request, page) for policy in read_policies(header, metas))


@pytest.mark.parametrize(
    ("header", "snippet", "call", "worker"),
    [
        ("", False, False, False),
        ("   ;; , ;", False, False, False),
        ("default-src *", False, False, False),
        ("default-src 'none'", True, True, True),
        ("default-src", True, True, True),
        ("default-src 'self'", True, True, False),
        ("default-src 'SELF' HTTPS://PUSH.example", False, False, False),
        ("img-src 'none'; object-src 'none'", False, False, False),
        ("script-src 'self'", True, False, False),
        ("script-src https://push.example", False, False, True),
        ("script-src https://push.example; child-src 'self'", False, False, False),
        ("script-src https://push.example; worker-src 'none'; child-src 'self'", False, False, True),
        ("script-src-elem https://push.example; script-src 'none'", False, False, True),
        ("script-src-elem 'none'; script-src *", True, False, False),
        ("script-src-attr 'none'", False, False, False),
        ("connect-src https:", False, False, False),
        ("connect-src wss: data: blob:", False, True, False),
        ("script-src 'none'; script-src *", True, False, True),
        ("script-src *\n\tdata:", False, False, False),
        ("connect-src *, connect-src 'self'", False, True, False),
        ("connect-src https://push.example; default-src 'self', worker-src 'none'", True, False, True),
        ("script-src 'unsafe-inline' 'unsafe-eval'", True, False, True),
        ("script-src 'strict-dynamic' https://push.example", True, False, False),
        ("default-src 'strict-dynamic' https://push.example", True, False, False),
        ("default-src 'strict-dynamic'; connect-src 'self'", True, True, False),
        ("upgrade-insecure-requests; block-all-mixed-content", False, False, False),
    ],
)
def test_which_of_our_requests_a_policy_stops(header: str, snippet: bool, call: bool, worker: bool) -> None:
    found = is_stopped(header, SNIPPET), is_stopped(header, CALL), is_stopped(header, WORKER)
    assert found == (snippet, call, worker)


@pytest.mark.parametrize(
    ("source", "matches"),
    [
        ("https://push.example", True),
        ("push.example", True),
        ("PUSH.EXAMPLE", True),
        ("http://push.example", True),
        ("https://push.example:443", True),
        ("https://push.example:*", True),
        ("http://push.example:80", True),
        ("https://push.example:8443", False),
        ("wss://push.example", False),
        ("https://*.example", True),
        ("*.push.example", False),
        ("*.example:443", True),
        ("https://*", True),
        ("https://notpush.example", False),
        ("https://push.example.evil", False),
        ("https://push.example/", True),
        ("https://push.example/sdk/", True),
        ("https://push.example/sdk", False),
        ("https://push.example/sdk/v1/key/settings.json", True),
        ("https://push.example/sdk/v1/key/%73ettings.json", True),
        ("https://push.example/other/", False),
        ("https:", True),
        ("http:", True),
        ("ftp:", False),
        ("'nonce-abc'", False),
        ("'sha256-abc'", False),
        ("https://", False),
        ("://push.example", False),
        ("https://push.example:port", False),
        ("https://push.example?query", False),
        ("'none'", False),
        ("*", True),
    ],
)
def test_which_sources_match_a_host_of_ours(source: str, matches: bool) -> None:
    assert is_stopped(f"connect-src {source}", CALL) is not matches


@pytest.mark.parametrize(
    ("page", "url", "stopped"),
    [
        ("http://localhost:8001", "http://localhost:8001/w.js", False),
        ("http://localhost:8001", "http://localhost:8002/w.js", True),
        ("https://shop.example", "http://shop.example/w.js", True),
        ("http://shop.example", "https://shop.example/w.js", False),
        ("https://shop.example", "https://www.shop.example/w.js", True),
    ],
)
def test_self_is_the_page_s_own_origin(page: str, url: str, stopped: bool) -> None:
    assert is_stopped("worker-src 'self'", Request("worker-src", url), page=page) is stopped


@pytest.mark.parametrize(
    ("sources", "nonce", "integrity", "is_parsed", "stopped"),
    [
        ("'nonce-abc'", "abc", "", True, False),
        ("'nonce-abc'", "ABC", "", True, True),
        ("'nonce-abc'", "", "", True, True),
        ("'nonce-abc' 'strict-dynamic'", "abc", "", True, False),
        ("'nonce-abc' 'strict-dynamic'", "", "", True, True),
        ("'nonce-abc' 'strict-dynamic'", "", "", False, False),
        ("'nonce-abc' 'strict-dynamic' https://push.example", "", "", True, True),
        ("'sha256-abc='", "", "sha256-abc=", True, False),
        ("'sha256-abc='", "", "sha256-abc= sha384-other", True, True),
        ("'sha256-abc='", "", "", True, True),
        ("https://push.example", "", "", False, False),
    ],
)
def test_nonces_hashes_and_strict_dynamic(
    sources: str, nonce: str, integrity: str, is_parsed: bool, stopped: bool
) -> None:
    request = SNIPPET._replace(nonce=nonce, integrity=integrity, is_parsed=is_parsed)
    assert is_stopped(f"script-src {sources}", request) is stopped
    # A connection has neither nonce nor hash.
    assert is_stopped("default-src 'nonce-abc'", CALL._replace(nonce="abc")) is True


def test_each_policy_says_where_it_stands() -> None:
    policies = read_policies("script-src a, img-src b, ", ["default-src 'self'"])
    assert [(one.place, one.directives) for one in policies] == [
        ("policy 1 of the Content-Security-Policy header", {"script-src": ("a",)}),
        ("policy 2 of the Content-Security-Policy header", {"img-src": ("b",)}),
        ("the page's <meta> policy", {"default-src": ("'self'",)}),
    ]
    assert read_policies("script-src a", [])[0].place == "the Content-Security-Policy header"
    assert read_policies(" , ;", ["", " ; "]) == []


@pytest.mark.parametrize(
    ("header", "request_", "source", "written"),
    [
        ("script-src 'self'", SNIPPET, SDK, "script-src 'self' https://push.example"),
        ("default-src 'self'", SNIPPET, SDK, "script-src 'self' https://push.example"),
        ("default-src 'none'", SNIPPET, SDK, "script-src https://push.example"),
        ("script-src-elem 'none'; script-src *", SNIPPET, SDK, "script-src-elem https://push.example"),
        (
            "default-src 'self' 'unsafe-inline' 'nonce-r4nd0m' https://cdn.example",
            SNIPPET, SDK,
            "script-src 'self' 'unsafe-inline' 'nonce-…' https://cdn.example https://push.example",
        ),
        (
            "default-src 'self' 'unsafe-inline' 'nonce-r4nd0m' 'sha256-abc=' 'report-sample' https://cdn.example",
            CALL, SDK,
            "connect-src 'self' https://cdn.example https://push.example",
        ),
        ("connect-src 'none'", CALL, SDK, "connect-src https://push.example"),
        ("connect-src", CALL, SDK, "connect-src https://push.example"),
        ("script-src https://cdn.example 'unsafe-eval'", WORKER, "'self'", "worker-src https://cdn.example 'self'"),
        ("child-src blob:", WORKER, "'self'", "worker-src blob: 'self'"),
        ("worker-src blob:", WORKER, "'self'", "worker-src blob: 'self'"),
    ],
)  # fmt: skip
def test_the_directive_that_lets_it_by_keeps_what_was_allowed(
    header: str, request_: Request, source: str, written: str
) -> None:
    [policy] = read_policies(header, [])
    assert stops(policy, request_, SHOP)
    assert allowing(policy, request_, source) == written
    # Whoever puts it into the policy has what it promises.
    [mended] = read_policies(f"{written}; {header}", [])
    assert not stops(mended, request_, SHOP)


def test_where_hosts_count_for_nothing_a_nonce_is_asked_for() -> None:
    [dynamic] = read_policies("script-src 'strict-dynamic' 'nonce-abc'", [])
    [hashed] = read_policies("script-src 'STRICT-dynamic' 'sha256-abc='", [])
    [plain] = read_policies("script-src 'nonce-abc'", [])
    assert [is_by_nonce(one, SNIPPET) for one in (dynamic, hashed, plain)] == [True, True, False]
    assert [has_nonce(one) for one in (dynamic, hashed, plain)] == [True, False, True]
