"""The form of a website: what it takes, and what it says next to the field about what it does not take."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from subscribers.models import Site
from tenants.doorway import in_tenant
from tenants.models import SiteIndex
from tests.conftest import Workspace
from tests.subscribers.pages import FORM, add, field_errors, values

EXAMPLE = "Example: https://www.example.com"
ORIGINS = {
    "https://shop.example": "https://shop.example",
    "  https://shop.example  ": "https://shop.example",
    "shop.example": "https://shop.example",
    "https://shop.example/": "https://shop.example",
    "https://shop.example/a/b?c=d#e": "https://shop.example",
    "https://shop.example/" + "x" * 500: "https://shop.example",
    "HTTPS://Shop.EXAMPLE": "https://shop.example",
    "https://shop.example:443": "https://shop.example",
    "https://shop.example:8443/x": "https://shop.example:8443",
    "https://www.shop.example": "https://www.shop.example",
    "https://my_shop.example": "https://my_shop.example",
    "https://b\u00fccher.example": "https://xn--bcher-kva.example",
    "https://stra\u00dfe.example": "https://xn--strae-oqa.example",
    "https://\u65e5\u672c.example": "https://xn--wgv71a.example",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "http://localhost:8001": "http://localhost:8001",
    "http://localhost:80": "http://localhost",
    "http://shop.localhost:8001/x": "http://shop.localhost:8001",
    "http://127.0.0.1:5000": "http://127.0.0.1:5000",
    "http://[::1]:5000/x": "http://[::1]:5000",
    "https://203.0.113.7": "https://203.0.113.7",
}
BAD_ORIGINS = {
    "": "This field is required.",
    "   ": "This field is required.",
    "http://shop.example": "http://shop.example begins with http://, but browsers allow push on https only. "
    "Give the address with https://.",
    "https://": f"https:// is not a web address. {EXAMPLE}",
    "https:///path": f"https:///path is not a web address. {EXAMPLE}",
    "https://user:pw@shop.example": f"https://user:pw@shop.example is not a web address. {EXAMPLE}",
    "https://@shop.example": f"https://@shop.example is not a web address. {EXAMPLE}",
    "https://shop example": f"https://shop example is not a web address. {EXAMPLE}",
    "my shop": f"my shop is not a web address. {EXAMPLE}",
    "javascript:alert(1)": f"javascript:alert(1) is not a web address. {EXAMPLE}",
    "javascript://shop.example/%0aalert(1)": f"javascript://shop.example/%0aalert(1) is not a web address. {EXAMPLE}",
    "data:text/html,x": f"data:text/html,x is not a web address. {EXAMPLE}",
    "ftp://shop.example": f"ftp://shop.example is not a web address. {EXAMPLE}",
    "https://shop.example:99999": f"https://shop.example:99999 is not a web address. {EXAMPLE}",
    "https://shop.example:0": f"https://shop.example:0 is not a web address. {EXAMPLE}",
    "https://shop.example:x": f"https://shop.example:x is not a web address. {EXAMPLE}",
    "https://[::1": f"https://[::1 is not a web address. {EXAMPLE}",
    "https://<b>shop</b>.example": f"https://<b>shop</b>.example is not a web address. {EXAMPLE}",
    'https://shop.example"onclick="x': f'https://shop.example"onclick="x is not a web address. {EXAMPLE}',
    "https://shop.example\\@evil.test": f"https://shop.example\\@evil.test is not a web address. {EXAMPLE}",
    "https://shop..example": f"https://shop..example is not a web address. {EXAMPLE}",
    "https://-shop.example": f"https://-shop.example is not a web address. {EXAMPLE}",
    "https://shop%2eexample": f"https://shop%2eexample is not a web address. {EXAMPLE}",
    "https://\u2028.example": f"https://\u2028.example is not a web address. {EXAMPLE}",
    "https://*.shop.example": f"https://*.shop.example is not a web address. {EXAMPLE}",
    "shop": f"shop is not a full host name. {EXAMPLE}",
    "https://2130706433": f"2130706433 is not a full host name. {EXAMPLE}",
    "https://" + "x" * 300 + ".example": f"https://{'x' * 300}.example is not a web address. {EXAMPLE}",
    "https://" + "x." * 130 + "example": f"https://{'x.' * 130}example is not a web address. {EXAMPLE}",
    "https://"
    + "x." * 122
    + "example:8443": f"{'x.' * 40}... is too long: an address has at most 255 characters.",
    "https://"
    + "\u00fc" * 250
    + ".example": f"https://{chr(0xFC) * 250}.example is not a web address. {EXAMPLE}",
    "x" * 2001: "Ensure this value has at most 2000 characters (it has 2001).",
    "https://shop\x00.example": "Null characters are not allowed.",
}
BAD_CONTACTS = {
    "mailto:a@localhost": "localhost is not a public domain name; push services refuse it.",
    "https://localhost": "localhost is not a public domain name; push services refuse it.",
    "mailto:a@b.local": "b.local does not exist in public DNS; push services refuse it.",
    "mailto:a@x.invalid": "x.invalid does not exist in public DNS; push services refuse it.",
    "mailto: a@example.com": "A contact has no spaces.",
    "a@example.com": "A contact starts with mailto: or https://.",
    "http://example.com": "A contact starts with mailto: or https://.",
    "https://10.0.0.1": "The contact's host must be a domain name, for example example.com, not an IP address.",
    "mailto:": "After mailto: comes one mail address, for example mailto:ops@example.com.",
    "mailto:a@example.com,b@example.com": "After mailto: comes one mail address, for example mailto:ops@example.com.",
    "mailto:a@example.com?subject=x": "The contact's host must be a domain name, for example example.com, "
    "not an IP address.",
    "javascript:alert(1)": "A contact starts with mailto: or https://.",
    "mailto:" + "x" * 250 + "@example.com": "Ensure this value has at most 254 characters (it has 269).",
}
GOOD_CONTACTS = {
    "mailto:ops@example.com": "mailto:ops@example.com",
    "https://example.com/contact": "https://example.com/contact",
    "MAILTO:Ops@EXAMPLE.com": "mailto:Ops@example.com",
    "  mailto:ops@example.com ": "mailto:ops@example.com",
}
NO_ICON = "The icon must be a full address, for example https://www.example.com/sale."
BAD_ICONS = {
    "icon.png": NO_ICON,
    "/icon.png": NO_ICON,
    "//cdn.example/icon.png": NO_ICON,
    "javascript:alert(1)": NO_ICON,
    "data:image/png;base64,AAAA": NO_ICON,
    "https://user@cdn.example/icon.png": NO_ICON,
    "https://cdn.example/my icon.png": NO_ICON,
    'https://cdn.example/"onload="x': NO_ICON,
    "https://cdn.example/<x>": NO_ICON,
    "https://cdn.example:99999/icon.png": NO_ICON,
    "https://cdn.example:0/icon.png": NO_ICON,
    "https://[::1/icon.png": NO_ICON,
    "https://": NO_ICON,
    "ftp://cdn.example/icon.png": NO_ICON,
    "http://cdn.example/icon.png": "The icon must begin with https://.",
    "https://cdn.example/" + "x" * 2000: "Ensure this value has at most 2000 characters (it has 2020).",
}
ROOT = "/{0} lies in the root, where it would control every page. Put it in a folder: /truepush/{0}"
SCRIPT = "{} is not a path of a script. Example: /truepush/worker.js"
BAD_PATHS = {
    "": "This field is required.",
    "/worker.js": ROOT.format("worker.js"),
    "/sw.js": ROOT.format("sw.js"),
    **{
        path: SCRIPT.format(path)
        for path in [
            "worker.js",
            "truepush/worker.js",
            "/truepush/worker",
            "/truepush/worker.mjs",
            "/truepush/",
            "/truepush/../worker.js",
            "/truepush/./worker.js",
            "/../truepush/worker.js",
            "/truepush//worker.js",
            "//evil.test/worker.js",
            "/truepush/.js",
            "/truepush/worker.js?k=1",
            "/truepush/worker.js#x",
            "/true push/worker.js",
            "/truepush/%2e%2e/worker.js",
            "/truepush\\worker.js",
            "https://cdn.example/worker.js",
            '/truepush/";alert(1)//.js',
            "/truep\u00fcsh/worker.js",
        ]
    },
    "/" + "x" * 200 + "/worker.js": "Ensure this value has at most 200 characters (it has 211).",
}


def only_site(place: Workspace) -> Site:
    with in_tenant(place.schema):
        return Site.objects.get()


def nothing_was_added(place: Workspace) -> bool:
    with in_tenant(place.schema):
        sites = Site.objects.count()
    return (sites, SiteIndex.objects.filter(tenant_id=place.tenant.pk).count()) == (0, 0)


def ids(cases: dict[str, str]) -> list[str]:
    return [repr(case)[:40] for case in cases]


@pytest.mark.parametrize("given", ORIGINS, ids=ids(ORIGINS))
def test_an_address_is_cut_to_the_origin_as_browsers_spell_it(
    acme: Workspace, console: Callable[..., Client], given: str
) -> None:
    answer = add(console(acme), origin=given)
    site = only_site(acme)
    assert (answer.status_code, answer["Location"]) == (302, f"/sites/{site.pk}/")
    assert site.origin == ORIGINS[given]
    assert SiteIndex.objects.get(site_key=site.site_key).origins == [ORIGINS[given]]


@pytest.mark.parametrize("given", BAD_ORIGINS, ids=ids(BAD_ORIGINS))
def test_what_is_no_address_is_refused_beside_the_field(
    acme: Workspace, console: Callable[..., Client], given: str
) -> None:
    answer = add(console(acme), origin=given)
    assert (answer.status_code, field_errors(answer)) == (200, {"origin": BAD_ORIGINS[given]})
    assert nothing_was_added(acme)


@pytest.mark.parametrize("given", BAD_CONTACTS, ids=ids(BAD_CONTACTS))
def test_a_contact_that_push_services_refuse_is_refused_with_the_reason(
    acme: Workspace, console: Callable[..., Client], given: str
) -> None:
    """CR-14."""
    answer = add(console(acme), contact=given)
    assert (answer.status_code, field_errors(answer)) == (200, {"contact": BAD_CONTACTS[given]})
    assert nothing_was_added(acme)


@pytest.mark.parametrize("given", GOOD_CONTACTS)
def test_a_good_contact_is_saved(acme: Workspace, console: Callable[..., Client], given: str) -> None:
    """CR-14."""
    assert add(console(acme), contact=given).status_code == 302
    assert only_site(acme).contact == GOOD_CONTACTS[given]


@pytest.mark.parametrize("given", ["", "   "])
def test_without_a_contact_the_operator_is_named(
    acme: Workspace, console: Callable[..., Client], settings: Any, given: str
) -> None:
    """CR-14."""
    settings.VAPID_CONTACT = "mailto:operator@example.org"
    assert add(console(acme), contact=given).status_code == 302
    assert only_site(acme).contact == "mailto:operator@example.org"


@pytest.mark.parametrize("given", BAD_ICONS, ids=ids(BAD_ICONS))
def test_an_icon_that_browsers_would_not_load_is_refused(
    acme: Workspace, console: Callable[..., Client], given: str
) -> None:
    answer = add(console(acme), icon_url=given)
    assert (answer.status_code, field_errors(answer)) == (200, {"icon_url": BAD_ICONS[given]})
    assert nothing_was_added(acme)


@pytest.mark.parametrize("given", ["", "https://cdn.example/icon.png?v=2", "http://localhost:8001/mark.svg"])
def test_a_good_icon_is_saved(acme: Workspace, console: Callable[..., Client], given: str) -> None:
    assert add(console(acme), icon_url=given).status_code == 302
    assert only_site(acme).icon_url == given


@pytest.mark.parametrize("given", BAD_PATHS, ids=ids(BAD_PATHS))
def test_a_worker_path_that_would_reach_too_far_or_nowhere_is_refused(
    acme: Workspace, console: Callable[..., Client], given: str
) -> None:
    answer = add(console(acme), worker_path=given)
    assert (answer.status_code, field_errors(answer)) == (200, {"worker_path": BAD_PATHS[given]})
    assert nothing_was_added(acme)


@pytest.mark.parametrize("given", ["/truepush/worker.js", "/a/b/c-d_e.v2.js", " /push/sw.js "])
def test_a_good_worker_path_is_saved(acme: Workspace, console: Callable[..., Client], given: str) -> None:
    assert add(console(acme), worker_path=given).status_code == 302
    assert only_site(acme).worker_path == given.strip()


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\x00b"])
def test_a_website_needs_a_name(acme: Workspace, console: Callable[..., Client], name: str) -> None:
    assert list(field_errors(add(console(acme), name=name))) == ["name"]
    assert nothing_was_added(acme)


def test_nothing_that_was_typed_is_lost(acme: Workspace, console: Callable[..., Client]) -> None:
    """All fields are wrong at once: each says so, and each still holds what was typed."""
    typed = {
        "name": "<b>" + "Shop & Co. \u2028" * 20,
        "origin": 'http://shop.example/"><script>',
        "icon_url": "my icon.png",
        "contact": "a@example.com",
        "worker_path": "/worker.js",
    }
    answer = add(console(acme), **typed, time_zone="Asia/Kathmandu")
    assert sorted(field_errors(answer)) == sorted(typed)
    assert values(answer) == {**typed, "time_zone": "Asia/Kathmandu"}
    assert b"<script>" not in answer.content.replace(b"<script src", b"")


def test_the_folded_part_is_open_when_an_error_is_in_it(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    client = console(acme)
    assert b'<details class="more" open>' in add(client, contact="a@example.com").content
    assert b'<details class="more" open>' in add(client, worker_path="/worker.js").content
    assert b'<details class="more">' in add(client, name="").content


def test_an_address_that_the_workspace_has_is_refused(
    acme: Workspace, globex: Workspace, console: Callable[..., Client]
) -> None:
    client = console(acme)
    assert add(client).status_code == 302
    answer = add(client, origin="https://SHOP.example:443/other/page", name="Again")
    assert field_errors(answer) == {"origin": "https://shop.example is a website of this workspace already."}
    assert values(answer)["origin"] == "https://SHOP.example:443/other/page"
    assert only_site(acme).name == "Shop"
    assert add(console(globex)).status_code == 302


def test_the_form_is_filled_from_the_address_of_the_page(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    answer = console(acme).get("/sites/new/", {"origin": 'https://x.example/"><b>', "name": "x" * 300})
    assert values(answer)["origin"] == 'https://x.example/"><b>'
    assert len(values(answer)["name"]) == 80
    assert (values(answer)["worker_path"], field_errors(answer)) == ("/truepush/worker.js", {})


@pytest.mark.parametrize("sent", [{}, {"csrfmiddlewaretoken": "x"}, {"other": "field"}])
def test_an_empty_post_shows_the_form_again(
    acme: Workspace, console: Callable[..., Client], sent: dict[str, str]
) -> None:
    assert console(acme).post("/sites/new/", sent).status_code == 200
    assert nothing_was_added(acme)


def test_a_field_sent_twice_or_as_a_file_is_no_error_page(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    client = console(acme)
    answer = client.post("/sites/new/", {**FORM, "origin": ["https://a.example", "https://b.example"]})
    assert answer.status_code == 302
    assert only_site(acme).origin == "https://b.example"
    answer = client.post("/sites/new/", {**FORM, "name": SimpleUploadedFile("x", b"x")})
    assert field_errors(answer) == {"name": "This field is required."}
