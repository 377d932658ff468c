"""Answers a test has told the service to give, before its own."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from truepush.local.sandbox.draws import draw
from truepush.local.sandbox.incoming import BadRequest
from truepush.local.sandbox.refusal import Reply


@dataclass(slots=True)
class Script:
    """Whom it answers: one subscription, or a share of all (1.0 = every one).

    A share is drawn by hash(seed, subscription), so the same ones are met every time, or, with per_request,
    anew for each request. times limits the answers given in all, times_each those per subscription.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    delay: float = 0.0
    subscription: str = ""
    share: float = 1.0
    seed: int = 0
    per_request: bool = False
    times: int | None = None
    times_each: int | None = None
    asked: int = 0
    given: int = 0
    given_to: Counter[str] = field(default_factory=Counter)

    def answers(self, subscription: str) -> bool:
        if self.subscription and self.subscription != subscription:
            return False
        if self.times is not None and self.given >= self.times:
            return False
        if self.times_each is not None and self.given_to[subscription] >= self.times_each:
            return False
        self.asked += 1
        drawn_for = str(self.asked) if self.per_request else subscription
        return self.share >= 1.0 or draw(str(self.seed), drawn_for) < self.share


class Scripts:
    def __init__(self) -> None:
        self._scripts: list[Script] = []

    def add(self, script: Script) -> None:
        self._scripts.append(script)

    def clear(self) -> None:
        self._scripts.clear()

    def reply(self, subscription: str) -> Reply | None:
        """The first script that matches answers."""
        for script in self._scripts:
            if script.answers(subscription):
                script.given += 1
                script.given_to[subscription] += 1
                return Reply(script.status, script.body, script.headers, script.delay)
        return None


def read_script(document: Mapping[str, object]) -> Script:
    """Raises BadRequest. The document, of which all but status is optional:

    {"match": "all" | {"subscription": token} | {"share": 0.3, "seed": 1, "per": "subscription" | "request"},
     "status": 429, "headers": {"Retry-After": "60"}, "body": "", "delay_ms": 0, "times": 1, "times_each": 1}
    """
    status = _integer(document, "status", 200, 599)
    if status is None:
        raise BadRequest("status", "Give the HTTP status to answer.")
    headers = document.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise BadRequest("headers", "Give an object of strings.")
    script = Script(
        status=status,
        headers=headers,
        body=str(document.get("body", "")),
        delay=(_integer(document, "delay_ms", 0, 600_000) or 0) / 1000,
        times=_integer(document, "times", 1, 10**9),
        times_each=_integer(document, "times_each", 1, 10**9),
    )
    _read_match(script, document.get("match", "all"))
    return script


def _read_match(script: Script, match: object) -> None:
    if match == "all":
        return
    if isinstance(match, dict) and isinstance(match.get("subscription"), str):
        script.subscription = token_of(match["subscription"])
        return
    if isinstance(match, dict) and isinstance(match.get("share"), int | float):
        script.share = float(match["share"])
        script.seed = _integer(match, "seed", 0, 2**63) or 0
        script.per_request = match.get("per", "subscription") == "request"
        return
    raise BadRequest("match", 'Give "all", {"subscription": token} or {"share": 0.3, "seed": 1}.')


def token_of(subscription: str) -> str:
    """The token of an endpoint, or the token itself."""
    return subscription.rpartition("/push/")[2]


def _integer(document: Mapping[str, object], name: str, least: int, most: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadRequest(name, f"It is {value!r}: give a whole number from {least} to {most}.")
    return value
