"""Starts the sandbox's programs as bin/up does, and sends to them as a push sender does."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from truepush.lib import base64url
from truepush.lib.receipt_token import ReceiptToken, pack
from truepush.lib.webpush import vapid
from truepush.lib.webpush.encryption import encrypt

ROOT = Path(__file__).parents[2]
SEED = bytes(range(32))
TOKEN = "control-token"
SPEED = 100
RECEIPT_KEYS = {1: bytes(32)}
KEYS = vapid.generate_key_pair()
OTHER_KEYS = vapid.generate_key_pair()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    look: Callable[[], object], seconds: float = 5.0, explain: Callable[[], object] = lambda: ""
) -> None:
    """Wait for something to be true; `explain` is asked for what to say when it does not become so."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds} s {explain()}"
        time.sleep(0.02)


@dataclass
class Subscription:
    endpoint: str
    p256dh: bytes
    auth: bytes

    @property
    def token(self) -> str:
        return self.endpoint.rpartition("/")[2]


@dataclass
class Program:
    """One of the sandbox's programs in a process of its own."""

    module: str
    environment: Mapping[str, str]
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http" in line, line + self.process.stdout.read()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)


@dataclass
class Sandbox:
    folder: Path
    sdk_url: str = ""
    port: int = field(default_factory=free_port)
    ws_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.origin = f"https://localhost:{self.port}"
        self.ca = self.folder / "ca.pem"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(self.ca)
        environment = {
            "SANDBOX_ORIGIN": self.origin,
            "SANDBOX_WS_PORT": str(self.ws_port),
            "SANDBOX_CA": str(self.ca),
            "SANDBOX_SEED": base64url.encode(SEED),
            "SANDBOX_TOKEN": TOKEN,
            "SANDBOX_SPEED": str(SPEED),
            "SDK_URL": self.sdk_url,
        }
        self.program = Program("truepush.local.sandbox", environment)

    def subscribe(self, **behaviour: object) -> Subscription:
        asked = {"application_server_key": base64url.encode(KEYS.public), "behaviour": behaviour}
        answer = self.http.post(f"{self.origin}/subscriptions", json=asked).json()
        keys = answer["keys"]
        p256dh, auth = base64url.decode(keys["p256dh"]), base64url.decode(keys["auth"])
        return Subscription(answer["endpoint"], p256dh, auth)

    def push(
        self,
        to: Subscription,
        payload: bytes = b"{}",
        *,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> requests.Response:
        """A request in order, except for what is given; a header of None is left out."""
        sent: dict[str, str | None] = {
            "TTL": "60",
            "Content-Encoding": "aes128gcm",
            "Authorization": self.authorization(),
            **(headers or {}),
        }
        content = encrypt(payload, to.p256dh, to.auth) if body is None else body
        return self.http.post(to.endpoint, data=content, headers=sent, allow_redirects=False)

    def authorization(self, keys: vapid.KeyPair = KEYS, **claims: object) -> str:
        """In order, except for the claims given; a claim of None is left out."""
        token = sign_claims(
            keys, {"aud": self.origin, "exp": now(3600), "sub": "mailto:a@example.com", **claims}
        )
        return vapid.authorization_header(token, keys.public)

    def counts(self) -> dict[str, object]:
        return dict(self.control("GET", "counts").json())

    def messages(self, subscription: Subscription) -> list[dict[str, object]]:
        return list(self._messages(subscription)["messages"])

    def waiting(self, subscription: Subscription) -> list[str]:
        return list(self._messages(subscription)["waiting"])

    def script(self, **script: object) -> None:
        answer = self.control("POST", "answers", json=script)
        assert answer.status_code == 204, answer.text

    def control(self, method: str, route: str, **options: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self.http.request(method, f"{self.origin}/control/{route}", headers=headers, **options)

    def _messages(self, subscription: Subscription) -> dict[str, list]:
        return self.control("GET", "messages", params={"subscription": subscription.endpoint}).json()


def now(plus: float = 0) -> int:
    return int(time.time() + plus)


def sign_claims(keys: vapid.KeyPair, claims: Mapping[str, object]) -> str:
    """A token with any claims, also those that the sender's own function has no way to write."""
    stated = json.dumps({name: value for name, value in claims.items() if value is not None})
    header = json.dumps({"typ": "JWT", "alg": "ES256"})
    unsigned = f"{base64url.encode(header.encode())}.{base64url.encode(stated.encode())}"
    scalar = int.from_bytes(keys.private, "big")
    signature = ec.derive_private_key(scalar, ec.SECP256R1()).sign(
        unsigned.encode(), ec.ECDSA(hashes.SHA256())
    )
    r, s = decode_dss_signature(signature)
    return f"{unsigned}.{base64url.encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def payload(ordinal: int, *, send: int = 7) -> bytes:
    """What travels in a push of ours, as far as the sandbox reads it."""
    token = pack(RECEIPT_KEYS, ReceiptToken(3, send, 11, ordinal, 0))
    return json.dumps({"web_push": 8030, "tp": {"v": 1, "t": token}}).encode()


class ReceiptsEndpoint:
    """The web application's end of the receipts: answers with the statuses given, then with 204."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.requests: list[tuple[str, str, str, list[dict[str, str]]]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://sdk.localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def accepted(self) -> list[tuple[str, str]]:
        """(token, kind) of every receipt answered with 204."""
        return [(receipt["token"], receipt["kind"]) for *_, receipts in self.requests for receipt in receipts]

    def reset(self) -> None:
        self.statuses.clear()
        self.requests.clear()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = endpoint.statuses.pop(0) if endpoint.statuses else 204
                if status == 204:
                    seen = self.path, self.headers["Host"], self.headers["Content-Type"]
                    endpoint.requests.append((*seen, json.loads(body)["receipts"]))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet: pytest shows what matters."""

        return Handler
