"""From the units in a window to one number per shop: shares, means, percentiles, streaks, counts, all exact."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.answers import Flags, Ints, Numbers
from scoring.intervals import percentile_ranks
from scoring.measures import SIDES, Table, Units, day_number, require_units
from scoring.standards.parts import Figure, Rounding
from scoring.standards.windowing import ByVolume, Window
from scoring.windows import Dates, resolve_window

MICRO = 10**6
SINGLE = frozenset({"median", "percentile", "streak", "longest_streak", "distinct_buyers"})


@dataclass(frozen=True)
class Tally:
    """One figure over one window, per group: ``int64`` counts and exact values, official and raw.

    ``first`` and ``end`` bound the window [days since 1970, end excluded]; ``first`` is −2⁶² since the beginning.
    """

    value: Numbers
    raw_value: Numbers
    bad: Ints
    base: Ints
    buyers: Ints
    raw_bad: Ints
    raw_base: Ints
    first: Ints
    end: Ints


@dataclass(frozen=True)
class _Counts:
    value: Numbers
    bad: Ints
    base: Ints
    buyers: Ints


def tally_figure(table: Table, figure: Figure, on: date, *, volumes: dict[str, Ints]) -> tuple[Tally, ...]:
    """A figure counted from rows on a date, once per judged window, then once per window that is only shown.

    ``volumes`` are the counts of figures before it, for windows that depend on one.
    """
    units, labels = table.units(figure)
    window = figure.window
    if window is None:
        raise ValueError(f"{figure.id} is made of other figures; it counts no rows")
    if isinstance(window, Window):
        return (_tally(table, figure, units, window=window, on=on, size=len(labels)),)
    if window.bad is not None and window.base is not None:
        return (_tally_pair(table, figure, (window.bad, window.base, window.divided_by), on=on),)
    if window.by_volume is not None:
        return (_tally_by_volume(table, figure, window.by_volume, on=on, volumes=volumes),)
    each = window.all or window.any or ((window.one, *window.shown) if window.one else ())
    return tuple(_tally(table, figure, units, window=one, on=on, size=len(labels)) for one in each)


def _tally(table: Table, figure: Figure, units: Units, *, window: Window, on: date, size: int) -> Tally:
    first, end = resolve_window(window, on)
    seen = table.in_window(figure, units, window, (first, end))
    official, raw = (_count(seen, figure, window, side=side, on=on, size=size) for side in SIDES)
    return _to_tally(official, raw, (first, end), size)


def _to_tally(official: _Counts, raw: _Counts, dates: Dates, size: int) -> Tally:
    low = day_number(dates[0]) if dates[0] > date.min else -(2**62)
    return Tally(
        official.value, raw.value, official.bad, official.base, official.buyers, raw.bad, raw.base,
        np.full(size, low), np.full(size, day_number(dates[1])))


def _tally_pair(table: Table, figure: Figure, windows: tuple[Window, Window, int], *, on: date) -> Tally:
    """Bad and base over windows of their own: bad ÷ (base ÷ divided_by)."""
    units, labels = table.units(figure)
    times = windows[2]
    upper, lower = (_tally(table, figure, units, window=window, on=on, size=len(labels)) for window in windows[:2])
    value, raw = (
        Numbers((base - bad * times) if figure.measure == "share_of_good" else bad * times,
                np.maximum(base, 1), base > 0)
        for bad, base in ((upper.bad, lower.base), (upper.raw_bad, lower.raw_base)))
    return replace(upper, value=value, raw_value=raw, base=lower.base, raw_base=lower.raw_base)


def _tally_by_volume(table: Table, figure: Figure, choice: ByVolume, *, on: date, volumes: dict[str, Ints]) -> Tally:
    units, labels = table.units(figure)
    small, large, counted = (_tally(table, figure, units, window=window, on=on, size=len(labels))
                             for window in (choice.otherwise, choice.then, choice.count_in))
    volume = counted.base if choice.of is None else volumes[choice.of][[shop for shop, _ in labels]]
    return _choose(volume >= choice.at_least, large, small)


def _choose(where: Flags, yes: Tally, no: Tally) -> Tally:
    """The numbers of one tally where the flag stands, else those of the other."""
    chosen: dict[str, Any] = {
        name: np.where(where, getattr(yes, name), getattr(no, name))
        for name in ("bad", "base", "buyers", "raw_bad", "raw_base", "first", "end")}
    values: dict[str, Any] = {
        name: Numbers(*(np.where(where, getattr(getattr(yes, name), part), getattr(getattr(no, name), part))
                        for part in ("num", "den", "known")))
        for name in ("value", "raw_value")}
    return Tally(**chosen, **values)


def _count(seen: Units, figure: Figure, window: Window, *, side: str, on: date, size: int) -> _Counts:
    seen = keep_ranked(seen, window, side)
    view = getattr(seen, side)
    if window.latest or window.first or window.after_first or figure.measure in SINGLE:
        require_units(figure, view)
    weight = seen.weight * _recency(seen, figure, window, on)
    base = _sum(seen.group[view.base], (weight * view.bases)[view.base], size)
    bad = _sum(seen.group[view.bad], (weight * view.bads)[view.bad], size)
    buyers = _count_distinct(seen.group[view.bad], seen.buyer[view.bad], size)
    value = _value(seen, figure, side=side, weight=weight, counts=_Counts(Numbers(base), bad, base, buyers))
    return _Counts(value, bad, base, buyers)


def keep_ranked(seen: Units, window: Window, side: str) -> Units:
    """The latest, the first, or all but the first of the units that count, per group."""
    if window.latest is None and window.first is None and window.after_first is None:
        return seen
    base = getattr(seen, side).base
    group = seen.group
    order = np.lexsort((np.arange(len(group)), group))
    counts = np.cumsum(base[order])
    starts = np.searchsorted(group[order], group[order])
    rank = np.empty(len(group), np.int64)
    rank[order] = counts - (counts[starts] - base[order][starts])
    if window.first is not None:
        return seen.take(rank <= window.first)
    if window.after_first is not None:
        return seen.take(rank > window.after_first)
    total = np.bincount(group[base], minlength=int(group.max(initial=-1)) + 1) if len(group) else rank
    before = total[group] - (window.latest or 0)
    return seen.take((before <= 0) | (rank > before))


def _recency(seen: Units, figure: Figure, window: Window, on: date) -> Ints:
    if not figure.recency:
        return np.ones(len(seen.group), np.int64)
    age = day_number(on) - seen.days(window.ends_at)
    weight = np.zeros(len(age), np.int64)
    for line in reversed(figure.recency):
        weight[age < line.days] = line.weight
    return weight


def _value(seen: Units, figure: Figure, *, side: str, weight: Ints, counts: _Counts) -> Numbers:
    view, size, measure = getattr(seen, side), len(counts.base), figure.measure
    held = counts.base > 0
    if measure in {"share", "share_of_good"}:
        top = counts.base - counts.bad if measure == "share_of_good" else counts.bad
        return Numbers(top, np.where(held, counts.base, 1), held)
    plain = {"count": counts.base, "count_bad": counts.bad, "distinct_buyers": counts.buyers}
    if measure in plain:
        return Numbers(plain[measure])
    if measure == "total_value":
        return Numbers(_sum(seen.group[view.base], seen.value[view.base] * weight[view.base], size))
    if measure in {"streak", "longest_streak"}:
        return Numbers(_streaks(seen.group[view.base], view.bad[view.base], size, longest=measure == "longest_streak"))
    usable = view.base & view.known
    group, amount = seen.group[usable], view.amount[usable]
    if measure in {"mean", "total_amount"}:
        number = _sum(group, (weight * view.bases)[usable], size)
        total = _sum(group, amount * weight[usable], size)
        return Numbers(total, np.maximum(number, 1), number > 0) if measure == "mean" else Numbers(total)
    return _percentile(group, amount, size, share=(figure.percent or 50) / 100)


def _sum(group: Ints, values: Ints, size: int) -> Ints:
    total = np.zeros(size, np.int64)
    np.add.at(total, group, values)
    return total


def _count_distinct(group: Ints, buyer: Ints, size: int) -> Ints:
    codes = int(buyer.max(initial=0)) + 1
    return np.bincount(np.unique(group * codes + buyer) // codes, minlength=size)


def _percentile(group: Ints, amount: Ints, size: int, *, share: float) -> Numbers:
    """Nearest rank: a real value, the lower middle for the median of an even count."""
    order = np.lexsort((amount, group))
    counts = np.bincount(group, minlength=size)
    starts = np.cumsum(counts) - counts
    held = counts > 0
    place = np.where(held, starts + percentile_ranks(counts, share) - 1, 0)
    values = amount[order][place] if len(order) else np.zeros(size, np.int64)
    return Numbers(np.where(held, values, 0), known=held)


def _streaks(group: Ints, bad: NDArray[np.bool_], size: int, *, longest: bool) -> Ints:
    """Bad units in a row per group: the run that is going on, or the longest."""
    order = np.lexsort((np.arange(len(group)), group))
    group, bad = group[order], bad[order]
    place = np.arange(len(group))
    breaks = ~bad | (np.diff(group, prepend=-1) != 0)
    last_break = np.maximum.accumulate(np.where(breaks, place, -1)) if len(group) else place
    run = np.where(bad, place - last_break + bad[last_break], 0) if len(group) else place
    found = np.zeros(size, np.int64)
    if longest:
        np.maximum.at(found, group, run)
        return found
    ends = np.flatnonzero(np.diff(group, append=-1) != 0)
    found[group[ends]] = run[ends]
    return found


def round_numbers(numbers: Numbers, rounding: Rounding | None) -> Numbers:
    """Values cut or rounded to some digits, exactly; half of the last digit goes up."""
    if rounding is None:
        return numbers
    scale = 10**rounding.digits
    if rounding.how == "down":
        return Numbers(numbers.num * scale // numbers.den, np.full(len(numbers.num), scale), numbers.known)
    return Numbers(
        (2 * numbers.num * scale + numbers.den) // (2 * numbers.den), np.full(len(numbers.num), scale), numbers.known)


def to_micro(values: NDArray[np.float64], known: Flags) -> Numbers:
    """Values rounded to a millionth, half up: what composed figures are compared by. The nudge undoes float noise."""
    scaled = np.floor(np.where(known, values, 0.0) * MICRO + 0.5 + 1e-6)
    return Numbers(scaled.astype(np.int64), np.full(len(values), MICRO), known)
