"""OB-07: a change goes to a share of workspaces or to some by name, stops for all, and by itself if it is worse."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants import flags
from tenants.actions.flags import FlagRefused, name_workspace, start_flag, stop_flag, stop_worse
from tenants.copied import Copied
from tenants.flag_figures import Figures
from tenants.flags import DELIVERIES, IMPORT_IN_PAIRS, OWN_ENCODER, is_on
from tenants.models import Alert, AuditEntry, FeatureFlag, FlagFigure
from tenants.own_connection import ask_here, connection_parameters
from tests.conftest import Workspace
from truepush.lib.share import is_in_share

NAME = OWN_ENCODER.name
Do = Callable[..., Any]


@pytest.fixture
def do(db: None, django_capture_on_commit_callbacks: Any) -> Do:
    """Call a verb as the system; what follows its commit follows at once."""

    def call(verb: Callable[..., Any], **given: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return verb(actor=None, name=NAME, **given)

    return call


def settle() -> None:
    """Let the time pass in which a start reaches all processes."""
    FeatureFlag.objects.update(started_at="2020-01-01T00:00Z")


@pytest.fixture
def both(do: Do, acme: Workspace, globex: Workspace) -> Iterator[tuple[int, int]]:
    """The flag, on for acme and off for globex; their numbers."""
    do(start_flag, percent=1)
    do(name_workspace, slug="acme", choice="on")
    do(name_workspace, slug="globex", choice="off")
    yield acme.tenant.pk, globex.tenant.pk


def drawn(percent: int) -> set[int]:
    return {number for number in range(10_000) if is_in_share("some-flag", str(number), percent)}


def test_a_larger_share_has_the_smaller_one_in_it_and_is_as_large_as_it_says() -> None:
    shares = {percent: drawn(percent) for percent in (0, 1, 10, 25, 50, 100)}
    assert shares[1] < shares[10] < shares[25] < shares[50] < shares[100]
    assert {percent: len(share) for percent, share in shares.items()} == {
        0: 0, 1: 85, 10: 977, 25: 2481, 50: 5042, 100: 10_000,
    }  # fmt: skip
    assert {number for number in range(10_000) if is_in_share("another", str(number), 10)} != shares[10]


def test_a_flag_without_a_row_is_as_the_code_says(db: None) -> None:
    assert is_on(OWN_ENCODER, 1) is True
    assert is_on(OWN_ENCODER._replace(default=False), 1) is False


def test_names_beat_the_share_and_a_stop_beats_names(do: Do, both: tuple[int, int]) -> None:
    acme, globex = both
    do(start_flag, percent=100)
    assert (is_on(OWN_ENCODER, acme), is_on(OWN_ENCODER, globex)) == (True, False)
    assert do(stop_flag) is True
    assert (is_on(OWN_ENCODER, acme), is_on(OWN_ENCODER, globex)) == (False, False)
    assert do(stop_flag) is False
    do(start_flag, percent=100)
    do(name_workspace, slug="globex", choice="share")
    assert (is_on(OWN_ENCODER, acme), is_on(OWN_ENCODER, globex)) == (True, True)


def test_asking_again_costs_no_query(do: Do, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    do(start_flag, percent=100)
    with django_assert_num_queries(1):
        assert [is_on(OWN_ENCODER, number) for number in range(100)] == [True] * 100


def test_another_process_s_stop_is_seen_within_a_minute(do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flags.LIFETIME_SECONDS == 5.0
    do(start_flag, percent=100)
    assert is_on(OWN_ENCODER, 1)
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stop_flag(
        actor=None, name=NAME
    )  # nothing follows the commit here, as in the processes that did not do it
    assert is_on(OWN_ENCODER, 1)
    now[0] += flags.LIFETIME_SECONDS
    assert not is_on(OWN_ENCODER, 1)


def test_without_the_database_the_last_copy_holds_and_without_one_the_default(
    do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError("away")

    do(start_flag, percent=1)
    do(stop_flag)
    assert not is_on(OWN_ENCODER, 1)
    flags.forget()
    with connection.execute_wrapper(away):
        assert not is_on(OWN_ENCODER, 1)
        monkeypatch.setattr(flags, "_books", Copied("flags", lambda: flags.read(ask_here), {}, 5.0))
        assert is_on(OWN_ENCODER, 1)


def test_the_same_choice_again_begins_no_step(do: Do, both: tuple[int, int]) -> None:
    before, entries = FeatureFlag.objects.values().get(), AuditEntry.objects.count()
    figures(1, 0, 1, 0)
    assert do(name_workspace, slug="acme", choice="on") is True
    assert (FeatureFlag.objects.values().get(), AuditEntry.objects.count()) == (before, entries)
    assert FlagFigure.objects.count() == 2


def test_a_name_leaves_the_figures_of_a_stop_and_holds_once_it_is_started(
    do: Do, both: tuple[int, int]
) -> None:
    figures(1000, 250, 1000, 10)
    assert stop_worse() == [NAME]
    before = FeatureFlag.objects.values("step", "started_at", "stopped_at").get()
    assert do(name_workspace, slug="globex", choice="on") is False
    assert FeatureFlag.objects.values("step", "started_at", "stopped_at").get() == before
    assert FlagFigure.objects.count() == 2
    assert not is_on(OWN_ENCODER, both[1])
    do(start_flag, percent=1)
    assert is_on(OWN_ENCODER, both[1])


@pytest.mark.parametrize("percent", [0, 25, 101, -1])
def test_another_share_is_refused(do: Do, percent: int) -> None:
    with pytest.raises(FlagRefused, match=r"cannot be chosen: give 1, 10, 50 or 100\."):
        do(start_flag, percent=percent)
    assert FeatureFlag.objects.count() == 0


def test_what_the_code_does_not_name_cannot_be_started(db: None) -> None:
    with pytest.raises(FlagRefused, match="There is no flag 'x' in this version"):
        start_flag(actor=None, name="x", percent=1)


def test_what_is_done_is_audited(do: Do, both: tuple[int, int]) -> None:
    do(stop_flag, why="It smells.")
    entries = AuditEntry.objects.filter(target=NAME).order_by("pk").values_list("action", "detail")
    assert list(entries) == [
        ("flag.start", {"percent": 1}),
        ("flag.name", {"workspace": "acme", "choice": "on"}),
        ("flag.name", {"workspace": "globex", "choice": "off"}),
        ("flag.stop", {"why": "It smells."}),
    ]


def test_figures_of_both_groups_are_added_by_one_statement(
    both: tuple[int, int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settle()
    process = Figures()
    for _ in range(3):
        process.count(DELIVERIES, both[0], 1, 0)
        process.count(DELIVERIES, both[1], 100, 2)
    with django_assert_num_queries(2):
        process.flush(ask_here)
    process.count(DELIVERIES, both[0], 1, 1)
    process.flush(ask_here)
    with django_assert_num_queries(0):
        process.flush(ask_here)
    kept = FlagFigure.objects.order_by("is_on").values_list("is_on", "kind", "events", "errors")
    assert list(kept) == [(False, DELIVERIES, 300, 6), (True, DELIVERIES, 4, 1)]


def test_who_changes_a_flag_and_who_adds_figures_do_not_wait_for_each_other(db: None) -> None:
    """The first figure of a step asks, at its commit, whether the flag's row is still there."""
    with psycopg.connect(**connection_parameters(), autocommit=True) as other:

        def ask(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
            return other.execute(statement.encode(), values or None).fetchall()

        other.execute("SET lock_timeout = '500ms'")
        other.execute(
            "INSERT INTO tenants_featureflag (name, percent, started_at) VALUES (%s, 100, now() - interval '1 h')",
            [NAME],
        )
        process = Figures()
        try:
            with transaction.atomic():
                assert FeatureFlag.objects.get().percent == 100
                start_flag(actor=None, name=NAME, percent=10)
                process.count(DELIVERIES, 1, 1, 0)
                process.flush(ask)
                transaction.set_rollback(True)
            assert FlagFigure.objects.get().events == 1
        finally:
            other.execute("DELETE FROM tenants_flagfigure")
            other.execute("DELETE FROM tenants_featureflag")


@pytest.mark.parametrize(("seconds", "kept"), [(0, []), (20, []), (31, [10])])
def test_what_is_counted_while_a_start_reaches_all_processes_is_left_out(
    both: tuple[int, int], seconds: int, kept: list[int]
) -> None:
    FeatureFlag.objects.update(started_at=timezone.now() - timedelta(seconds=seconds))
    process = Figures()
    process.count(DELIVERIES, both[0], 10, 0)
    process.flush(ask_here)
    assert list(FlagFigure.objects.values_list("events", flat=True)) == kept


def test_a_row_that_the_code_does_not_name_keeps_nothing_from_the_others(both: tuple[int, int]) -> None:
    """An older or newer version's: neither judged nor counted, and first in the order of names."""
    FeatureFlag.objects.create(name="a-former-one", percent=100)
    figures(1000, 250, 1000, 10, name="a-former-one")
    figures(1000, 250, 1000, 10)
    assert list(flags.read(ask_here)) == [NAME]
    assert (stop_worse(), stop_worse()) == ([NAME], [])
    assert FeatureFlag.objects.get(name="a-former-one").stopped_at is None


def figures(
    events: int, errors: int, others: int, their_errors: int, kind: str = DELIVERIES, *, name: str = NAME
) -> None:
    row = FeatureFlag.objects.get(pk=name)
    for is_with, many, failed in ((True, events, errors), (False, others, their_errors)):
        FlagFigure.objects.create(
            flag=row, step=row.step, is_on=is_with, kind=kind, events=many, errors=failed
        )


@pytest.mark.parametrize(
    ("counts", "is_stopped"),
    [
        ((500, 6, 500, 0), True),
        ((500, 5, 500, 0), False),  # one point, not more
        ((499, 400, 500, 0), False),  # too few
        ((1000, 80, 1000, 40), False),  # twice as many, not more
        ((1000, 81, 1000, 40), True),
        ((1000, 19, 1000, 10), False),
        ((1000, 1000, 499, 0), False),  # too few to compare with
    ],
)
def test_it_stops_by_itself_when_it_is_twice_and_a_point_worse(
    do: Do, both: tuple[int, int], counts: tuple[int, int, int, int], is_stopped: bool
) -> None:
    figures(*counts)
    assert stop_worse() == ([NAME] if is_stopped else [])
    assert (FeatureFlag.objects.get().stopped_at is not None) is is_stopped
    assert Alert.objects.filter(kind=f"flag_stopped:{NAME}").count() == is_stopped


def test_each_flag_has_an_alert_of_its_own_which_a_start_closes(
    do: Do, both: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    another = OWN_ENCODER._replace(name="another")
    monkeypatch.setitem(flags.FLAGS, "another", another)
    start_flag(actor=None, name="another", percent=1)
    figures(1000, 250, 1000, 10)
    figures(1000, 500, 1000, 10, name="another")
    assert sorted(stop_worse()) == ["another", NAME]
    texts = Alert.objects.filter(closed_at=None).order_by("text").values_list("text", flat=True)
    assert [text.partition(" ")[0] for text in texts] == ["another", NAME]
    do(start_flag, percent=1)
    assert Alert.objects.get(closed_at=None).kind == "flag_stopped:another"


def test_what_a_flag_cannot_change_does_not_judge_it(do: Do, both: tuple[int, int]) -> None:
    start_flag(actor=None, name=IMPORT_IN_PAIRS.name, percent=1)
    figures(1000, 250, 1000, 10, "requests")
    figures(1000, 250, 1000, 10, name=IMPORT_IN_PAIRS.name)
    assert stop_worse() == []
    FlagFigure.objects.all().delete()
    settle()
    process = Figures()
    process.count("requests", both[0], 1, 0)
    process.count(DELIVERIES, both[0], 1, 0)
    process.flush(ask_here)
    assert list(FlagFigure.objects.values_list("flag_id", "kind")) == [(NAME, DELIVERIES)]


def test_the_stop_says_why_once_to_staff_and_in_the_audit_log(both: tuple[int, int]) -> None:
    figures(1000, 250, 2000, 20)
    assert (stop_worse(), stop_worse()) == ([NAME], [])
    why = "25.0 % of its deliveries failed, 1.0 % of the others'."
    assert FeatureFlag.objects.get().stopped_why == why
    assert Alert.objects.get().text == f"{NAME} was stopped: {why}"
    entry = AuditEntry.objects.get(action="flag.stop")
    assert (entry.actor, entry.detail) == ("system", {"why": why})
