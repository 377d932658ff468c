"""AU-06: a key is shown once and kept as a hash, may do what it says from where it says, and ends at once."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.keys import MOST_OPEN, KeyRefused, create_key, hold_keys, revoke_key
from tenants.api_keys import KeyView
from tenants.models import ApiKey, AttemptCount, AuditEntry, Notice, Role, Scope, Tenant
from tests.conftest import Workspace
from tests.secret_forms import forms_of, rows_as_text
from tests.tenants.people import add_member

Console = Callable[..., Client]
WHERE = "/api/v1/key"
FORM = {
    "name": "Shop server",
    "scopes": ["campaigns:read", "campaigns:send"],
    "days": "30",
    "per_minute": "600",
}


def make(place: Workspace, **changes: Any) -> tuple[ApiKey, str]:
    given = {"name": "Shop", "scopes": [Scope.SEND], "per_minute": 600, "expires_at": None, **changes}
    return create_key(actor=place.owner, tenant=place.tenant, **given)


def ask(place: Workspace, token: str, path: str = WHERE, method: str = "get", **more: Any) -> Any:
    sent = {"host": place.host, "authorization": f"Bearer {token}", **more.pop("headers", {})}
    return getattr(Client(headers=sent, **more), method)(path)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_key_says_what_it_is_and_may_do(acme: Workspace) -> None:
    until = timezone.now().replace(microsecond=0) + timedelta(days=1)
    key, token = make(acme, expires_at=until)
    answer = ask(acme, token)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": key.key_id, "name": "Shop", "scopes": ["campaigns:send"], "expires_at": until.isoformat(),
    }  # fmt: skip
    assert answer["Cache-Control"] == "no-store"
    assert ask(acme, token, method="head").status_code == 200
    for method in ("post", "options"):
        assert refusal(ask(acme, token, method=method)) == (405, "method_not_allowed")
    assert refusal(ask(acme, token, headers={"accept": "text/html"})) == (406, "refused")


def test_it_has_the_form_of_a_key_and_160_bits(acme: Workspace) -> None:
    tokens = [make(acme)[1] for _ in range(20)]
    assert all(re.fullmatch(r"tp_live_[a-z0-9]{8}_[0-9a-f]{40}", token) for token in tokens)
    assert len({token[-40:] for token in tokens}) == 20


def test_the_secret_is_in_no_table_and_in_no_form(acme: Workspace, console: Console) -> None:
    page = console(acme).post("/keys/new/", FORM).content.decode()
    [secret] = set(re.findall(r"tp_live_[a-z0-9]{8}_([0-9a-f]{40})", page))
    assert ask(acme, f"{ApiKey.objects.get().start}_{secret}").status_code == 200
    text, _ = rows_as_text()
    forms = {secret, *forms_of(secret.encode()).values(), *forms_of(bytes.fromhex(secret)).values()}
    assert [form for form in forms if form in text] == []
    assert bytes(ApiKey.objects.get().digest).hex() in text  # the control: this is where the hash is


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token.upper(),
        lambda token: "tp_live_aaaaaaaa_" + token[-40:],
        lambda token: token.replace("tp_live_", "tp_test_"),
        lambda token: "",
        lambda token: "\N{SNOWMAN}".encode().decode("latin-1") + token,
        lambda token: "x" * 5000,
    ],
)
def test_what_is_not_the_key_is_refused_alike(acme: Workspace, change: Callable[[str], str]) -> None:
    _, token = make(acme)
    answer = ask(acme, change(token))
    assert refusal(answer) == (401, "no_key")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.content == Client(headers={"host": acme.host}).get(WHERE).content


def test_a_key_counts_in_its_own_workspace_alone(acme: Workspace, globex: Workspace) -> None:
    _, token = make(acme)
    assert refusal(ask(globex, token)) == (401, "no_key")


def test_a_session_is_no_key_and_a_key_is_no_session(acme: Workspace, console: Console) -> None:
    assert refusal(console(acme).get(WHERE)) == (401, "no_key")
    assert ask(acme, make(acme)[1], "/keys/").status_code == 302


def test_a_revoked_key_is_refused_at_its_next_request(acme: Workspace) -> None:
    key, token = make(acme)
    assert ask(acme, token).status_code == 200
    assert revoke_key(actor=acme.owner, key=key) is True
    assert refusal(ask(acme, token)) == (401, "no_key")
    assert revoke_key(actor=acme.owner, key=key) is False


def test_a_key_ends_when_it_is_over(acme: Workspace) -> None:
    key, token = make(acme, expires_at=timezone.now() + timedelta(days=1))
    assert ask(acme, token).status_code == 200
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert refusal(ask(acme, token)) == (401, "no_key")


@pytest.mark.parametrize(
    "query",
    [
        "key={}", "{}", "a=1&access_token={}", "token=tp_live_aaaaaaaa_", "KEY=TP_TEST_abcd1234_x",
        "key=tp%5Flive%5Faaaaaaaa%5F", "key=%74p_live_aaaaaaaa_",
    ],
)  # fmt: skip
def test_a_key_in_the_address_is_400_even_beside_a_good_one(acme: Workspace, query: str) -> None:
    _, token = make(acme)
    for method in ("get", "post"):  # before 405: else nobody is told
        answer = ask(acme, token, f"{WHERE}?{query.format(token)}", method)
        assert refusal(answer) == (400, "key_in_address")
        assert token not in answer.content.decode()


@pytest.mark.parametrize(
    ("allowed", "address", "status"),
    [
        (["203.0.113.7/32"], "203.0.113.7", 200),
        (["203.0.113.7/32"], "203.0.113.8", 403),
        (["198.51.100.0/24", "2001:db8::/48"], "2001:db8::5", 200),
        (["198.51.100.0/24"], "::ffff:198.51.100.9", 200),
        (["198.51.100.0/24"], "2001:db8::5", 403),
        (["0.0.0.0/0"], "nonsense", 403),
        ([], "nonsense", 200),
    ],
)
def test_it_counts_from_its_addresses_alone(
    acme: Workspace, allowed: list[str], address: str, status: int
) -> None:
    _, token = make(acme, addresses=allowed)
    answer = ask(acme, token, REMOTE_ADDR=address)
    assert answer.status_code == status
    assert status == 200 or refusal(answer) == (403, "address")


def test_each_key_has_a_limit_a_minute_of_its_own(acme: Workspace) -> None:
    (_, slow), (_, other) = make(acme, per_minute=3), make(acme, per_minute=3)
    assert [ask(acme, slow).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    answer = ask(acme, slow)
    assert refusal(answer) == (429, "too_many")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert f"Wait {answer['Retry-After']} s." in answer.json()["error"]["message"]
    assert ask(acme, other).status_code == 200
    AttemptCount.objects.update(until="2020-01-01T00:00Z")
    assert ask(acme, slow).status_code == 200


def test_the_use_is_written_once_a_minute_and_a_request_costs_five_statements(
    acme: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The workspace, the key, its limit, two changes of the schema; one more where it was not used for a minute."""
    key, token = make(acme)
    with django_assert_num_queries(6):
        ask(acme, token)
    first = ApiKey.objects.get(pk=key.pk).last_used_at
    assert first is not None
    with django_assert_num_queries(5):
        ask(acme, token)
    assert ApiKey.objects.get(pk=key.pk).last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=1))
    ask(acme, token)
    last = ApiKey.objects.get(pk=key.pk).last_used_at
    assert last is not None
    assert last >= first


class Subscribers(KeyView):
    """A route as later ones will be."""

    scope = Scope.READ_SUBSCRIBERS

    def get(self, request: Request) -> Response:
        return Response({"by": self.key.name})

    def post(self, request: Request) -> Response:
        return self.get(request)


def ask_route(place: Workspace, token: str, method: str = "get") -> Any:
    request = RequestFactory().generic(method.upper(), "/", headers={"authorization": f"Bearer {token}"})
    request.tenant = Tenant.objects.get(pk=place.tenant.pk)  # type: ignore[attr-defined]
    return Subscribers.as_view()(request)


@pytest.mark.parametrize(("scopes", "status"), [(["subscribers:read"], 200), (["campaigns:send"], 403)])
def test_a_key_without_the_scope_is_refused(acme: Workspace, scopes: list[str], status: int) -> None:
    """A key that may send cannot read subscribers."""
    _, token = make(acme, scopes=scopes)
    answer = ask_route(acme, token)
    assert answer.status_code == status
    if status == 403:
        assert answer.data["error"]["message"] == "This key lacks the scope subscribers:read."


def test_a_key_of_a_suspended_workspace_reads_only_and_can_be_revoked(
    acme: Workspace, console: Console
) -> None:
    key, token = make(acme, scopes=[Scope.READ_SUBSCRIBERS])
    assert ask_route(acme, token, "post").status_code == 200
    Tenant.objects.filter(pk=acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    answer = ask_route(acme, token, "post")
    assert (answer.status_code, answer.data["error"]["code"]) == (403, "suspended")
    assert ask_route(acme, token).status_code == 200
    client = console(acme)
    assert client.post("/keys/new/", FORM).status_code == 403
    assert client.post(f"/keys/{key.pk}/revoke/").status_code == 302
    assert ask_route(acme, token).status_code == 401


def test_making_and_revoking_are_in_the_audit_log_without_the_secret(
    acme: Workspace, console: Console
) -> None:
    client = console(acme)
    client.post("/keys/new/", FORM)
    key = ApiKey.objects.get()
    client.post(f"/keys/{key.pk}/revoke/")
    revoked, created = AuditEntry.objects.order_by("-pk")[:2]
    assert (created.action, created.actor, created.target) == (
        "key.create",
        acme.owner.email,
        f"key {key.pk}",
    )
    assert created.after is not None
    assert created.after["key id"] == key.key_id
    assert created.after["scopes"] == ["campaigns:read", "campaigns:send"]
    assert (revoked.action, revoked.before) == ("key.revoke", {"name": "Shop server", "key id": key.key_id})
    page = client.get("/audit/").content.decode()
    assert "revoked the API key Shop server" in re.sub(r"<[^>]+>", "", page)


def test_a_refused_key_leaves_nothing_in_the_log(acme: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    key, token = make(acme)
    revoke_key(actor=acme.owner, key=key)
    with caplog.at_level(logging.DEBUG):
        ask(acme, token)
        ask(acme, token, f"{WHERE}?key={token}")
    said = [
        # The request itself is carried for handlers, and written by none.
        f"{record.getMessage()} { {**record.__dict__, 'request': ''} }"
        for record in caplog.records
        if record.name != "django.db.backends"
    ]
    assert len(said) >= 2
    assert [line for line in said if token[-40:] in line] == []


def test_a_workspace_has_at_most_fifty_keys_that_count(acme: Workspace) -> None:
    keys = [make(acme)[0] for _ in range(MOST_OPEN)]
    with pytest.raises(KeyRefused, match="50 keys are in use"):
        make(acme)
    revoke_key(actor=acme.owner, key=keys[0])
    make(acme)


def test_the_page_lists_keys_and_never_shows_one_again(acme: Workspace, console: Console) -> None:
    client = console(acme)
    made = client.post("/keys/new/", {**FORM, "addresses": "203.0.113.7\n2001:db8::/48"})
    assert made["Cache-Control"] == "no-store"
    assert f"http://{acme.host}{WHERE}" in made.content.decode()
    key = ApiKey.objects.get()
    assert key.addresses == ["203.0.113.7", "2001:db8::/48"]
    assert 29 <= ((key.expires_at or timezone.now()) - timezone.now()).days <= 30
    page = client.get("/keys/").content.decode()
    assert f"{key.start}_…" in page
    assert not re.search(r"tp_live_\w{8}_[0-9a-f]{40}", page)
    assert client.post(f"/keys/{key.pk}/revoke/", follow=True).status_code == 200
    assert "Revoked" in client.get("/keys/").content.decode()


def test_a_key_that_counts_is_listed_before_any_number_that_ended(acme: Workspace, console: Console) -> None:
    key, _ = make(acme)
    over, revoked = timezone.now() - timedelta(days=1), timezone.now()
    ApiKey.objects.bulk_create(
        ApiKey(
            tenant=acme.tenant, name="Old", key_id=f"{number:08}", digest=bytes(32), scopes=[], per_minute=1,
            expires_at=over, revoked_at=revoked if number % 2 else None,
        )
        for number in range(120)
    )  # fmt: skip
    page = console(acme).get("/keys/").content.decode()
    assert re.findall(r"tp_live_(\w{8})_…", page) == [key.key_id, *(f"{119 - n:08}" for n in range(50))]
    assert page.count(f'action="/keys/{key.pk}/revoke/"') == page.count("/revoke/") == 1


def test_a_key_that_never_ends_is_asked_for_in_so_many_words(acme: Workspace, console: Console) -> None:
    console(acme).post("/keys/new/", {**FORM, "days": "never"})
    assert ApiKey.objects.get().expires_at is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": " "}, "This field is required."),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"days": ""}, "This field is required."),
        ({"days": "36500"}, "Select a valid choice"),
        ({"per_minute": "0"}, "greater than or equal to 1"),
        ({"addresses": "shop.example"}, "is not an address or a network"),
        ({"addresses": "203.0.113.7/24"}, "is not an address or a network"),
        ({"addresses": "::ffff:203.0.113.7"}, "is not an address or a network"),
        ({"addresses": "::ffff:203.0.113.0/120"}, "is not an address or a network"),
        ({"addresses": "fe80::1%eth0"}, "is not an address or a network"),
        ({"addresses": "\n".join(f"203.0.113.{n}" for n in range(21))}, "21 are too many"),
    ],
)
def test_a_form_that_is_wrong_says_where_and_makes_nothing(
    acme: Workspace, console: Console, change: dict[str, Any], words: str
) -> None:
    assert words in console(acme).post("/keys/new/", {**FORM, **change}).content.decode()
    assert ApiKey.objects.count() == 0


def test_senders_and_the_next_workspace_reach_no_key(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    key, _ = make(acme)
    sender = console(acme, add_member(acme, Role.SENDER))
    assert [sender.get("/keys/").status_code, sender.post(f"/keys/{key.pk}/revoke/").status_code] == [
        403,
        403,
    ]
    assert console(globex).post(f"/keys/{key.pk}/revoke/").status_code == 404
    assert ApiKey.objects.get().revoked_at is None


def test_after_a_restore_each_key_is_refused_until_somebody_lets_it_in(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    """One that was revoked after the backup is open in it."""
    (kept, token), (_, other) = make(acme), make(acme, name="Old")
    revoked, _ = make(acme, name="Gone")
    revoke_key(actor=acme.owner, key=revoked)
    make(globex)
    assert hold_keys(actor=None, made_at="yesterday") == 3
    assert hold_keys(actor=None, made_at="yesterday") == 0
    assert [refusal(ask(acme, one)) for one in (token, other)] == [(401, "no_key")] * 2
    notice = Notice.objects.get(tenant_id=acme.tenant.pk)
    assert (notice.user, notice.path) == (acme.owner, "/keys/")
    assert notice.text.startswith("Restored from a backup of yesterday: 2 API keys are refused until you let")
    client = console(acme)
    assert client.get("/keys/").content.decode().count("Refused since a restore") == 2
    assert console(globex).post(f"/keys/{kept.pk}/let-in/").status_code == 404
    for _ in range(2):
        client.post(f"/keys/{kept.pk}/let-in/")
    client.post(f"/keys/{revoked.pk}/let-in/")
    assert [ask(acme, one).status_code for one in (token, other)] == [200, 401]
    actions = (
        AuditEntry.objects.filter(tenant_id=acme.tenant.pk).order_by("pk").values_list("action", "target")
    )
    assert list(actions)[-2:] == [("key.hold", ""), ("key.let_in", f"key {kept.pk}")]
    revoked.refresh_from_db()
    assert revoked.revoked_at is not None
