"""Contact of a VAPID token (CR-14)."""

import pytest

from truepush.lib.webpush.contact import ContactRefused, check_contact


@pytest.mark.parametrize(
    "contact",
    [
        "mailto:ops@example.com",
        "https://example.com/contact",
        "https://example.com",
        "https://example.com:8443/contact?team=push",
        "mailto:first.last+push@mail.example.co.uk",
        "mailto:ops@xn--bcher-kva.example.com",
    ],
)
def test_cr14_a_reachable_contact_is_taken(contact: str) -> None:
    assert check_contact(contact) == contact


@pytest.mark.parametrize(
    ("contact", "stored"),
    [
        ("MAILTO:Ops@Example.COM", "mailto:Ops@example.com"),
        ("HTTPS://Example.com:443/Contact#form", "https://example.com/Contact"),
    ],
)
def test_scheme_and_host_are_stored_in_lower_case(contact: str, stored: str) -> None:
    assert check_contact(contact) == stored


@pytest.mark.parametrize(
    ("contact", "reason"),
    [
        ("mailto:a@localhost", "localhost is not a public domain name"),
        ("https://localhost", "localhost is not a public domain name"),
        ("mailto:a@b.local", "b.local does not exist in public DNS"),
        ("mailto:a@x.invalid", "x.invalid does not exist in public DNS"),
        ("mailto: a@example.com", "has no spaces"),
        ("a@example.com", "starts with mailto: or https://"),
        ("", "Enter a contact"),
        ("http://example.com", "starts with mailto: or https://"),
        ("https://10.0.0.1", "not an IP address"),
    ],
)
def test_cr14_the_listed_contacts_are_refused_with_the_reason(contact: str, reason: str) -> None:
    with pytest.raises(ContactRefused) as refusal:
        check_contact(contact)
    assert reason in refusal.value.reason


@pytest.mark.parametrize(
    "contact",
    [
        "mailto:",
        "mailto:@example.com",
        "mailto:a@",
        "mailto:a@@example.com",
        "mailto:.a@example.com",
        "mailto:a..b@example.com",
        "mailto:a@example.com?subject=x",
        "mailto:a@example.com,b@example.com",
        "mailto://a@example.com",
        "mailto:Ops <a@example.com>",
        'mailto:"a b"@example.com',
        "mailto:a@example.com\n",
        "mailto:a@example.com\r\nX-Header: 1",
        "mailto:a@[127.0.0.1]",
        "mailto:a@127.0.0.1",
        "mailto:a@b\u00fccher.example.com",
        "mailto:a@example.com.",
        "mailto:a@a.localhost",
        "mailto:a@shop.test",
        "mailto:a@shop.example",
        "mailto:a@db.internal",
        "mailto:a@home.arpa",
        "mailto:a@" + "x" * 64 + ".com",
        "mailto:" + "a" * 250 + "@example.com",
        "https://",
        "https:///contact",
        "https:example.com",
        "https://user:pw@example.com",
        "https://example.com@evil.test",
        "https://[::1]/",
        "https://[",
        "https://0x7f.1",
        "https://2130706433",
        "https://8.8.8.8",
        "https://example.com:99999",
        "https://example.com\\@evil.test",
        "https://\uff45xample.com",
        "https://example.com/<script>",
        "ftp://example.com",
        "javascript:alert(1)",
    ],
)
def test_cr14_anything_else_is_refused(contact: str) -> None:
    with pytest.raises(ContactRefused):
        check_contact(contact)
