"""From counts to verdicts: is a limit broken beyond what chance explains, and how much room is left?

Limits are compared exactly, as fractions over whole numbers: 2 bad of 20 lie on a limit of 90 %, not beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.intervals import Counts, binomial_tail
from scoring.standards import Evidence

Exact = Decimal | Fraction | int | float | str
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]


class Verdict(StrEnum):
    """What a standard says of one metric of one shop."""

    KEPT = "kept"
    WATCH = "watch"
    BREACHED = "breached"
    NOT_ENOUGH_DATA = "not_enough_data"
    EXEMPT = "exempt"


VERDICTS = tuple(Verdict)
"""Verdict of each code, by position: ``VERDICTS[code]``."""

_KEPT, _WATCH, _BREACHED, _NOT_ENOUGH_DATA = np.arange(4, dtype=np.int8)
_FEW = 1000  # below, sorting counts costs more than it saves

# The tail carries the rounding of its last digits; one that equals alpha on paper is enough evidence.
_ROUNDING = 1 + 1e-12


def judge_evidence(
    bad: ArrayLike,
    base: ArrayLike,
    buyers: ArrayLike,
    *,
    limits: Exact | Sequence[Exact],
    higher_is_better: bool | Sequence[bool],
    evidence: Evidence,
    strict: bool | Flags = False,
) -> Codes:
    """Verdict codes, ``int8`` positions in ``VERDICTS``, of shares bad ÷ base judged by evidence.

    ``bad``, ``base`` and ``buyers`` (distinct, behind the bad) are whole numbers, arrays of one shape; one
    limit and direction for all, or one for each. Limits are shares, read as the decimals they show. With r
    the share of bad and L the limit on it, broken when r > L, or r ≥ L where ``strict``: breached when broken,
    enough bad, enough buyers and a tail P(X ≥ bad | base, L) of at most alpha; else not enough data below the
    least base (an empty one included); else kept when not broken; else watch. Never exempt. Raises ValueError
    unless 0 ≤ bad ≤ base.
    """
    failures, total, behind = np.broadcast_arrays(*(np.asarray(x, np.int64) for x in (bad, base, buyers)))
    limit = _read_limits(limits, higher_is_better)
    beyond = _is_beyond(failures, total, limit)
    if np.any(strict):
        beyond = beyond | (np.asarray(strict) & _is_at(failures, total, limit))
    breached = np.array(beyond & (failures >= evidence.min_bad) & (behind >= evidence.min_buyers))
    tail = _find_tails(failures[breached], total[breached], np.broadcast_to(limit.shares, total.shape)[breached])
    breached[breached] = tail <= float(evidence.alpha) * _ROUNDING
    codes = np.where(beyond, _WATCH, _KEPT)
    codes[total < evidence.min_base] = _NOT_ENOUGH_DATA
    codes[breached] = _BREACHED
    return codes


def _find_tails(failures: Counts, total: Counts, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The tail of each unit. Over many dates most have the counts of another one: each pair is worked out once."""
    if len(failures) < _FEW or len(np.unique(shares)) > 1:
        return np.asarray(binomial_tail(failures, total, shares), np.float64)
    pairs, place = np.unique(failures * (int(total.max()) + 1) + total, return_inverse=True)
    each = np.divmod(pairs, int(total.max()) + 1)
    return np.asarray(binomial_tail(*each, shares[0]), np.float64)[place]


def to_verdicts(codes: Codes) -> list[Verdict]:
    """The verdict of each code, flat."""
    return [VERDICTS[code] for code in codes.ravel().tolist()]


@lru_cache(maxsize=1024, typed=True)
def to_bad_limit(limit: Exact, higher_is_better: bool) -> Fraction:
    """The limit on bad ÷ base, exact; a float counts as the decimal it shows."""
    share = Fraction(limit if isinstance(limit, (Decimal, Fraction)) else str(limit))
    return 1 - share if higher_is_better else share


def room_left(bad: int, base: int, *, limit: Exact, higher_is_better: bool, expected_more: int) -> int:
    """How many more units may fail with the limit still kept once ``expected_more`` have joined the base.

    0 when the limit is already used up. Counts failures of any unit, of the base or still to come.
    """
    allowed = floor(to_bad_limit(limit, higher_is_better) * (base + expected_more))
    return max(0, allowed - bad)


def orders_needed(base: int, min_base: int) -> int:
    """How many more units the base needs before the metric can be judged; 0 when it can."""
    return max(0, min_base - base)


class _BadLimits(NamedTuple):
    """The exact limit on bad ÷ base, and its nearest float: of one shape that broadcasts over the units."""

    numerators: NDArray[np.object_]
    denominators: NDArray[np.object_]
    shares: NDArray[np.float64]


def _read_limits(limits: Exact | Sequence[Exact], higher_is_better: bool | Sequence[bool]) -> _BadLimits:
    pairs = np.broadcast(np.asarray(limits, object), np.asarray(higher_is_better, object))
    exact = [to_bad_limit(limit, bool(higher)) for limit, higher in pairs]

    def shape(values: list[Any], kind: type) -> NDArray[Any]:
        return np.array(values, kind).reshape(pairs.shape)

    return _BadLimits(
        shape([limit.numerator for limit in exact], object),
        shape([limit.denominator for limit in exact], object),
        shape([float(limit) for limit in exact], np.float64),
    )


def _is_at(failures: Counts, total: Counts, limit: _BadLimits) -> Flags:
    """bad ÷ base = limit in whole numbers."""
    crossed = failures.astype(object) * limit.denominators
    return np.asarray(crossed == total.astype(object) * limit.numerators, bool)


def _is_beyond(failures: Counts, total: Counts, limit: _BadLimits) -> NDArray[np.bool_]:
    """bad ÷ base > limit in whole numbers, of any size where 64 bits could overflow."""
    largest = max(map(int, limit.denominators.flat), default=1) * int(total.max(initial=1))
    if largest < 2**63:
        return np.asarray(failures * limit.denominators.astype(np.int64) > total * limit.numerators.astype(np.int64))
    crossed = failures.astype(object) * limit.denominators
    return np.asarray(crossed > total.astype(object) * limit.numerators, bool)
