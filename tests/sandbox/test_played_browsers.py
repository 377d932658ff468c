"""The sandbox's subscribers show and click, through the receipts endpoint of the web application."""

import pytest

from tests.sandbox.driver import RECEIPT_KEYS, ReceiptsEndpoint, Sandbox, payload, until
from truepush.lib.receipt_token import ReceiptToken, pack


def token(ordinal: int) -> str:
    return pack(RECEIPT_KEYS, ReceiptToken(3, 7, 11, ordinal, 0))


def test_displayed_then_clicked_are_reported(sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint) -> None:
    sandbox.push(sandbox.subscribe(display_share=100, click_share=100), payload(1))
    sandbox.push(sandbox.subscribe(display_share=100), payload(2))
    sandbox.push(sandbox.subscribe(), payload(3))

    until(lambda: len(receipts_endpoint.accepted) >= 3)

    displayed, clicked = (token(1), "displayed"), (token(1), "clicked")
    assert sorted(receipts_endpoint.accepted) == sorted([displayed, clicked, (token(2), "displayed")])
    assert receipts_endpoint.accepted.index(displayed) < receipts_endpoint.accepted.index(clicked)
    until(lambda: sandbox.counts()["receipts"]["waiting"] == 0)
    assert sandbox.counts()["receipts"]["posted"] == 3


def test_receipts_go_to_the_sdk_host_as_plain_text_in_batches(
    sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint
) -> None:
    subscription = sandbox.subscribe(display_share=100)
    for ordinal in range(120):
        sandbox.push(subscription, payload(ordinal))

    until(lambda: len(receipts_endpoint.accepted) == 120)

    for path, host, content_type, receipts in receipts_endpoint.requests:
        assert path == "/sdk/v1/receipts"
        assert f"http://{host}" == receipts_endpoint.url
        assert content_type.startswith("text/plain")
        assert 1 <= len(receipts) <= 50
    assert {seen for seen, _ in receipts_endpoint.accepted} == {token(ordinal) for ordinal in range(120)}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_receipts_are_tried_again(sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint, status: int) -> None:
    receipts_endpoint.statuses += [status] * 4
    sandbox.push(sandbox.subscribe(display_share=100), payload(1))

    until(lambda: receipts_endpoint.accepted == [(token(1), "displayed")])


def test_receipts_are_given_up_after_five_tries(
    sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint
) -> None:
    receipts_endpoint.statuses += [503] * 5
    sandbox.push(sandbox.subscribe(display_share=100), payload(1))

    until(lambda: sandbox.counts()["receipts"]["lost"] == 1)
    assert receipts_endpoint.accepted == []


def test_refused_receipts_are_not_tried_again(sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint) -> None:
    receipts_endpoint.statuses += [403]
    sandbox.push(sandbox.subscribe(display_share=100), payload(1))

    until(lambda: sandbox.counts()["receipts"]["refused"] == 1)
    assert receipts_endpoint.accepted == []


def test_an_offline_browser_reports_after_it_came_back(
    sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint
) -> None:
    subscription = sandbox.subscribe(offline=True, display_share=100)
    sandbox.push(subscription, payload(1))
    assert sandbox.counts()["receipts"]["waiting"] == 0

    sandbox.control("POST", "online", json={"subscription": subscription.token})

    until(lambda: receipts_endpoint.accepted == [(token(1), "displayed")])


def test_about_the_share_displays(sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint) -> None:
    subscription = sandbox.subscribe(display_share=85, click_share=20)
    for ordinal in range(200):
        sandbox.push(subscription, payload(ordinal))

    until(lambda: sandbox.counts()["receipts"]["waiting"] == 0)

    # Draws are by hash of a token that is random per subscription: six standard deviations to each side.
    kinds = [kind for _, kind in receipts_endpoint.accepted]
    assert 139 <= kinds.count("displayed") <= 200
    assert 6 <= kinds.count("clicked") <= 74
