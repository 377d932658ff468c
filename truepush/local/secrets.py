"""The secrets of this installation, made once, and the settings that bin/up passes to what it starts."""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from truepush.local.errors import CannotStartError

# The keys are 32 octets in base64url, as the settings want them; the names before the colon are their ids.
MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "FIELD_KEYS": lambda: f"k1:{secrets.token_urlsafe(32)}",
    "RECEIPT_KEYS": lambda: f"1:{secrets.token_urlsafe(32)}",
    "BUNDLE_KEY": lambda: secrets.token_urlsafe(32),
    "SANDBOX_SEED": lambda: secrets.token_urlsafe(32),
    "SANDBOX_TOKEN": lambda: secrets.token_urlsafe(24),
    "DATABASE_PASSWORD": lambda: secrets.token_urlsafe(24),
}
# What differs from the defaults of truepush/settings.py on one machine.
DEFAULTS = {"DEMO": "true", "VAPID_CONTACT": "mailto:ops@example.com", "LOG_FORMAT": "text"}
# What a person may set for one start by the environment of bin/up; what is not given is left to the settings.
TUNABLE = (
    "DEBUG",
    "DEMO",
    "VAPID_CONTACT",
    "PUSH_CONCURRENCY",
    "PUSH_LEASE_SECONDS",
    "PUSH_ATTEMPT_SECONDS",
    "PUSH_DRAIN_SECONDS",
    "PUSH_RETRY_BASE_SECONDS",
    "PUSH_TTL_SECONDS",
    "BATCH_SIZE",
    "GRANT_SIZE",
    "Q_WORKERS",
    "LOG_FORMAT",
    "LOG_LEVEL",
)


def make_secrets() -> dict[str, str]:
    return {name: make() for name, make in MAKERS.items()}


def load_secrets(var: Path, *, database_exists: bool) -> dict[str, str]:
    """Read the secrets, or make them on the first start.

    Raises CannotStartError if they are gone while the database is still there: new ones could not read it.
    """
    file = var / "secrets.json"
    if not file.exists() and database_exists:
        raise CannotStartError(
            f"{file} is gone, and without it the encrypted fields of the database cannot be read: "
            "put it back, or give the database up and start anew with bin/up --reset"
        )
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    complete = make_secrets() | known
    if complete != known:
        write_private(file, json.dumps(complete, indent=2) + "\n")
    file.chmod(0o600)
    return complete


def settings_for(
    port: int, *, known: Mapping[str, str], database_url: str, var: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """Answer every setting of the installation whose web server listens on the port."""
    tuned = DEFAULTS | {name: environment[name] for name in TUNABLE if environment.get(name)}
    is_demo = tuned["DEMO"].lower() in {"true", "1", "yes", "on"}
    return {
        **{name: secret for name, secret in known.items() if name != "DATABASE_PASSWORD"},
        **tuned,
        "DEMO": "true" if is_demo else "false",
        "DATABASE_URL": database_url,
        "FILES_DIR": str(var / "files"),
        "BASE_URL": f"http://localhost:{port}",
        "SDK_URL": f"http://sdk.localhost:{port}",
        "DEMO_SHOP_URL": f"http://localhost:{port + 1}" if is_demo else "",
        "SANDBOX_ORIGIN": f"https://localhost:{port + 2}" if is_demo else "",
        "SANDBOX_CA": str(var / "sandbox" / "ca.pem") if is_demo else "",
    }


def write_settings(file: Path, settings: Mapping[str, str]) -> None:
    """Write them as TRUEPUSH_ENV_FILE reads them; in single quotes, so a shell reads them too."""
    head = "# Written by bin/up at every start: change nothing here, set it in the environment of bin/up.\n"
    write_private(file, head + "".join(f"{name}='{value}'\n" for name, value in settings.items()))


def write_private(file: Path, text: str) -> None:
    """Replace the file in one step by one that only we can read."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)
