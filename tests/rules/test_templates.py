"""One template per page; `extends` first, blocks named at their end, nothing that the content policy would stop."""

import re
from pathlib import Path

import pytest

from tests.rules.source import ROOT, product

FOLDER = ROOT / "templates"
# Django renders these by their names.
ERROR_PAGES = {"400.html", "403.html", "403_csrf.html", "404.html", "500.html"}
# django-allauth renders these by their names.
ALLAUTH = {
    "429.html",
    "account/login.html",
    "account/signup.html",
    "account/password_reset.html",
    "account/password_reset_done.html",
    "account/password_reset_from_key.html",
    "account/password_change.html",
    "account/reauthenticate.html",
    "account/messages/password_changed.txt",
    "mfa/messages/recovery_codes_generated.txt",
    "mfa/messages/totp_activated.txt",
    "mfa/messages/totp_deactivated.txt",
    "mfa/messages/webauthn_added.txt",
    "mfa/messages/webauthn_removed.txt",
    "mfa/authenticate.html",
    "mfa/index.html",
    "mfa/reauthenticate.html",
    "mfa/recovery_codes/generate.html",
    "mfa/recovery_codes/index.html",
    "mfa/totp/activate_form.html",
    "mfa/totp/deactivate_form.html",
    "mfa/webauthn/add_form.html",
    "mfa/webauthn/authenticator_confirm_delete.html",
    "mfa/webauthn/reauthenticate.html",
    "account/messages/logged_in.txt",
    "account/messages/logged_out.txt",
}
EXTENDS = re.compile(r"{%\s*extends\b")
REFERENCE = re.compile(r"""{%\s*(?:extends|include)\s+["']([^"']+)["']""")
INCLUDE = re.compile(r"""{%\s*include\s+["']([^"']+)["']""")
BLOCK = re.compile(r"{%\s*(block|endblock)(?:\s+(\w+))?\s*%}")
# Inline style, an inline script, a handler in an attribute, a link that is a script.
FORBIDDEN = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script in the page": re.compile(r"<script\b(?![^>]*\ssrc=)", re.IGNORECASE),
    "a handler in an attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "a handler of htmx in an attribute": re.compile(r"<[^>]*\s(?:hx-on|data-hx-on)\b", re.IGNORECASE),
    "a link that is a script": re.compile(r"""["']\s*javascript:""", re.IGNORECASE),
}
# JSON for a script to read is data, not script.
DATA = re.compile(r'<script\b[^>]*\stype="application/json"[^>]*>')


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


TEMPLATES = {name_of(path): path.read_text() for path in sorted(FOLDER.rglob("*")) if path.is_file()}
PAGES = sorted(name for name in TEMPLATES if name.endswith(".html"))


def mentioned_in_code() -> set[str]:
    text = "\n".join(module.text for module in product())
    return {name for name in TEMPLATES if f'"{name}"' in text}


@pytest.mark.parametrize("name", PAGES)
def test_extends_comes_first(name: str) -> None:
    found = [match.start() for match in EXTENDS.finditer(TEMPLATES[name])]
    assert found in ([], [0])


@pytest.mark.parametrize("name", PAGES)
def test_every_endblock_names_its_block(name: str) -> None:
    open_blocks: list[str] = []
    for kind, label in BLOCK.findall(TEMPLATES[name]):
        if kind == "block":
            open_blocks.append(label)
        else:
            assert label == open_blocks.pop()
    assert open_blocks == []


@pytest.mark.parametrize(
    "line",
    [
        '<p class="a" style="color: red">',
        "<STYLE>",
        "<script>alert(1)</script>",
        '<script type="module">',
        '<button\n  onclick="x()">',
        '<div hx-on:click="x()">',
        '<a href="javascript:x()">',
    ],
)
def test_what_is_inline_is_found(line: str) -> None:
    assert len([what for what, pattern in FORBIDDEN.items() if pattern.search(line)]) == 1


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_inline(name: str) -> None:
    text = DATA.sub("", TEMPLATES[name])
    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == []


def test_what_is_included_is_a_partial_and_a_partial_extends_nothing() -> None:
    included = {name for text in TEMPLATES.values() for name in INCLUDE.findall(text)}
    assert [name for name in included if not Path(name).name.startswith("_")] == []
    partials = [name for name in PAGES if Path(name).name.startswith("_")]
    assert [name for name in partials if EXTENDS.search(TEMPLATES[name])] == []


def test_every_template_that_is_referred_to_exists() -> None:
    referred = {name for text in TEMPLATES.values() for name in REFERENCE.findall(text)}
    ours = {name for name in referred if not name.startswith("admin/")}  # those are Django's
    assert ours - set(TEMPLATES) == set()


def whole(name: str) -> str:
    """Read a template with all that it includes."""
    text = TEMPLATES[name]
    return text + "".join(whole(included) for included in INCLUDE.findall(text))


def test_a_dialog_opens_in_browsers_without_invoker_commands() -> None:
    """dialog.js stands in for those, on every page of the console and nowhere else."""
    assert [name for name in PAGES if "js/dialog.js" in TEMPLATES[name]] == ["base_console.html"]
    commanded = [name for name in PAGES if EXTENDS.search(TEMPLATES[name]) and "commandfor=" in whole(name)]
    assert len(commanded) > 10
    assert [name for name in commanded if '{% extends "base_console.html" %}' not in TEMPLATES[name]] == []


def test_every_template_is_used() -> None:
    referred = {name for text in TEMPLATES.values() for name in REFERENCE.findall(text)}
    assert set(TEMPLATES) - referred - mentioned_in_code() - ERROR_PAGES - ALLAUTH == set()


def test_every_page_is_in_the_folder_of_its_app() -> None:
    folders = {name.split("/")[0] for name in TEMPLATES if "/" in name}
    assert folders == {"account", "admin", "campaigns", "mfa", "staff", "subscribers", "tenants"}


def test_the_demo_shop_s_pages_have_nothing_inline_either() -> None:
    for path in (ROOT / "truepush/local/shop/templates").glob("*.html"):
        text = path.read_text()
        assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == [], path.name
