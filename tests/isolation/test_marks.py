"""TI-01: no text of the second workspace is in anything that the first can reach, and its own owner does see it."""

from collections.abc import Callable

from django.conf import settings
from django.test import Client

from campaigns.actions.receipts import Report, record_receipts
from campaigns.models import Receipt
from tests.isolation.conftest import Two
from tests.isolation.pages import console_pages, everything, public_pages, sdk_pages
from tests.isolation.routes import OPEN, POST_ONLY, TENANT, path_of
from tests.isolation.world import BOTH, ONLY_SECOND, Marks, snapshot, text_columns
from tests.subscribers.samples import Browser
from truepush.lib.receipt_token import ReceiptToken, pack

Console = Callable[..., Client]

# Text that no page, partial or SDK answer of the owner shows today, and why. What is shown leaves this list.
NEVER_SHOWN = {
    # Not yet on a page.
    "subscribers.site.aliases",
    # Secrets and what identifies a browser.
    "subscribers.vapidkey.private_encrypted",
    "subscribers.site.identity_encrypted",
    # On its way into the profile.
    "subscribers.inbox.told",
    # Shown by an answer to a POST (tests/campaigns/test_breakdown.py).
    "campaigns.send.breakdown",
    # Of a fixed list, or numbers.
    "subscribers.site.restraint",
    "subscribers.funnelcount.step",
    "subscribers.vapidkey.provider",
    "subscribers.job.result",
    "subscribers.subscriber.endpoint",
    "subscribers.subscriber.service",
    # The engine's own notes.
    "campaigns.send.occurrence",
    "campaigns.send.request_id",
    "campaigns.send.rule",
    "campaigns.send.rule_sql",
    "campaigns.send.urgency",
    "campaigns.send.topic",
    "campaigns.send.tag",
    "campaigns.campaign.leave_out",
    "subscribers.site.figures",
    "campaigns.batch.holder",
    "campaigns.batch.lane",
    # Public tables: for support staff, or found by and not shown (the key is on the pages, from the website's own row).
    "tenants.siteindex.site_key",
    "tenants.siteindex.schema_name",
    "tenants.sendindex.schema_name",
    "tenants.sendindex.kind",
    "tenants.sendindex.state",
    "tenants.tenant.schema_name",
    "tenants.tenant.slug",
    "tenants.tenant.state_detail",
    "tenants.tenant.migration_error",
    "tenants.tenant.sending_paused_why",
}


def own_pages(two: Two, letter: str, console: Console, public: Client, sdk: Client) -> dict[str, str]:
    """Everything that the owner of one workspace can reach with ids of their own, as text by path."""
    place, pks = (two.first, BOTH) if letter == "a" else (two.second, BOTH + ONLY_SECOND)
    public.force_login(place.owner)
    # Websites are marked, and so are their origins: the SDK is called from a page of the first.
    origin = f"https://{Marks(letter).of('tenants.siteindex.origins')}-1.example"
    answers = console_pages(console(place), place, pks)
    answers |= public_pages(public, place)
    answers |= sdk_pages(sdk, place, pks, origin)
    return {path: everything(answer) for path, answer in answers.items()}


def test_the_first_never_reads_a_text_of_the_second(
    two: Two, console: Console, public: Client, sdk: Client
) -> None:
    pages = own_pages(two, "a", console, public, sdk)
    assert len(pages) > 80
    assert [path for path, text in pages.items() if Marks("b").in_text(text)] == []
    # The control: the first does read its own.
    assert len([path for path, text in pages.items() if Marks("a").in_text(text)]) > 50


def test_the_second_never_reads_a_text_of_the_first(
    two: Two, console: Console, public: Client, sdk: Client
) -> None:
    pages = own_pages(two, "b", console, public, sdk)
    assert [path for path, text in pages.items() if Marks("a").in_text(text)] == []


def test_its_own_owner_reads_every_text_that_pages_show(
    two: Two, console: Console, public: Client, sdk: Client
) -> None:
    """The positive control, column by column: a column that comes onto a page leaves NEVER_SHOWN."""
    whole = "\n".join(own_pages(two, "b", console, public, sdk).values())
    seen = Marks("b").in_text(whole)
    unseen = {column for mark, column in Marks("b").all().items() if mark not in seen}
    assert unseen == NEVER_SHOWN & set(text_columns())
    assert set(text_columns()) >= NEVER_SHOWN


def test_refused_forms_of_the_first_show_nothing_of_the_second(two: Two, console: Console) -> None:
    """Forms that come back with errors list choices, and messages repeat what was asked for."""
    client, answers = console(two.first), []
    for name, kind in TENANT.items():
        if name in OPEN:
            continue
        for pk in (*BOTH, ONLY_SECOND[0]) if kind == "pk" else (0,):
            path = path_of(name, {"": None, "pk": pk, "site_key": "unknown"}[kind])
            answers.append(
                client.post(path, {"site": ONLY_SECOND[0], "origin": "x", "title": ""}, follow=True)
            )
    leaks = [answer.request["PATH_INFO"] for answer in answers if Marks("b").in_text(everything(answer))]
    assert leaks == []


def test_pages_with_errors_and_without_a_session_show_nothing_of_anybody(two: Two, console: Console) -> None:
    nobody = Client(headers={"host": two.second.host}, raise_request_exception=False)
    for path in ("/", "/sites/1/", "/campaigns/1/", "/sends/7/", "/enter/", "/no/such/page"):
        answer = nobody.get(path)
        assert answer.status_code in (302, 404, 405)
        assert Marks("b").in_text(everything(answer)) <= {Marks("b").of("tenants.tenant.name")}


def test_the_sdk_tells_a_page_of_the_first_nothing_of_the_second(two: Two, sdk: Client) -> None:
    """With the first's site keys and origin, whatever else of the second's is put into the body."""
    mark, other = Marks("a"), Marks("b")
    origin = f"https://{mark.of('tenants.siteindex.origins')}-1.example"
    key = f"{mark.of('subscribers.site.site_key')}-1"
    endpoint = f"{other.of('subscribers.subscriber.endpoint')}-7"
    before = snapshot(two.second)
    bodies = [
        Browser().json(old_endpoint=endpoint, site_key=f"{other.of('subscribers.site.site_key')}-7"),
        {"endpoint": endpoint, "subscriber": "0" * 40},
        Browser(f"https://fcm.googleapis.com/fcm/send/{endpoint}").json(id=7, tenant_id=two.second.tenant.pk),
    ]
    for body in bodies:
        for path in ("subscriptions", "unsubscribe", "profile", "tags"):
            url = f"/sdk/v1/{key}/{path}"
            answer = sdk.post(url, body, content_type="application/json", headers={"origin": origin})
            assert answer.status_code in (201, 400, 404)
            assert not other.in_text(everything(answer))
    assert snapshot(two.second) == before


def test_a_receipt_of_the_first_counts_nothing_in_the_second(two: Two) -> None:
    """A token is signed with its tenant: the same ids, and ids that only the second has."""
    before = snapshot(two.second)
    for pk in (1, ONLY_SECOND[0]):
        token = ReceiptToken(two.first.tenant.pk, pk, pk, 0, 0)
        assert pack(settings.RECEIPT_KEYS, token)
        record_receipts([Report(token, Receipt.Kind.CLICKED)])
    assert snapshot(two.second) == before


def test_the_pages_walked_are_all_there_are() -> None:
    """Every GET route of the console is fetched above, or takes POST only, or needs nobody signed in."""
    assert {
        "campaigns:test",
        "campaigns:send",
        "campaigns:send_again",
        "campaigns:pause",
        "campaigns:resume",
        "campaigns:cancel",
        "campaigns:choose",
        "campaigns:speed",
        "campaigns:ask",
        "campaigns:approve",
        "campaigns:decline",
        "campaigns:withdraw",
        "tenants:audit_file",
        "tenants:person_remove",
        "tenants:invitation_resend",
        "tenants:invitation_withdraw",
        "tenants:inbox_read",
        "tenants:inbox_mail",
        "tenants:inbox_open",
        "campaigns:breakdown",
        "campaigns:recipients_file",
        "campaigns:image_new",
        "campaigns:image_fetch",
        "campaigns:image_remove",
        "campaigns:keep_new",
        "campaigns:keep_typed",
        "campaigns:forget_typed",
        "campaigns:copy",
        "campaigns:archive",
        "campaigns:restore",
        "campaigns:delete",
        "campaigns:call_back",
        "subscribers:person_unsubscribe",
        "subscribers:person_tags",
        "subscribers:person_test",
        "subscribers:person_erase",
        "subscribers:export_new",
        "subscribers:export_cancel",
        "subscribers:prune",
        "campaigns:person_data",
        "campaigns:privacy_data",
        "subscribers:privacy_person",
        "subscribers:privacy_erase",
        "subscribers:import_chunk",
        "subscribers:import_start",
        "subscribers:import_cancel",
        "subscribers:import_test",
        "subscribers:import_admit",
        "subscribers:import_remove",
        "subscribers:check",
        "subscribers:prompt_preview",
        "subscribers:prompt_live",
        "subscribers:prompt_pause",
        "subscribers:prompt_move",
        "subscribers:prompt_test",
        "subscribers:prompt_choose",
        "subscribers:prompt_delete",
        "subscribers:segment_preview",
        "subscribers:segment_count",
        "subscribers:segment_delete",
        "subscribers:sending_resume",
        "subscribers:test_device",
        "tenants:enter",
        "tenants:key_let_in",
        "tenants:key_revoke",
        "tenants:support_end",
        "tenants:leave",
        "tenants:banner_hide",
    } == POST_ONLY
    assert OPEN <= POST_ONLY <= set(TENANT)
