"""Figures made of other figures: scores, weighted sums, the least and greatest, against peers, against one's norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from scoring.answers import YES, Facts, Flags, Ints, Numbers, Texts, answer
from scoring.standards.parts import Figure, Score, Weighted
from scoring.tallies import to_micro

Floats = NDArray[np.float64]


def compose(figure: Figure, values: Mapping[str, Numbers], facts: Facts) -> Numbers:
    """The value of a composed figure per shop, rounded to a millionth; missing where its parts are.

    ``values`` are those of the figures before it; ``{of}`` over its norm stands under its own id plus ``.norm``.
    """
    if figure.score is not None:
        return _score(figure.score, values[figure.score.of])
    if figure.weighted is not None:
        return _weigh(figure.weighted, values, facts)
    if figure.against_peers is not None:
        groups = [facts.texts(key) for key in figure.against_peers.peers]
        return _against_peers(values[figure.against_peers.of], groups, least=figure.against_peers.least)
    if figure.against_own is not None:
        return _divide(values[figure.against_own.of], values[f"{figure.id}.norm"])
    pick = np.fmin if figure.least_of else np.fmax
    stack = pick.reduce([values[name].floats() for name in figure.parts])
    return to_micro(stack, ~np.isnan(stack))


def _score(score: Score, value: Numbers) -> Numbers:
    xs, ys = (np.array([float(pair[place]) for pair in score.points]) for place in (0, 1))
    found = value.floats()
    if score.between == "line":
        return to_micro(np.interp(np.where(value.known, found, 0.0), xs, ys), value.known)
    # A value that is a point reaches it, though its float may lie a hair below.
    place = np.searchsorted(xs - 1e-12, np.where(value.known, found, 0.0), side="right") - 1
    return to_micro(ys[np.maximum(place, 0)], value.known)


def _weigh(weighted: Weighted, values: Mapping[str, Numbers], facts: Facts) -> Numbers:
    total, known = _weigh_once(weighted, weighted.weights, values)
    decided = np.zeros(len(total), np.bool_)
    for case in weighted.cases:
        here = (answer(case.where, facts) == YES) & ~decided
        other, other_known = _weigh_once(weighted, case.weights, values)
        total, known = np.where(here, other, total), np.where(here, other_known, known)
        decided |= here
    return to_micro(total, np.asarray(known, np.bool_))


def _weigh_once(
    weighted: Weighted, weights: Sequence[tuple[str, Decimal]], values: Mapping[str, Numbers]
) -> tuple[Floats, Flags]:
    parts = np.stack([values[name].floats() for name, _ in weights])
    factors = np.array([float(weight) for _, weight in weights])[:, None]
    there = ~np.isnan(parts)
    used = (factors * there).sum(axis=0)
    total = (np.where(there, parts, 0.0) * factors).sum(axis=0)
    if weighted.missing_part == "missing":
        return total, np.asarray(there.all(axis=0), np.bool_)
    known = np.asarray(used != 0, np.bool_)
    return np.asarray(total * factors.sum() / np.where(known, used, 1), np.float64), known


def _against_peers(value: Numbers, groups: Sequence[Texts], *, least: int) -> Numbers:
    """Own value over that of the group, its numerators and denominators summed."""
    names = np.array(["|".join(parts) for parts in zip(*(group.tolist() for group in groups), strict=True)], object)
    codes = np.unique(names, return_inverse=True)[1] if len(names) else np.zeros(0, np.int64)
    size = int(codes.max(initial=-1)) + 1
    sums = [_sum_by(codes, part * value.known, size)[codes] for part in (value.num, value.den)]
    enough = _sum_by(codes, value.known.astype(np.int64), size)[codes] >= least
    usable = enough & value.known & (sums[0] > 0)
    return _divide(value, Numbers(np.where(usable, sums[0], 1), np.where(usable, sums[1], 1), usable))


def _sum_by(codes: Ints, values: Ints, size: int) -> Ints:
    total = np.zeros(size, np.int64)
    np.add.at(total, codes, values)
    return total


def _divide(value: Numbers, norm: Numbers) -> Numbers:
    known = value.known & norm.known & (norm.num > 0)
    return to_micro(np.where(known, value.floats() / np.where(known, norm.floats(), 1.0), 0.0), known)
