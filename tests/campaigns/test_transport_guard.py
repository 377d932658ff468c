"""The transport's guard: whom it talks to, and what it never tells."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from campaigns.delivery.transport import Post, Transport
from tests.campaigns.raw_server import (
    BODY,
    CREATED,
    DEADLINE,
    HEADERS,
    TARGET,
    Serve,
    answering,
    one_reply,
    post_to,
    replies,
    silent,
)


def test_an_unknown_authority_gets_no_request(serve: Serve, authority: Path) -> None:
    """SR-11: 0 request bodies, and the error says why."""
    server = serve(answering(CREATED))
    stranger = Transport(concurrency=2, attempt_seconds=DEADLINE, sandbox_ca=certifi.where())
    reply = one_reply(stranger, server)
    stranger.close()
    assert (reply.status, reply.is_refused, server.requests) == (0, False, [])
    assert "certificate" in reply.error


def test_a_certificate_for_another_name_gets_no_request(serve: Serve, quick: Transport) -> None:
    """SR-11"""
    server = serve(answering(CREATED), host="127.0.0.2")
    [reply] = replies(
        quick, Post(0, server.origin.replace("localhost", "127.0.0.2"), TARGET, True, HEADERS, BODY)
    )
    assert (reply.status, reply.is_refused, server.connections, server.requests) == (0, False, 1, [])


def test_an_expired_certificate_gets_no_request(
    serve: Serve, quick: Transport, authority: Path, tmp_path: Path
) -> None:
    """SR-11"""
    server = serve(answering(CREATED), tls=expired(authority, tmp_path))
    reply = one_reply(quick, server)
    assert (reply.status, server.connections, server.requests) == (0, 1, [])
    assert "expired" in reply.error


def expired(authority: Path, folder: Path) -> ssl.SSLContext:
    """A certificate of the same authority and name that ended yesterday."""
    issuer = x509.load_pem_x509_certificate(authority.read_bytes())
    issuer_key = load_pem_private_key((authority.parent / "ca-key.pem").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(yesterday - timedelta(days=1))
        .not_valid_after(yesterday)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(issuer_key, hashes.SHA256())  # type: ignore[arg-type]
    )
    file = folder / "expired.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_plain_http_is_not_spoken(serve: Serve, quick: Transport) -> None:
    server = serve(answering(CREATED))
    [reply] = replies(quick, Post(0, server.origin.replace("https", "http"), TARGET, True, HEADERS, BODY))
    assert (reply.status, server.connections) == (0, 0)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::1]", "0.0.0.0"],  # noqa: S104  # a name here
)
def test_the_guard_refuses_every_way_to_this_machine(serve: Serve, quick: Transport, host: str) -> None:
    """SR-06, L10: the resolved address is judged, before anything is dialled."""
    server = serve(answering(CREATED))
    origin = server.origin.replace("localhost", host)
    [reply] = replies(quick, Post(0, origin, TARGET, False, HEADERS, BODY))
    assert (reply.status, reply.is_refused, server.connections) == (0, True, 0)


def test_the_guard_refuses_private_networks(quick: Transport) -> None:
    hosts = [
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "[fe80::1]",
    ]
    posts = [Post(n, f"https://{host}", "/x", False, HEADERS, BODY) for n, host in enumerate(hosts)]
    assert [(reply.status, reply.is_refused) for reply in replies(quick, *posts)] == [(0, True)] * len(hosts)


def test_the_sandboxs_connection_is_not_lent_to_other_endpoints(serve: Serve, quick: Transport) -> None:
    """Loopback is allowed for the sandbox's origin alone."""
    server = serve(answering(CREATED))
    assert one_reply(quick, server).status == 201
    [reply] = replies(quick, post_to(server, is_sandbox=False))
    assert (reply.status, reply.is_refused) == (0, True)
    assert (server.connections, len(server.requests)) == (1, 1)


def test_the_sandbox_may_be_on_this_machine_only(quick: Transport) -> None:
    [reply] = replies(quick, Post(0, "https://10.0.0.1", "/x", True, HEADERS, BODY))
    assert (reply.status, reply.is_refused) == (0, True)


def test_no_proxy_of_the_environment_is_asked(
    serve: Serve, quick: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SR-10"""
    proxy, server = serve(silent), serve(answering(CREATED))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert one_reply(quick, server).status == 201
    [refused] = replies(quick, post_to(server, is_sandbox=False))
    assert (refused.is_refused, proxy.connections) == (True, 0)


def test_no_error_tells_the_endpoint(serve: Serve, quick: Transport) -> None:
    """PR-07"""
    closed = serve(silent)
    closed.close()
    posts = [
        post_to(closed, 0),
        post_to(closed, 1, is_sandbox=False),
        Post(2, f"http://localhost:{closed.port}", TARGET, True, HEADERS, BODY),
        Post(3, "https://localhost:bad", TARGET, True, HEADERS, BODY),
    ]
    for reply in replies(quick, *posts):
        assert reply.status == 0
        assert reply.error
        assert "secret" not in repr(reply)
        assert "/push" not in repr(reply)
