"""Two standards on the same days: who would have stood elsewhere, since when, until when, and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operator_qos.standards.backtest import RuleDays, Told, Trial
from scoring.concentration import SIZES, PlacedShop, Tally, list_shares, name_size
from scoring.standards import MetricRule
from scoring.standards.conditions import Compare
from scoring.standards.wording import say_condition
from scoring.verdicts import VERDICTS

ORDER_DAYS = 90


@dataclass(frozen=True)
class TriedShop:
    """A shop as a back-test tells of it; sales and orders of the last 90 days of the period [minor units]."""

    id: int
    marketplace_id: str
    code: str
    name: str
    country: str
    category: str
    orders_90d: int
    sales_minor: int
    currency: str

    @property
    def size(self) -> str:
        """Its size by orders a month: under_50, 50_to_500 or over_500."""
        return name_size(self.orders_90d, days=ORDER_DAYS)


@dataclass(frozen=True)
class Reason:
    """A rule that says something else, with the numbers of the first day; None where a standard lacks the rule."""

    metric: str
    before: str | None
    after: str | None
    bad: int
    base: int
    limit_before: str | None
    limit_after: str | None

    def say(self) -> str:
        """The reason on one line."""
        limits = f"limit {self.limit_before or 'none'} → {self.limit_after or 'none'}"
        before, after = self.before or "not judged", self.after or "not judged"
        return f"{self.metric} {self.bad} of {self.base}, {limits}: {before} → {after}"


@dataclass(frozen=True)
class Move:
    """A stretch of dates, both included, on which a shop would have had another level.

    `direction` is up, down, beside (another level as far from the best), rated where it had no level before, or
    unrated where it has none after. `causes` are stored reasons of the change, where there are any.
    """

    shop: TriedShop
    since: date
    until: date
    before: str
    after: str
    direction: str
    reasons: tuple[Reason, ...]
    causes: tuple[Told, ...] = ()


@dataclass(frozen=True)
class DayLevels:
    """How many shops have each level on a date, in the order of the levels: as it is and as it would be."""

    on: date
    before: tuple[int, ...]
    after: tuple[int, ...]
    up: int
    down: int


@dataclass(frozen=True)
class GroupLine:
    """Shops of one country, size or category on the last day; sales of those that fall, and of all [minor units]."""

    kind: str
    name: str
    currency: str
    shops: int
    down: int
    up: int
    sales_down_minor: int
    sales_minor: int


@dataclass(frozen=True)
class BestLine:
    """Shops of one size or category on the last day, and those at the best level: as it is and as it would be."""

    kind: str
    name: str
    shops: Tally
    before: Tally
    after: Tally


@dataclass(frozen=True)
class Alone:
    """What one rule changes by itself: the other standard with that rule alone as the tried one has it.

    `rule` is its id, empty for everything but the rules. `moved` shops have another level on any day; `down` and `up`
    on the last, with the sales of those that fall by currency [minor units].
    """

    rule: str
    moved: int
    down: int
    up: int
    sales_down_minor: Mapping[str, int]


@dataclass(frozen=True)
class Backtest:
    """All that a trial found. `flow` counts shops by level before and after on the last day."""

    standard: tuple[str, int]
    against: tuple[str, int]
    levels: tuple[tuple[str, ...], tuple[str, ...]]
    first: date
    last: date
    shops: int
    days: tuple[DayLevels, ...]
    moves: tuple[Move, ...]
    flow: tuple[tuple[int, ...], ...]
    groups: tuple[GroupLine, ...]
    alone: tuple[Alone, ...] = ()
    best: tuple[BestLine, ...] = ()

    def list_last(self, direction: str) -> list[Move]:
        """The moves in force on the last day that go up, down, or to a first level (rated)."""
        return [move for move in self.moves if move.until == self.last and move.direction == direction]

    def count_same(self) -> int:
        """Shops with one level under both on the last day."""
        return self.shops - sum(move.until == self.last for move in self.moves)

    def sales_at_stake(self) -> dict[str, int]:
        """The sales of those that stand lower on the last day, by currency [minor units]."""
        stake: dict[str, int] = {}
        for move in self.list_last("down"):
            stake[move.shop.currency] = stake.get(move.shop.currency, 0) + move.shop.sales_minor
        return stake

    def to_document(self) -> dict[str, Any]:
        """The back-test as plain values, ready for JSON."""
        return {
            "standard": {"id": self.standard[0], "version": self.standard[1]},
            "against": {"id": self.against[0], "version": self.against[1]},
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "shops": self.shops,
            "last_day": {
                "up": len(self.list_last("up")), "down": len(self.list_last("down")), "same": self.count_same(),
                "sales_at_stake_minor": self.sales_at_stake(),
            },
            "levels": {"before": list(self.levels[0]), "after": list(self.levels[1])},
            "flow": [dict(zip(self.levels[1], row, strict=True)) for row in self.flow],
            "days": [_day_document(day, self.levels) for day in self.days],
            "moves": [_move_document(move) for move in self.moves],
            "groups": [asdict(line) for line in self.groups],
            "alone": [asdict(line) for line in self.alone],
            "best_level": [asdict(line) for line in self.best],
        }

    def sum_best(self) -> BestLine:
        """All sizes as one."""
        total = BestLine("size", "", Tally(), Tally(), Tally())
        for line in (line for line in self.best if line.kind == "size"):
            total = BestLine("size", "", total.shops + line.shops, total.before + line.before, total.after + line.after)
        return total

    def say_alone(self) -> Alone:
        """This back-test as what its one rule changes."""
        down, up = self.list_last("down"), self.list_last("up")
        moved = {(move.shop.marketplace_id, move.shop.id) for move in self.moves}
        return Alone("", len(moved), len(down), len(up), self.sales_at_stake())


def compare(trial: Trial, current: Trial, shops: Sequence[TriedShop]) -> Backtest:
    """What a standard changes against another over the same days and shops, given in the trials' order."""
    pair = _Pair(trial, current)
    moves = sorted(_list_moves(pair, shops), key=lambda move: (move.since, move.shop.id))
    flow = np.zeros((len(current.levels), len(trial.levels)), np.int64)
    np.add.at(flow, (current.level[-1], trial.level[-1]), 1)
    last = [WAYS[code] for code in pair.ways[-1].tolist()]
    return Backtest(
        (trial.standard.id, trial.standard.version), (current.standard.id, current.standard.version),
        (current.levels, trial.levels), trial.days.dates[0], trial.days.dates[-1], len(shops),
        tuple(_list_days(pair)), tuple(moves), tuple(tuple(row) for row in flow.tolist()),
        tuple(_list_groups(shops, last)), best=tuple(_list_best(pair, shops)),
    )


WAYS = ("same", "up", "down", "beside", "rated", "unrated")
SAME, UP, DOWN, BESIDE, RATED, UNRATED = range(6)


@dataclass(frozen=True)
class _Pair:
    """Two trials of the same days and shops."""

    trial: Trial
    current: Trial

    @cached_property
    def ways(self) -> NDArray[np.int8]:
        """Where each shop stands under the tried standard, seen from the other: positions in WAYS, per date and shop.

        Levels of one name are the same; others are compared by how far they are from the best.
        """
        table = np.array([[_find_way(before, after, self) for after in range(len(self.trial.levels))]
                          for before in range(len(self.current.levels))], np.int8)
        return np.asarray(table[self.current.level, self.trial.level])


def _find_way(before: int, after: int, pair: _Pair) -> int:
    was, now = pair.current.levels, pair.trial.levels
    if was[before] == now[after]:
        return SAME
    if before == len(was) - 1 or after == len(now) - 1:
        return RATED if before == len(was) - 1 else UNRATED
    far = [place / max(1, len(levels) - 2) for place, levels in ((before, was), (after, now))]
    if sorted(was) == sorted(now):
        far = [was.index(was[before]), was.index(now[after])]
    return UP if far[1] < far[0] else DOWN if far[1] > far[0] else BESIDE


def join(parts: Sequence[Backtest]) -> Backtest:
    """The back-tests of several marketplaces over the same dates as one."""
    first = parts[0]
    days = (_add_days(each) for each in zip(*(part.days for part in parts), strict=True))
    flow = np.sum([part.flow for part in parts], axis=0).tolist()
    moves = sorted((move for part in parts for move in part.moves), key=lambda move: (move.since, move.shop.id))
    groups: dict[tuple[str, str, str], GroupLine] = {}
    for line in (line for part in parts for line in part.groups):
        key = (line.kind, line.name, line.currency)
        groups[key] = _add_lines(groups[key], line) if key in groups else line
    return Backtest(
        first.standard, first.against, first.levels, first.first, first.last, sum(part.shops for part in parts),
        tuple(days), tuple(moves), tuple(tuple(row) for row in flow), tuple(groups.values()),
        tuple(_add_alone(each) for each in zip(*(part.alone for part in parts), strict=True)), _join_best(parts),
    )


def _list_days(pair: _Pair) -> Iterator[DayLevels]:
    up, down = ((pair.ways == way).sum(axis=1).tolist() for way in (UP, DOWN))
    counts = [np.stack([(one.level == code).sum(axis=1) for code in range(len(one.levels))], axis=1).tolist()
              for one in (pair.current, pair.trial)]
    for place, on in enumerate(pair.trial.days.dates):
        yield DayLevels(on, tuple(counts[0][place]), tuple(counts[1][place]), up[place], down[place])


def _list_moves(pair: _Pair, shops: Sequence[TriedShop]) -> Iterator[Move]:
    """One move per stretch of dates with one pair of different levels."""
    trial, current = pair.trial, pair.current
    pairs = current.level.astype(np.int64) * len(trial.levels) + trial.level
    differs = pair.ways != SAME
    for shop in np.flatnonzero(differs.any(axis=0)).tolist():
        column = pairs[:, shop]
        starts = np.append(np.flatnonzero(np.diff(column, prepend=-1)), len(column))
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            if not differs[start, shop]:
                continue
            before, after = (one.levels[one.level[start, shop]] for one in (current, trial))
            reasons = tuple(_list_reasons(trial, current, start, shop))
            causes = trial.told.get((start, shop)) or current.told.get((start, shop)) or ()
            yield Move(shops[shop], trial.days.dates[start], trial.days.dates[end - 1], before, after,
                       WAYS[pair.ways[start, shop]], reasons, causes)


def _list_reasons(trial: Trial, current: Trial, day: int, shop: int) -> Iterator[Reason]:
    """The rules whose verdicts differ on that day; where none does, those that do not let the trial's level rise.

    A rule that one standard lacks counts where it says that something is wrong.
    """
    after, before = _match(trial.rules, current.rules), _match(current.rules, trial.rules)
    found = [_to_reason(key, before.get(key), after.get(key), (day, shop)) for key in {**before, **after}]
    wrong = {"breached", "watch"}
    differing = [
        reason for reason in found
        if reason.before != reason.after and (None not in {reason.before, reason.after}
                                              or wrong & {reason.before, reason.after})]
    yield from differing or (reason for reason in found if reason.after in wrong)


def _match(rules: Sequence[RuleDays], others: Sequence[RuleDays]) -> dict[str, RuleDays]:
    """Rules by their metric where both standards judge it by one rule, else by their ids."""
    def by_metric(rule: RuleDays) -> bool:
        counts = [sum(other.rule.metric == rule.rule.metric for other in each) for each in (rules, others)]
        return bool(rule.rule.metric) and max(counts) <= 1

    return {rule.rule.metric if by_metric(rule) else rule.rule.id: rule for rule in rules}


def say_limit(rule: MetricRule) -> str:
    """The limit of a rule as written where it is one comparison, else in words; none without one."""
    if isinstance(rule.kept_when, Compare) and rule.kept_when.key == "value":
        return rule.kept_when.text
    limits = [case.kept_when for case in rule.cases if case.kept_when is not None]
    return "; ".join(say_condition(limit, "en") for limit in limits) or "none"


def _to_reason(metric: str, before: RuleDays | None, after: RuleDays | None, cell: tuple[int, int]) -> Reason:
    known = after or before
    assert known is not None  # noqa: S101  # the metric is of one of the two
    was, now = (str(VERDICTS[rule.verdict[cell]]) if rule else None for rule in (before, after))
    limits = [say_limit(rule.rule) if rule else None for rule in (before, after)]
    return Reason(metric, was, now, int(known.bad[cell]), int(known.base[cell]), limits[0], limits[1])


def _list_groups(shops: Sequence[TriedShop], ways: Sequence[str]) -> Iterator[GroupLine]:
    kinds: tuple[tuple[str, Callable[[TriedShop], str]], ...] = (
        ("country", lambda shop: shop.country), ("size", lambda shop: shop.size),
        ("category", lambda shop: shop.category),
    )
    places = range(len(shops))
    for kind, name_of in kinds:
        keys = sorted({(name_of(shop), shop.currency) for shop in shops})
        for key in keys:
            inside = [place for place in places if (name_of(shops[place]), shops[place].currency) == key]
            yield _to_line(kind, key, [(shops[place], ways[place]) for place in inside])


def _list_best(pair: _Pair, shops: Sequence[TriedShop]) -> Iterator[BestLine]:
    """Who is at the best level on the last day, by size and by category."""
    for kind in ("size", "category"):
        before, after = (
            list_shares(PlacedShop(shop.orders_90d, getattr(shop, kind), int(one.level[-1, place]) == 0)
                        for place, shop in enumerate(shops))
            for one in (pair.current, pair.trial))
        for was, now in zip(before, after, strict=True):
            yield BestLine(kind, was.name, was.all, was.holders, now.holders)


def _join_best(parts: Sequence[Backtest]) -> tuple[BestLine, ...]:
    found: dict[tuple[str, str], BestLine] = {}
    for line in (line for part in parts for line in part.best):
        known = found.get((line.kind, line.name))
        found[line.kind, line.name] = line if known is None else BestLine(
            line.kind, line.name, known.shops + line.shops, known.before + line.before, known.after + line.after)
    order = {name: place for place, (_, name) in enumerate(SIZES)}
    return tuple(sorted(found.values(), key=lambda one: (one.kind != "size", order.get(one.name, 0), one.name)))


def _to_line(kind: str, key: tuple[str, str], found: Sequence[tuple[TriedShop, str]]) -> GroupLine:
    down, up = ([shop for shop, way in found if way == wanted] for wanted in ("down", "up"))
    return GroupLine(kind, *key, len(found), len(down), len(up), _sum_sales(down), _sum_sales(s for s, _ in found))


def _sum_sales(shops: Iterable[TriedShop]) -> int:
    return sum(shop.sales_minor for shop in shops)


def _add_days(each: Sequence[DayLevels]) -> DayLevels:
    before, after = (np.sum([getattr(day, name) for day in each], axis=0).tolist() for name in ("before", "after"))
    up, down = (sum(getattr(day, name) for day in each) for name in ("up", "down"))
    return DayLevels(each[0].on, tuple(before), tuple(after), up, down)


def _add_lines(one: GroupLine, other: GroupLine) -> GroupLine:
    return GroupLine(
        one.kind, one.name, one.currency, one.shops + other.shops, one.down + other.down, one.up + other.up,
        one.sales_down_minor + other.sales_down_minor, one.sales_minor + other.sales_minor,
    )


def _add_alone(each: Sequence[Alone]) -> Alone:
    moved, down, up = (sum(getattr(line, name) for line in each) for name in ("moved", "down", "up"))
    sales: dict[str, int] = {}
    for currency, minor in (pair for line in each for pair in line.sales_down_minor.items()):
        sales[currency] = sales.get(currency, 0) + minor
    return Alone(each[0].rule, moved, down, up, sales)


def _day_document(day: DayLevels, levels: tuple[tuple[str, ...], tuple[str, ...]]) -> dict[str, Any]:
    before, after = (dict(zip(ids, counts, strict=True)) for ids, counts in zip(levels, (day.before, day.after),
                                                                               strict=True))
    return {"date": day.on.isoformat(), "up": day.up, "down": day.down, "before": before, "after": after}


def _move_document(move: Move) -> dict[str, Any]:
    return {
        "marketplace": move.shop.marketplace_id, "shop": move.shop.code, "country": move.shop.country,
        "category": move.shop.category, "size": move.shop.size, "sales_minor": move.shop.sales_minor,
        "currency": move.shop.currency, "from": move.since.isoformat(), "to": move.until.isoformat(),
        "before": move.before, "after": move.after, "direction": move.direction,
        "why": [asdict(reason) for reason in move.reasons], "causes": [dict(cause) for cause in move.causes],
    }
