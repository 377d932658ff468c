"""Which subscription endpoints are taken (SR-01, SR-02, SR-03, SR-06), without a single DNS query."""

import socket
from urllib.parse import urlsplit

import pytest

from truepush.lib.webpush.endpoints import EndpointRefused, parse_endpoint

SANDBOX = "https://localhost:8002"


@pytest.fixture(autouse=True)
def no_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"asked DNS for {arguments[0]}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://fcm.googleapis.com/fcm/send/x", "fcm"),
        ("https://fcm.googleapis.com/fcm/send/dXn-_4:APA91bH%3A", "fcm"),
        ("https://fcm.googleapis.com/wp/x", "fcm"),
        ("https://fcm.googleapis.com/preprod/wp/x", "fcm"),
        ("https://jmt17.google.com/fcm/send/x", "fcm"),
        ("https://updates.push.services.mozilla.com/wpush/v1/x", "mozilla"),
        ("https://updates.push.services.mozilla.com/wpush/v2/x", "mozilla"),
        ("https://web.push.apple.com/x", "apple"),
        ("https://eu-1.push.apple.com/x", "apple"),
        ("https://wns2-par02p.notify.windows.com/w/?token=x", "wns"),
        ("https://sg2p.notify.windows.com/w/?token=BQYAAAC%2bx%3d%3d", "wns"),
    ],
)
def test_sr01_endpoints_of_known_push_services_are_taken_unchanged(url: str, service: str) -> None:
    endpoint = parse_endpoint(url)
    assert (endpoint.url, endpoint.service, endpoint.port) == (url, service, 443)
    assert endpoint.origin == f"https://{endpoint.host}" == "/".join(url.split("/")[:3])


@pytest.mark.parametrize(
    ("url", "rebuilt"),
    [
        ("https://FCM.GoogleApis.com/fcm/send/AbC", "https://fcm.googleapis.com/fcm/send/AbC"),
        ("HTTPS://web.push.apple.com/QxY", "https://web.push.apple.com/QxY"),
        ("https://web.push.apple.com:443/QxY", "https://web.push.apple.com/QxY"),
        ("https://web.push.apple.com:/QxY", "https://web.push.apple.com/QxY"),
        (
            "https://WNS2-par02p.notify.windows.com:443/w/?token=x",
            "https://wns2-par02p.notify.windows.com/w/?token=x",
        ),
    ],
)
def test_sr01_one_spelling_is_stored_and_the_case_of_the_path_is_kept(url: str, rebuilt: str) -> None:
    assert parse_endpoint(url).url == rebuilt
    assert parse_endpoint(rebuilt) == parse_endpoint(url)


def test_sr01_an_endpoint_of_2048_characters_is_taken() -> None:
    url = "https://web.push.apple.com/" + "x" * (2048 - 27)
    assert len(parse_endpoint(url).url) == 2048


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://fcm.googleapis.com/fcm/send/x", "does not start with https"),
        ("https://attacker.example/webpush", "attacker.example is not the host of a known push service"),
        ("https://api.push.apple.com/3/device/x", "api.push.apple.com is not the host"),
        ("https://api.sandbox.push.apple.com/3/device/x", "api.sandbox.push.apple.com is not the host"),
        ("https://push.apple.com/x", "push.apple.com is not the host"),
        ("https://android.googleapis.com/gcm/send/x", "android.googleapis.com is not the host"),
        ("https://login.microsoft.com/", "names no subscription"),
        ("https://login.microsoft.com/x", "login.microsoft.com is not the host"),
        ("https://notify.windows.com/w/", "notify.windows.com is not the host"),
        ("https://notify.windows.com/w/?token=x", "notify.windows.com is not the host"),
        ("https://updates-autopush.stage.mozaws.net/wpush/v2/x", "is not the host"),
        ("https://push.services.mozilla.com/wpush/v2/x", "is not the host"),
        ("ftp://fcm.googleapis.com/fcm/send/x", "does not start with https"),
        ("file:///etc/passwd", "does not start with https"),
        ("gopher://fcm.googleapis.com/fcm/send/x", "does not start with https"),
        ("javascript:alert(1)", "does not start with https"),
        ("//fcm.googleapis.com/fcm/send/x", "does not start with https"),
        ("fcm.googleapis.com/fcm/send/x", "does not start with https"),
        ("", "is empty"),
        ("https://web.push.apple.com/" + "x" * (2049 - 27), "has 2049 characters, at most 2048"),
    ],
)
def test_sr02_other_schemes_hosts_and_lengths_are_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(EndpointRefused) as refusal:
        parse_endpoint(url, sandbox_origin=SANDBOX)
    assert reason in refusal.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com",
        "https://fcm.googleapis.com/",
        "https://fcm.googleapis.com/fcm/send/",
        "https://fcm.googleapis.com/fcm/send",
        "https://fcm.googleapis.com/FCM/send/x",
        "https://fcm.googleapis.com/v1/projects/p/messages:send",
        "https://fcm.googleapis.com/x/fcm/send/x",
        "https://fcm.googleapis.com//fcm/send/x",
        "https://fcm.googleapis.com/fcm/send/../../v1/projects",
        "https://fcm.googleapis.com/fcm/send/./x",
        "https://fcm.googleapis.com/fcm/send/%2e%2E/v1",
        "https://fcm.googleapis.com/fcm/send/..%2f..%2Fv1",
        "https://fcm.googleapis.com/fcm/send/..%5cv1",
        "https://jmt17.google.com/mail",
        "https://updates.push.services.mozilla.com/__heartbeat__",
        "https://web.push.apple.com/",
        "https://wns2-par02p.notify.windows.com/w/",
        "https://wns2-par02p.notify.windows.com/?token=x",
        "https://web.push.apple.com:8443/x",
        "https://web.push.apple.com:80/x",
        "https://web.push.apple.com:0/x",
        "https://web.push.apple.com:65536/x",
        "https://web.push.apple.com:4 43/x",
        "https://web.push.apple.com:-443/x",
        "https://web.push.apple.com/x#fragment",
        "https://web.push.apple.com/x#",
    ],
)
def test_sr02_paths_ports_and_fragments_that_no_subscription_has_are_refused(url: str) -> None:
    with pytest.raises(EndpointRefused):
        parse_endpoint(url, sandbox_origin=SANDBOX)


@pytest.mark.parametrize(
    "url",
    [
        "https://attacker.com/x.google.com/push",
        "https://fcm.googleapis.com.attacker.com/",
        "https://fcm.googleapis.com.attacker.com/fcm/send/x",
        "https://web.push.apple.com.evil.test/",
        "https://evilnotify.windows.com/",
        "https://evilnotify.windows.com/w/?token=x",
        "https://evilgoogle.com/",
        "https://evilpush.apple.com/x",
        "https://xfcm.googleapis.com/fcm/send/x",
        "https://x.fcm.googleapis.com/fcm/send/x",
        "https://fcm.googleapis.com@evil.test/",
        "https://fcm.googleapis.com:443@evil.test/fcm/send/x",
        "https://user:pw@web.push.apple.com/",
        "https://user:pw@web.push.apple.com/x",
        "https://@web.push.apple.com/x",
        "https://evil.test#@web.push.apple.com/x",
        "https://evil.test?@web.push.apple.com/x",
        "https://evil.test\\@web.push.apple.com/x",
        "https://evil.test\\.push.apple.com/x",
        "https://web.push.apple.com\\@evil.test/x",
        "https:\\\\web.push.apple.com/x",
        "https:/web.push.apple.com/x",
        "https:///web.push.apple.com/x",
        "https:web.push.apple.com/x",
        "https://web.push.apple.com./x",
        "https://.push.apple.com/x",
        "https://-.push.apple.com/x",
        "https://a..push.apple.com/x",
        "https://a_b.push.apple.com/x",
        "https://evil.test%2f.push.apple.com/x",
        "https://evil.test%00.push.apple.com/x",
        "https://web.push.apple.com%2eevil.test/x",
        "https://[web.push.apple.com]/x",
        "https://[/x",
    ],
)
def test_sr03_urls_that_look_like_a_push_service_are_refused(url: str) -> None:
    with pytest.raises(EndpointRefused):
        parse_endpoint(url, sandbox_origin=SANDBOX)


@pytest.mark.parametrize("position", [0, 5, 8, 12, 26, 28, 29])
@pytest.mark.parametrize(
    "character", ["\t", "\n", "\r", " ", "\x00", "\x7f", "\u00a0", "\u3002", "\uff21", "<", '"', "|"]
)
def test_sr03_characters_that_parsers_drop_or_fold_are_refused_anywhere(
    position: int, character: str
) -> None:
    url = "https://web.push.apple.com/xyz"
    with pytest.raises(EndpointRefused, match="characters that a URL cannot have"):
        parse_endpoint(url[:position] + character + url[position:])


@pytest.mark.parametrize("path", ["%", "%2", "%zz", "x%"])
def test_sr03_a_broken_escape_is_refused(path: str) -> None:
    with pytest.raises(EndpointRefused, match="characters that a URL cannot have"):
        parse_endpoint(f"https://web.push.apple.com/{path}")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0x7f000001",
        "169.254.169.254",
        "8.8.8.8",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2::254]",
        "[2001:4860:4860::8888]",
        "[fe80::1%25eth0]",
    ],
)
@pytest.mark.parametrize("path", ["/", "/fcm/send/x"])
def test_sr06_addresses_in_any_form_are_refused(host: str, path: str) -> None:
    with pytest.raises(EndpointRefused):
        parse_endpoint(f"https://{host}{path}", sandbox_origin=SANDBOX)


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "[::1]"])
def test_sr06_the_reason_names_the_address(host: str) -> None:
    with pytest.raises(EndpointRefused, match="names an IP address, not a push service"):
        parse_endpoint(f"https://{host}/fcm/send/x")


@pytest.mark.parametrize(
    "host",
    [
        "\uff11\uff12\uff17.0.0.1",
        "\uff11\uff12\uff17\uff0e0\uff0e0\uff0e1",
        "127\u30020\u30020\u30021",
        "\u2460.1",
        "\u0661.1",
    ],
)
def test_sr06_full_width_and_other_digits_are_refused(host: str) -> None:
    with pytest.raises(EndpointRefused, match="characters that a URL cannot have"):
        parse_endpoint(f"https://{host}/")


def test_the_sandbox_is_taken_at_its_exact_origin() -> None:
    endpoint = parse_endpoint("https://LOCALHOST:8002/push/AbC", sandbox_origin=SANDBOX)
    assert endpoint.url == "https://localhost:8002/push/AbC"
    assert (endpoint.origin, endpoint.host, endpoint.port) == (SANDBOX, "localhost", 8002)
    assert endpoint.service == "sandbox"


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/push/x",
        "https://localhost:8003/push/x",
        "https://localhost:80020/push/x",
        "https://127.0.0.1:8002/push/x",
        "https://localhost.evil.test:8002/push/x",
        "https://a.localhost:8002/push/x",
        "http://localhost:8002/push/x",
        "https://user@localhost:8002/push/x",
        "https://localhost:8002/",
        "https://localhost:8002/push/../control",
    ],
)
def test_anything_near_the_sandbox_is_refused(url: str) -> None:
    with pytest.raises(EndpointRefused):
        parse_endpoint(url, sandbox_origin=SANDBOX)


def test_an_origin_that_only_begins_like_the_sandbox_is_refused() -> None:
    with pytest.raises(EndpointRefused):
        parse_endpoint("https://localhost:8002/push/x", sandbox_origin="https://localhost:800")


def test_without_a_sandbox_its_endpoints_are_refused() -> None:
    with pytest.raises(EndpointRefused, match="localhost is not the host of a known push service"):
        parse_endpoint("https://localhost:8002/push/x")


def test_push_services_are_still_taken_beside_a_sandbox() -> None:
    assert parse_endpoint("https://web.push.apple.com/x", sandbox_origin=SANDBOX).service == "apple"


def test_every_parser_reads_the_stored_url_alike() -> None:
    """Finding L7: what is stored has no spelling that two parsers could read as two hosts."""
    stored = parse_endpoint("https://WEB.push.apple.com:443/a@evil.test:80/b?c=https://evil.test/&d[]=1")
    assert stored.url == "https://web.push.apple.com/a@evil.test:80/b?c=https://evil.test/&d[]=1"
    assert urlsplit(stored.url).hostname == stored.host == "web.push.apple.com"


def test_a_refusal_never_repeats_the_secret_path() -> None:
    for url in (
        "https://attacker.example/secret",
        "https://fcm.googleapis.com/secret",
        "http://x.test/secret",
    ):
        with pytest.raises(EndpointRefused) as refusal:
            parse_endpoint(url)
        assert "secret" not in str(refusal.value)
