"""How far an accuracy measured on few clips may be trusted."""

from fractions import Fraction
from math import comb, sqrt

CHANCE = 0.05
"""A difference is called more than chance where its p lies below this."""
_Z = 1.959963984540054
"""Of the standard normal distribution: 95 % lie within this of its mean."""


def wilson(right: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share of which `right` of `n` came out right.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    `right` may be a mean over several runs on the same clips.
    """
    if not 0.0 <= right <= n or n == 0:
        raise ValueError(f"got {right} right of {n}, allowed 0 to n of at least 1")
    share = right / n
    middle = share + _Z**2 / (2 * n)
    reach = _Z * sqrt(share * (1.0 - share) / n + _Z**2 / (4 * n**2))
    scale = 1.0 + _Z**2 / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p of two nets being equally good, given the clips one alone got right.

    McNemar (1947), exact: each such clip falls to either net with odds of one half.
    """
    n = only_a + only_b
    tail = sum(comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, float(Fraction(2 * tail, 1 << n)))


def fewest_that_differ() -> int:
    """Return the fewest clips that differ, all in favour of one net, beyond chance."""
    clips = 1
    while mcnemar(0, clips) >= CHANCE:
        clips += 1
    return clips
