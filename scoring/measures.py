"""Figures of a standard over unit rows: which rows count, put together how, for all shops at once.

Rows are a DataFrame, one line per unit and metric, or per part of a unit: ``shop``, ``metric``, ``anchor_ms`` (the
moment that dates the unit [epoch ms]; further anchors as ``<anchor>_ms``), and where they are known ``unit`` (its
kind), ``unit_ref`` (shared by parts of one unit), ``base``, ``bad`` (0 or 1), ``amount`` (whole: seconds, stars,
points), ``quantity``, ``value_minor``, ``buyer``, ``excluded`` (bad, base or both, as granted), and the texts and flags
of ``scoring.standards.names``. ``from_ms`` and ``until_ms`` say for which T a line holds: from < T ≤ until.

A line may sum up the units of a day: ``base`` and ``bad`` are then their counts and ``amount`` is their sum. Shares,
counts, means and totals come out the same; what looks at single units refuses such lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.answers import UNKNOWN, YES, Answers, Facts, Flags, Ints, Numbers, Texts, answer
from scoring.standards.decisions import Exclusion
from scoring.standards.model import Standard
from scoring.standards.names import ROW_TEXTS
from scoring.standards.parts import Figure
from scoring.standards.windowing import Window
from scoring.windows import DAY_MS, Dates, day_end_ms

EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


class RowFacts:
    """The columns of rows, as the names of row conditions. A column that is not there is unknown everywhere."""

    def __init__(self, frame: pd.DataFrame, standard: Standard, days: Ints) -> None:
        self.frame, self.size = frame, len(frame)
        self._standard, self.days = standard, days

    def numbers(self, key: str) -> Numbers:
        """A number of each row."""
        if key == "season" or key in ROW_TEXTS:
            raise KeyError(key)
        if key not in self.frame:
            return Numbers(np.zeros(self.size, np.int64), known=np.zeros(self.size, np.bool_))
        return whole_numbers(self.frame[key])

    def texts(self, key: str) -> Texts:
        """A text of each row, empty where there is none; of ``season`` the first that holds its anchor's day."""
        if key == "season":
            return season_texts(self._standard, self.days)
        return text_column(self.frame, key)

    def flags(self, key: str) -> Answers:
        """A yes or no of each row."""
        if key not in self.frame:
            return np.full(self.size, UNKNOWN)
        known = self.frame[key].notna().to_numpy()
        return np.where(known, self.frame[key].where(known, False).astype(bool), UNKNOWN).astype(np.int8)

    def instead(self, key: str) -> Answers | None:
        """Nothing stands in for what a row does not say."""
        return None

    def each_rule(self) -> Sequence[Facts]:
        """Rows know no rules."""
        return ()


def whole_numbers(column: pd.Series) -> Numbers:
    """A column of whole numbers, missing where it is. Raises ValueError for a fraction."""
    known = column.notna().to_numpy()
    filled = column.where(known, 0).to_numpy()
    whole = filled.astype(np.int64)
    if not np.array_equal(whole, filled):
        raise ValueError(f"{column.name}: holds fractions; give whole numbers, like seconds or minor units")
    return Numbers(whole, known=known)


def text_column(frame: pd.DataFrame, key: str) -> Texts:
    """A column of texts, empty where there is none."""
    if key not in frame:
        return np.full(len(frame), "", object)
    column = frame[key].astype(object)
    return np.asarray(column.where(column.notna(), ""), object)


def season_texts(standard: Standard, days: Ints) -> Texts:
    """The first season that holds each day number, empty where none does."""
    dates = pd.DatetimeIndex(days.astype("datetime64[D]"))
    place = np.asarray(dates.month * 100 + dates.day)
    found = np.full(len(days), "", object)
    for season in reversed(standard.seasons):
        start, end = (month * 100 + day for month, day in (season.start, season.end))
        inside = (place >= start) & (place <= end) if start <= end else (place >= start) | (place <= end)
        found[inside] = season.id
    return found


@dataclass(frozen=True)
class Side:
    """What official or raw counting sees of each line: whether it is in base and bad, and of how many units."""

    base: Flags
    bad: Flags
    amount: Ints
    known: Flags
    bases: Ints
    bads: Ints


@dataclass(frozen=True)
class Units:
    """The units of one figure, in the order of anchor and reference; arrays of one length.

    ``group`` is a position among the labels, pairs of shop position and part; ``wall_ms`` the anchor by local clock.
    """

    group: Ints
    anchor_ms: Ints
    wall_ms: Ints
    weight: Ints
    value: Ints
    buyer: Ints
    from_ms: Ints
    until_ms: Ints
    row: Ints
    ref: Ints
    official: Side
    raw: Side

    def take(self, where: NDArray[Any] | slice) -> Units:
        """Some of them, by positions, flags or a slice."""
        taken: dict[str, Any] = {
            name: Side(*(getattr(getattr(self, name), f.name)[where] for f in fields(Side))) for name in SIDES}
        taken |= {f.name: getattr(self, f.name)[where] for f in fields(Units) if f.name not in SIDES}
        return Units(**taken)

    def days(self, ends_at: str | None) -> Ints:
        """The local day of each unit [days since 1970], a day ending at ``ends_at`` on the wall clock."""
        shift = 0 if ends_at is None else (24 * 60 - minutes_of(ends_at)) * 60_000
        return (self.wall_ms + shift) // DAY_MS


SIDES = ("official", "raw")


def minutes_of(clock_time: str) -> int:
    """Minutes from midnight of a time like 18:00."""
    hours, minutes = clock_time.split(":")
    return int(hours) * 60 + int(minutes)


@dataclass
class Table:
    """Unit rows and shops, ready to be measured under one standard at any date.

    ``shops`` has ``shop``, the texts of ``scoring.standards.names`` and, where known, ``opened_on`` and
    ``immune_until`` (dates). With ``standing_per`` each shop has a line per value of that column, and rows fall to the
    line of theirs.
    """

    rows: pd.DataFrame
    shops: pd.DataFrame
    standard: Standard
    zone: str
    _units: dict[str, tuple[Units, tuple[tuple[int, str], ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        per = self.standard.standing_per
        for name, frame in (("rows", self.rows), ("shops", self.shops)):
            if per is not None and per not in frame:
                raise ValueError(f"{name}: has no column {per}, by which {self.standard.id} gives standings")
        keys = pd.Index(_keys(self.shops, self.standard))
        if keys.has_duplicates:
            raise ValueError(f"shops: {keys[keys.duplicated()][0]} is given twice; give one line per standing")

    @property
    def size(self) -> int:
        """How many shops, or shops by part, are judged."""
        return len(self.shops)

    def units(self, figure: Figure) -> tuple[Units, tuple[tuple[int, str], ...]]:
        """The units of a figure with the labels of their groups: the shops unless it is ``per`` something."""
        if figure.id not in self._units:
            self._units[figure.id] = self._build(figure)
        return self._units[figure.id]

    def narrow(self, places: Ints) -> Table:
        """The table of some of its shops, by rising positions; what was built of its units is taken over."""
        new = np.full(self.size + 1, -1)
        new[places] = np.arange(len(places))
        built = {name: _narrow(units, labels, new) for name, (units, labels) in self._units.items()}
        return Table(self.rows, self.shops.iloc[places], self.standard, self.zone, built)

    def _build(self, figure: Figure) -> tuple[Units, tuple[tuple[int, str], ...]]:
        frame = self._select(figure)
        anchor = whole_numbers(frame[anchor_column(figure)]).num
        wall = wall_clock(anchor, self.standard.timezone or self.zone)
        facts = RowFacts(frame, self.standard, wall // DAY_MS)
        counted = answer(figure.count_when, facts) == YES
        group, labels = self._groups(frame, figure)
        official, raw = self._sides(frame, figure, facts)
        units = Units(
            group, anchor, wall, _weights(frame, figure), _filled(frame, "value_minor", 0), _buyers(frame),
            _filled(frame, "from_ms", -(2**62)), _filled(frame, "until_ms", 2**62), frame.index.to_numpy(np.int64),
            _references(frame), official, raw)
        keep = counted & (group >= 0)
        order = np.lexsort((units.ref, anchor))
        units = units.take(order[keep[order]])
        return (_join(units, figure) if figure.join and not self._has_spans else units), labels

    def _select(self, figure: Figure) -> pd.DataFrame:
        rows = self.rows[self.rows["metric"] == figure.metric]
        if figure.unit is not None and "unit" in rows:
            rows = rows[rows["unit"] == figure.unit]
        return rows[rows[anchor_column(figure)].notna()]

    def _groups(self, frame: pd.DataFrame, figure: Figure) -> tuple[Ints, tuple[tuple[int, str], ...]]:
        shop = pd.Index(_keys(self.shops, self.standard)).get_indexer(pd.Index(_keys(frame, self.standard)))
        if figure.per is None:
            return shop.astype(np.int64), tuple((place, "") for place in range(self.size))
        parts = text_column(frame, figure.per)
        known = shop >= 0
        labels = sorted(set(zip(shop[known].tolist(), parts[known].tolist(), strict=True)))
        place = {label: number for number, label in enumerate(labels)}
        found = [place.get(pair, -1) for pair in zip(shop.tolist(), parts.tolist(), strict=True)]
        return np.array(found, np.int64), tuple(labels)

    def _sides(self, frame: pd.DataFrame, figure: Figure, facts: RowFacts) -> tuple[Side, Side]:
        bases, bads = _filled(frame, "base", 1), _filled(frame, "bad", 0)
        base, bad = bases > 0, bads > 0
        if figure.bad_when is not None:
            found = answer(figure.bad_when, facts)
            unknown = found == UNKNOWN
            bad = (found == YES) | (unknown & (figure.unknown_is == "bad"))
            base = base & ~(unknown & (figure.unknown_is == "left_out"))
            bads = bases
        amount = facts.numbers("amount")
        no_bad, no_base = self._excluded(frame, figure, facts)
        raw = Side(base, bad & base, amount.num, amount.known, bases, bads)
        return replace(raw, base=base & ~no_base, bad=raw.bad & ~no_bad), raw

    def _excluded(self, frame: pd.DataFrame, figure: Figure, facts: RowFacts) -> tuple[Flags, Flags]:
        granted = text_column(frame, "excluded")
        no_bad, no_base = np.isin(granted, ["bad", "both"]), np.isin(granted, ["base", "both"])
        for exclusion in self.standard.exclusions:
            if exclusion.confirmed and not exclusion.on_request and figure.id in (exclusion.rules or (figure.id,)):
                out = falls_out(exclusion, facts)
                no_bad = no_bad | (out & (exclusion.takes != "base"))
                no_base = no_base | (out & (exclusion.takes != "bad"))
        return no_bad, no_base

    @property
    def _has_spans(self) -> bool:
        """Whether lines hold for a time only: which parts make a unit then depends on the date."""
        return "from_ms" in self.rows or "until_ms" in self.rows

    def in_window(self, figure: Figure, units: Units, window: Window, dates: Dates) -> Units:
        """The units of a window that hold at its end, or at that of its last day."""
        low, high = (day_number(day) if day > date.min else -(2**62) for day in dates)
        as_of_ms = day_end_ms(max(dates[1] - timedelta(days=1), EPOCH), self.standard.timezone or self.zone)
        joins = figure.join is not None and self._has_spans
        near = units if joins else units.take(_find_near(units, low, high))
        held = near.take((near.from_ms < as_of_ms) & (as_of_ms <= near.until_ms))
        if joins:
            held = _join(held, figure)
        days = held.days(window.ends_at)
        return held.take((days >= low) & (days < high))


def _find_near(units: Units, low: int, high: int) -> slice:
    """The units that can lie in [low, high) [days since 1970]: they are in the order of their anchors.

    Those of more than two days around cannot be meant, whatever the zone and the hour a day ends at.
    """
    around = np.clip(np.array([low - 2, high + 2]), -(2**36), 2**36) * DAY_MS
    return slice(*np.searchsorted(units.anchor_ms, around).tolist())


def _narrow(
    units: Units, labels: tuple[tuple[int, str], ...], new: Ints
) -> tuple[Units, tuple[tuple[int, str], ...]]:
    """The units and labels of the shops that have a new position."""
    kept = [place for place, (shop, _) in enumerate(labels) if new[shop] >= 0]
    moved = np.full(len(labels) + 1, -1)
    moved[kept] = np.arange(len(kept))
    group = moved[units.group]
    taken = replace(units, group=group).take(group >= 0)
    return taken, tuple((int(new[labels[place][0]]), labels[place][1]) for place in kept)


def anchor_column(figure: Figure) -> str:
    """The column that dates a figure's units."""
    return "anchor_ms" if figure.anchor == "own" else f"{figure.anchor}_ms"


def wall_clock(at_ms: Ints, zone: str) -> Ints:
    """What a local clock shows at instants, as ms since 1970-01-01 00:00 of that clock."""
    local = pd.DatetimeIndex(at_ms.astype("datetime64[ms]"), tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[ms]"), np.int64)


def _keys(frame: pd.DataFrame, standard: Standard) -> NDArray[np.object_]:
    shops = frame["shop"].astype(str).to_numpy(object)
    if standard.standing_per is None:
        return np.asarray(shops, object)
    return np.asarray(shops + "|" + text_column(frame, standard.standing_per), object)


def _filled(frame: pd.DataFrame, key: str, default: int) -> Ints:
    if key not in frame:
        return np.full(len(frame), default, np.int64)
    return np.asarray(frame[key].fillna(default).to_numpy(), np.int64)


def _weights(frame: pd.DataFrame, figure: Figure) -> Ints:
    columns = {"quantity": ("quantity", 1), "value": ("value_minor", 0)}
    return _filled(frame, *columns[figure.weigh_by]) if figure.weigh_by else np.ones(len(frame), np.int64)


def _references(frame: pd.DataFrame) -> Ints:
    """A number per unit, in the order of their names; a line without one is a unit of its own and comes before."""
    return _number(frame, "unit_ref", np.arange(len(frame)), in_order=True)


def _buyers(frame: pd.DataFrame) -> Ints:
    """A number per distinct buyer; an unknown one is told apart by the unit."""
    return _number(frame, "buyer", _references(frame), in_order=False)


def _number(frame: pd.DataFrame, key: str, otherwise: Ints, *, in_order: bool) -> Ints:
    """Equal texts share a number, above those of the lines that have none; in the order of the texts where asked."""
    texts = text_column(frame, key)
    named = np.asarray(texts != "", np.bool_)
    numbers = otherwise.astype(np.int64)
    above = int(otherwise.max(initial=-1)) + 1
    numbers[named] = above + pd.factorize(texts[named], sort=in_order)[0]
    return numbers


def falls_out(exclusion: Exclusion, facts: RowFacts) -> Flags:
    """The rows an exclusion fits, within the dates it holds."""
    first = -(2**62) if exclusion.start is None else day_number(exclusion.start)
    last = 2**62 if exclusion.end is None else day_number(exclusion.end)
    here = answer(exclusion.where, facts) == YES
    return np.asarray(here & (facts.days >= first) & (facts.days <= last), np.bool_)


def require_units(figure: Figure, view: Side) -> None:
    """What looks at single units needs them one by one. Raises ValueError for a line that stands for several."""
    if (view.bases > 1).any():
        raise ValueError(f"{figure.id}: looks at single units; give a line for each instead of sums of a day")


def _join(units: Units, figure: Figure) -> Units:
    """One unit of the lines that share a reference and group, dated by its first line, with ``last`` by its last."""
    refs = units.ref
    if not len(refs):
        return units
    require_units(figure, units.raw)
    order = np.lexsort((np.arange(len(refs)), refs, units.group))
    sorted_units = units.take(order)
    changed = np.diff(sorted_units.group, prepend=-1) | np.diff(refs[order], prepend=-1)
    starts = np.flatnonzero(changed != 0)
    ends = np.append(starts[1:], len(refs)) - 1
    joined = sorted_units.take(ends if figure.join == "last" else starts)
    whole: dict[str, Any] = {name: np.add.reduceat(getattr(sorted_units, name), starts) for name in ("weight", "value")}
    if figure.weigh_by is None:
        whole["weight"] = np.ones(len(starts), np.int64)
    if figure.join != "last":
        worst = figure.join == "worst"
        whole |= {name: _join_side(getattr(sorted_units, name), starts, worst=worst) for name in SIDES}
    joined = replace(joined, **whole)
    return joined.take(np.lexsort((np.asarray(refs[order][starts]), joined.anchor_ms)))


def _join_side(side: Side, starts: NDArray[np.intp], *, worst: bool) -> Side:
    """Any bad part makes the unit bad; its amount is the lowest of its parts, or that of the first."""
    usable = side.base & side.known
    amounts = np.where(usable, side.amount, np.iinfo(np.int64).max)
    lowest = np.minimum.reduceat(amounts, starts)
    known = np.logical_or.reduceat(usable, starts)
    amount = np.where(known, lowest, 0) if worst else side.amount[starts]
    one = np.ones(len(starts), np.int64)
    return Side(
        np.logical_or.reduceat(side.base, starts), np.logical_or.reduceat(side.bad, starts), amount,
        known if worst else side.known[starts], one, one)
