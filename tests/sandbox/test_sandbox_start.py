"""Certificates and settings: what the sandbox has when it starts, and when it does not start."""

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from tests.sandbox.driver import ROOT, Sandbox
from truepush.local.errors import CannotStartError
from truepush.local.sandbox.authority import ensure_certificates
from truepush.local.sandbox.settings import read_settings

GOOD = {
    "SANDBOX_ORIGIN": "https://localhost:8002",
    "SANDBOX_CA": "var/sandbox/ca.pem",
    "SANDBOX_SEED": "A" * 43,
    "SANDBOX_TOKEN": "x",
}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_is_verified_against_the_sandboxs_own_authority(sandbox: Sandbox, host: str) -> None:
    assert sandbox.http.get(f"https://{host}:{sandbox.port}/healthz").status_code == 200

    # Without that authority the certificate is worth nothing.
    with (
        socket.create_connection(("127.0.0.1", sandbox.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def test_the_sandbox_listens_on_loopback_only(sandbox: Sandbox) -> None:
    with socket.socket() as probe, pytest.raises(OSError, match=r"refused|unreachable"):
        # 127.0.0.2 is loopback as well, and yet not an address it was told to listen on.
        probe.connect(("127.0.0.2", sandbox.port))


def test_keys_and_certificates_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path / "sandbox" / "ca.pem")

    for path in (files.ca, files.ca_key, files.leaf, files.leaf_key):
        assert path.stat().st_mode & 0o777 == 0o600
    assert files.ca.parent.stat().st_mode & 0o777 == 0o700


def test_the_authority_can_vouch_for_loopback_only(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path / "ca.pem")
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())

    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)

    assert constraints.critical
    assert [str(name.value) for name in constraints.value.permitted_subtrees or []] == [
        "localhost",
        "127.0.0.1/32",
        "::1/128",
    ]


def test_a_lost_leaf_is_made_anew_and_the_authority_is_kept(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path / "ca.pem")
    authority, leaf = files.ca.read_bytes(), files.leaf.read_bytes()
    files.leaf.unlink()

    ensure_certificates(tmp_path / "ca.pem")

    assert files.ca.read_bytes() == authority
    assert files.leaf.read_bytes() != leaf


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"SANDBOX_ORIGIN": ""}, "SANDBOX_ORIGIN is not set"),
        ({"SANDBOX_ORIGIN": "https://push.example.com:8002"}, "no public domain"),
        ({"SANDBOX_ORIGIN": "http://localhost:8002"}, "SANDBOX_ORIGIN"),
        ({"SANDBOX_SEED": "AAAA"}, "3 octets"),
        ({"SANDBOX_SEED": "%"}, "not base64url"),
        ({"SANDBOX_TOKEN": ""}, "SANDBOX_TOKEN is not set"),
        ({"SANDBOX_SPEED": "0"}, "above zero"),
        ({"SANDBOX_SPEED": "fast"}, "SANDBOX_SPEED"),
        ({"SANDBOX_WS_PORT": "x"}, "SANDBOX_WS_PORT"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, str], told: str) -> None:
    with pytest.raises(CannotStartError, match=told):
        read_settings({**GOOD, **wrong})


def test_the_websocket_port_follows_the_origins() -> None:
    assert read_settings(GOOD).ws_port == 8003
    assert read_settings({**GOOD, "SANDBOX_WS_PORT": "9000"}).ws_port == 9000


@pytest.mark.parametrize("module", ["truepush.local.sandbox", "truepush.local.shop"])
def test_a_program_without_settings_says_what_is_missing(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "does not start" in ended.stderr


def test_a_taken_port_is_named(sandbox: Sandbox) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "truepush.local.sandbox"],
        cwd=ROOT,
        env=dict(sandbox.program.environment),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 2
    assert f"Port {sandbox.port} is taken" in ended.stderr
    assert "Traceback" not in ended.stderr
