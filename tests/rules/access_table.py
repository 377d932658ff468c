"""Who may do what: one row for each address and method, with the answer that each kind of person gets.

A new route needs its rows here, else test_access_table.py fails. Where a person may act, the request is one that would
succeed, so 200, 201, 204 or 302 to the next page means: allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tenants.models import Role
from tenants.roles import RANK


class Who(StrEnum):
    ANONYMOUS = "anonymous"
    STRANGER = "stranger"  # signed in, an owner of another workspace
    ANALYST = "analyst"
    EDITOR = "editor"
    SENDER = "sender"
    ADMIN = "admin"
    OWNER = "owner"
    STAFF = "staff"  # support of the installation, with every permission, a member of nothing


class Host(StrEnum):
    PUBLIC = "public"
    TENANT = "tenant"
    SDK = "sdk"


MEMBERS = (Who.ANALYST, Who.EDITOR, Who.SENDER, Who.ADMIN, Who.OWNER)
Answers = Mapping[Who, int]


@dataclass(frozen=True)
class Row:
    """`route` is as the URL modules have it; `at` is the address where the route is a pattern of Django's admin."""

    host: Host
    method: str
    route: str
    expected: Answers
    body: str = ""
    at: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.host} /{self.route}"


def everyone(status: int) -> Answers:
    return dict.fromkeys(Who, status)


def at_least(role: Role, status: int) -> Answers:
    """In a console: members of this role or more; others of the workspace 403; everyone else is asked to sign in."""
    answers = everyone(302)
    for who in MEMBERS:
        answers = {**answers, who: status if RANK[Role(who.value)] >= RANK[role] else 403}
    return answers


def of_workspace(status: int) -> Answers:
    """On the public host: members of the workspace in the address; for others it does not exist."""
    return {**dict.fromkeys(MEMBERS, status), Who.ANONYMOUS: 302, Who.STRANGER: 404, Who.STAFF: 404}


def not_signed_in(status: int) -> Answers:
    """Who is signed in already is led on."""
    return {**everyone(302), Who.ANONYMOUS: status}


def signed_in(status: int) -> Answers:
    """Everyone else is led to the sign-in."""
    return {**everyone(status), Who.ANONYMOUS: 302}


def staff(status: int) -> Answers:
    """Everyone else is shown the admin's sign-in."""
    return {**everyone(302), Who.STAFF: status}


def console(method: str, route: str, role: Role, status: int = 200, body: str = "") -> Row:
    return Row(Host.TENANT, method, route, at_least(role, status), body)


def public(method: str, route: str, expected: Answers, *, at: str = "", body: str = "") -> Row:
    return Row(Host.PUBLIC, method, route, expected, body, at)


def sdk(method: str, route: str, status: int, body: str = "", **headers: str) -> Row:
    return Row(Host.SDK, method, route, everyone(status), body, headers=headers)


CONSOLE = [
    console("GET", "", Role.ANALYST),
    console("GET", "campaigns/", Role.ANALYST),
    console("GET", "campaigns/new/", Role.EDITOR),
    console("POST", "campaigns/new/", Role.EDITOR, 302, "content"),
    console("GET", "campaigns/<int:pk>/", Role.EDITOR),
    console("POST", "campaigns/<int:pk>/", Role.EDITOR, 302, "content"),
    console("POST", "campaigns/<int:pk>/test/", Role.EDITOR, 302),
    console("GET", "campaigns/<int:pk>/tests/", Role.EDITOR),
    console("POST", "campaigns/<int:pk>/send/", Role.SENDER, 302),
    console("GET", "campaigns/calendar/", Role.ANALYST),
    console("GET", "campaigns/reach/", Role.EDITOR),
    console("POST", "campaigns/keep/", Role.EDITOR, 200, "content"),
    console("POST", "campaigns/<int:pk>/keep/", Role.EDITOR, 200, "content"),
    console("POST", "campaigns/<int:pk>/forget/", Role.EDITOR, 302),
    console("POST", "campaigns/<int:pk>/copy/", Role.EDITOR, 302),
    console("POST", "campaigns/<int:pk>/archive/", Role.EDITOR, 302),
    console("POST", "campaigns/<int:pk>/restore/", Role.EDITOR, 302),
    console("POST", "campaigns/<int:pk>/delete/", Role.EDITOR, 302),
    console("GET", "campaigns/<int:pk>/times/", Role.EDITOR),
    console("POST", "sends/<int:pk>/call-back/", Role.SENDER, 302),
    console("POST", "campaigns/<int:pk>/ask/", Role.EDITOR, 302),
    console("POST", "campaigns/<int:pk>/approve/", Role.SENDER, 302),
    console("POST", "campaigns/<int:pk>/decline/", Role.SENDER, 302),
    console("POST", "campaigns/<int:pk>/withdraw/", Role.EDITOR, 302),
    console("GET", "audit/", Role.ADMIN),
    console("GET", "keys/", Role.ADMIN),
    console("GET", "keys/new/", Role.ADMIN),
    console("POST", "keys/new/", Role.ADMIN, 200, "key"),
    console("POST", "keys/<int:pk>/let-in/", Role.ADMIN, 302),
    console("POST", "keys/<int:pk>/revoke/", Role.ADMIN, 302),
    console("GET", "people/", Role.ADMIN),
    console("GET", "people/<int:pk>/", Role.ADMIN),
    console("POST", "people/<int:pk>/", Role.ADMIN, 302, "access"),
    console("POST", "people/<int:pk>/remove/", Role.ADMIN, 302),
    console("GET", "people/invite/", Role.ADMIN),
    console("POST", "people/invite/", Role.ADMIN, 302, "invitation"),
    console("POST", "people/invitations/<int:pk>/resend/", Role.ADMIN, 302),
    console("POST", "people/invitations/<int:pk>/withdraw/", Role.ADMIN, 302),
    console("GET", "people/leave/", Role.ANALYST),
    console("POST", "people/leave/", Role.ANALYST, 302),
    console("POST", "audit/file/", Role.ADMIN),
    console("GET", "inbox/", Role.ANALYST),
    console("GET", "inbox/count/", Role.ANALYST),
    console("POST", "inbox/read/", Role.ANALYST, 302),
    console("POST", "inbox/mail/", Role.ANALYST, 302),
    console("POST", "inbox/<int:pk>/open/", Role.ANALYST, 404),
    console("POST", "sends/<int:pk>/breakdown/", Role.ANALYST, 200),
    console("POST", "sends/<int:pk>/recipients.csv", Role.ANALYST, 200),
    console("GET", "sites/<int:pk>/restraint/", Role.ADMIN),
    console("POST", "sites/<int:pk>/restraint/", Role.ADMIN, 302),
    console("GET", "images/", Role.EDITOR),
    console("GET", "campaigns/preview-person/", Role.EDITOR),
    console("POST", "images/new/", Role.EDITOR, 400),
    console("POST", "images/fetch/", Role.EDITOR, 400),
    console("POST", "images/<int:pk>/remove/", Role.EDITOR, 200),
    console("GET", "sends/<int:pk>/", Role.ANALYST),
    console("GET", "sends/<int:pk>/figures/", Role.ANALYST),
    console("GET", "sends/<int:pk>/recipients/", Role.ANALYST),
    console("POST", "sends/<int:pk>/again/", Role.SENDER, 302),
    console("GET", "subscribers/<int:pk>/", Role.ANALYST),
    console("POST", "subscribers/<int:pk>/unsubscribe/", Role.SENDER, 302),
    console("POST", "subscribers/<int:pk>/tags/", Role.EDITOR, 302),
    console("POST", "subscribers/<int:pk>/test/", Role.EDITOR, 302),
    console("POST", "subscribers/<int:pk>/erase/", Role.ADMIN, 302),
    console("POST", "sends/<int:pk>/pause/", Role.SENDER, 302),
    console("POST", "sends/<int:pk>/resume/", Role.SENDER, 302),
    console("POST", "sends/<int:pk>/cancel/", Role.SENDER, 302),
    console("POST", "sends/<int:pk>/choose/", Role.SENDER, 302),
    console("POST", "sends/<int:pk>/speed/", Role.SENDER, 302),
    console("GET", "subscribers/", Role.ANALYST),
    console("GET", "subscribers/shrinking/", Role.ANALYST),
    console("GET", "sites/<int:pk>/totals/", Role.ANALYST),
    console("GET", "exports/", Role.ADMIN),
    console("POST", "exports/new/", Role.ADMIN, 302, "export"),
    console("GET", "exports/<int:pk>/row/", Role.ADMIN),
    console("POST", "exports/<int:pk>/cancel/", Role.ADMIN, 302),
    # The link is signed for one person: tests/subscribers/test_exports.py takes files with it.
    console("GET", "exports/<int:pk>/file", Role.ADMIN, 404),
    console("GET", "exports/<int:pk>/keys", Role.OWNER, 404),
    console("GET", "imports/", Role.ADMIN),
    console("GET", "imports/new/", Role.ADMIN),
    console("POST", "imports/new/", Role.ADMIN, 302, "import"),
    console("GET", "imports/<int:pk>/", Role.ADMIN),
    console("GET", "imports/<int:pk>/state/", Role.ADMIN),
    console("POST", "imports/<int:pk>/chunk", Role.ADMIN, 400),
    console("POST", "imports/<int:pk>/start/", Role.ADMIN, 400),
    console("POST", "imports/<int:pk>/cancel/", Role.ADMIN, 302),
    console("GET", "imports/<int:pk>/errors", Role.ADMIN, 404),
    console("GET", "imports/<int:pk>/worker.js", Role.ADMIN),
    console("POST", "imports/<int:pk>/test/", Role.ADMIN, 302),
    console("POST", "imports/<int:pk>/admit/", Role.ADMIN, 302),
    console("POST", "imports/<int:pk>/remove/", Role.ADMIN, 302),
    console("POST", "subscribers/<int:pk>/data.json", Role.ADMIN),
    console("GET", "privacy/", Role.ADMIN),
    console("POST", "privacy/", Role.ADMIN, 302, "retention"),
    console("POST", "privacy/person/", Role.ADMIN, 200, "person"),
    console("POST", "privacy/data.json", Role.ADMIN, 200, "person"),
    console("POST", "privacy/erase/", Role.ADMIN, 302, "person"),
    console("POST", "sites/<int:pk>/prune/", Role.ADMIN, 302, "prune"),
    console("GET", "segments/", Role.ANALYST),
    console("GET", "segments/new/", Role.EDITOR),
    console("POST", "segments/new/", Role.EDITOR, 302, "segment"),
    console("POST", "segments/preview/", Role.ANALYST, 200, "segment"),
    console("GET", "segments/<int:pk>/", Role.ANALYST),
    console("GET", "segments/<int:pk>/edit/", Role.EDITOR),
    console("POST", "segments/<int:pk>/edit/", Role.EDITOR, 302, "segment"),
    console("POST", "segments/<int:pk>/count/", Role.ANALYST),
    console("POST", "segments/<int:pk>/delete/", Role.EDITOR, 302),
    console("GET", "prompts/", Role.ANALYST),
    console("GET", "prompts/new/", Role.EDITOR),
    console("POST", "prompts/new/", Role.EDITOR, 302, "prompt"),
    console("POST", "prompts/preview/", Role.EDITOR, 200, "prompt"),
    console("GET", "prompts/stage/", Role.ANALYST),
    console("GET", "prompts/funnel/", Role.ANALYST),
    console("GET", "prompts/<int:pk>/", Role.ANALYST),
    console("GET", "prompts/<int:pk>/edit/", Role.EDITOR),
    console("POST", "prompts/<int:pk>/edit/", Role.EDITOR, 302, "prompt"),
    console("POST", "prompts/<int:pk>/live/", Role.ADMIN, 302),
    console("POST", "prompts/<int:pk>/pause/", Role.ADMIN, 302),
    console("POST", "prompts/<int:pk>/move/", Role.ADMIN, 302),
    console("POST", "prompts/<int:pk>/test/", Role.EDITOR, 302),
    console("POST", "prompts/<int:pk>/choose/", Role.ADMIN, 302),
    console("POST", "prompts/<int:pk>/delete/", Role.EDITOR, 302),
    console("GET", "sites/<int:pk>/suggested/", Role.ANALYST),
    console("GET", "sending/", Role.ADMIN),
    console("POST", "sending/", Role.ADMIN, 302),
    console("POST", "sending/resume/", Role.ADMIN, 302),
    console("GET", "problems/new/", Role.ANALYST),
    console("POST", "problems/new/", Role.ANALYST, 302, "report"),
    # One's own alone: tests/tenants/test_problem_reports.py.
    console("GET", "problems/<int:pk>/", Role.ANALYST, 404),
    console("POST", "banners/<int:pk>/hide/", Role.ANALYST, 302),
    console("GET", "security/", Role.OWNER),
    console("POST", "security/", Role.OWNER, 302),
    console("GET", "sites/", Role.ANALYST),
    console("GET", "sites/new/", Role.ADMIN),
    console("POST", "sites/new/", Role.ADMIN, 302, "site"),
    console("GET", "sites/<int:pk>/", Role.ANALYST),
    console("GET", "sites/<int:pk>/identity/", Role.ADMIN),
    console("POST", "sites/<int:pk>/identity/", Role.ADMIN, 200),
    console("GET", "sites/<int:pk>/edit/", Role.ADMIN),
    console("POST", "sites/<int:pk>/edit/", Role.ADMIN, 302, "site"),
    console("POST", "sites/<int:pk>/check/", Role.ADMIN, 302),
    console("GET", "sites/<int:pk>/check/state/", Role.ANALYST),
    console("GET", "sites/<int:pk>/waiting/", Role.ANALYST),
    console("GET", "sites/<int:pk>/worker.js", Role.ANALYST),
    console("POST", "sites/<int:pk>/test-device/", Role.EDITOR, 201, "subscription"),
    console("GET", "test-device/<slug:site_key>/worker.js", Role.EDITOR),
    # No session counts there: tests/tenants/test_api_keys.py comes with keys.
    Row(Host.TENANT, "GET", "api/v1/key", everyone(401)),
    # Without a token, and from no page of ours.
    Row(Host.TENANT, "GET", "enter/", everyone(302)),
    Row(Host.TENANT, "POST", "enter/", everyone(403)),
    Row(Host.TENANT, "POST", "support/end/", everyone(302)),
    Row(Host.TENANT, "POST", "sign-out/", everyone(302)),
]

_RESET_BY_LINK = "^reset/(?P<uidb36>[0-9a-z]{1,20})-(?P<key>[0-9A-Za-z-]{1,200})/$"
PUBLIC = [
    public("GET", "", not_signed_in(200)),
    public("GET", "healthz", everyone(200)),
    public("GET", "readyz", everyone(200)),
    public("GET", "readyz/web", everyone(200)),
    # Members of one workspace are led into it; staff are members of none and see that.
    public("GET", "workspaces/", {**everyone(302), Who.STAFF: 200}),
    public("GET", "workspaces/<slug:slug>/preparing/", of_workspace(302)),
    public("GET", "workspaces/<slug:slug>/state/", of_workspace(200)),
    public("POST", "workspaces/<slug:slug>/retry/", of_workspace(302)),
    public("GET", "open/<slug:slug>/", of_workspace(200), body="challenge"),
    # Without the link of a mail: tests/tenants/test_invitations.py has real ones.
    public("GET", "invitation/", everyone(404)),
    public("GET", "invitation/<str:key>/", everyone(302)),
    public("POST", "invitation/accept/", everyone(302)),
    public("POST", "invitation/join/", everyone(302)),
    public("POST", "sign-out/", everyone(302)),
    public("GET", "sign-in/", not_signed_in(200)),
    public("POST", "sign-in/", not_signed_in(302), body="sign-in"),
    public("GET", "sign-up/", not_signed_in(200)),
    public("POST", "sign-up/", not_signed_in(302), body="sign-up"),
    public("GET", "sign-up/sent/", everyone(200)),
    public("GET", "sign-up/<str:key>/", everyone(404), at="sign-up/abc/"),
    public("GET", "reset/", everyone(200)),
    public("POST", "reset/", everyone(302), body="reset"),
    public("GET", "reset/sent/", everyone(200)),
    # With a key that was never given out: test_password_reset.py and test_sign_up_by_mail.py have real ones.
    *(public(_method, _RESET_BY_LINK, everyone(200), at="reset/1-abc/") for _method in ("GET", "POST")),
    public("GET", "verify/<str:key>/", everyone(200), at="verify/abc/"),
    public("POST", "verify/<str:key>/", everyone(200), at="verify/abc/"),
    public("GET", "account/", signed_in(200)),
    public("POST", "account/verify/", signed_in(302)),
    public("GET", "account/sessions/", signed_in(200)),
    public("POST", "account/sessions/end-others/", signed_in(302)),
    public("POST", "account/sessions/<int:pk>/end/", signed_in(404)),
    public("GET", "account/password/", signed_in(200)),
    public("POST", "account/password/", signed_in(302), body="password"),
    # Whoever has given the password a moment ago goes on: tests/tenants/test_second_factor.py.
    *(public(_method, "sign-in/second-factor/", everyone(302)) for _method in ("GET", "POST")),
    public("GET", "account/confirm/", signed_in(200)),
    public("POST", "account/confirm/", signed_in(302), body="confirm"),
    public("GET", "account/confirm/code/", {**everyone(302), Who.STAFF: 200}),
    public("POST", "account/confirm/code/", {**everyone(302), Who.STAFF: 200}),
    *(public(_method, "account/confirm/passkey/", everyone(302)) for _method in ("GET", "POST")),
    public("GET", "account/second-factor/", signed_in(200)),
    *(public(_method, "account/second-factor/app/", everyone(302)) for _method in ("GET", "POST")),
    public("GET", "account/second-factor/app/remove/", {**everyone(404), Who.ANONYMOUS: 302, Who.STAFF: 302}),
    public(
        "POST", "account/second-factor/app/remove/", {**everyone(404), Who.ANONYMOUS: 302, Who.STAFF: 302}
    ),
    public("GET", "account/second-factor/codes/", {**everyone(404), Who.ANONYMOUS: 302}),
    *(public(_method, "account/second-factor/codes/new/", everyone(302)) for _method in ("GET", "POST")),
    *(public(_method, "account/second-factor/passkeys/add/", everyone(302)) for _method in ("GET", "POST")),
    public("GET", "account/second-factor/passkeys/<int:pk>/remove/", everyone(302)),
    public("POST", "account/second-factor/passkeys/<int:pk>/remove/", everyone(302)),
]

ADMIN = [
    public("GET", "admin/", staff(200)),
    public("GET", "admin/login/", {**everyone(403), Who.ANONYMOUS: 302, Who.STAFF: 302}),
    public("POST", "admin/login/", {**everyone(403), Who.ANONYMOUS: 302, Who.STAFF: 302}),
    public("POST", "admin/logout/", {**everyone(302), Who.STAFF: 200}),
    public("GET", "admin/password_change/", everyone(302)),
    public("POST", "admin/password_change/", everyone(302)),
    public("GET", "admin/password_change/done/", staff(200)),
    public("GET", "admin/autocomplete/", staff(403)),
    public("GET", "admin/jsi18n/", staff(200)),
    public("GET", "admin/r/<path:content_type_id>/<path:object_id>/", staff(404), at="admin/r/1/1/"),
    public("GET", "admin/^(?P<app_label>tenants)/$", staff(200), at="admin/tenants/"),
    public("GET", "admin/(?P<url>.*)$", staff(404), at="admin/nowhere/"),
]

_MODELS = (
    "tenant", "user", "siteindex", "sendindex", "duework", "auditentry", "workerprocess", "alert", "pace", "throttle",
    "sdkrelease", "featureflag", "keptmail",
)  # fmt: skip
for _model in _MODELS:
    _list = f"admin/tenants/{_model}/"
    _one = f"{_list}<path:object_id>/"
    ADMIN += [
        public("GET", _list, staff(200)),
        public("POST", _list, staff(200)),
        public("GET", f"{_list}add/", staff(403)),
        public("POST", f"{_list}add/", staff(403)),
        public("GET", _one, staff(302)),
        public("GET", f"{_one}change/", staff(200)),
        public("POST", f"{_one}change/", staff(403)),
        public("GET", f"{_one}delete/", staff(403)),
        public("POST", f"{_one}delete/", staff(403)),
        public("GET", f"{_one}history/", staff(200)),
    ]

ADMIN += [
    public("GET", f"admin/{_page}/", staff(200))
    for _page in (
        *("now", "search", "problems", "reports"),
        *(f"{_one}/<int:pk>" for _one in ("workspaces", "sends", "problems", "reports")),
    )
]
ADMIN += [
    public("POST", f"admin/{_act}/", staff(302), body="reason")
    for _act in (
        *(f"workspaces/<int:pk>/{_one}" for _one in ("suspend", "reopen", "hold", "let-go", "look")),
        *("sends/<int:pk>/requeue", "stop", "start", "problems/<int:pk>/banner", "problems/<int:pk>/solve"),
        *("reports/<int:pk>/attach", "reports/<int:pk>/answer"),
    )
]
_STEPS = {"sdkrelease": ("start", "call-back"), "featureflag": ("start", "stop", "name")}
for _path in (f"{_model}/<path:object_id>/{_step}" for _model, steps in _STEPS.items() for _step in steps):
    ADMIN += [
        public("POST", f"admin/tenants/{_path}/", staff(302)),
        public("GET", f"admin/tenants/{_path}/", staff(405)),
    ]

_CALLS = ("subscriptions", "unsubscribe", "tags", "profile", "funnel")
SDK = [
    *(sdk("OPTIONS", f"sdk/v1/<slug:site_key>/{_call}", 204) for _call in _CALLS),
    sdk("GET", "sdk/a/<slug:content_hash>/<slug:part>.js", 200),
    sdk("GET", "sdk/v1/<slug:site_key>/truepush.js", 200),
    sdk("GET", "sdk/v1/<slug:site_key>/settings.json", 200),
    sdk("POST", "sdk/v1/<slug:site_key>/tags", 403, "guess"),
    sdk("POST", "sdk/v1/<slug:site_key>/tags", 404, "guess", origin="https://shop.example"),
    sdk("POST", "sdk/v1/<slug:site_key>/profile", 403, "guess"),
    sdk("POST", "sdk/v1/<slug:site_key>/profile", 404, "guess", origin="https://shop.example"),
    sdk("GET", "w/<slug:site_key>.js", 200),
    sdk("POST", "sdk/v1/<slug:site_key>/subscriptions", 403, "subscription"),
    sdk("POST", "sdk/v1/<slug:site_key>/subscriptions", 403, "subscription", origin="https://evil.test"),
    sdk("POST", "sdk/v1/<slug:site_key>/subscriptions", 201, "subscription", origin="https://shop.example"),
    sdk("POST", "sdk/v1/<slug:site_key>/unsubscribe", 403, "subscription"),
    sdk("POST", "sdk/v1/<slug:site_key>/unsubscribe", 404, "guess", origin="https://shop.example"),
    sdk("POST", "sdk/v1/<slug:site_key>/funnel", 403, "steps"),
    sdk("POST", "sdk/v1/<slug:site_key>/funnel", 204, "steps", origin="https://shop.example"),
    sdk("POST", "sdk/v1/receipts", 204, "receipts"),
    sdk("GET", "i/<slug:site_key>/<str:name>", 200),
]

TABLE = [*CONSOLE, *PUBLIC, *ADMIN, *SDK]
