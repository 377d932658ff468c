"""How probable it is that a variant is the best, from what was counted: Bayes' rule with a uniform prior.

The rate of a variant with s successes among n has the distribution Beta(1 + s, 1 + n - s). That variant i is the best
is the integral of its density times all others' distribution functions, taken on a grid.
"""

import math
from collections.abc import Sequence

STEPS = 2000
# So many standard deviations to each side; what lies outside is less than 1e-14.
REACH = 8.0


def chances(successes: Sequence[int], trials: Sequence[int]) -> list[float]:
    """Give for each variant the probability (0 to 1, together 1) that its rate is the highest.

    `successes` and `trials` are parallel; a success more than there were trials counts as one trial.
    """
    shapes = [(1 + s, 1 + max(n - s, 0)) for s, n in zip(successes, trials, strict=True)]
    if len(shapes) < 2:
        return [1.0] * len(shapes)
    spans = [_span(a, b) for a, b in shapes]
    low, high = max(min(left for left, _ in spans), 0.0), min(max(right for _, right in spans), 1.0)
    width = (high - low) / STEPS
    grid = [low + width * (step + 0.5) for step in range(STEPS)]
    weights = [_weights(a, b, grid) for a, b in shapes]
    below = [_below(one) for one in weights]
    found = [
        sum(
            weight * math.prod(other[step] for other in (*below[:place], *below[place + 1 :]))
            for step, weight in enumerate(own)
        )
        for place, own in enumerate(weights)
    ]
    whole = sum(found)
    return [one / whole for one in found]


def _span(a: int, b: int) -> tuple[float, float]:
    mean = a / (a + b)
    deviation = math.sqrt(mean * (1 - mean) / (a + b + 1))
    return mean - REACH * deviation, mean + REACH * deviation


def _weights(a: int, b: int, grid: Sequence[float]) -> list[float]:
    """The density at each step, together 1."""
    logs = [(a - 1) * math.log(x) + (b - 1) * math.log1p(-x) for x in grid]
    most = max(logs)
    raw = [math.exp(one - most) for one in logs]
    whole = sum(raw)
    return [one / whole for one in raw]


def _below(weights: Sequence[float]) -> list[float]:
    """How probable each step is to be undercut, half of the step itself counted."""
    made, total = [], 0.0
    for weight in weights:
        made.append(total + weight / 2)
        total += weight
    return made
