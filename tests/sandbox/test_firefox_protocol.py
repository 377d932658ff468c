"""The push WebSocket protocol, spoken by a client of its own as Firefox speaks it."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.sandbox.driver import KEYS, OTHER_KEYS, Sandbox, Subscription
from truepush.lib import base64url
from truepush.lib.webpush.encryption import decrypt
from truepush.lib.webpush.keys import public_bytes

USER_AGENT_KEY = ec.generate_private_key(ec.SECP256R1())
AUTH = bytes(16)


class Browser:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.uaid = ""

    def ask(self, **frame: object) -> dict[str, object]:
        self.tell(**frame)
        return self.hear()

    def tell(self, **frame: object) -> None:
        self.socket.send(json.dumps(frame))

    def hear(self, timeout: float = 3) -> dict[str, object]:
        return dict(json.loads(self.socket.recv(timeout)))

    def hello(self, uaid: str = "") -> None:
        answer = self.ask(
            messageType="hello", broadcasts={}, use_webpush=True, **({"uaid": uaid} if uaid else {})
        )
        assert (answer["status"], answer["use_webpush"]) == (200, True)
        self.uaid = str(answer["uaid"])

    def register(self, channel: str, key: bytes | None = KEYS.public) -> Subscription:
        restriction = {"key": base64url.encode(key)} if key else {}
        answer = self.ask(messageType="register", channelID=channel, **restriction)
        assert (answer["messageType"], answer["status"], answer["channelID"]) == ("register", 200, channel)
        return Subscription(str(answer["pushEndpoint"]), public_bytes(USER_AGENT_KEY.public_key()), AUTH)

    def acknowledge(self, notification: dict[str, object], code: int = 100) -> None:
        update = {"channelID": notification["channelID"], "version": notification["version"], "code": code}
        self.tell(messageType="ack", updates=[update])
        # A ping: once it is answered, the frame before it was acted on.
        assert self.ask() == {}


@contextmanager
def browser(sandbox: Sandbox, uaid: str | None = "") -> Iterator[Browser]:
    """A connected browser, which has said hello unless uaid is None."""
    url = f"ws://127.0.0.1:{sandbox.ws_port}/"
    with connect(url, subprotocols=[Subprotocol("push-notification")], proxy=None) as socket:
        client = Browser(socket)
        if uaid is not None:
            client.hello(uaid)
        yield client


@pytest.fixture
def channel() -> str:
    return str(uuid.uuid4())


def text_of(notification: dict[str, object]) -> str:
    assert notification["messageType"] == "notification"
    assert notification["headers"] == {"encoding": "aes128gcm"}
    return decrypt(base64url.decode(str(notification["data"])), USER_AGENT_KEY, AUTH).decode()


def test_a_message_is_relayed_and_acknowledged(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as firefox:
        subscription = firefox.register(channel)
        assert subscription.endpoint.startswith(f"{sandbox.origin}/push/")

        assert sandbox.push(subscription, b"hello").status_code == 201

        notification = firefox.hear()
        assert (text_of(notification), notification["channelID"]) == ("hello", channel)
        firefox.acknowledge(notification)
        counts = sandbox.counts()
        assert counts["firefox"] == {"connected": 1, "acknowledged": 1, "rejected": 0}
        assert (counts["accepted"], counts["distinct_salts"], counts["untracked"]) == (1, 1, 1)

    with browser(sandbox, firefox.uaid) as again, pytest.raises(TimeoutError):
        again.hear(timeout=0.1)


def test_messages_for_a_disconnected_browser_arrive_at_its_hello(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as firefox:
        subscription = firefox.register(channel)
    for topic, text in (("a", b"first"), (None, b"second"), ("a", b"third")):
        assert sandbox.push(subscription, text, headers={"Topic": topic}).status_code == 201
    assert sandbox.push(subscription, b"now or never", headers={"TTL": "0"}).status_code == 201

    with browser(sandbox, firefox.uaid) as again:
        heard = [again.hear(), again.hear()]
        assert [text_of(notification) for notification in heard] == ["second", "third"]
        again.acknowledge(heard[0])

    with browser(sandbox, firefox.uaid) as third:
        assert text_of(third.hear()) == "third"


def test_a_topic_replaces_within_its_channel_only(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as firefox:
        one, other = firefox.register(channel), firefox.register(str(uuid.uuid4()))
    sandbox.push(one, b"one", headers={"Topic": "a"})
    sandbox.push(other, b"other", headers={"Topic": "a"})

    with browser(sandbox, firefox.uaid) as again:
        assert [text_of(again.hear()), text_of(again.hear())] == ["one", "other"]


def test_the_endpoint_survives_a_restart(tmp_path: Path, channel: str) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.program.start()
    with browser(sandbox) as firefox:
        subscription = firefox.register(channel)
    assert sandbox.program.stop() == 0
    sandbox.program.start()
    with browser(sandbox, firefox.uaid) as again:
        assert again.uaid == firefox.uaid
        assert sandbox.push(subscription, b"hello").status_code == 201
        assert text_of(again.hear()) == "hello"
        # Stopping does not wait for browsers that are still connected.
        assert sandbox.program.stop() == 0


def test_its_endpoint_is_restricted_to_the_key_it_registered_with(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as firefox:
        restricted = firefox.register(channel)
        open_to_all = firefox.register(str(uuid.uuid4()), key=None)

        other = {"Authorization": sandbox.authorization(OTHER_KEYS)}
        assert sandbox.push(restricted, headers={"Authorization": None}).status_code == 401
        assert sandbox.push(restricted, headers=other).status_code == 403
        assert sandbox.push(open_to_all, headers=other).status_code == 201
        assert sandbox.push(restricted, headers={"TTL": None}).status_code == 400
        assert sandbox.push(restricted, body=b"x" * 4097).status_code == 413


def test_an_unregistered_channel_is_gone_until_it_registers_again(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as firefox:
        subscription = firefox.register(channel)
        answer = firefox.ask(messageType="unregister", channelID=channel)
        assert (answer["messageType"], answer["status"]) == ("unregister", 200)
        assert sandbox.push(subscription).status_code == 410

        assert firefox.register(channel).endpoint == subscription.endpoint
        assert sandbox.push(subscription).status_code == 201


def test_a_script_answers_for_a_real_browser_too(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as firefox:
        subscription = firefox.register(channel)
        sandbox.script(match={"subscription": subscription.endpoint}, status=410)

        assert sandbox.push(subscription).status_code == 410


def test_a_message_it_could_not_decrypt_is_counted_as_rejected(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as firefox:
        sandbox.push(firefox.register(channel), b"hello")
        firefox.acknowledge(firefox.hear(), code=101)
        firefox.tell(messageType="nack", version="1", code=301)
        assert firefox.ask() == {}

        assert sandbox.counts()["firefox"] == {"connected": 1, "acknowledged": 0, "rejected": 2}


def test_a_newer_connection_of_the_same_browser_takes_over(sandbox: Sandbox, channel: str) -> None:
    with browser(sandbox) as first:
        subscription = first.register(channel)
        with browser(sandbox, first.uaid) as second:
            with pytest.raises(ConnectionClosed):
                first.hear()
            sandbox.push(subscription, b"hello")
            assert text_of(second.hear()) == "hello"


@pytest.mark.parametrize(
    "frames",
    [
        ["no JSON"],
        ["[]"],
        ["[" * 5000],
        ['{"messageType": "register", "channelID": "x"}'],
        ['{"messageType": "hello", "uaid": "not a uuid"}'],
        ['{"messageType": "hello"}', '{"messageType": "hello"}'],
        ['{"messageType": "hello"}', '{"messageType": "register", "channelID": "x"}'],
    ],
)
def test_what_is_not_of_the_protocol_ends_the_connection(sandbox: Sandbox, frames: list[str]) -> None:
    with browser(sandbox, uaid=None) as firefox:
        for frame in frames:
            firefox.socket.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                firefox.hear()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000


def test_a_ping_is_answered_before_and_after_hello(sandbox: Sandbox) -> None:
    with browser(sandbox, uaid=None) as firefox:
        assert firefox.ask() == {}
        firefox.hello()
        assert firefox.ask() == {}
        firefox.tell(messageType="broadcast_subscribe", broadcasts={})
        assert firefox.ask() == {}


def test_plain_http_on_the_websocket_port_is_told_so(sandbox: Sandbox) -> None:
    answer = requests.get(f"http://127.0.0.1:{sandbox.ws_port}/", timeout=3)

    assert answer.status_code == 426
