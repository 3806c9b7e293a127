"""A standard followed over its official dates: rows in, evaluations and progress out, for any standard. Pure.

::

    wanted = earliest_day(standard, first_date)            # rows from here on; None: all there are
    rows = to_unit_rows(outcomes, list_metrics(standard))  # outcomes of [wanted, end of the last date]
    course = Course(standard, shops, rows, zone=zone, kept=documents)   # {(shop id, part): what was stored}
    for day in course.walk(dates):                         # official dates, in order
        day.evaluation, day.after                          # numbers and verdicts; levels, warnings, strikes, points
        day.list_changes()                                 # {entry: intents with their reasons}
    course.write()                                         # {(shop id, part): what to store}

An *entry* is a shop, or with ``standing_per`` a shop and a part. It joins on the first date at whose end the shop had
opened or one of its rows counted, and stays from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from operator_qos.evaluation.sheltering import Sheltering
from scoring.changes import list_changes
from scoring.evaluate import Evaluation, evaluate
from scoring.ladder import Intent
from scoring.measures import Table, anchor_column, text_column
from scoring.plans import Shelter
from scoring.progress import Progress, advance, begin, regroup
from scoring.progress_text import read_progress, write_progress
from scoring.standards import Standard
from scoring.standards.parts import Figure
from scoring.standards.windowing import Window, Windows
from scoring.windows import day_end_ms, local_day, resolve_window

Entry = tuple[int, str]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class CourseShop:
    """A shop with its `texts` by the names of `scoring.standards.names.SHOP_TEXTS`; `opened_ms` [epoch ms]."""

    id: int
    opened_ms: int
    texts: Mapping[str, str] = field(default_factory=dict)
    immune_until: date | None = None


@dataclass(frozen=True)
class CourseDay:
    """One official date: its evaluation and the progress around it, all in the order of `entries`."""

    evaluation: Evaluation
    before: Progress
    after: Progress
    entries: tuple[Entry, ...]

    @property
    def on(self) -> date:
        """The date."""
        return self.evaluation.on

    def list_changes(self) -> dict[Entry, tuple[Intent, ...]]:
        """What the date changed, by entry; only those of whom anything did."""
        found = list_changes(self.before, self.evaluation, self.after)
        return {self.entries[place]: intents for place, intents in found.items()}

    def levels(self) -> dict[Entry, str | None]:
        """The level of each entry after the date; None where the standard has none."""
        return dict(zip(self.entries, self.after.tier_ids(self.evaluation.standard), strict=True))


class Course:
    """Shops on their way through the official dates of one standard.

    `rows` are unit rows (`scoring.outcome_rows`); `kept` is what `write` gave after the last date, by entry, and
    entries without it begin. `shelters` are plans and pardons by shop id. Raises ValueError for kept progress of
    another form.
    """

    def __init__(
        self, standard: Standard, shops: Sequence[CourseShop], rows: pd.DataFrame, *, zone: str,
        kept: Mapping[Entry, Mapping[str, Any]] | None = None, shelters: Mapping[int, Shelter] | None = None,
    ) -> None:
        self.standard, self.zone = standard, standard.timezone or zone
        known = kept or {}
        shaped = _shape(rows, standard)
        self.entries = _list_entries(standard, shops, shaped, known)
        self._table = Table(shaped, _to_frame(self.entries, shops, standard, self.zone), standard, zone)
        for figure in list_counted(standard):
            self._table.units(figure)
        self._sheltering = Sheltering(shelters, self._table, self.zone) if shelters else None
        self._joins_ms = np.array(_list_joins(self.entries, shops, shaped, standard), np.int64)
        self._joins_ms[[place for place, entry in enumerate(self.entries) if entry in known]] = -1
        self._there = np.flatnonzero(self._joins_ms < 0)
        self._narrowed = self._narrow()
        self.progress = read_progress([known[self.entries[place]] for place in self._there], standard)

    def walk(self, dates: Sequence[date]) -> Iterator[CourseDay]:
        """Each date in turn. Raises ValueError for one that is not after the one before."""
        for on in dates:
            self._join(on)
            before = self.progress
            evaluation = evaluate(self._narrowed, on, ever_judged=before.ever_judged)
            self.progress = self._advance(before, evaluation)
            yield CourseDay(evaluation, before, self.progress, self._list_there())

    def _advance(self, before: Progress, evaluation: Evaluation) -> Progress:
        if self._sheltering is None:
            return advance(before, evaluation)
        return self._sheltering.advance(before, evaluation, self._list_there())

    def list_pardons_left(self, shop_id: int) -> frozenset[str]:
        """What is still pardoned of a shop."""
        return self._sheltering.list_pardons_left(shop_id) if self._sheltering is not None else frozenset()

    def look(self, on: date) -> Evaluation:
        """An evaluation of any date, of those who were there at its end; moves nothing."""
        self._join(on)
        return evaluate(self._narrowed, on, ever_judged=self.progress.ever_judged)

    @property
    def there(self) -> tuple[Entry, ...]:
        """The entries that have joined, in the order of the evaluation's table."""
        return self._list_there()

    def write(self) -> dict[Entry, dict[str, Any]]:
        """The progress of every entry that is there, as plain values."""
        return dict(zip(self._list_there(), write_progress(self.progress, self.standard), strict=True))

    def _list_there(self) -> tuple[Entry, ...]:
        return tuple(self.entries[place] for place in self._there)

    def _join(self, on: date) -> None:
        """Take in who opened, or has the first row that counts."""
        there = np.flatnonzero(self._joins_ms < day_end_ms(on, self.zone))
        if len(there) == len(self._there) and self.progress.on is not None:
            return
        place_of = {place: number for number, place in enumerate(self._there.tolist())}
        old = np.array([place_of.get(place, -1) for place in there.tolist()], np.int64)
        if not len(self._there):
            self.progress = begin(self.standard, len(there))
        else:
            self.progress = regroup(self.progress, self.standard, old)
        self._there = there
        self._narrowed = self._narrow()

    def _narrow(self) -> Table:
        return self._table if len(self._there) == self._table.size else self._table.narrow(self._there)


def list_counted(standard: Standard) -> list[Figure]:
    """The active figures and rules that count rows."""
    return [figure for figure in (*standard.figures, *standard.rules) if figure.is_active and figure.metric]


def list_metrics(standard: Standard) -> list[str]:
    """The metrics whose rows it counts, each once."""
    return list(dict.fromkeys(figure.metric for figure in list_counted(standard)))


def earliest_day(standard: Standard, on: date) -> date | None:
    """The first local date whose rows an evaluation on a date may count; None: from the beginning."""
    windows = [window for figure in (*standard.figures, *standard.rules) if figure.is_active
               for window in _list_windows(figure)]
    first = min((_first_day(window, on) for window in windows), default=on)
    return None if first == date.min else first


def _first_day(window: Window, on: date) -> date:
    first = resolve_window(window, on)[0]
    return first if first == date.min or window.ends_at is None else first - timedelta(days=1)


def _list_windows(figure: Figure) -> list[Window]:
    """Every window of a figure, and the one its norm is taken over."""
    window = figure.window
    own = [figure.against_own.over] if figure.against_own is not None else []
    if isinstance(window, Windows):
        by_volume = window.by_volume
        chosen = (by_volume.count_in, by_volume.then, by_volume.otherwise) if by_volume is not None else ()
        several = (*(window.all or ()), *(window.any or ()), *window.shown, *chosen)
        single = (each for each in (window.one, window.bad, window.base) if each is not None)
        return [*several, *single, *own]
    return [*own, *([window] if window is not None else [])]


def _shape(rows: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    """The rows with every column that is asked for: an anchor nobody knows is missing, so is a part."""
    empty = {"shop": "int64", "metric": "object", "anchor_ms": "int64"}
    found = rows if len(rows) else pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in empty.items()})
    anchors = {anchor_column(figure) for figure in list_counted(standard)} - set(found)
    parts = {} if standard.standing_per is None else {
        standard.standing_per: text_column(found, standard.standing_per)}
    return found.assign(**dict.fromkeys(sorted(anchors)), **parts)


def _list_entries(
    standard: Standard, shops: Sequence[CourseShop], rows: pd.DataFrame, kept: Mapping[Entry, object]
) -> tuple[Entry, ...]:
    """The shops, or every part of theirs that has rows, was kept or is the shop's own."""
    per = standard.standing_per
    if per is None:
        return tuple((shop.id, "") for shop in shops)
    found = set(zip(rows["shop"].tolist(), rows[per].tolist(), strict=True)) | set(kept)
    found |= {(shop.id, shop.texts[per]) for shop in shops if shop.texts.get(per)}
    order = {shop.id: place for place, shop in enumerate(shops)}
    return tuple(sorted((entry for entry in found if entry[0] in order), key=lambda e: (order[e[0]], e[1])))


def _to_frame(entries: Sequence[Entry], shops: Sequence[CourseShop], standard: Standard, zone: str) -> pd.DataFrame:
    by_id = {shop.id: shop for shop in shops}
    part: list[str] = [standard.standing_per] if standard.standing_per else []
    names = sorted({name for shop in shops for name in shop.texts} - set(part))
    lines = [by_id[shop_id] for shop_id, _ in entries]
    return pd.DataFrame({
        "shop": pd.Series([shop.id for shop in lines], dtype="int64"),
        "opened_on": pd.Series([local_day(shop.opened_ms, zone) for shop in lines], dtype="object"),
        "immune_until": pd.Series([shop.immune_until for shop in lines], dtype="object"),
        **{name: pd.Series([shop.texts.get(name, "") for shop in lines], dtype="object") for name in names},
        **{name: pd.Series([text for _, text in entries], dtype="object") for name in part},
    })


def _list_joins(
    entries: Sequence[Entry], shops: Sequence[CourseShop], rows: pd.DataFrame, standard: Standard
) -> list[int]:
    """The instant after which each entry is there [epoch ms]: its shop opened, or a row of it counted.

    A part is there with its first row, whenever the shop opened; the shop's own part opens with it.
    """
    per = standard.standing_per
    counted = rows["anchor_ms"].to_numpy(np.int64)
    if "from_ms" in rows:
        counted = np.maximum(counted, rows["from_ms"].to_numpy(np.int64))
    parts = rows[per].to_numpy(object) if per else np.full(len(rows), "", object)
    first = pd.Series(counted).groupby([rows["shop"].to_numpy(), parts]).min().to_dict() if len(rows) else {}
    opened = {(shop.id, shop.texts.get(per, "") if per else ""): shop.opened_ms for shop in shops}
    never = 2**62
    return [min(first.get(entry, never), opened.get(entry, never)) for entry in entries]
