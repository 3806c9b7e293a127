"""What a shop's numbers will be at a moment ahead: what is counted now, and the units that silence alone would change.

Outcomes are kept with the time from which they hold, those of deadlines still to come included. So what would count
at a later moment if nothing more happened is read, not foretold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, and_, literal_column, or_, select, text
from sqlalchemy import func as sql
from sqlalchemy.orm import Session

from operator_qos.ledger.models import IS_ODD, MetricDay, Obligation, OutcomeRow, Scorecard
from operator_qos.sellers.models import Shop
from scoring.metrics import GROUP_CODES, METRICS, METRICS_BY_CODE
from scoring.spans import FOREVER_MS, PLACED

# Which promise the units of a group rest on; orders placed turn bad by the promise to ship or to deliver.
KINDS = {"ship": "ship", "deliver": "deliver", "shipped": "track", "turn": "answer", "case": "resolve",
         "placed": "ship"}
_GROUPS = {code: group for group, code in GROUP_CODES.items()}
_WHO = sql.coalesce(OutcomeRow.buyer, OutcomeRow.order_ref, OutcomeRow.unit)


class DaySum(NamedTuple):
    """The official counts of one metric on one local day (its ordinal), and the raw base."""

    metric: str
    day: int
    bad: int
    base: int
    raw_base: int


class BadUnit(NamedTuple):
    """A unit that counts officially against the shop in these metrics, with the buyer behind it."""

    anchor_ms: int
    metrics: frozenset[str]
    buyer: str


class OpenUnit(NamedTuple):
    """A unit that silence alone would change from `due_ms` on: metrics whose base it joins, and that it is bad in."""

    group: str
    unit: str
    order_ref: str | None
    anchor_ms: int
    due_ms: int
    joins: frozenset[str]
    hurts: frozenset[str]
    buyer: str

    @property
    def kind(self) -> str:
        """The kind of promise it rests on; of what nobody keeps as a promise its group."""
        return KINDS.get(self.group, self.group)


@dataclass(frozen=True)
class Promise:
    """An open promise of the seller as stored."""

    kind: str
    ref: str
    order_ref: str | None
    conversation: str | None
    due_ms: int


class Stand(NamedTuple):
    """As of when a shop's day sums are, its newest event and its newest scorecard [epoch ms]."""

    counted_ms: int
    newest_ms: int
    scored_ms: int | None


def get_stand(session: Session, shop_id: int) -> Stand:
    """How far the numbers of a shop go: while it stays, nothing that was counted of the shop has moved."""
    scored = select(sql.max(Scorecard.as_of_ms)).where(Scorecard.shop_id == Shop.id).scalar_subquery()
    query = select(Shop.cells_ms, Shop.last_event_ms, scored).where(Shop.id == shop_id)
    return Stand(*session.execute(query).one())


def list_day_sums(session: Session, shop_id: int, metrics: Iterable[str], *, from_day: int) -> list[DaySum]:
    """The days of these metrics from a local day's ordinal on."""
    codes = [METRICS[metric].code for metric in metrics]
    rows = session.execute(
        select(MetricDay.metric_code, MetricDay.day, MetricDay.official_bad, MetricDay.official_base, MetricDay.base)
        .where(MetricDay.shop_id == shop_id, MetricDay.metric_code.in_(codes), MetricDay.day >= from_day))
    return [DaySum(METRICS_BY_CODE[code].id, *(int(value) for value in rest)) for code, *rest in rows]


def list_bad_units(
    session: Session, shop_id: int, metrics: Sequence[str], *, since_ms: int, counted_ms: int
) -> list[BadUnit]:
    """The units anchored since a moment that count against the shop in one of the metrics as of another."""
    flags = _join_flags(metrics)
    asked = [and_(OutcomeRow.group_code == group, OutcomeRow.official_bad.op("&", return_type=Integer)(flag) != 0)
             for group, flag in flags.items()]
    rows = session.execute(select(OutcomeRow.group_code, OutcomeRow.official_bad, OutcomeRow.anchor_ms, _WHO).where(
        OutcomeRow.shop_id == shop_id, OutcomeRow.group_code.in_(flags), OutcomeRow.anchor_ms >= since_ms,
        OutcomeRow.from_ms < counted_ms, OutcomeRow.until_ms >= counted_ms, text(f"({IS_ODD})"), or_(*asked)))
    return [BadUnit(anchor_ms, _name(group, bad, metrics), who) for group, bad, anchor_ms, who in rows]


class _Counted(NamedTuple):
    """How a unit counts in a stretch of time: the masks of its group."""

    group_code: int
    unit: str
    official_base: int
    official_bad: int
    order_ref: str | None
    anchor_ms: int
    from_ms: int
    until_ms: int
    who: str


@dataclass(frozen=True)
class Course:
    """How a shop's units will count if nothing more happens, up to a moment; `before` is how they do now.

    `deliveries` are open promises to deliver, by order and deadline, where a placed order is among the units.
    """

    metrics: Sequence[str]
    rows: Sequence[_Counted]
    before: Mapping[tuple[int, str], tuple[int, int]]
    deliveries: frozenset[tuple[str, int]] = frozenset()

    def list_units(self, until_ms: int) -> list[OpenUnit]:
        """The units that will count otherwise at a moment, by deadline."""
        return [unit for row, unit in self._compared if row.from_ms < until_ms <= row.until_ms]

    def find_kind(self, unit: OpenUnit) -> str:
        """The kind of promise a unit rests on: a placed order on that to deliver where it falls due with it."""
        rests = unit.group == "placed" and (unit.unit, unit.due_ms) in self.deliveries
        return "deliver" if rests else unit.kind

    @cached_property
    def _compared(self) -> Sequence[tuple[_Counted, OpenUnit]]:
        """The rows by which anything changes, each compared once however many moments are asked for."""
        compared = ((row, self._compare(row)) for row in self.rows)
        return [(row, unit) for row, unit in compared if unit.joins or unit.hurts]

    def _compare(self, row: _Counted) -> OpenUnit:
        before = self.before.get((row.group_code, row.unit), (0, 0))
        joins, hurts = (_name(row.group_code, after & ~was, self.metrics)
                        for after, was in zip((row.official_base, row.official_bad), before, strict=True))
        return OpenUnit(_GROUPS[row.group_code], row.unit, row.order_ref, row.anchor_ms, row.from_ms, joins, hurts,
                        row.who)


def load_course(session: Session, shop_id: int, metrics: Sequence[str], *, counted_ms: int, until_ms: int) -> Course:
    """How the shop's units will count if nothing more happens between two moments."""
    mine = (OutcomeRow.shop_id == shop_id, OutcomeRow.group_code.in_(_join_flags(metrics)))
    masks = (OutcomeRow.group_code, OutcomeRow.unit, OutcomeRow.official_base, OutcomeRow.official_bad)
    found = session.execute(
        select(*masks, OutcomeRow.order_ref, OutcomeRow.anchor_ms, OutcomeRow.from_ms, OutcomeRow.until_ms, _WHO)
        .where(*mine, OutcomeRow.from_ms >= counted_ms, OutcomeRow.from_ms < until_ms)
        .order_by(OutcomeRow.from_ms, OutcomeRow.unit))
    # A unit counts one way at a time: what it counts as now ends no later than what it will count as begins.
    ending = session.execute(select(*masks).where(
        *mine, OutcomeRow.from_ms < counted_ms, OutcomeRow.until_ms >= counted_ms, OutcomeRow.until_ms < until_ms,
        OutcomeRow.until_ms < literal_column(str(FOREVER_MS))))
    before = {(group, unit): (base, bad) for group, unit, base, bad in ending}
    rows = [_Counted(*row) for row in found]
    placed = any(row.group_code == PLACED for row in rows)
    return Course(metrics, rows, before, list_deliveries(session, shop_id, since_ms=counted_ms, until_ms=until_ms)
                  if placed else frozenset())


def list_deliveries(session: Session, shop_id: int, *, since_ms: int, until_ms: int) -> frozenset[tuple[str, int]]:
    """The orders whose delivery is promised for a period and still open, each with its deadline [epoch ms]."""
    rows = session.execute(_select_promises(
        shop_id, since_ms, until_ms, Obligation.ref, Obligation.due_ms).where(Obligation.kind == "deliver"))
    return frozenset((ref, due_ms) for ref, due_ms in rows)


def list_promises(
    session: Session, shop_id: int, refs: Iterable[str], *, since_ms: int, until_ms: int
) -> dict[tuple[str, str], Promise]:
    """The seller's open promises about some things due in a period, whoever has to act, by kind and thing."""
    columns = [getattr(Obligation, name) for name in Promise.__dataclass_fields__]
    rows = session.execute(
        _select_promises(shop_id, since_ms, until_ms, *columns).where(Obligation.ref.in_(sorted(set(refs))))
        .order_by(Obligation.due_ms, Obligation.ref))
    return {(row.kind, row.ref): Promise(*row) for row in rows}


def _select_promises(shop_id: int, since_ms: int, until_ms: int, *columns: Any) -> Select[Any]:
    return select(*columns).where(
        Obligation.shop_id == shop_id, Obligation.owes == "seller", Obligation.settled_ms.is_(None),
        Obligation.due_ms >= since_ms, Obligation.due_ms < until_ms)


def _join_flags(metrics: Iterable[str]) -> dict[int, int]:
    """The flags of metrics, by the code of their group."""
    flags: dict[int, int] = {}
    for metric in (METRICS[name] for name in metrics):
        code = GROUP_CODES[metric.group]
        flags[code] = flags.get(code, 0) | metric.flag
    return flags


def _name(group: int, mask: int, metrics: Iterable[str]) -> frozenset[str]:
    """The metrics of a group whose flags a mask has."""
    return _name_once(group, mask, tuple(metrics))


@lru_cache(maxsize=4_096)
def _name_once(group: int, mask: int, metrics: Sequence[str]) -> frozenset[str]:
    return frozenset(
        name for name in metrics if GROUP_CODES[METRICS[name].group] == group and mask & METRICS[name].flag)
