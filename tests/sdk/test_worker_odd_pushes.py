"""WB-11: whatever arrives, exactly one notification is shown for it, and soon."""

import json
import random
import string
from typing import Any

from playwright.sync_api import Worker

from tests.e2e.browsers.chromium import worker
from tests.sdk.conftest import Visitor
from tests.sdk.server import World

DELIVERED_BY_BROWSER = 600
DISPATCHED_WITH_BYTES = 400

# Watches from inside: calls of showNotification, and how long each push event was kept open.
_WATCH = """() => {
  self.seen = {shown: 0, refused: 0, events: 0, failed: 0, slowest: 0, untitled: 0};
  const show = ServiceWorkerRegistration.prototype.showNotification;
  ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
    seen.shown += 1;
    seen.untitled += typeof title !== "string" || title === "";
    const shown = show.call(this, title, options);
    shown.catch(() => (seen.refused += 1));
    return shown;
  };
  self.watch = (work) => {
    const start = performance.now();
    const end = () => {
      seen.events += 1;
      seen.slowest = Math.max(seen.slowest, performance.now() - start);
    };
    work.then(end, () => { seen.failed += 1; end(); });
  };
  const wait = ExtendableEvent.prototype.waitUntil;
  ExtendableEvent.prototype.waitUntil = function (work) {
    this.type === "push" && watch(work);
    wait.call(this, work);
  };
}"""
# DevTools delivers text; bytes that are no text go into an event made here.
_DISPATCH = """(all) => {
  for (const bytes of all) {
    const event = new PushEvent("push", bytes && {data: new Uint8Array(bytes)});
    event.waitUntil = watch;
    self.dispatchEvent(event);
  }
}"""


def odd_value(draw: random.Random, depth: int = 0) -> Any:
    kinds = [
        None,
        True,
        -1,
        1e308,
        "",
        "x",
        "\u202e\ud83d\ude00",
        "javascript:alert(1)",
        "http://[",
        "a" * 300,
    ]
    if depth < 2 and draw.random() < 0.4:
        name = draw.choice(["__proto__", "constructor", "toString", "title", "length"])
        return draw.choice([[odd_value(draw, depth + 1)], {name: odd_value(draw, depth + 1)}])
    return draw.choice(kinds)


def odd_seconds(draw: random.Random) -> Any:
    """Within how many seconds to report, or what is no such number."""
    return draw.choice(
        [0, 3, 0.5, -1, -1e308, 1e308, 86400, "3", "", None, True, [3], {"s": 3}, odd_value(draw)]
    )


def odd_message(draw: random.Random, number: int) -> str:
    """Of the right shape more or less, with a version, types and addresses that are not."""
    names = [
        "title",
        "body",
        "navigate",
        "icon",
        "tag",
        "lang",
        "silent",
        "vibrate",
        "actions",
        "renotify",
        "data",
    ]
    given = {name: odd_value(draw) for name in draw.sample(names, draw.randint(0, len(names)))}
    message = {
        "web_push": draw.choice([8030, 8031, "8030", None]),
        "notification": draw.choice([given, given, given, odd_value(draw)]),
        "mutable": odd_value(draw),
        "tp": draw.choice(
            [{"v": 1, "t": f"token-{number}", "s": odd_seconds(draw)}, {"v": 2, "t": 5}, odd_value(draw)]
        ),
    }
    return json.dumps(message)


def odd_text(draw: random.Random, number: int) -> str:
    if draw.random() < 0.7:
        return odd_message(draw, number)
    noise = "".join(draw.choices(string.printable + "\x00\u2028äß", k=draw.choice([1, 10, 3000])))
    four_kilobytes = json.dumps({"notification": {"title": "T" * 3900}})
    return draw.choice(["", "null", "[]", "0", '"text"', "{", "plain text", noise, four_kilobytes])


def odd_bytes(draw: random.Random, number: int) -> list[int] | None:
    if draw.random() < 0.1:
        return None
    cut = odd_message(draw, number).encode()[: draw.randint(0, 400)]
    return list(
        draw.choice([draw.randbytes(draw.choice([0, 1, 16, 3993])), cut, b"\xff\xfe" + cut, b"\xed\xa0\x80"])
    )


def test_wb_11_a_thousand_odd_pushes_show_a_thousand_notifications_while_the_beacon_hangs(
    visitor: Visitor, world: World
) -> None:
    world.receipts_hang = True
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    running = worker(visitor.page, "/truepush/worker.js")
    running.evaluate(_WATCH)
    draw = random.Random(11)
    running.evaluate(_DISPATCH, [odd_bytes(draw, number) for number in range(DISPATCHED_WITH_BYTES)])
    for number in range(DELIVERED_BY_BROWSER):
        visitor.workers.deliver_push(world.scope, odd_text(draw, number))
    seen = all_over(visitor, running)
    slowest = seen.pop("slowest")
    assert seen == {"shown": 1000, "refused": 0, "events": 1000, "failed": 0, "untitled": 0}
    # 3 s is when the worker gives up on the beacon: some did wait for it. 4 s after it is shown an event ends, whatever
    # it waits for; showing a thousand at once takes its time.
    assert 2900 < slowest < 8000
    assert len(world.receipts()) > 0
    # The browser's own book says the same.
    assert len(visitor.workers.displayed) == 1000
    assert visitor.workers.completed == ["Success"] * DELIVERED_BY_BROWSER
    assert visitor.uncaught == []


def all_over(visitor: Visitor, running: Worker) -> dict[str, int]:
    visitor.wait_for(lambda: running.evaluate("seen.events") == DELIVERED_BY_BROWSER + DISPATCHED_WITH_BYTES)
    seen: dict[str, int] = running.evaluate("seen")
    return seen
