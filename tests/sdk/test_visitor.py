"""What a page says of its visitor: kept until there is somebody to say it of, sent together, never lost or doubled."""

from typing import Any

from tests.sdk.conftest import Visitor
from tests.sdk.server import SDK_PATH, World
from tests.sdk.test_loader_subscribe import age_record, subscribed

PROFILE = f"{SDK_PATH}/profile"


def wait_for_calls(visitor: Visitor, world: World, number: int) -> list[dict[str, Any]]:
    visitor.wait_for(lambda: len(world.calls(PROFILE)) >= number)
    visitor.page.wait_for_timeout(100)
    bodies = [call.body for call in world.calls(PROFILE)]
    assert len(bodies) == number
    return bodies


def test_what_is_said_before_anybody_agreed_is_sent_once_they_did(visitor: Visitor, world: World) -> None:
    script = """<script>truepush = [(api) => {
      api.addTags(["vip", "old"]); api.removeTags("old"); api.setAttributes({age: 41, name: "Ada"});
      api.track("view", {page: 1}); api.setExternalId(4711, "signed");
    }]</script>"""
    visitor.open(world.page("/", f'{script}<button data-truepush="subscribe">Get news</button>'))
    visitor.page.wait_for_timeout(700)
    assert world.calls(PROFILE) == []
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    [body] = wait_for_calls(visitor, world, 1)
    held = visitor.push.held[world.scope]
    [event] = body.pop("events")
    assert 0 <= event.pop("ago") < 10
    assert event == {"name": "view", "properties": {"page": 1}}
    assert body == {
        "endpoint": held["endpoint"],
        "subscriber": f"capability of {held['endpoint']}",
        "tags": {"add": ["vip"], "remove": ["old"]},
        "attributes": {"age": 41, "name": "Ada"},
        "external_id": "4711",
        "signature": "signed",
        "sessions": 1,
        "pages": 1,
    }
    assert visitor.uncaught == []


def test_pages_are_counted_here_and_told_with_the_next_visit(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    wait_for_calls(visitor, world, 1)
    for _ in range(3):
        visitor.reload()
        visitor.page.wait_for_timeout(600)
    wait_for_calls(visitor, world, 1)
    age_record(visitor, last=0)
    visitor.reload()
    body = wait_for_calls(visitor, world, 2)[1]
    assert (body["sessions"], body["pages"]) == (1, 4)


def test_what_did_not_arrive_is_sent_later_and_once(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    wait_for_calls(visitor, world, 1)
    world.profile_answer = 503
    visitor.page.evaluate("api.track('buy', {n: 1})")
    wait_for_calls(visitor, world, 2)
    world.profile_answer = 202
    visitor.reload()
    visitor.page.evaluate("api.track('buy', {n: 2})")
    body = wait_for_calls(visitor, world, 3)[2]
    assert [event["properties"] for event in body["events"]] == [{"n": 1}, {"n": 2}]
    assert body["events"][0]["ago"] >= body["events"][1]["ago"]
    visitor.page.evaluate("api.addTags('x')")
    assert wait_for_calls(visitor, world, 4)[3]["events"] == []


def test_what_the_server_refuses_is_said_once_and_dropped(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    wait_for_calls(visitor, world, 1)
    world.profile_answer = 400
    visitor.page.evaluate("window.errors = []; void api.on('error', (error) => errors.push(error.message))")
    visitor.page.evaluate("api.addTags('x'.repeat(99))")
    wait_for_calls(visitor, world, 2)
    visitor.wait_for(lambda: bool(visitor.page.evaluate("errors.length")))
    assert visitor.page.evaluate("errors") == ["profile of site site-key-1 answered 400"]
    assert visitor.state() == "subscribed"
    world.profile_answer = 202
    visitor.page.evaluate("api.addTags('y')")
    assert wait_for_calls(visitor, world, 3)[2]["tags"] == {"add": ["y"], "remove": []}


def test_what_somebody_else_wrote_where_it_is_kept_stops_nothing(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    wait_for_calls(visitor, world, 1)
    age_record(visitor, waiting={"tags": None, "events": None, "attributes": None})
    visitor.reload()
    visitor.page.evaluate("api.addTags('vip')")
    assert wait_for_calls(visitor, world, 2)[1]["tags"] == {"add": ["vip"], "remove": []}


def test_fifty_events_are_kept_the_newest(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    visitor.page.evaluate("for (let n = 0; n < 60; n += 1) api.track('view', {n})")
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    [body] = wait_for_calls(visitor, world, 1)
    assert [event["properties"]["n"] for event in body["events"]] == list(range(10, 60))
