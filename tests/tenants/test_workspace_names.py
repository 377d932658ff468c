"""From a workspace's name to its host: always a label that DNS takes, that is ours to give and that is free."""

import re

import pytest

from tenants.actions.workspace import RESERVED, WorkspaceRefused, create_workspace, slug_for
from tenants.models import Domain, Tenant
from tests.conftest import Workspace

LABEL = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])")

NAMES = {
    "Tea & Co.": "tea-co",
    "  ACME   Ltd  ": "acme-ltd",
    "Müller & Söhne": "muller-sohne",
    "Tōkyō": "tokyo",
    "www": "w-www",
    "API": "w-api",
    "sdk": "w-sdk",
    "ab": "w-ab",
    "7 Seas": "w-7-seas",
    "-dash-": "dash",
    "xn--80ak6aa92e": "xn-80ak6aa92e",
    "a.b.c.example": "a-b-c-example",
    "x" * 80: "x" * 32,
    "y" * 31 + " tail": "y" * 31,
    "1" * 29 + " 22": "w-" + "1" * 29,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_becomes_a_host_label(db: None, name: str) -> None:
    assert slug_for(name) == NAMES[name]
    assert LABEL.fullmatch(NAMES[name])


@pytest.mark.parametrize("name", ["🫖🍵", "Чай и печенье", "茶", "!!!", "---"])
def test_a_name_without_latin_letters_gets_a_drawn_label(db: None, name: str) -> None:
    assert re.fullmatch(r"w-[0-9a-f]{6}", slug_for(name))


def test_no_reserved_name_is_ever_given(db: None) -> None:
    for name in RESERVED:
        assert slug_for(name) == f"w-{name}"


def test_the_label_of_the_sdk_host_is_never_given(db: None, settings: object) -> None:
    settings.SDK_HOST = "cdn.example.com"  # type: ignore[attr-defined]
    assert slug_for("CDN") == "w-cdn"


def test_a_second_workspace_of_a_name_gets_a_number(acme: Workspace) -> None:
    slugs = [create_workspace(actor=acme.owner, name="Acme").slug for _ in range(3)]
    assert slugs == ["acme-2", "acme-3", "acme-4"]
    hosts = Domain.objects.filter(tenant__slug__in=slugs).order_by("pk").values_list("domain", flat=True)
    assert list(hosts) == ["acme-2.localhost", "acme-3.localhost", "acme-4.localhost"]


def test_a_number_that_was_given_is_passed_over(acme: Workspace) -> None:
    create_workspace(actor=acme.owner, name="Acme 3")
    slugs = [create_workspace(actor=acme.owner, name="Acme").slug for _ in range(2)]
    assert slugs == ["acme-2", "acme-4"]


def test_two_workspaces_of_one_name_have_schemas_of_their_own(acme: Workspace) -> None:
    first, second = (create_workspace(actor=acme.owner, name="Tea") for _ in range(2))
    assert first.schema_name != second.schema_name
    assert re.fullmatch(r"t_tea_[0-9a-f]{6}", first.schema_name)
    assert re.fullmatch(r"t_tea_2_[0-9a-f]{6}", second.schema_name)


def test_an_empty_name_is_refused_by_the_verb_too(acme: Workspace) -> None:
    before = Tenant.objects.count()
    with pytest.raises(WorkspaceRefused, match="Give the workspace a name"):
        create_workspace(actor=acme.owner, name="  ")
    assert Tenant.objects.count() == before
