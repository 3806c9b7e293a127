"""Metrics that look at every unit of a large window together: refusals in a row, buyers who came back, promised days.

Unlike shares, whose day cells follow each event, they are read anew from the outcomes now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.ledger.models import OutcomeRow
from scoring.intervals import clopper_pearson
from scoring.metrics import GROUP_CODES, Metric
from scoring.runs import REPEAT_MS, Answer, Chance, Purchase, list_chances, list_streak
from scoring.windows import window_start_ms


class Slow(NamedTuple):
    """One such number of a shop, official and raw."""

    bad: int
    base: int
    value: float | None
    lower: float | None
    upper: float | None
    raw_bad: int
    raw_base: int
    raw_value: float | None


class CountedUnit(Protocol):
    """What of an outcome these metrics look at."""

    @property
    def unit(self) -> str: ...
    @property
    def anchor_ms(self) -> int: ...
    @property
    def base(self) -> int: ...
    @property
    def bad(self) -> int: ...
    @property
    def official_base(self) -> int: ...
    @property
    def official_bad(self) -> int: ...
    @property
    def amount(self) -> int: ...
    @property
    def buyer(self) -> str | None: ...
    @property
    def settled_ms(self) -> int | None: ...


class SlowUnit(NamedTuple):
    """A counted unit, as read."""

    unit: str
    anchor_ms: int
    base: int
    bad: int
    official_base: int
    official_bad: int
    amount: int
    buyer: str | None
    settled_ms: int | None


UNIT_COLUMNS = tuple(getattr(OutcomeRow, name) for name in SlowUnit._fields)


def list_answers(units: Iterable[CountedUnit], flag: int, *, official: bool) -> list[Answer]:
    """The orders accepted or refused."""
    counted = [u for u in units if (u.official_base if official else u.base) & flag]
    return [
        Answer(u.unit, u.settled_ms or 0, not u.bad & flag, bool((u.official_bad if official else u.bad) & flag))
        for u in counted
    ]


def list_buyer_chances(units: Iterable[CountedUnit], flag: int, *, start_ms: int, as_of_ms: int) -> list[Chance]:
    """The buyers who could have come back."""
    orders = (Purchase(str(u.buyer), u.anchor_ms, u.unit) for u in units if u.base & flag and u.buyer is not None)
    return list_chances(orders, start_ms=start_ms, as_of_ms=as_of_ms)


def nearest_rank(ordered: Sequence[int], share: float) -> int:
    """The smallest value that at least `share` of the values do not exceed; 0.5 gives the lower middle."""
    return ordered[max(0, ceil(share * len(ordered) - 1e-9) - 1)]


def value_rank(metric: Metric) -> float:
    """Which rank is the value of a metric of amounts: the median of times, else the ninetieth percentile."""
    return 0.9 if metric.kind == "percentile" else 0.5


def measure_slowly(
    session: Session, metric: Metric, zones: Mapping[int, str], *, days: int, now_ms: int,
) -> dict[int, Slow]:
    """Per shop (id -> zone of its marketplace) the number as of now; none for shops without a base."""
    found: dict[int, Slow] = {}
    measure = _MEASURES[metric.kind]
    for zone in sorted(set(zones.values())):
        start = window_start_ms(now_ms, zone, days=days)
        since = start - REPEAT_MS if metric.kind == "repeat" else start
        for part in chunks([shop for shop, own in zones.items() if own == zone], 200):
            for shop, units in _list_units(session, metric, part, since, now_ms).items():
                slow = measure(metric, units, start, now_ms)
                if slow is not None:
                    found[shop] = slow
    return found


def _list_units(
    session: Session, metric: Metric, shops: Sequence[int], since_ms: int, now_ms: int,
) -> dict[int, list[SlowUnit]]:
    query = select(OutcomeRow.shop_id, *UNIT_COLUMNS).where(
        OutcomeRow.shop_id.in_(shops), OutcomeRow.group_code == GROUP_CODES[metric.group],
        OutcomeRow.anchor_ms >= since_ms, OutcomeRow.anchor_ms < now_ms, OutcomeRow.from_ms < now_ms,
        OutcomeRow.until_ms >= now_ms, OutcomeRow.base.op("&")(metric.flag) != 0)
    found: dict[int, list[SlowUnit]] = {}
    for row in session.execute(query):
        found.setdefault(row.shop_id, []).append(SlowUnit(*row[1:]))
    return found


def _measure_streak(metric: Metric, units: Sequence[SlowUnit], _start_ms: int, _as_of_ms: int) -> Slow | None:
    official = list_answers(units, metric.flag, official=True)
    raw = list_answers(units, metric.flag, official=False)
    streak, raw_streak = len(list_streak(official)), len(list_streak(raw))
    value = float(streak) if official else None
    return Slow(streak, len(official), value, None, None, raw_streak, len(raw), float(raw_streak)) if raw else None


def _measure_repeat(metric: Metric, units: Sequence[SlowUnit], start_ms: int, as_of_ms: int) -> Slow | None:
    chances = list_buyer_chances(units, metric.flag, start_ms=start_ms, as_of_ms=as_of_ms)
    if not chances:
        return None
    bad, base = sum(chance.missed for chance in chances), len(chances)
    low, high = clopper_pearson(bad, base)
    value = 1 - bad / base
    return Slow(bad, base, value, 1 - float(high), 1 - float(low), bad, base, value)


def _measure_amounts(metric: Metric, units: Sequence[SlowUnit], _start_ms: int, _as_of_ms: int) -> Slow | None:
    raw = sorted(u.amount for u in units)
    official = sorted(u.amount for u in units if u.official_base & metric.flag)
    share = value_rank(metric)
    value = float(nearest_rank(official, share)) if official else None
    return Slow(sum(official), len(official), value, None, None, sum(raw), len(raw), float(nearest_rank(raw, share)))


_MEASURES: Mapping[str, Callable[[Metric, Sequence[SlowUnit], int, int], Slow | None]] = {
    "streak": _measure_streak, "repeat": _measure_repeat, "percentile": _measure_amounts, "time": _measure_amounts,
}
