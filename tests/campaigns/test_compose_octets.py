"""The composer counts in the browser (static/js/compose-payload.js) exactly what the server will write."""

from pathlib import Path
from typing import Any

from campaigns.content_rules import checked_variants, merged
from campaigns.delivery.payload import DEFAULTS, SAMPLE_TAG, payload_octets, with_utm
from tests.campaigns.test_payload import FULL
from tests.e2e.browsers.chromium import chromium

SCRIPT = Path(__file__).parents[2] / "static" / "js" / "compose-payload.js"
PLAIN = {
    "title": 'A "b"\\',
    "body": "é\n🍵",
    "url": "https://a.example",
    "icon_url": "https://a.example/i.png",
}
UTM = {"source": "true push", "campaign": "{{ country|default:'nowhere & else' }} (1)", "content": "é*"}
PERSONAL = {
    "title": 'Hi {{ first_name|default:"there" }}', "body": "{{ city }}{{x|default:“Zürich”}} {{ größe }}",
    "url": "https://a.example/{{ city|default:'Ürö/1' }}?utm_source=mine&a=#top", "utm": UTM, "replaces": "prices",
    "image_url": "https://a.example/{{ sku|default:'none' }}.png",
}  # fmt: skip
SPOKEN = {**PERSONAL, "translations": {"de": {"title": "Grüße", "body": "", "url": ""}, "fr": {"title": "", "body":
    "Un texte français bien plus long que les autres, {{ first_name }}", "url": "https://a.example"}}}  # fmt: skip
SILENT = {**FULL, "replaces": "prices", "utm": {"source": "x"}}
URLS = (
    "https://a.example", "https://a.example?", "https://a.example?b", "https://a.example/#", "https://a.example#x",
    "https://a.example/a/b?c=d#e?f", "https://a.example/?utm_term=1",
)  # fmt: skip
# Shorter, longer by its text, and longer in one language alone.
VERSIONS: list[list[dict[str, Any]]] = [
    [{"title": "x"}],
    [
        {"body": "much longer than the first one, in no language of these"},
        {"url": "https://b.example/" + "x" * 300},
    ],
    [{"image_url": "https://a.example/" + "i" * 90, "translations": {"fr": {"title": "é" * 200}}}],
    [{"translations": {"it": {"body": "ciao " * 90}}}],
]


def for_page(content: dict[str, Any]) -> dict[str, Any]:
    """Name the parts as static/js/compose.js reads them from its fields."""
    names = {"icon": "icon_url", "image": "image_url", "badge": "badge_url"}
    buttons = [
        {"title": one["title"], "url": one["url"], "icon": one["icon_url"]}
        for one in content.get("buttons", [])
    ]
    kept = {name: content.get(name, "") for name in ("title", "body", "url", "silent", "sticky", "replaces")}
    pictures = {short: content.get(name, "") for short, name in names.items()}
    more = {name: content.get(name, {}) for name in ("utm", "translations")}
    versions = [
        {**{name: one.get(name, "") for name in ("title", "body", "url")}, "image": one.get("image_url", ""),
         "translations": one.get("translations", {})}
        for one in content.get("versions", [])
    ]  # fmt: skip
    return {**kept, **pictures, **more, "buttons": buttons, "versions": versions}


def test_the_page_counts_what_travels() -> None:
    contents = [PLAIN, FULL, PERSONAL, SPOKEN, SILENT, *({**PERSONAL, "url": url} for url in URLS)]
    tried = [{**SPOKEN, "versions": versions} for versions in VERSIONS]
    with chromium() as browser:
        page = browser.new_context().new_page()
        page.add_script_tag(content=SCRIPT.read_text())
        counted = page.evaluate(
            "(all) => all.map(truepushPayload.octets)", [for_page(one) for one in (*contents, *tried)]
        )
        opened = page.evaluate(
            "([all, utm]) => all.map((url) => truepushPayload.tracked(url, utm))", [URLS, UTM]
        )
    expected = [payload_octets(content, tag=SAMPLE_TAG) for content in contents]
    for versions in VERSIONS:
        others = checked_variants({**DEFAULTS, **SPOKEN}, versions)
        made = [SPOKEN, *(merged({**DEFAULTS, **SPOKEN}, one) for one in others)]
        expected.append(max(payload_octets(one, tag=SAMPLE_TAG) for one in made))
    assert counted == expected
    bare = {"source": "true push", "campaign": "nowhere & else (1)", "content": "é*"}
    assert opened == [_with_path(with_utm(url, bare)) for url in URLS]


def _with_path(url: str) -> str:
    return url.replace("https://a.example?", "https://a.example/?").replace(
        "https://a.example#", "https://a.example/#"
    )
