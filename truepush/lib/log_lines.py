"""Log records as lines that a program or a person reads, with secrets taken out and nobody able to begin a line."""

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

# What a record may carry besides its message, in this order.
FIELDS = ("request_id", "tenant", "task", "send", "attempt", "method", "path", "status", "ms")
HIDDEN = "[hidden]"
# A configured secret shorter than this would hide ordinary words.
SHORTEST_SECRET = 8

_NAMES = r"pass(?:word|wd)?|secret\w*|token|cookie|session\w*|auth|p256dh|authorization|api[_-]?key|endpoint|csrf\w*"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # User and password of an address; path and query of one: endpoints, links with tokens.
    # A scheme has a length, or each letter of "a.a.a.a" would begin one that is looked for to the end.
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@'\"]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(https?://[^\s/'\"<>]+/)[^\s'\"<>)]+"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic|vapid)\s+[^\s,]+(?:\s*,\s*k=\S+)?", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # name=value, "name": "value", and PostgreSQL's (name)=(value).
    (
        re.compile(rf"(?i)(\b(?:{_NAMES})\b['\")\]]*\s*[=:]\s*\(?[bB]?['\"]?)(?!\[hidden\])[^\s'\",;&)]+"),
        rf"\1{HIDDEN}",
    ),
    # 32 octets and more in base64url or hexadecimal: keys, receipt tokens, signatures.
    (re.compile(r"\\x[0-9a-fA-F]{16,}"), HIDDEN),
    (re.compile(r"(?<![\w-])(?=[\w-]*[0-9A-Z])[\w-]{40,}(?:\.[\w-]{16,})*(?![\w-])"), HIDDEN),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Redactor:
    """Takes out what looks like a secret, and the configured secrets themselves."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        exact = sorted(
            {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True
        )
        self._exact = re.compile("|".join(map(re.escape, exact))) if exact else None

    def clean(self, text: str) -> str:
        if self._exact:
            text = self._exact.sub(HIDDEN, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


class _Lines(logging.Formatter):
    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._redactor = Redactor(secrets)

    def _said(self, record: logging.LogRecord) -> str:
        return self._redactor.clean(record.getMessage())

    def _trouble(self, record: logging.LogRecord) -> str:
        texts = [self.formatException(record.exc_info)] if record.exc_info else []
        texts += [self.formatStack(record.stack_info)] if record.stack_info else []
        return self._redactor.clean("\n".join(texts))

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        """What the record carries; text is cleaned, numbers stay numbers."""
        carried = ((name, getattr(record, name, None)) for name in FIELDS)
        return {
            name: self._redactor.clean(value) if isinstance(value, str) else value
            for name, value in carried
            if isinstance(value, str | int | float) and value != ""
        }


class JsonLines(_Lines):
    """One JSON object a line; times are UTC. Line breaks of whatever was logged are escaped by JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _utc(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._said(record),
            **self._fields(record),
        }
        trouble = self._trouble(record)
        return json.dumps({**line, "error": trouble} if trouble else line)


class TextLines(_Lines):
    """A line for people; times are UTC. Line breaks are written as \\n, and a traceback's lines are indented."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in self._fields(record).items())
        line = (
            f"{_utc(record):%Y-%m-%d %H:%M:%S}Z {record.levelname} {record.name} {self._said(record)}{fields}"
        )
        trouble = self._trouble(record).splitlines()
        return "\n".join([_one_line(line), *(f"  {_one_line(text)}" for text in trouble)])


def _utc(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _one_line(text: str) -> str:
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


LOG_FORMATS = {"json": JsonLines, "text": TextLines}


def logging_settings(form: str, level: str, secrets: Iterable[str]) -> dict[str, Any]:
    """Say in logging.config's words: everything to stderr, in this form, each record with its trail."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"trail": {"()": "tenants.trail.Trail"}},
        "formatters": {"line": {"()": LOG_FORMATS[form], "secrets": list(secrets)}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["trail"]}},
        "root": {"handlers": ["stderr"], "level": level},
        # Django's own handler writes as it likes, in debug mode, beside ours.
        # The queue would say each bell that is rung.
        "loggers": {"django": {"handlers": [], "level": "INFO"}, "django-q": {"level": "WARNING"}},
    }
