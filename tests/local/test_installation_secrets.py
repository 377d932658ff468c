"""Secrets are made once, kept private, and never silently replaced (AU-08, OP-04)."""

import json
import stat
from pathlib import Path

import environ
import pytest

from truepush.local.errors import CannotStartError
from truepush.local.secrets import load_secrets, make_secrets, settings_for, write_settings

CONTRACT = {
    "BUNDLE_KEY",
    *(
        "SECRET_KEY",
        "DATABASE_URL",
        "FILES_DIR",
        "LOG_FORMAT",
        "BASE_URL",
        "SDK_URL",
        "FIELD_KEYS",
        "RECEIPT_KEYS",
    ),
    *("VAPID_CONTACT", "DEMO", "DEMO_SHOP_URL", "SANDBOX_ORIGIN", "SANDBOX_CA", "SANDBOX_SEED"),
    "SANDBOX_TOKEN",
}


def settings(var: Path, environment: dict[str, str] | None = None) -> dict[str, str]:
    return settings_for(
        8100, known=make_secrets(), database_url="postgres://x", var=var, environment=environment or {}
    )


def test_secrets_are_private_and_the_same_at_the_next_start(tmp_path: Path) -> None:
    first = load_secrets(tmp_path, database_exists=False)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    (tmp_path / "secrets.json").chmod(0o644)
    assert load_secrets(tmp_path, database_exists=True) == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_two_installations_share_no_secret() -> None:
    assert set(make_secrets().values()).isdisjoint(make_secrets().values())


def test_secrets_that_are_gone_are_not_replaced_while_the_database_is_there(tmp_path: Path) -> None:
    with pytest.raises(CannotStartError, match="is gone, and without it the encrypted fields"):
        load_secrets(tmp_path, database_exists=True)
    assert list(tmp_path.iterdir()) == []


def test_secret_that_a_later_version_needs_is_added_and_the_others_stay(tmp_path: Path) -> None:
    first = load_secrets(tmp_path, database_exists=False)
    older = {name: secret for name, secret in first.items() if name != "SANDBOX_TOKEN"}
    (tmp_path / "secrets.json").write_text(json.dumps(older))
    later = load_secrets(tmp_path, database_exists=True)
    assert {**later, "SANDBOX_TOKEN": ""} == {**first, "SANDBOX_TOKEN": ""}
    assert later["SANDBOX_TOKEN"] != first["SANDBOX_TOKEN"]


def test_settings_are_those_of_the_contract_and_follow_the_port(tmp_path: Path) -> None:
    made = settings(tmp_path)
    assert made.keys() == CONTRACT
    assert made["BASE_URL"] == "http://localhost:8100"
    assert made["SDK_URL"] == "http://sdk.localhost:8100"
    assert made["DEMO_SHOP_URL"] == "http://localhost:8101"
    assert made["SANDBOX_ORIGIN"] == "https://localhost:8102"
    # What is not given is left to the defaults of the settings.
    assert settings(tmp_path, {"BATCH_SIZE": "7"}).keys() - CONTRACT == {"BATCH_SIZE"}


def test_without_the_demo_there_is_no_sandbox(tmp_path: Path) -> None:
    made = settings(tmp_path, {"DEMO": "false", "BATCH_SIZE": "7", "SECRET_KEY": "of another project"})
    assert (made["DEMO"], made["SANDBOX_ORIGIN"], made["SANDBOX_CA"], made["DEMO_SHOP_URL"]) == (
        "false",
        "",
        "",
        "",
    )
    assert made["BATCH_SIZE"] == "7"
    assert made["SECRET_KEY"] != "of another project"


def test_settings_are_read_back_as_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings(tmp_path / "a folder # with 'quotes'")
    file = tmp_path / "local.env"
    write_settings(file, made)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for name in made:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environ.Env, "ENVIRON", read := {})
    environ.Env.read_env(file)
    assert read == made
