"""How sure it is which version is the best, and how often the better one wins."""

import random
from math import exp, lgamma

import pytest

from campaigns.delivery.ab import Standing, judge
from truepush.lib.odds import chances


def test_chances_are_those_of_two_beta_distributions() -> None:
    """Against the closed form for two variants (E. Miller, "Formulas for Bayesian A/B testing")."""

    def beta(a: float, b: float) -> float:
        return lgamma(a) + lgamma(b) - lgamma(a + b)

    def closed(s1: int, n1: int, s2: int, n2: int) -> float:
        a1, b1, a2, b2 = 1 + s1, 1 + n1 - s1, 1 + s2, 1 + n2 - s2
        return sum(exp(beta(a1 + i, b1 + b2) - beta(1 + i, b2) - beta(a1, b1)) / (b2 + i) for i in range(a2))

    for s1, n1, s2, n2 in ((50, 1000, 70, 1000), (0, 10, 0, 10), (5, 100, 5, 50), (2, 10_000, 900, 12_000)):
        [first, second] = chances([s1, s2], [n1, n2])
        assert second == pytest.approx(closed(s1, n1, s2, n2), abs=1e-3)
        assert first + second == pytest.approx(1)


def test_chances_of_many_equals_are_equal_and_of_none_one() -> None:
    assert chances([], []) == []
    assert chances([3], [9]) == [1.0]
    assert chances([10] * 5, [1000] * 5) == pytest.approx([0.2] * 5)
    assert chances([0, 1_000_000], [1_000_000, 1_000_000]) == pytest.approx([0, 1])


def test_of_two_hundred_runs_with_two_points_of_difference_the_better_wins_nine_in_ten() -> None:
    draw = random.Random(7)
    wins = 0
    for _ in range(200):
        people = 1500
        clicks = [sum(draw.random() < rate for _ in range(people)) for rate in (0.05, 0.07)]
        found = [
            Standing(place, people, people, people, number, chance)
            for place, (number, chance) in enumerate(zip(clicks, chances(clicks, [people] * 2), strict=True))
        ]
        wins += judge(found, "clicked")[0] == 1
    assert wins >= 180


def test_a_version_that_few_got_or_nobody_clicked_does_not_win() -> None:
    found = [Standing(0, 180, 180, 100, 9, 0.3), Standing(1, 5, 5, 2, 0, 0.7)]
    assert judge(found, "clicked") == (None, "Fewer than 15 got B, too few to compare.")
    found = [Standing(0, 180, 180, 100, 1, 0.3), Standing(1, 20, 20, 2, 0, 0.7)]
    assert judge(found, "clicked")[0] == 0
