"""Findings on a Content-Security-Policy: what of ours it stops, and the directive that lets it by, to be copied."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from subscribers.doctor.case import Case
from subscribers.doctor.finding import Finding, State, good, problem, warning
from subscribers.doctor.page import Snippets
from truepush.lib.csp import Policy, Request, allowing, has_nonce, is_by_nonce, read_policies, stops
from truepush.lib.guarded import Answer
from truepush.lib.page_scan import Scan

DEFAULT_POLICY = """<script>
trustedTypes.createPolicy("default", {{
  createScriptURL: (url) => {{
    if (new URL(url, location.origin).href.startsWith(location.origin + "{scope}")) return url;
    throw new TypeError(url);
  }},
}});
</script>"""


_BY_NONCE = "With 'strict-dynamic' hosts count for nothing: give the snippet's element the page's nonce."
_NO_NONCE = (
    "With 'strict-dynamic' hosts count for nothing: add a nonce to the policy and to the snippet's element, or let a "
    "script that is allowed put the snippet in."
)


class Need(NamedTuple):
    """A request of ours, what it is to people, and the source that lets it by."""

    request: Request
    what: str
    source: str


def look_at_policies(
    case: Case, answer: Answer, scan: Scan, snippets: Snippets, origin: str
) -> Iterator[Finding]:
    policies = read_policies(answer.header("Content-Security-Policy"), scan.policies)
    if not policies:
        yield good("No Content-Security-Policy is in the way", "The page has none.")
        return
    findings = [*_stopped(policies, _needs(case, snippets, origin), origin, case), *_rest(case, policies)]
    if not any(one.state == State.PROBLEM for one in findings):
        many = f"All {len(policies)} policies let" if len(policies) > 1 else "It lets"
        yield good(
            "The Content-Security-Policy allows everything",
            f"{many} the snippet, its calls and the worker by.",
        )
    yield from findings


def look_at_worker_policies(case: Case, answer: Answer, origin: str) -> Iterator[Finding]:
    """A worker lives by the policy of its own file, which servers often send with every answer."""
    policies = read_policies(answer.header("Content-Security-Policy"), [])
    reports = case.receipts_url or case.sdk_url
    needs = [
        Need(Request("script-src-elem", case.worker_code), "the worker's code", case.sdk_url),
        Need(Request("connect-src", f"{reports}/sdk/v1/receipts"), "the worker's reports", reports),
        Need(
            Request("connect-src", f"{case.sdk_url}/sdk/v1/{case.site_key}/settings.json"),
            "the worker's calls",
            case.sdk_url,
        ),
    ]
    for finding in _stopped(policies, needs, origin, case):
        yield problem(
            f"{finding.title} (in the worker file's own headers)", finding.found, finding.remedy, finding.copy
        )


def _needs(case: Case, snippets: Snippets, origin: str) -> list[Need]:
    element = snippets.of(case)
    given = element.attributes if element else {}
    # Who puts it in with a script of their own is trusted as that script is; who has none yet will paste it.
    is_parsed = element is not None or not snippets.inserted
    loader = Request(
        "script-src-elem",
        case.loader,
        nonce=given.get("nonce", ""),
        integrity=given.get("integrity", ""),
        is_parsed=is_parsed,
    )
    base = f"{case.sdk_url}/sdk/v1/{case.site_key}"
    # Their folder is named by their content, which no policy can know.
    parts = loader._replace(url=f"{case.sdk_url}/sdk/a/content/ask.js", integrity="")
    return [
        Need(loader, "the snippet", case.sdk_url),
        Need(parts, "the parts that the snippet loads", case.sdk_url),
        Need(Request("connect-src", f"{base}/settings.json"), "the snippet's calls", case.sdk_url),
        Need(Request("worker-src", origin + case.worker_path), "the worker", "'self'"),
    ]


def _stopped(policies: Sequence[Policy], needs: Sequence[Need], origin: str, case: Case) -> Iterator[Finding]:
    """One finding for each directive of each policy, with all that must be added to it."""
    for policy in policies:
        by_directive: dict[str, list[Need]] = {}
        for need in needs:
            if stops(policy, need.request, origin):
                by_directive.setdefault(need.request.directive, []).append(need)
        for stopped in by_directive.values():
            sources = " ".join(dict.fromkeys(need.source for need in stopped))
            yield _finding(policy, stopped[0], sources, case)


def _finding(policy: Policy, need: Need, sources: str, case: Case) -> Finding:
    name = policy.effective(need.request.directive)
    found = f"In {policy.place}: {name} {' '.join(policy.directives[name])}"
    title = f"The Content-Security-Policy stops {need.what}"
    if need.request.directive == "script-src-elem" and is_by_nonce(policy, need.request):
        remedy = _BY_NONCE if has_nonce(policy) else _NO_NONCE
        return problem(
            title, found, remedy, case.snippet.replace("<script ", '<script nonce="NONCE-OF-THE-PAGE" ')
        )
    wanted = allowing(policy, need.request, sources)
    verb = "Change" if wanted.split()[0] == name else "Add"
    return problem(
        title, found, f"{verb} this directive in {policy.place}; the others stay as they are.", wanted
    )


def _rest(case: Case, policies: Sequence[Policy]) -> Iterator[Finding]:
    for policy in policies:
        if "'script'" in policy.directives.get("require-trusted-types-for", ()):
            yield warning(
                "Trusted Types guard the page",
                f"{policy.place} has require-trusted-types-for 'script': the worker is registered only if the page's "
                "default policy lets its address by.",
                "If the page has no default policy yet, add this one before the snippet, and allow its name where "
                "the policy has trusted-types.",
                DEFAULT_POLICY.format(scope=case.worker_scope),
            )
        allowed = policy.directives.get("sandbox")
        is_header = "header" in policy.place
        if is_header and allowed is not None and not {"allow-scripts", "allow-same-origin"} <= set(allowed):
            yield problem(
                "The page is in a sandbox",
                f"{policy.place} has sandbox {' '.join(allowed)}".rstrip() + ".",
                "Take it out, or allow scripts and the page's own origin.",
                "sandbox allow-scripts allow-same-origin",
            )
