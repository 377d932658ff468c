"""The audit log in the console: entries in words, filters, pages, and files in which one entry is one line."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from tenants.actions.sending import set_tenant_rate
from tenants.audit_log import PER_PAGE
from tenants.models import AuditEntry, Role
from tests.conftest import Workspace, make_site
from tests.tenants.people import add_member

Console = Callable[..., Client]


def said(answer: object) -> list[str]:
    """The sentences of the page, the newest first."""
    page = answer.content.decode()  # type: ignore[attr-defined]
    cells = re.findall(r'<td class="cell-wide audit-what">\s*<span>(.*?)</span>', page, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in cells]


def add(place: Workspace, action: str, *, minutes: int = 0, **values: object) -> AuditEntry:
    values = {"actor": "ann@acme.test", "tenant_id": place.tenant.pk, **values}
    return AuditEntry.objects.create(action=action, at=timezone.now() - timedelta(minutes=minutes), **values)


def test_an_entry_is_a_sentence_with_what_was_before_and_after(acme: Workspace, console: Console) -> None:
    make_site(acme)
    set_tenant_rate(actor=acme.owner, tenant=acme.tenant, per_minute=600)
    answer = console(acme).get("/audit/")
    assert said(answer)[:2] == ["changed how fast the workspace sends", "added the website Shop"]
    page = answer.content.decode()
    assert "<dt>per minute</dt><dd><del>nothing</del>" in page
    assert "<ins>600</ins>" in page
    assert '<a href="/sites/' in page


def test_what_is_no_longer_there_keeps_the_name_it_had(acme: Workspace, console: Console) -> None:
    add(acme, "segment.delete", target="segment 77", before={"name": "Buyers"})
    add(acme, "segment.delete", target="segment 78")
    add(acme, "zap.unknown", target="thing 1")
    assert said(console(acme).get("/audit/"))[:3] == [
        "zap.unknown thing 1",
        "deleted the segment 78",
        "deleted the segment Buyers",
    ]


def test_filters_narrow_by_person_action_and_period(acme: Workspace, console: Console) -> None:
    client, day = console(acme), 24 * 60
    add(acme, "site.add", target="site 1", minutes=3 * day)
    add(acme, "site.change", target="site 2", minutes=2 * day)
    add(acme, "site.add", target="site 3", actor="bob@acme.test", minutes=day)
    dates = [(timezone.now() - timedelta(days=days)).date().isoformat() for days in (3, 2)]

    def found(query: str) -> list[str]:
        return [text.rpartition(" ")[2] for text in said(client.get(f"/audit/?{query}"))]

    assert found("actor=Ann@acme.test") == ["2", "1"]
    assert found("action=site.add") == ["3", "1"]
    assert found("actor=ann@acme.test&action=site.add") == ["1"]
    assert found(f"since={dates[0]}&until={dates[1]}") == ["2", "1"]
    assert found(f"until={dates[0]}") == ["1"]
    assert found("actor=nobody@acme.test") == []
    odd = "since=2026-99-99&until=x&before=y&after=2026-01-01_1&action=%00&actor=%00"
    assert client.get(f"/audit/?{odd}").status_code == 200
    assert client.get("/audit/?since=0001-01-01&until=9999-12-31").status_code == 200


def test_pages_lead_to_older_entries_and_back_without_a_gap(acme: Workspace, console: Console) -> None:
    moment = timezone.now()
    for number in range(PER_PAGE * 2 + 5):
        # Pairs of one moment: the number decides.
        AuditEntry.objects.create(
            action="site.add", actor="pager", tenant_id=acme.tenant.pk, target=f"site {900 + number}",
            at=moment - timedelta(minutes=number // 2),
        )  # fmt: skip
    client, address, seen = console(acme), "/audit/?actor=pager", []
    while address:
        page = client.get(address)
        seen.append(said(page))
        link = re.search(r'href="(\?[^"]+)" rel="next"', page.content.decode())
        address = f"/audit/{unescape(link[1])}" if link else ""
    assert [len(texts) for texts in seen] == [PER_PAGE, PER_PAGE, 5]
    assert len({text for texts in seen for text in texts}) == PER_PAGE * 2 + 5
    back = re.search(r'href="(\?[^"]+)" rel="prev"', page.content.decode())
    assert back is not None
    assert said(client.get(f"/audit/{unescape(back[1])}")) == seen[1]


EVIL = 'Shop\r\n2026-01-01,evil@acme.test\u2028,"x"'


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_a_break_in_a_name_makes_no_second_line(acme: Workspace, console: Console, file_format: str) -> None:
    for _ in range(2):
        add(acme, "site.change", target=EVIL, actor="evil", before={"name": EVIL}, after={"name": "\n"})
    answer = console(acme).post("/audit/file/", {"format": file_format, "actor": "evil"})
    text = b"".join(answer.streaming_content).decode()
    assert len(text.splitlines()) == (3 if file_format == "csv" else 2)
    if file_format == "jsonl":
        assert [json.loads(line)["before"] for line in text.splitlines()] == [{"name": EVIL}] * 2


def test_a_formula_is_harmless_in_the_csv_file(acme: Workspace, console: Console) -> None:
    add(acme, "site.change", target='=HYPERLINK("http://x")', actor="=cmd")
    answer = console(acme).post("/audit/file/", {"format": "csv", "actor": "=cmd"})
    (row,) = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))
    assert (row["actor"], row["target"]) == ("'=cmd", '\'=HYPERLINK("http://x")')
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_a_file_is_noted_with_its_filters(acme: Workspace, console: Console) -> None:
    client = console(acme)
    answer = client.post("/audit/file/", {"format": "jsonl", "action": "site.add", "since": "2026-01-01"})
    assert answer["Content-Disposition"] == 'attachment; filename="audit-acme.jsonl"'
    assert b"".join(answer.streaming_content) == b""
    entry = AuditEntry.objects.filter(action="audit.export").get()
    assert entry.detail == {"format": "jsonl", "filters": {"action": "site.add", "since": "2026-01-01"}}
    assert client.post("/audit/file/", {"format": "xml"}).status_code == 404
    assert AuditEntry.objects.filter(action="audit.export").count() == 1


def test_a_page_of_many_kinds_costs_a_query_for_each_kind(
    acme: Workspace, console: Console, django_assert_num_queries: Callable[[int], object]
) -> None:
    client = console(acme)
    sites = [make_site(acme, name=f"S{n}", origin=f"https://s{n}.example") for n in range(3)]
    client.get("/audit/")
    with django_assert_num_queries(9):  # type: ignore[attr-defined]
        answer = client.get("/audit/?action=site.add")
    assert said(answer) == [f"added the website {site.name}" for site in reversed(sites)]


def test_people_below_admin_see_neither_page_nor_link(acme: Workspace, console: Console) -> None:
    client = console(acme, add_member(acme, Role.SENDER))
    assert client.get("/audit/").status_code == 403
    assert "/audit/" not in client.get("/").content.decode()
