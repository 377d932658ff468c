"""The heartbeat of a delivery process, on connections of its own."""

from typing import Any

import psycopg
import pytest

from campaigns.delivery.heartbeat import CHANNEL, Heartbeat
from campaigns.delivery.process import DeliveryProcess
from campaigns.delivery.signals import Signals
from tenants import flag_figures
from tenants.flag_figures import figures
from tenants.flags import DELIVERIES
from tenants.own_connection import connection_parameters
from tests.sandbox.driver import until


@pytest.mark.django_db
def test_it_reads_at_each_notice_and_goes_on_beating() -> None:
    """A notice is heard at once, and so is the next; the beats between them do not stop."""
    beats: list[int] = []
    woken: list[int] = []
    signals = Signals()

    def beat(execute: Any) -> None:
        beats.append(len(execute("SELECT 1", ())))

    def farewell(execute: Any) -> None:
        execute("SELECT 1", ())

    heartbeat = Heartbeat(
        signals, held=tuple, wake=lambda: woken.append(signals.readings), beat=beat, farewell=farewell
    )
    heartbeat.start()
    try:
        with psycopg.connect(**connection_parameters(), autocommit=True) as other:
            for number in range(1, 4):
                until(lambda reached=number: len(beats) > reached)
                other.execute(f"NOTIFY {CHANNEL}".encode())
                until(lambda reached=number: len(woken) >= reached, 3)
        reached = len(beats)
        until(lambda: len(beats) >= reached + 2)
    finally:
        heartbeat.end()
    assert not heartbeat.is_alive()
    assert woken == sorted(set(woken))


def test_figures_that_cannot_be_added_do_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []

    def execute(statement: str, values: Any) -> list[Any]:
        said.append(statement)
        if "tenants_featureflag" in statement:
            raise psycopg.errors.DeadlockDetected("two wait for each other")
        return []

    monkeypatch.setattr(flag_figures, "FLUSH_SECONDS", 0.0)
    figures.count(DELIVERIES, 1, 1, 0)
    DeliveryProcess()._beat(execute)
    assert ["tenants_featureflag" in statement for statement in said] == [False, True]
    assert caplog.messages == ["The figures of feature flags could not be added: two wait for each other"]
