"""The weeks of a metric as plain geometry: positions across in %, heights in units of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask_babel import format_date

from operator_qos.charts import Scale, limit_scale
from operator_qos.ledger.queries import ScorecardRow
from scoring.standards import MetricRule
from scoring.windows import local_day

FLOOR = 72.0
WEEK_DAYS = 7
# Closer to the edge than this, the name of a month would be cut off.
LAST_LABEL = 90.0


@dataclass(frozen=True)
class MonthTick:
    """Where a month begins [%], and its name in the reader's language."""

    place: float
    name: str


@dataclass(frozen=True)
class Trend:
    """Pieces of the line as SVG points, its end, the limit and its hatched zone."""

    lines: tuple[str, ...]
    end_x: float | None
    end_y: float | None
    limit_y: float
    zone_y: float
    zone_height: float
    months: tuple[MonthTick, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether there is anything to see."""
        return self.end_x is not None


def _height(scale: Scale, value: float) -> float:
    place = min(100.0, max(0.0, scale.place(value)))
    return round(FLOOR * (1 - place / 100), 1)


def _pieces(points: Sequence[tuple[float, float] | None]) -> tuple[str, ...]:
    pieces: list[list[str]] = [[]]
    for point in points:
        if point is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{point[0]},{point[1]}")
    return tuple(" ".join(piece) for piece in pieces if piece)


def _months(last: date, count: int) -> tuple[MonthTick, ...]:
    """The first week of each month; the very first week names its month too."""
    ends = [last - timedelta(days=WEEK_DAYS * (count - 1 - place)) for place in range(count)]
    ticks: list[MonthTick] = []
    for place, on in enumerate(ends):
        across = round(100 * place / max(1, count - 1), 2)
        is_new = place == 0 or on.month != ends[place - 1].month
        if is_new and across <= LAST_LABEL:
            ticks = [] if len(ticks) == 1 and across < 15 else ticks
            ticks.append(MonthTick(across, format_date(on, "MMMM")))
    return tuple(ticks)


def draw_trend(score: ScorecardRow, rule: MetricRule, *, zone: str) -> Trend:
    """The weekly values of a scorecard, oldest first, against its limit."""
    values = score.trend
    limit = float(rule.limit)
    scale = limit_scale(limit, higher_is_better=rule.higher_is_better)
    step = 100 / max(1, len(values) - 1)
    points = [
        None if value is None else (round(place * step, 2), _height(scale, value)) for place, value in enumerate(values)
    ]
    last = next((point for point in reversed(points) if point is not None), None)
    at = _height(scale, limit)
    return Trend(
        lines=_pieces(points),
        end_x=last[0] if last else None,
        end_y=last[1] if last else None,
        limit_y=at,
        zone_y=at if rule.higher_is_better else 0.0,
        zone_height=round(FLOOR - at, 1) if rule.higher_is_better else at,
        months=_months(local_day(score.as_of_ms - 1, zone), len(values)) if values else (),
    )
