"""The shop's pages. Whatever is put into a template is escaped here; only text of ours is markup."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlencode

from truepush.local.shop.catalogue import TEAS, Tea

_FOLDER = Path(__file__).parent / "templates"
_TEMPLATES = {path.stem: Template(path.read_text()) for path in _FOLDER.glob("*.html")}


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page must know of a request; site_key is empty where the shop has no snippet yet.

    chosen: the key came with the address, so links carry it on. wrong_key: what came was not a key.
    """

    sdk_url: str
    site_key: str
    chosen: bool = False
    wrong_key: bool = False

    def link(self, path: str) -> str:
        return escape(f"{path}?{urlencode({'site': self.site_key})}" if self.chosen else path)


def home(visit: Visit) -> str:
    cards = "".join(_card(visit, tea) for tea in TEAS)
    content = _TEMPLATES["home"].substitute(
        cards=cards, arrivals=visit.link("/new-arrivals"), signup=_signup(visit)
    )
    return _page(visit, "Loose tea from small gardens", content)


def tea_page(visit: Visit, tea: Tea) -> str:
    others = "".join(_card(visit, other) for other in TEAS if other is not tea)
    content = _TEMPLATES["tea"].substitute(
        _texts(tea), others=others, home=visit.link("/"), signup=_signup(visit)
    )
    return _page(visit, tea.name, content)


def new_arrivals(visit: Visit) -> str:
    content = _TEMPLATES["new-arrivals"].substitute(
        tea=visit.link(f"/teas/{TEAS[1].slug}"), signup=_signup(visit)
    )
    return _page(visit, "New arrivals", content)


def not_found(visit: Visit) -> str:
    return _page(visit, "Not here", _TEMPLATES["not-found"].substitute(home=visit.link("/")))


def worker_stub(sdk_url: str, site_key: str) -> str:
    """The two lines a customer puts on the own website."""
    return (
        "/* Truepush worker: keep this file at /truepush/worker.js */\n"
        f'importScripts("{sdk_url}/w/{site_key}.js");\n'
    )


def _page(visit: Visit, title: str, content: str) -> str:
    return _TEMPLATES["base"].substitute(
        title=escape(title),
        content=content,
        snippet=_snippet(visit),
        notice=_notice(visit),
        home=visit.link("/"),
        arrivals=visit.link("/new-arrivals"),
    )


def _signup(visit: Visit) -> str:
    return _TEMPLATES["signup" if visit.site_key else "signup-off"].substitute()


def _snippet(visit: Visit) -> str:
    if not visit.site_key:
        return ""
    return (
        f'<script src="{escape(visit.sdk_url)}/sdk/v1/{escape(visit.site_key)}/truepush.js" async></script>'
    )


def _notice(visit: Visit) -> str:
    if visit.wrong_key:
        return "That is no site key: it has up to 64 letters, digits, <code>-</code> and <code>_</code>."
    if not visit.site_key:
        return "No snippet here yet. Add <code>?site=YOUR_KEY</code> to the address to use your site's."
    return f"Demo shop with the snippet of site <code>{escape(visit.site_key)}</code>"


def _card(visit: Visit, tea: Tea) -> str:
    return _TEMPLATES["card"].substitute(_texts(tea), link=visit.link(f"/teas/{tea.slug}"))


def _texts(tea: Tea) -> dict[str, str]:
    return {
        "slug": escape(tea.slug),
        "name": escape(tea.name),
        "kind": escape(tea.kind),
        "price": escape(tea.price),
        "short": escape(tea.short),
        "story": escape(tea.story),
        "brew": escape(tea.brew),
    }
