"""Every route of the three hosts, from the resolver itself, and what a test must know to walk it.

A new route fails `test_every_route_has_an_entry` until it is entered here: say whose ids it takes.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from subscribers.sdk import PARTS

# What the ids of a route are: "pk" of a row of both or of one workspace, "site_key" of such a website, "slug" of one.
TENANT: dict[str, str] = {
    "campaigns:home": "",
    "campaigns:list": "",
    "campaigns:new": "",
    "campaigns:compose": "pk",
    "campaigns:tests": "pk",
    "campaigns:test": "pk",
    "campaigns:send": "pk",
    "campaigns:report": "pk",
    "campaigns:figures": "pk",
    "campaigns:recipients": "pk",
    "campaigns:send_again": "pk",
    "campaigns:calendar": "",
    "campaigns:reach": "",
    "campaigns:keep_new": "",
    "campaigns:keep_typed": "pk",
    "campaigns:forget_typed": "pk",
    "campaigns:copy": "pk",
    "campaigns:archive": "pk",
    "campaigns:restore": "pk",
    "campaigns:delete": "pk",
    "campaigns:times": "pk",
    "campaigns:call_back": "pk",
    "campaigns:ask": "pk",
    "campaigns:approve": "pk",
    "campaigns:decline": "pk",
    "campaigns:withdraw": "pk",
    "tenants:inbox": "",
    "tenants:inbox_count": "",
    "tenants:inbox_read": "",
    "tenants:inbox_mail": "",
    "tenants:inbox_open": "pk",
    "campaigns:breakdown": "pk",
    "campaigns:recipients_file": "pk",
    "subscribers:restraint": "pk",
    "campaigns:images": "",
    "campaigns:preview_person": "",
    "campaigns:image_new": "",
    "campaigns:image_fetch": "",
    "campaigns:image_remove": "pk",
    "campaigns:subscriber": "pk",
    "campaigns:pause": "pk",
    "campaigns:resume": "pk",
    "campaigns:cancel": "pk",
    "campaigns:choose": "pk",
    "campaigns:speed": "pk",
    "subscribers:subscriber_list": "",
    "subscribers:shrinking": "",
    "subscribers:subscriber_totals": "pk",
    "subscribers:person_unsubscribe": "pk",
    "subscribers:person_tags": "pk",
    "subscribers:person_test": "pk",
    "subscribers:person_erase": "pk",
    "subscribers:export_list": "",
    "subscribers:export_new": "",
    "subscribers:export_row": "pk",
    "subscribers:export_cancel": "pk",
    "subscribers:export_file": "pk",
    "subscribers:export_keys": "pk",
    "subscribers:import_list": "",
    "subscribers:import_new": "",
    "subscribers:import_page": "pk",
    "subscribers:import_state": "pk",
    "subscribers:import_chunk": "pk",
    "subscribers:import_start": "pk",
    "subscribers:import_cancel": "pk",
    "subscribers:import_errors": "pk",
    "subscribers:import_stub": "pk",
    "subscribers:import_test": "pk",
    "subscribers:import_admit": "pk",
    "subscribers:import_remove": "pk",
    "campaigns:person_data": "pk",
    "subscribers:prune": "pk",
    "campaigns:privacy_data": "",
    "subscribers:privacy": "",
    "subscribers:privacy_person": "",
    "subscribers:privacy_erase": "",
    "subscribers:segment_list": "",
    "subscribers:segment_new": "",
    "subscribers:segment_preview": "",
    "subscribers:segment": "pk",
    "subscribers:segment_edit": "pk",
    "subscribers:segment_count": "pk",
    "subscribers:segment_delete": "pk",
    "subscribers:suggested": "pk",
    "subscribers:prompt_list": "",
    "subscribers:prompt_new": "",
    "subscribers:prompt_preview": "",
    "subscribers:prompt_stage": "",
    "subscribers:funnel": "",
    "subscribers:prompt": "pk",
    "subscribers:prompt_edit": "pk",
    "subscribers:prompt_live": "pk",
    "subscribers:prompt_pause": "pk",
    "subscribers:prompt_move": "pk",
    "subscribers:prompt_test": "pk",
    "subscribers:prompt_choose": "pk",
    "subscribers:prompt_delete": "pk",
    "subscribers:sending": "",
    "subscribers:sending_resume": "",
    "subscribers:site_list": "",
    "subscribers:site_new": "",
    "subscribers:site": "pk",
    "subscribers:site_edit": "pk",
    "subscribers:identity": "pk",
    "subscribers:check": "pk",
    "subscribers:check_state": "pk",
    "subscribers:waiting": "pk",
    "subscribers:stub": "pk",
    "subscribers:test_device": "pk",
    "subscribers:test_worker": "site_key",
    "tenants:enter": "",
    "tenants:leave": "",
}
PUBLIC: dict[str, str] = {
    "tenants:landing": "",
    "tenants:workspaces": "",
    "tenants:preparing": "slug",
    "tenants:preparing_state": "slug",
    "tenants:preparing_retry": "slug",
    "tenants:open": "slug",
    "tenants:sign_out": "",
    "account_login": "",
    "account_signup": "",
}
SDK: dict[str, str] = {
    "sdk:loader": "site_key",
    "sdk:settings": "site_key",
    "sdk:worker": "site_key",
    "sdk:subscriptions": "site_key",
    "sdk:unsubscribe": "site_key",
    **{f"sdk:{part}": "site_key" for part in PARTS},
    "sdk:tags": "site_key",
    "sdk:doctor": "site_key",
    "sdk:profile": "site_key",
    "sdk:funnel_call": "site_key",
    "receipts:receipts": "",
    "receipts:picture": "site_key,name",
}
# The tenant host's that take POST only, and those that take it too; the method is looked at before any id.
POST_ONLY = {
    "campaigns:breakdown",
    "campaigns:recipients_file",
    "campaigns:ask",
    "campaigns:approve",
    "campaigns:decline",
    "campaigns:withdraw",
    "tenants:inbox_read",
    "tenants:inbox_mail",
    "tenants:inbox_open",
    "campaigns:image_new",
    "campaigns:image_fetch",
    "campaigns:image_remove",
    "campaigns:keep_new",
    "campaigns:keep_typed",
    "campaigns:forget_typed",
    "campaigns:copy",
    "campaigns:archive",
    "campaigns:restore",
    "campaigns:delete",
    "campaigns:call_back",
    "campaigns:test",
    "campaigns:send",
    "campaigns:send_again",
    "campaigns:pause",
    "campaigns:resume",
    "campaigns:cancel",
    "campaigns:choose",
    "campaigns:speed",
    "subscribers:person_unsubscribe",
    "subscribers:person_tags",
    "subscribers:person_test",
    "subscribers:person_erase",
    "subscribers:export_new",
    "subscribers:export_cancel",
    "subscribers:prune",
    "campaigns:person_data",
    "campaigns:privacy_data",
    "subscribers:privacy_person",
    "subscribers:privacy_erase",
    "subscribers:import_chunk",
    "subscribers:import_start",
    "subscribers:import_cancel",
    "subscribers:import_test",
    "subscribers:import_admit",
    "subscribers:import_remove",
    "subscribers:check",
    "subscribers:prompt_preview",
    "subscribers:prompt_live",
    "subscribers:prompt_pause",
    "subscribers:prompt_move",
    "subscribers:prompt_test",
    "subscribers:prompt_choose",
    "subscribers:prompt_delete",
    "subscribers:segment_preview",
    "subscribers:segment_count",
    "subscribers:segment_delete",
    "subscribers:sending_resume",
    "subscribers:test_device",
    "tenants:enter",
    "tenants:leave",
}
FORMS = {
    "subscribers:prompt_new",
    "subscribers:prompt_edit",
    "subscribers:restraint",
    "campaigns:new",
    "campaigns:compose",
    "subscribers:site_new",
    "subscribers:import_new",
    "subscribers:privacy",
    "subscribers:site_edit",
    "subscribers:identity",
    "subscribers:sending",
    "subscribers:segment_new",
    "subscribers:segment_edit",
}
# These need nobody to be signed in.
OPEN = {"tenants:enter", "tenants:leave"}


def walk(urlconf: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the parameters of every route, support staff's admin excepted."""
    yield from _walk(get_resolver(urlconf).url_patterns, "")


def _walk(patterns: list[Any], namespace: str) -> Iterator[tuple[str, list[str]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            if pattern.namespace != "admin":
                yield from _walk(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", list(pattern.pattern.converters)


def path_of(name: str, value: Any = None, *, urlconf: str = settings.ROOT_URLCONF) -> str:
    return reverse(name, urlconf=urlconf, args=_args(value))


def _args(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return list(value)
    return [] if value is None else [value]
