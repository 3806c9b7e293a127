"""How sure a number is: bounds of shares, means and percentiles, and the exact binomial tail.

Counts are whole numbers, arrays of any one shape or numbers that broadcast; answers are ``float64`` (or ``int64``
ranks): one number for numbers, else an array of that shape. ``0 ≤ bad ≤ base`` is required, else ValueError.
SciPy is imported on first use.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Bounds(NamedTuple):
    """Lower and upper bound, both included, of one shape."""

    lower: Floats
    upper: Floats


def clopper_pearson(bad: ArrayLike, base: ArrayLike, confidence: float = 0.95) -> Bounds:
    """Exact two-sided bounds of bad ÷ base [share]; 0 and 1 for an empty base: nothing is known.

    Clopper and Pearson, Biometrika 26 (1934): beta quantiles, each side at (1 − confidence) ÷ 2.
    """
    from scipy.special import betainccinv, betaincinv

    failures, total = _require_counts(bad, base)
    half = _require_half(confidence)
    # The guarded shapes stand only where the bound is 0 or 1 anyway.
    lower = betaincinv(np.maximum(failures, 1), total - failures + 1, half)
    upper = betainccinv(failures + 1, np.maximum(total - failures, 1), half)
    return _close_ends(lower, upper, failures, total)


def jeffreys(bad: ArrayLike, base: ArrayLike, confidence: float = 0.95) -> Bounds:
    """Equal-tailed bounds of bad ÷ base [share]: quantiles of Beta(bad + ½, base − bad + ½), half the doubt each side.

    The prior is Beta(½, ½): Brown, Cai and DasGupta, Statistical Science 16 (2001), 3.1.3. Where nothing or all failed
    the bounds leave out 0 or 1, as equal tails must. An empty base gives 0 and 1: nothing is known.
    """
    from scipy.special import betainccinv, betaincinv

    failures, total = _require_counts(bad, base)
    half = _require_half(confidence)
    lower = betaincinv(failures + 0.5, total - failures + 0.5, half)
    upper = betainccinv(failures + 0.5, total - failures + 0.5, half)
    known = total > 0
    return Bounds(_one_or_many(np.where(known, lower, 0.0)), _one_or_many(np.where(known, upper, 1.0)))


def wilson(bad: ArrayLike, base: ArrayLike, confidence: float = 0.95) -> Bounds:
    """Score bounds of bad ÷ base [share]; 0 and 1 for an empty base. Wilson, JASA 22 (1927)."""
    failures, total = _require_counts(bad, base)
    z = _normal_quantile(_require_half(confidence))
    count = np.maximum(total, 1)
    share = failures / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    spread = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return _close_ends(centre - spread, centre + spread, failures, total)


def binomial_tail(bad: ArrayLike, base: ArrayLike, limit: ArrayLike) -> Floats:
    """P(X ≥ bad) for X of the binomial distribution with ``base`` trials and share ``limit`` (0 to 1).

    1 when nothing failed, an empty base included. Raises ValueError for a limit outside. The regularised incomplete
    beta function I(limit; bad, base − bad + 1), Abramowitz and Stegun 26.5.24: exact but for rounding.
    """
    from scipy.special import betainc

    failures, total = _require_counts(bad, base)
    share = np.asarray(limit, np.float64)
    if not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"limit: {limit!r} is not a share between 0 and 1; 4 % is 0.04")
    exceeded = betainc(np.maximum(failures, 1), total - failures + 1, share)
    return _one_or_many(np.where(failures == 0, 1.0, exceeded))


tail = binomial_tail
"""The name of ``binomial_tail`` in the contract of the package."""


def mean_interval(sums: ArrayLike, squares: ArrayLike, counts: ArrayLike, confidence: float = 0.95) -> Bounds:
    """Normal bounds of a mean from its sum, sum of squares and count [unit of the values].

    Mean ± z · s ÷ √n with the sample deviation s. NaN below two values: no spread is known.
    """
    total, square = np.asarray(sums, np.float64), np.asarray(squares, np.float64)
    count = np.asarray(counts, np.float64)
    z = _normal_quantile(_require_half(confidence))
    known = np.where(count >= 2, count, np.nan)
    mean = total / known
    variance = np.maximum(square - total * mean, 0) / (known - 1)
    spread = z * np.sqrt(variance / known)
    return Bounds(mean - spread, mean + spread)


def percentile_ranks(counts: ArrayLike, share: float) -> Counts:
    """The nearest rank, from 1, of a percentile among ``counts`` sorted values; 0 among none.

    Rank k = ceil(share · n), share in (0, 1], taken as the decimal it shows: always a real row, the lower
    middle for the median of an even count.
    """
    exact = Fraction(str(share))
    if not 0 < exact <= 1:
        raise ValueError(f"share: {share} is not above 0 and at most 1; the 90th percentile is 0.9")
    count = np.asarray(counts, np.int64)
    return -(-count * exact.numerator // exact.denominator)


def percentile_rank_bounds(
    counts: ArrayLike, share: float, confidence: float = 0.95
) -> tuple[Counts, Counts]:
    """Ranks, from 1, of the values that bound a percentile; 0 where the values give no such bound.

    Order statistics: rank l is the largest with P(X < l) ≤ (1 − confidence) ÷ 2 and rank u the smallest with
    P(X < u) ≥ 1 minus that, X binomial over n and share. David and Nagaraja, Order Statistics (2003), 7.1.
    """
    from scipy.stats import binom

    count = np.asarray(counts, np.int64)
    half = _require_half(confidence)
    lower = np.maximum(binom.ppf(half, count, share), 0).astype(np.int64)
    upper = np.maximum(binom.ppf(1 - half, count, share), 0).astype(np.int64) + 1
    return lower, np.where(upper > count, 0, upper)


def _require_counts(bad: ArrayLike, base: ArrayLike) -> tuple[Counts, Counts]:
    failures, total = np.broadcast_arrays(_read_whole(bad, "bad"), _read_whole(base, "base"))
    wrong = np.flatnonzero((failures < 0) | (failures > total))
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"position {first}: {failures.ravel()[first]} bad of {total.ravel()[first]} cannot be; "
            "bad lies between 0 and base"
        )
    return failures, total


def _read_whole(counts: ArrayLike, name: str) -> Counts:
    given = np.asarray(counts)
    if given.dtype.kind in "iub":
        return given.astype(np.int64, copy=False)
    if given.size and not (np.isfinite(given) & (given == np.floor(given))).all():
        raise ValueError(f"{name}: counts are whole numbers")
    return given.astype(np.int64)


def _require_half(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence} is not between 0 and 1; 95 % is 0.95")
    return (1 - confidence) / 2


def _normal_quantile(half: float) -> float:
    from scipy.special import ndtri

    return float(-ndtri(half))


def _close_ends(lower: Floats, upper: Floats, failures: Counts, total: Counts) -> Bounds:
    ends = np.where(failures == 0, 0.0, lower), np.where(failures == total, 1.0, upper)
    return Bounds(_one_or_many(ends[0]), _one_or_many(ends[1]))


def _one_or_many(values: Floats) -> Floats:
    """A number instead of an array without dimension."""
    found: Floats = values[()]
    return found
