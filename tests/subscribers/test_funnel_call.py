"""What pages tell of the way to a subscription: who may, what is counted, and that folding changes no figure."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from subscribers import flood
from subscribers.actions import funnel, profile
from subscribers.actions.funnel import OTHER, PAGES, fold_steps
from subscribers.actions.profile import fold_all
from subscribers.actions.retention import forget_all
from subscribers.funnel import tables
from subscribers.models import FunnelCount, Prompt, Site
from tenants.doorway import in_tenant
from tenants.models import Tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.prompt_samples import add
from tests.subscribers.samples import CHROME, ORIGIN

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _calm() -> Any:
    flood.forget_all()
    yield
    flood.forget_all()


@pytest.fixture
def prompt(acme: Workspace, shop: Site) -> Prompt:
    with in_tenant(acme.schema):
        return add(acme, shop, live=True)


def step(name: str = "shown", prompt: int = 0, version: int = 1, n: int = 1) -> dict[str, Any]:
    return {"prompt": prompt, "version": version, "step": name, "n": n}


def tell(
    sdk: Client,
    site: Site,
    *steps: Any,
    page: Any = "/",
    body: Any = None,
    origin: str | None = ORIGIN,
    **more: Any,
) -> Any:
    raw = json.dumps({"page": page, "steps": list(steps)}).encode() if body is None else body
    kind = more.pop("kind", "text/plain;charset=UTF-8")
    headers = {"user-agent": CHROME, **({"origin": origin} if origin else {}), **more.pop("headers", {})}
    return sdk.post(f"/sdk/v1/{site.site_key}/funnel", raw, content_type=kind, headers=headers, **more)


def counted(place: Workspace) -> dict[tuple[int, str], int]:
    with in_tenant(place.schema):
        rows = FunnelCount.objects.values_list("prompt", "step").annotate(total=Sum("count"))
        return {(prompt, name): total for prompt, name, total in rows}


def folded(place: Workspace) -> int | None:
    with in_tenant(place.schema):
        return fold_steps()


def test_steps_are_counted_with_page_browser_and_country(
    sdk: Client, acme: Workspace, shop: Site, prompt: Prompt
) -> None:
    answer = tell(
        sdk, shop, step("shown", prompt.pk, n=3), step("accepted", prompt.pk), step("shown"), page="/tea?who=ada#x"
    )  # fmt: skip
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert "Set-Cookie" not in answer
    with in_tenant(acme.schema):
        rows = list(FunnelCount.objects.order_by("-prompt", "step").values_list(
            "site_id", "day", "page", "prompt", "version", "step", "browser", "country", "count", "folded"
        ))  # fmt: skip
    common = (shop.pk, timezone.now().date(), "/tea")
    assert rows == [
        (*common, prompt.pk, 1, "accepted", "Chrome", "", 1, False),
        (*common, prompt.pk, 1, "shown", "Chrome", "", 3, False),
        (*common, 0, 0, "shown", "Chrome", "", 1, False),
    ]
    assert Tenant.objects.get(pk=acme.tenant.pk).told_at is not None


@pytest.mark.parametrize("headers", [{}, {"sec-gpc": "1"}, {"dnt": "1"}])
def test_who_asks_for_privacy_is_counted_like_everybody_else(
    sdk: Client, acme: Workspace, shop: Site, headers: dict[str, str]
) -> None:
    """Nobody is named: there is no column for an address or an id."""
    tell(sdk, shop, step(), headers=headers, REMOTE_ADDR="8.8.8.8")
    with in_tenant(acme.schema):
        assert FunnelCount.objects.get().country == "US"
    assert {field.name for field in FunnelCount._meta.get_fields()} == {
        "id", "site", "day", "page", "prompt", "version", "step", "browser", "country", "count", "folded",
    }  # fmt: skip


def test_a_name_that_a_browser_gives_itself_is_no_row_of_its_own(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    for agent in ("MyBot/1.0", "x" * 9000, "", "Mozilla/5.0 (compatible; Sogou web spider/4.0)"):
        tell(sdk, shop, step(), headers={"user-agent": agent})
    with in_tenant(acme.schema):
        assert set(FunnelCount.objects.values_list("browser", flat=True)) == {"Other"}


@pytest.mark.parametrize("origin", [None, "null", "https://evil.test", "http://shop.example", "*"])
def test_pages_of_other_origins_are_refused(
    sdk: Client, acme: Workspace, shop: Site, origin: str | None
) -> None:
    answer = tell(sdk, shop, step(), origin=origin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer
    assert counted(acme) == {}


def test_the_preflight_of_json_is_granted_to_the_website_alone(sdk: Client, shop: Site) -> None:
    url = f"/sdk/v1/{shop.site_key}/funnel"
    for origin, granted in ((ORIGIN, "POST"), ("https://evil.test", None)):
        answer = sdk.options(url, headers={"origin": origin})
        assert (answer.status_code, answer.headers.get("Access-Control-Allow-Methods")) == (204, granted)
    assert tell(sdk, shop, step(), kind="application/json").status_code == 204


def test_unknown_prompts_versions_and_steps_count_as_nothing(
    sdk: Client, acme: Workspace, globex: Workspace, shop: Site, prompt: Prompt
) -> None:
    with in_tenant(acme.schema):
        other = add(acme, make_site(acme, origin="https://blog.example"))
    for unknown in (
        step("shown", 4711), step("shown", other.pk), step("shown", prompt.pk, version=2), step("shown", prompt.pk, 0),
        step("opened", prompt.pk), step("shown", 2**63 - 1),
    ):  # fmt: skip
        assert tell(sdk, shop, unknown).status_code == 204
    assert counted(acme) == {}
    assert tell(sdk, shop, step("opened"), step("shown", prompt.pk)).status_code == 204
    assert counted(acme) == {(prompt.pk, "shown"): 1}
    assert counted(globex) == {}


ODD: dict[str, tuple[Any, int, str]] = {
    "nothing": (b" ", 400, "invalid_json"),
    "no JSON": (b"[", 400, "invalid_json"),
    "a list": (b"[]", 400, "invalid_json"),
    "not UTF-8": (b'{"page": "\xff"}', 400, "invalid_json"),
    "too long": (b" " * 8193, 413, "too_large"),
    "no page": (b'{"steps": []}', 400, "invalid_page"),
    "a page that is no path": (b'{"page": "https://x", "steps": []}', 400, "invalid_page"),
    "a page that is a number": (b'{"page": 7, "steps": []}', 400, "invalid_page"),
    "no steps": (b'{"page": "/"}', 400, "invalid_steps"),
    "41 steps": (json.dumps({"page": "/", "steps": [step()] * 41}).encode(), 413, "too_many"),
    **{
        name: (json.dumps({"page": "/", "steps": [wrong]}).encode(), 400, "invalid_steps")
        for name, wrong in {
            "a step that is text": "shown",
            "no number of times": {"prompt": 0, "version": 1, "step": "shown"},
            "51 times": step(n=51),
            "no times": step(n=0),
            "half a time": {**step(), "n": 1.5},
            "true times": {**step(), "n": True},
            "a prompt below zero": step(prompt=-1),
            "a prompt that no number holds": step(prompt=2**63),
            "a version that no number holds": step(version=2**31),
            "a step that is a number": {**step(), "step": 7},
        }.items()
    },
}


@pytest.mark.parametrize("name", ODD)
def test_odd_bodies_are_refused_and_count_nothing(
    sdk: Client, acme: Workspace, shop: Site, name: str
) -> None:
    body, status, code = ODD[name]
    answer = tell(sdk, shop, body=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert counted(acme) == {}


def test_pages_are_stored_as_text_that_can_be_shown(sdk: Client, acme: Workspace, shop: Site) -> None:
    for page in ("/\ud800", "/a\x00b", "/" + "x" * 300, "/caf\u00e9", "/<script>"):
        assert tell(sdk, shop, step(), page=page).status_code == 204
    with in_tenant(acme.schema):
        pages = list(FunnelCount.objects.order_by("pk").values_list("page", flat=True))
    assert pages == ["/?", "/a?b", "/" + "x" * 199, "/café", "/<script>"]


def test_other_methods_and_types_and_sites_are_refused(sdk: Client, shop: Site) -> None:
    url = f"/sdk/v1/{shop.site_key}/funnel"
    assert sdk.get(url, headers={"origin": ORIGIN}).status_code == 405
    assert tell(sdk, shop, step(), kind="application/x-www-form-urlencoded").status_code == 415
    answer = sdk.post("/sdk/v1/0123/funnel", b"{}", content_type="text/plain", headers={"origin": ORIGIN})
    assert answer.status_code == 404


def test_a_flood_from_one_address_is_told_to_wait_and_others_go_on(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    def fill(address: str) -> None:
        for _ in range(flood.BURST + 10):
            flood.seconds_to_wait(acme.tenant.pk, shop.pk, address)

    def status(address: str) -> int:
        return int(tell(sdk, shop, step(), REMOTE_ADDR=address).status_code)

    fill("203.0.113.7")
    refused = tell(sdk, shop, step(), REMOTE_ADDR="203.0.113.7")
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert refused.json()["error"]["code"] == "too_many"
    assert refused["Access-Control-Allow-Origin"] == ORIGIN
    assert status("203.0.113.8") == 204
    # All addresses of IPv6 that one visitor may have are one.
    fill("2001:db8:1:2::1")
    assert [status(f"2001:db8:1:{net}:ffff::1") for net in (2, 3)] == [429, 204]
    assert counted(acme) == {(0, "shown"): 2}


def test_a_flood_from_everywhere_meets_the_limit_of_the_website() -> None:
    waits = [
        flood.seconds_to_wait(1, 1, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
        for n in range(flood.SITE_BURST + 500)
    ]
    assert waits[: flood.SITE_BURST] == [0] * flood.SITE_BURST
    assert max(waits[flood.SITE_BURST :]) == 1
    assert flood.seconds_to_wait(1, 2, "10.0.0.1") == 0


def test_figures_are_the_same_raw_folded_and_in_between(
    sdk: Client, acme: Workspace, shop: Site, prompt: Prompt
) -> None:
    for number in range(20):
        tell(sdk, shop, step("shown", prompt.pk, n=2), step("shown"), page=f"/{number % 3}")
    before = counted(acme)
    assert before == {(prompt.pk, "shown"): 40, (0, "shown"): 20}
    assert folded(acme) == 40
    assert counted(acme) == before
    with in_tenant(acme.schema):
        assert FunnelCount.objects.count() == 6
        whole, by = tables(shop, timezone.now().date(), {prompt.pk: "Ask"})
    assert whole.steps == {"shown": 60}
    assert [(line.label, line.steps["shown"]) for line in by["page"]] == [("/0", 21), ("/1", 21), ("/2", 18)]
    tell(sdk, shop, step("shown", prompt.pk), page="/0")
    assert counted(acme) == {(prompt.pk, "shown"): 41, (0, "shown"): 20}
    assert (folded(acme), folded(acme)) == (1, 0)
    with in_tenant(acme.schema):
        assert (FunnelCount.objects.count(), FunnelCount.objects.filter(folded=False).count()) == (6, 0)
    assert counted(acme) == {(prompt.pk, "shown"): 41, (0, "shown"): 20}


def test_a_fold_that_is_killed_at_half_loses_and_repeats_nothing(
    sdk: Client, acme: Workspace, shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are gone and the sums not yet added when it dies: the transaction takes both back."""
    for _ in range(5):
        tell(sdk, shop, step())
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(funnel, "_add", lambda taken: (_ for _ in ()).throw(KeyboardInterrupt))
        folded(acme)
    assert counted(acme) == {(0, "shown"): 5}
    monkeypatch.setattr(funnel, "FOLD_ROWS", 2)
    assert [folded(acme) for _ in range(4)] == [2, 2, 1, 0]
    assert counted(acme) == {(0, "shown"): 5}


def test_the_chore_folds_and_clears_its_mark(sdk: Client, acme: Workspace, shop: Site) -> None:
    tell(sdk, shop, step())
    Tenant.objects.filter(pk=acme.tenant.pk).update(told_at=timezone.now() - timedelta(minutes=1))
    assert fold_all() == 1
    assert Tenant.objects.get(pk=acme.tenant.pk).told_at is None
    with in_tenant(acme.schema):
        assert FunnelCount.objects.get().folded


def test_an_inbox_that_cannot_be_folded_keeps_the_funnel_waiting_no_longer(
    sdk: Client,
    acme: Workspace,
    shop: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return 0

    monkeypatch.setattr(profile, "fold", broken)
    tell(sdk, shop, step())
    Tenant.objects.filter(pk=acme.tenant.pk).update(told_at=timezone.now() - timedelta(minutes=1))
    assert fold_all() == 1
    assert caplog.messages == [f"inbox of {acme.tenant.schema_name} failed: division by zero"]
    assert Tenant.objects.get(pk=acme.tenant.pk).told_at is not None


def test_pages_behind_the_first_two_hundred_of_a_day_are_counted_together(
    acme: Workspace, shop: Site
) -> None:
    today = timezone.now().date()
    with in_tenant(acme.schema):
        for pages in (range(150), range(100, 260), range(300, 310)):
            FunnelCount.objects.bulk_create(raw(shop, today, f"/{number:03}") for number in pages)
            assert fold_steps() == len(pages)
        FunnelCount.objects.bulk_create(
            [raw(shop, today - timedelta(days=1), "/300"), raw(shop, today, "/000")]
        )
        fold_steps()
        rows = FunnelCount.objects.filter(day=today)
        assert rows.exclude(page=OTHER).count() == PAGES
        assert rows.get(page=OTHER).count == 150 + 160 + 10 - 50 - 200
        assert rows.get(page="/149").count == 2
        assert FunnelCount.objects.get(day=today - timedelta(days=1)).page == "/300"
        assert rows.aggregate(total=Sum("count"))["total"] == 321


def raw(site: Site, day: date, page: str) -> FunnelCount:
    return FunnelCount(
        site=site, day=day, page=page, prompt=0, version=0, step="shown", browser="Chrome", count=1
    )


def test_figures_are_kept_for_four_hundred_days(acme: Workspace, shop: Site) -> None:
    today = timezone.now().date()
    with in_tenant(acme.schema):
        for ago in (0, 400, 401, 900):
            FunnelCount.objects.create(
                site=shop, day=today - timedelta(days=ago), page="/", prompt=0, version=0, step="shown", count=1,
                folded=True,
            )  # fmt: skip
    forget_all()
    with in_tenant(acme.schema):
        days = FunnelCount.objects.order_by("-day").values_list("day", flat=True)
        assert list(days) == [today, today - timedelta(days=400)]


def test_a_call_costs_one_statement_and_now_and_then_a_mark(
    sdk: Client, acme: Workspace, shop: Site, prompt: Prompt, django_assert_num_queries: Any
) -> None:
    tell(sdk, shop, step())
    with django_assert_num_queries(2) as asked:
        tell(sdk, shop, *[step("shown", prompt.pk), step("accepted", prompt.pk)] * 20)
    assert [one["sql"].split()[0] for one in asked.captured_queries] == ["SET", "INSERT"]
    with in_tenant(acme.schema):
        # What is the same in one call is one row.
        assert FunnelCount.objects.filter(prompt=prompt.pk, count=20).count() == 2
