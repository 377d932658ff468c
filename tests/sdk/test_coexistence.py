"""WB-12: a website with a worker of its own at / keeps it, and ours lives beside it."""

from tests.e2e.browsers.chromium import notifications
from tests.sdk.conftest import Visitor
from tests.sdk.server import SDK_PATH, World

PWA = "navigator.serviceWorker.register('/pwa.js').then(() => navigator.serviceWorker.ready).then(() => true)"
REGISTRATIONS = """navigator.serviceWorker.getRegistrations().then((all) =>
  Promise.all(all.map(async (one) => [one.scope, !!(await one.pushManager.getSubscription())])))"""


def test_wb_12_two_workers_one_subscription_one_notification(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    assert visitor.page.evaluate(PWA)
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    endpoint = visitor.push.held[world.scope]["endpoint"]
    for _ in range(10):
        visitor.reload()
    both = [[f"{world.shop}/", False], [world.scope, True]]
    assert sorted(visitor.page.evaluate(REGISTRATIONS)) == both
    assert visitor.page.evaluate("navigator.serviceWorker.controller.scriptURL") == f"{world.shop}/pwa.js"
    assert (visitor.push.made, visitor.push.held[world.scope]["endpoint"]) == (1, endpoint)
    assert len(world.calls(f"{SDK_PATH}/subscriptions")) == 1
    visitor.workers.deliver_push(world.scope, '{"notification": {"title": "Once"}, "tp": {"v": 1, "t": "t"}}')
    visitor.wait_for(lambda: world.receipts() == [("displayed", "t")])
    shown = [notifications(visitor.page, scope) for scope in (f"{world.shop}/", world.scope)]
    assert [len(one) for one in shown] == [0, 1]


def test_wb_12_unsubscribing_leaves_the_websites_own_subscription_alone(
    visitor: Visitor, world: World
) -> None:
    visitor.open(
        world.page("/", '<i data-truepush="subscribe">Get</i><b data-truepush="unsubscribe">Stop</b>')
    )
    visitor.page.evaluate(PWA)
    visitor.page.evaluate(
        "navigator.serviceWorker.ready.then(({pushManager}) =>"
        " pushManager.subscribe({userVisibleOnly: true, applicationServerKey: 'AAAA'})).then(() => true)"
    )
    visitor.page.click("i")
    visitor.wait_for_state("subscribed")
    visitor.page.click("b")
    visitor.wait_for_state("unsubscribed")
    assert sorted(visitor.page.evaluate(REGISTRATIONS)) == [[f"{world.shop}/", True], [world.scope, False]]
