"""Any standard tried on history: its official dates one after the other, for what running sums cannot count. Pure.

The levels of a date are those of the last evaluation that had taken effect by then; before the first, and before a
shop is there, it is not rated. A standard without levels is told by two: every rule kept, or one breached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from operator_qos.evaluation.course import Course, CourseDay, CourseShop
from operator_qos.standards.backtest import Codes, Counts, Days, RuleDays, Told, Trial
from scoring.ladder import IntentKind, to_plain
from scoring.outcome_rows import FIRST_TURNS, PARTS_OF_ORDERS, SOURCES, UNITS
from scoring.schedules import effective_on
from scoring.standards import Figure, Rule, Standard, StandardError
from scoring.standards.conditions import Condition, list_leaves
from scoring.standards.names import ROW_FLAGS, ROW_NUMBERS, ROW_TEXTS
from scoring.terms import ANSWER, DEFECTS, RESOLVE
from scoring.verdicts import VERDICTS, Verdict

NOT_RATED = "not_rated"
PLAIN_LEVELS = ("kept", "breached")
NOT_ENOUGH, BREACHED = (VERDICTS.index(verdict) for verdict in (Verdict.NOT_ENOUGH_DATA, Verdict.BREACHED))
# What the outcomes of history say of themselves and their orders.
KNOWN = frozenset({
    "amount", "value_minor", "category", "country", "channel", "fulfilment", "carrier", "season", "bad", "business",
    "tracked", "trackable", "cause", "kind", "fault",
})
LONGEST_GAP_DAYS = 400
# What a standard's own promises and defects make: every row of these can be told anew.
TERMS = frozenset({ANSWER, RESOLVE, DEFECTS})


def list_uncountable(standard: Standard, official: Standard) -> list[StandardError]:
    """What of a standard nothing is kept to count it by, with the paths of the fields; empty when all can be counted.

    Outcomes are kept of the catalogue's metrics; those that rest on promises or defects are told anew.
    """
    return list(_list_uncountable(standard, official))


def require_counted_rightly(standard: Standard) -> None:
    """Refuse what would give numbers that are not what it says; metrics nothing is counted for merely stay unjudged.

    Raises StandardError with the path of the field.
    """
    for flaw in list_uncountable(standard, standard):
        if not flaw.path.endswith(".metric"):
            raise flaw


def _list_uncountable(standard: Standard, official: Standard) -> Iterator[StandardError]:
    for name in ("figures", "rules"):
        for place, figure in enumerate(getattr(standard, name)):
            if figure.is_active:
                yield from _list_figure(figure, f"{name}[{place}]", (standard, official))
    for place, exclusion in enumerate(standard.exclusions):
        if exclusion.confirmed and not exclusion.on_request:
            yield from _list_names(exclusion.where, f"exclusions[{place}].where")
    if standard.standing_per is not None and standard.standing_per not in KNOWN:
        yield StandardError("standing_per", f"no order says its {standard.standing_per}")


def _list_figure(figure: Figure, path: str, standards: tuple[Standard, Standard]) -> Iterator[StandardError]:
    off = "switch the rule off (active: false) to use the rest"
    if figure.composed is None and figure.metric not in SOURCES:
        yield StandardError(f"{path}.metric", f"nothing is counted for {figure.metric!r}; {off}")
    elif figure.composed is None:
        yield from _list_kept(figure, path, *standards)
    for name in ("count_when", "bad_when"):
        yield from _list_names(getattr(figure, name), f"{path}.{name}")
    if figure.per is not None and figure.per not in KNOWN:
        yield StandardError(f"{path}.per", f"no outcome says its {figure.per}; {off}")
    if figure.weigh_by == "quantity":
        yield StandardError(f"{path}.weigh_by", f"no outcome says its quantity; {off}")


def _list_kept(figure: Figure, path: str, standard: Standard, official: Standard) -> Iterator[StandardError]:
    unit = "first_message" if figure.metric in FIRST_TURNS else UNITS[SOURCES[figure.metric].group]
    stands_in = unit == "order" and figure.unit in PARTS_OF_ORDERS
    if figure.unit not in {None, unit} and not stands_in:
        yield StandardError(f"{path}.unit", f"outcomes of {figure.metric} are kept by {unit}")
    # Promises to answer and to solve, and defects, are told anew by a standard's own terms: one of each.
    own = (rule for rule in standard.rules if rule.is_active and rule.metric == figure.metric in TERMS)
    known = next(own, None) or official.find_rule(figure.metric)
    changes_bad = figure.bad_when is None and figure.measure not in {"count", "mean", "median", "percentile"}
    for name in ("clock", "within_hours", "defect_kinds") if known is not None and changes_bad else ():
        mine, kept = (_as_set(getattr(one, name)) for one in (figure, known))
        if mine and mine != kept:
            yield StandardError(f"{path}.{name}", _say_why_not(figure))


def _say_why_not(figure: Figure) -> str:
    if figure.metric in TERMS:
        return f"{figure.metric} is counted by one promise of each standard; give all its rules the same"
    return f"{figure.metric} rests on dates that orders name, not on a clock or defects; leave the field out"


def _list_names(condition: Condition | None, path: str) -> Iterator[StandardError]:
    names = (leaf.key for leaf, _ in list_leaves(condition) if leaf.key in ROW_NUMBERS | ROW_TEXTS | ROW_FLAGS)
    for name in names:
        if name not in KNOWN:
            yield StandardError(path, f"no outcome says its {name}; leave the condition out, or switch the rule off")


def _as_set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, tuple) else value


def list_official_dates(standard: Standard, days: Days) -> list[date]:
    """Its evaluation dates in a period, after the last one before it, whose result the period begins with."""
    before = (days.dates[0] - timedelta(days=number) for number in range(1, LONGEST_GAP_DAYS))
    begins = standard.is_official(days.dates[0])
    last = None if begins else next((on for on in before if standard.is_official(on)), None)
    return [*([] if last is None else [last]), *(on for on in days.dates if standard.is_official(on))]


@dataclass
class _Board:
    """What is found of every shop, date by date."""

    standard: Standard
    shops: dict[int, int]
    days: Days
    level: Codes
    counts: dict[str, RuleDays]
    told: dict[tuple[int, int], tuple[Told, ...]] = field(default_factory=dict)

    @property
    def levels(self) -> tuple[str, ...]:
        """The ids a level's code stands for."""
        return list_levels(self.standard)

    def take(self, day: CourseDay) -> None:
        """Write one evaluation down, from the date it takes effect on."""
        start = (effective_on(self.standard.evaluated, day.on) - self.days.dates[0]).days
        place = max(0, start)
        if start >= len(self.days.dates):
            return
        self._take_levels(day, place)
        self._take_counts(day, place)
        if start >= 0:
            self._take_reasons(day, place)

    def _take_levels(self, day: CourseDay, place: int) -> None:
        """The worst level of each shop's parts."""
        found: dict[int, int] = {}
        for (shop, _), code in zip(day.entries, _list_codes(day), strict=True):
            found[self.shops[shop]] = max(found.get(self.shops[shop], -1), code)
        self.level[place:] = len(self.levels) - 1
        if found:
            self.level[place:, list(found)] = list(found.values())

    def _take_counts(self, day: CourseDay, place: int) -> None:
        columns = np.array([self.shops[shop] for shop, _ in day.entries], np.int64)
        for rule, result in day.evaluation.rules():
            kept = self.counts[rule.id]
            shop = columns[result.shop]
            for name in ("bad", "base", "raw_base"):
                row = np.zeros(len(self.shops), np.int64)
                np.add.at(row, shop, result.count(name))
                getattr(kept, name)[place:] = row
            kept.verdict[place:] = _worst(day.evaluation.verdicts(rule.id), columns, len(self.shops))

    def _take_reasons(self, day: CourseDay, place: int) -> None:
        for (shop, _), intents in day.list_changes().items():
            reasons = [to_plain(intent)["reasons"] for intent in intents if intent.kind == IntentKind.LEVEL_CHANGED]
            if reasons:
                self.told[place, self.shops[shop]] = tuple(reasons[0])


def follow_standard(standard: Standard, rows: pd.DataFrame, shops: Sequence[CourseShop], days: Days) -> Trial:
    """A standard on every date of a period; `rows` are unit rows as far back as its windows reach.

    It begins without a past on the last official date before the period, or on its first.
    """
    size = (len(days.dates), len(shops))
    board = _Board(
        standard, {shop.id: place for place, shop in enumerate(shops)}, days,
        np.full(size, len(list_levels(standard)) - 1, np.int8),
        {rule.id: _begin_rule(rule, size) for rule in standard.rules if rule.is_active})
    for day in Course(standard, shops, rows, zone=days.zone).walk(list_official_dates(standard, days)):
        board.take(day)
    rules = tuple(board.counts.values())
    orders = np.zeros(size, np.int64)
    return Trial(standard, tuple(board.shops), days, rules, orders, board.level, board.levels, board.told)


def list_levels(standard: Standard) -> tuple[str, ...]:
    """The ids of its levels, best first, then the one of shops that are not rated."""
    return (*([tier.id for tier in standard.tiers] or PLAIN_LEVELS), NOT_RATED)


def _begin_rule(rule: Rule, size: tuple[int, int]) -> RuleDays:
    bad, base, raw_base = (np.zeros(size, np.int64) for _ in range(3))
    return RuleDays(rule, bad, base, raw_base, np.full(size, NOT_ENOUGH, np.int8))


def _list_codes(day: CourseDay) -> list[int]:
    standard = day.evaluation.standard
    if standard.tiers:
        return [int(code) for code in day.after.tier]
    verdicts = [day.evaluation.verdicts(rule.id) for rule, _ in day.evaluation.rules()]
    return [int(any(codes[place] == BREACHED for codes in verdicts)) for place in range(len(day.entries))]


def _worst(codes: Codes, shop: Counts, size: int) -> Codes:
    """The worst verdict of each shop's parts; not enough data without any."""
    order = [VERDICTS.index(v) for v in (Verdict.EXEMPT, Verdict.NOT_ENOUGH_DATA, Verdict.KEPT, Verdict.WATCH,
                                         Verdict.BREACHED)]
    ranks = np.argsort(order)
    found = np.full(size, -1)
    np.maximum.at(found, shop, ranks[codes])
    return np.where(found < 0, NOT_ENOUGH, np.array(order)[found]).astype(np.int8)
