"""The audit log in words: what each action is called, and what it was done to. Apps above add theirs when ready."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.urls import reverse


class Kind(NamedTuple):
    """What a target such as "site 3" is. `names_of` calls those that are still there, `path_of` is their page."""

    label: str
    names_of: Callable[[Collection[int]], dict[int, str]] = lambda ids: {}
    path_of: Callable[[int], str] = lambda pk: ""


# A sentence goes on after the person; {} is what it was done to.
WORDS: dict[str, str] = {
    "workspace.create": "created the workspace {}",
    "workspace.ready": "finished setting up the workspace {}",
    "workspace.retry": "started setting up the workspace {} again",
    "workspace.enter": "signed in to the workspace",
    "workspace.rate": "changed how fast the workspace sends",
    "workspace.security": "changed what the workspace asks of its owners at sign-in",
    "workspace.approval": "changed whether campaigns need approval",
    "workspace.pause_sending": "paused all sending",
    "workspace.resume_sending": "let sending go on",
    "workspace.suspend": "suspended the workspace",
    "workspace.reopen": "opened the suspended workspace again",
    "workspace.back_up": "wrote all of the workspace {} into a bundle",
    "workspace.put_back": "restored the workspace {} from a bundle",
    "support.view_start": "began to look into the workspace as support",
    "support.view_page": "saw {} as support",
    "support.view_end": "ended the look into the workspace as support",
    "member.change": "changed what {} may do",
    "member.remove": "removed {} from the workspace",
    "member.leave": "left the workspace",
    "invitation.send": "invited {}",
    "invitation.resend": "invited {} again",
    "invitation.withdraw": "withdrew the invitation of {}",
    "invitation.accept": "accepted the invitation of {}",
    "key.create": "made {}",
    "key.revoke": "revoked {}",
    "key.hold": "had API keys refused until they are let in again",
    "key.let_in": "let {} in again",
    "audit.export": "exported the audit log",
    "alert.close": "closed the alert {}",
    "problem.report": "reported a problem to support",
    "problem.answer": "answered a reported problem as support",
}
# Of no single workspace, as is what people do with their own account ("user."): only support staff read them.
INSTALLATION = {
    "audit.retention",
    "flag.name",
    "flag.start",
    "flag.stop",
    "installation.rotate_keys",
    "installation.start_sending",
    "installation.stop_sending",
    "problem.attach",
    "problem.banner",
    "problem.solve",
    "tenants.migrate",
}


def register_words(words: Mapping[str, str], kinds: Mapping[str, Kind]) -> None:
    """Add or replace what an app's actions and targets are called."""
    WORDS.update(words)
    KINDS.update(kinds)


def label_of(action: str) -> str:
    """Call an action without what it was done to: "Changed the website"; one that is not known by its own name."""
    words = " ".join(WORDS.get(action, action).replace("{}", "").split())
    return words[:1].upper() + words[1:]


def named(model: type[Model], field: str = "name") -> Callable[[Collection[int]], dict[int, str]]:
    """Make a `names_of` that reads a column."""

    def names_of(ids: Collection[int]) -> dict[int, str]:
        rows = model._default_manager.filter(pk__in=ids)
        return {pk: str(name) for pk, name in rows.values_list("pk", field)}

    return names_of


def page_of(route: str) -> Callable[[int], str]:
    """Make a `path_of` from a route of a workspace's host: files are written on no host at all."""
    return lambda pk: reverse(route, urlconf=settings.ROOT_URLCONF, args=[pk])


def _names_of_keys(ids: Collection[int]) -> dict[int, str]:
    return named(apps.get_model("tenants", "ApiKey"))(ids)  # read before there are models


KINDS: dict[str, Kind] = {"key": Kind("the API key", _names_of_keys)}
