"""What a count on a sample says of the whole: 95 % intervals and a test."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z = 1.959963984540054  # of the normal distribution 95 % lies within this many standard deviations


@dataclass(frozen=True)
class Estimate:
    """A number measured on a sample, and the 95 % interval for that of the population."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Proportion(Estimate):
    """`count` of `total`."""

    count: int
    total: int


def proportion(count: int, total: int) -> Proportion:
    """The share count / total with its score interval (E. B. Wilson, JASA 22, 1927): the shares p that are no more
    than _Z of their own standard errors sqrt(p (1 - p) / total) from it. 0 <= count <= total, total > 0."""
    share, spread = count / total, _Z * _Z / total
    centre = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == total else min(1.0, centre + half)
    return Proportion(share, low, high, count, total)


def paired_difference(only_first: int, only_second: int, total: int) -> Estimate:
    """Difference of two shares of the same `total` images, of which `only_first` count for the first share alone.

    The interval is the adjusted Wald interval of D. G. Bonett and R. M. Price (J. Educ. Behav. Stat. 37, 2012): one is
    added to both counts, so that it is neither empty nor too short for equal or small counts."""
    value = (only_first - only_second) / total
    first, second = (only_first + 1) / (total + 2), (only_second + 1) / (total + 2)
    centre = first - second
    half = _Z * math.sqrt((first + second - centre * centre) / (total + 2))
    return Estimate(value, max(-1.0, centre - half), min(1.0, centre + half))


def mcnemar(only_first: int, only_second: int) -> float:
    """Probability of counts at least this uneven if both shares are equal: the exact two-sided test of Q. McNemar
    (Psychometrika 12, 1947), binomial with one half."""
    differing = only_first + only_second
    log_total = differing * math.log(2)
    tail = math.fsum(
        math.exp(_log_choose(differing, count) - log_total) for count in range(min(only_first, only_second) + 1)
    )
    return min(1.0, 2 * tail)


def _log_choose(total: int, count: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
