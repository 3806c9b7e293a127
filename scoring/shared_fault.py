"""Shared fault: many unrelated sellers that worsen together on one carrier, destination, category or source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
_REST_ROWS = 30


@dataclass(frozen=True)
class Rows:
    """Units of several sellers in one metric, one per place.

    ``seller`` [codes from 0] is the company, whose shops fail together for its own reasons and so count once.
    ``recent`` says whether a unit lies in the window looked at or in the time before it, ``bad`` whether it failed.
    ``groups`` gives per dimension the group of each unit [codes from 0; −1: not known].
    """

    seller: Ints
    recent: Flags
    bad: Flags
    groups: Mapping[str, Ints]


@dataclass(frozen=True)
class Limits:
    """What it takes to call a fault shared.

    ``alpha`` [share, 0–1]: how often one search over all groups may err; ``worse_alpha`` [share]: the tail at which
    one seller counts as worse; ``sellers``: how many must be; ``excess_rate`` [share of units] and ``ratio``: by how
    much the group must be worse than its sellers were before; ``rest_share`` [share of that excess]: how much of it
    the same sellers may show outside the group.
    """

    alpha: float = 0.001
    worse_alpha: float = 0.05
    sellers: int = 5
    excess_rate: float = 0.05
    ratio: float = 2.0
    rest_share: float = 0.5


@dataclass(frozen=True)
class SharedFault:
    """One group in which many sellers worsened: ``bad`` of ``base`` recent units where ``expected`` would have failed.

    ``worse`` are the sellers [codes] that worsened each by themselves, of ``sellers`` with recent units. ``evidence``
    [nats] is the likelihood ratio's logarithm by which groups are ranked; ``p_value`` and ``breadth_p`` [0–1] bound
    how often chance alone goes so far, before correction for the number of groups.
    """

    dimension: str
    group: int
    sellers: int
    worse: tuple[int, ...]
    base: int
    bad: int
    expected: float
    rest_base: int
    rest_bad: int
    rest_expected: float
    evidence: float
    p_value: float
    breadth_p: float


@dataclass(frozen=True)
class _Strata:
    """Counts per seller [n]: bad and base, recent (1) and before (0); sellers without units on both sides left out."""

    seller: Ints
    bad0: Ints
    base0: Ints
    bad1: Ints
    base1: Ints

    @property
    def expected(self) -> float:
        """Recent failures if every seller went on as before."""
        return float((self.base1 * self.bad0 / self.base0).sum()) if self.seller.size else 0.0


def find_shared_faults(rows: Rows, limits: Limits = Limits()) -> list[SharedFault]:  # frozen
    """The groups whose sellers worsened together, the best supported first; none where nothing did.

    Each seller is a stratum. With its failures in both times given, the recent ones are hypergeometric if nothing
    changed (the Mantel–Haenszel conditioning, so a seller's own level never matters). Sums of such variables obey
    P(X ≥ c) ≤ exp(−n·KL(c/n ‖ e/n)), e their mean (Hoeffding 1963, theorems 1 and 4): a bound that always holds.
    That exponent is also the binomial log likelihood ratio by which the scan statistic ranks clusters (Kulldorff
    1997): where one carrier is at fault it beats the whole marketplace and every category. Its units are then taken
    out and the search goes on, so that each fault is named once.

    A sum can be moved by one seller alone. Therefore at least ``limits.sellers`` must be worse each by itself, and
    more of them than chance allows: with tails that err at ``worse_alpha``, their number is at most binomial, counted
    among sellers whose tail can get that small at all (Tarone 1990). Both p-values are corrected for the number of
    groups (Bonferroni). At last the group must be worse by ``excess_rate`` and ``ratio``, and the same sellers' other
    units must not be.
    """
    alive = np.ones(rows.seller.size, dtype=bool)
    groups = list(_list_groups(rows, limits.sellers))
    found: list[SharedFault] = []
    while True:
        measured = (_measure(rows, alive, dimension, group, limits=limits) for dimension, group in groups)
        shared = [fault for fault in measured if fault is not None and _is_shared(fault, limits, len(groups))]
        if not shared:
            return found
        best = max(shared, key=lambda fault: fault.evidence)  # of equals the first, by the order of dimensions
        found.append(best)
        alive &= rows.groups[best.dimension] != best.group


def find_span(bad: Ints, base: Ints, rate: float) -> tuple[int, int]:
    """First and last place [days] of the stretch of ``bad`` of ``base`` [units per day] that stands out most.

    Stands out: the largest Poisson log likelihood ratio c·ln(c/e) − (c − e) with c > e, e = ``rate`` × base (Kulldorff
    1997), the shortest of equals. The whole series where nothing stands out. Raises ValueError for an empty series.
    """
    if not len(bad):
        raise ValueError("a span needs at least one day")
    best, where = 0.0, (0, len(bad) - 1)
    sums, bases = (np.concatenate([[0], np.cumsum(values)]) for values in (bad, base))
    for start in range(len(bad)):
        counts, expected = sums[start + 1:] - sums[start], np.maximum(rate * (bases[start + 1:] - bases[start]), 1e-9)
        ratio = np.where(counts > expected, counts * np.log(np.maximum(counts, 1) / expected) - counts + expected, 0)
        end = int(np.argmax(ratio))
        if ratio[end] > 0 and ratio[end] >= best:  # of equals the shortest, so that empty days stay outside
            best, where = float(ratio[end]), (start, start + end)
    return where


def _list_groups(rows: Rows, sellers: int) -> Iterator[tuple[str, int]]:
    """Every group with recent units of enough sellers."""
    for dimension, codes in rows.groups.items():
        known = rows.recent & (codes >= 0)
        pairs = np.unique(np.stack([codes[known], rows.seller[known]]), axis=1)
        groups, counts = np.unique(pairs[0], return_counts=True)
        yield from ((dimension, int(group)) for group in groups[counts >= sellers])


def _count(rows: Rows, chosen: Flags) -> _Strata:
    size = int(rows.seller.max()) + 1 if rows.seller.size else 0

    def count(mask: Flags) -> Ints:
        return np.bincount(rows.seller[mask], minlength=size)

    base0, base1 = count(chosen & ~rows.recent), count(chosen & rows.recent)
    bad0, bad1 = count(chosen & ~rows.recent & rows.bad), count(chosen & rows.recent & rows.bad)
    kept = np.flatnonzero((base0 > 0) & (base1 > 0))
    return _Strata(kept, bad0[kept], base0[kept], bad1[kept], base1[kept])


def _measure(rows: Rows, alive: Flags, dimension: str, group: int, *, limits: Limits) -> SharedFault | None:
    inside = alive & (rows.groups[dimension] == group)
    strata = _count(rows, inside)
    if strata.seller.size < limits.sellers or not _is_large(strata, limits):
        return None  # most groups end here, before the costly tails
    members = np.isin(rows.seller, strata.seller)
    rest = _count(rows, alive & ~inside & members)
    worse, breadth_p = _find_worse(strata, limits.worse_alpha)
    evidence = _tell_evidence(strata)
    return SharedFault(
        dimension, group, strata.seller.size, tuple(strata.seller[worse].tolist()), int(strata.base1.sum()),
        int(strata.bad1.sum()), strata.expected, int(rest.base1.sum()), int(rest.bad1.sum()), rest.expected,
        evidence, float(np.exp(-evidence)), breadth_p)


def _tell_evidence(strata: _Strata) -> float:
    """n·KL(c/n ‖ e/n) [nats] of the recent failures c against their conditional mean e; 0 where there are fewer."""
    base, bad = float(strata.base1.sum()), float(strata.bad1.sum())
    share = (strata.bad0 + strata.bad1) / (strata.base0 + strata.base1)
    mean = float((strata.base1 * share).sum())
    if bad <= mean:
        return 0.0
    good = base - bad
    return bad * float(np.log(bad / mean)) + (good * float(np.log(good / (base - mean))) if good else 0.0)


def _find_worse(strata: _Strata, worse_alpha: float) -> tuple[Flags, float]:
    """Which sellers are worse by their own tail, and how often chance makes as many so."""
    total, failed = strata.base0 + strata.base1, strata.bad0 + strata.bad1
    tails = hypergeom.sf(strata.bad1 - 1, total, failed, strata.base1)
    smallest = hypergeom.sf(np.minimum(failed, strata.base1) - 1, total, failed, strata.base1)
    worse = np.asarray(tails <= worse_alpha)
    able = int((smallest <= worse_alpha).sum())
    return worse, float(binom.sf(int(worse.sum()) - 1, able, worse_alpha)) if able else 1.0


def _is_shared(fault: SharedFault, limits: Limits, tests: int) -> bool:
    proved = max(fault.p_value, fault.breadth_p) * tests <= limits.alpha
    return proved and len(fault.worse) >= limits.sellers and _is_rest_sound(fault, limits)


def _is_large(strata: _Strata, limits: Limits) -> bool:
    bad, base, expected = int(strata.bad1.sum()), int(strata.base1.sum()), strata.expected
    return bad - expected >= limits.excess_rate * base and bad >= limits.ratio * expected


def _is_rest_sound(fault: SharedFault, limits: Limits) -> bool:
    """Whether the same sellers' other units are fine; too few of them tell nothing against the group."""
    if fault.rest_base < _REST_ROWS:
        return True
    excess = (fault.bad - fault.expected) / fault.base
    return (fault.rest_bad - fault.rest_expected) / fault.rest_base <= limits.rest_share * excess
