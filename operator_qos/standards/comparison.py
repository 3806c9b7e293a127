"""Two standards on the same days: who would have stood elsewhere, since when, until when, and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from operator_qos.standards.backtest import LEVELS, NOT_RATED, RuleDays, Trial
from scoring.verdicts import VERDICTS

SIZES = ((50, "under_50"), (501, "50_to_500"), (10**12, "over_500"))


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
        return next(name for bound, name in SIZES if self.orders_90d / 3 < bound)


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
    """A stretch of dates, both included, on which a shop would have had another level."""

    shop: TriedShop
    since: date
    until: date
    before: str
    after: str
    reasons: tuple[Reason, ...]

    @property
    def direction(self) -> str:
        """up, down, or rated where it had no level before (unrated where it has none after)."""
        if "not_rated" in {self.before, self.after}:
            return "rated" if self.before == "not_rated" else "unrated"
        return "up" if LEVELS.index(self.after) < LEVELS.index(self.before) else "down"


@dataclass(frozen=True)
class DayLevels:
    """How many shops have each level on a date, in the order of LEVELS: as it is and as it would be."""

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
class Backtest:
    """All that a trial found. `flow` counts shops by level before and after on the last day."""

    standard: tuple[str, int]
    against: tuple[str, int]
    first: date
    last: date
    shops: int
    days: tuple[DayLevels, ...]
    moves: tuple[Move, ...]
    flow: tuple[tuple[int, ...], ...]
    groups: tuple[GroupLine, ...]

    def list_last(self, direction: str) -> list[Move]:
        """The moves in force on the last day that go up, down, or to a first level (rated)."""
        return [move for move in self.moves if move.until == self.last and move.direction == direction]

    def count_same(self) -> int:
        """Shops with one level under both on the last day."""
        return sum(self.flow[place][place] for place in range(len(LEVELS)))

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
            "flow": [dict(zip(LEVELS, row, strict=True)) for row in self.flow],
            "days": [_day_document(day) for day in self.days],
            "moves": [_move_document(move) for move in self.moves],
            "groups": [asdict(line) for line in self.groups],
        }


def compare(trial: Trial, current: Trial, shops: Sequence[TriedShop]) -> Backtest:
    """What a standard changes against another over the same days and shops, given in the trials' order."""
    moves = sorted(_list_moves(trial, current, shops), key=lambda move: (move.since, move.shop.id))
    before, after = current.level[-1].tolist(), trial.level[-1].tolist()
    flow = np.zeros((len(LEVELS), len(LEVELS)), np.int64)
    np.add.at(flow, (before, after), 1)
    return Backtest(
        (trial.standard.id, trial.standard.version), (current.standard.id, current.standard.version),
        trial.days.dates[0], trial.days.dates[-1], len(shops), tuple(_list_days(trial, current)), tuple(moves),
        tuple(tuple(row) for row in flow.tolist()), tuple(_list_groups(shops, before, after)),
    )


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
        first.standard, first.against, first.first, first.last, sum(part.shops for part in parts), tuple(days),
        tuple(moves), tuple(tuple(row) for row in flow), tuple(groups.values()),
    )


def _list_days(trial: Trial, current: Trial) -> Iterator[DayLevels]:
    rated = (trial.level != NOT_RATED) & (current.level != NOT_RATED)
    up = ((trial.level < current.level) & rated).sum(axis=1).tolist()
    down = ((trial.level > current.level) & rated).sum(axis=1).tolist()
    counts = [np.stack([(one.level == code).sum(axis=1) for code in range(len(LEVELS))], axis=1).tolist()
              for one in (current, trial)]
    for place, on in enumerate(trial.days.dates):
        yield DayLevels(on, tuple(counts[0][place]), tuple(counts[1][place]), up[place], down[place])


def _list_moves(trial: Trial, current: Trial, shops: Sequence[TriedShop]) -> Iterator[Move]:
    """One move per stretch of dates with one pair of different levels."""
    pairs = current.level.astype(np.int64) * len(LEVELS) + trial.level
    differs = trial.level != current.level
    for shop in np.flatnonzero(differs.any(axis=0)).tolist():
        column = pairs[:, shop]
        starts = np.append(np.flatnonzero(np.diff(column, prepend=-1)), len(column))
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            if not differs[start, shop]:
                continue
            before, after = (LEVELS[one.level[start, shop]] for one in (current, trial))
            reasons = tuple(_list_reasons(trial, current, start, shop))
            yield Move(shops[shop], trial.days.dates[start], trial.days.dates[end - 1], before, after, reasons)


def _list_reasons(trial: Trial, current: Trial, day: int, shop: int) -> Iterator[Reason]:
    """The rules whose verdicts differ on that day; where none does, those that do not let the trial's level rise."""
    before = {rule.rule.metric: rule for rule in current.rules}
    after = {rule.rule.metric: rule for rule in trial.rules}
    found = [_to_reason(metric, before.get(metric), after.get(metric), (day, shop)) for metric in {**before, **after}]
    differing = [reason for reason in found if reason.before != reason.after]
    yield from differing or (reason for reason in found if reason.after in {"breached", "watch"})


def _to_reason(metric: str, before: RuleDays | None, after: RuleDays | None, cell: tuple[int, int]) -> Reason:
    known = after or before
    assert known is not None  # noqa: S101  # the metric is of one of the two
    was, now = (str(VERDICTS[rule.verdict[cell]]) if rule else None for rule in (before, after))
    limits = [rule.rule.bound.text if rule else None for rule in (before, after)]
    return Reason(metric, was, now, int(known.bad[cell]), int(known.base[cell]), limits[0], limits[1])


def _list_groups(shops: Sequence[TriedShop], before: Sequence[int], after: Sequence[int]) -> Iterator[GroupLine]:
    kinds: tuple[tuple[str, Callable[[TriedShop], str]], ...] = (
        ("country", lambda shop: shop.country), ("size", lambda shop: shop.size),
        ("category", lambda shop: shop.category),
    )
    places = range(len(shops))
    for kind, name_of in kinds:
        keys = sorted({(name_of(shop), shop.currency) for shop in shops})
        for key in keys:
            inside = [place for place in places if (name_of(shops[place]), shops[place].currency) == key]
            yield _to_line(kind, key, [(shops[place], before[place], after[place]) for place in inside])


def _to_line(kind: str, key: tuple[str, str], found: Sequence[tuple[TriedShop, int, int]]) -> GroupLine:
    down = [shop for shop, old, new in found if old < new < NOT_RATED]
    up = [shop for shop, old, new in found if new < old < NOT_RATED]
    return GroupLine(kind, *key, len(found), len(down), len(up), _sum_sales(down), _sum_sales(s for s, _, _ in found))


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


def _day_document(day: DayLevels) -> dict[str, Any]:
    before, after = (dict(zip(LEVELS, counts, strict=True)) for counts in (day.before, day.after))
    return {"date": day.on.isoformat(), "up": day.up, "down": day.down, "before": before, "after": after}


def _move_document(move: Move) -> dict[str, Any]:
    return {
        "marketplace": move.shop.marketplace_id, "shop": move.shop.code, "country": move.shop.country,
        "category": move.shop.category, "size": move.shop.size, "sales_minor": move.shop.sales_minor,
        "currency": move.shop.currency, "from": move.since.isoformat(), "to": move.until.isoformat(),
        "before": move.before, "after": move.after, "direction": move.direction,
        "why": [asdict(reason) for reason in move.reasons],
    }
