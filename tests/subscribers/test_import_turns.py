"""Turns of numbered work: in order, none behind a number that stopped, and the error of the lowest number counts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from subscribers.importing.turns import Turns


def test_turns_come_in_order_whoever_waits_first() -> None:
    turns, had = Turns(), []

    def work(number: int) -> None:
        assert turns.come(number)
        had.append(number)
        turns.pass_on()

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work, number) for number in (3, 1, 2, 0)]
        for one in running:
            one.result(20)
    assert had == [0, 1, 2, 3]


def test_a_turn_that_is_long_in_coming_is_still_had() -> None:
    turns = Turns()
    assert turns.come(1, patience=0) is False
    assert turns.come(0) is True
    turns.pass_on()
    assert turns.come(1, patience=0) is True


def test_nobody_behind_one_that_stopped_has_a_turn_and_those_before_have() -> None:
    turns = Turns()
    with ThreadPoolExecutor(1) as pool:
        behind = pool.submit(turns.come, 2)
        turns.stop(1)
        assert behind.result(20) is False
    assert (turns.is_stopped, turns.come(1), turns.come(0)) == (True, False, True)
    turns.raise_error()


def test_of_several_errors_that_of_the_lowest_number_is_raised() -> None:
    turns = Turns()
    for number in (2, 1, 3):
        with pytest.raises(ValueError, match="piece"), turns.failing_from(number):
            raise ValueError(f"piece {number}")
    with pytest.raises(ValueError, match="piece 1"):
        turns.raise_error()
    assert turns.come(0) is True
