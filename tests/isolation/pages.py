"""Fetching every page there is, and reading all of an answer: words, links, headers, in small letters."""

from typing import Any

from django.conf import settings
from django.test import Client

from tests.conftest import Workspace
from tests.isolation.routes import OF_PEOPLE, OPEN, POST_ONLY, PUBLIC, SDK, TENANT, path_of
from tests.isolation.world import site_key


def everything(answer: Any) -> str:
    """Join body and headers; pages capitalise, so all is in small letters."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{answer.status_code}\n{headers}\n{body.decode()}".lower()


def value_for(kind: str, place: Workspace, pk: int) -> Any:
    if kind == "slug":
        return place.tenant.slug
    if kind == "site_key,name":
        return site_key(place, pk), f"{pk:032x}.png"
    if kind == "content_hash,part":
        return f"{pk:016x}", "ask"
    return site_key(place, pk) if kind == "site_key" else pk


def console_pages(client: Client, place: Workspace, pks: tuple[int, ...]) -> dict[str, Any]:
    """GET every page of the workspace's console, pages of rows for each id; answers by path."""
    found = {}
    for name, kind in TENANT.items():
        if name in POST_ONLY | OPEN:
            continue
        for pk in pks if kind else (0,):
            path = path_of(name, value_for(kind, place, pk) if kind else None)
            found[path] = client.get(path)
            found[f"{path} (htmx)"] = client.get(path, headers={"hx-request": "true"})
    for query in (
        "/campaigns/?page=2",
        "/campaigns/?page=zzz",
        "/campaigns/new/?site=7",
        "/sites/new/?name=x",
    ):
        found[query] = client.get(query)
    return found


def public_pages(client: Client, place: Workspace) -> dict[str, Any]:
    """GET every page of the public host, those about a workspace for this one."""
    found = {}
    for name, kind in PUBLIC.items():
        if name in OF_PEOPLE:
            continue
        value = value_for(kind, place, 0) if kind else None
        path = path_of(name, value, urlconf=settings.PUBLIC_SCHEMA_URLCONF)
        found[path] = client.get(path)
    found["/workspaces/?all"] = client.get("/workspaces/?all")
    return found


def sdk_pages(client: Client, place: Workspace, pks: tuple[int, ...], origin: str) -> dict[str, Any]:
    """GET and POST every route of the SDK with this workspace's site keys."""
    found = {}
    for name, kind in SDK.items():
        for pk in pks if kind else (0,):
            value = value_for(kind, place, pk) if kind else None
            path = path_of(name, value, urlconf=settings.SDK_URLCONF)
            headers = {"origin": origin}
            found[path] = client.get(path, headers=headers)
            found[f"POST {path}"] = client.post(path, b"{}", content_type="application/json", headers=headers)
    return found
