"""Where the parts of a small chart go. Pure geometry: macros in `templates/charts.html` draw it.

Positions along a limit whisker are percentages [0 to 100], so that charts stretch while text keeps its size.
A sparkline has a fixed box of 84 by 26 units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 84.0, 26.0, 2.0
# The limit stands at a third of the axis, so that twice and thrice the limit still show.
AXIS_LIMITS = 3.0
MOST_SQUARES = 20


@dataclass(frozen=True)
class Scale:
    """The values [share] at the left and the right end of an axis."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value stands [% of the axis], beyond 0 to 100 when it lies outside."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True)
class Numbers:
    """One rate to draw: official value, raw value and likely range, None where there is none."""

    value: float | None
    raw: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Whisker:
    """Positions [%]: the limit line, the hatched zone beyond it, the dots and the bar with its ends.

    `more_low` and `more_high`: the bar goes on beyond the axis. `raw` is None where it equals the official.
    """

    limit: float
    zone_from: float
    zone_width: float
    value: float | None
    raw: float | None
    lower: float | None
    upper: float | None
    more_low: bool
    more_high: bool
    verdict: str


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis: position [%], value [share] and text anchor."""

    place: float
    value: float
    anchor: str


@dataclass(frozen=True)
class Spark:
    """A line over the weeks: the pieces between gaps as SVG points, the last point, the limit's height."""

    lines: tuple[str, ...]
    end_x: float | None
    end_y: float | None
    limit_y: float | None
    last: float | None


@dataclass(frozen=True)
class Squares:
    """Room left: one square each; too many for a line are not drawn (`drawn` is empty)."""

    drawn: tuple[tuple[int, bool], ...]  # x and whether used
    width: int


def limit_scale(limit: float, *, higher_is_better: bool) -> Scale:
    """The axis of a rate with that limit [share]: from a perfect shop to three times the failures allowed."""
    failing = (1 - limit) if higher_is_better else limit
    span = min(1.0, failing * AXIS_LIMITS) or 1.0
    return Scale(1 - span, 1.0) if higher_is_better else Scale(0.0, span)


def _clip(place: float) -> float:
    return min(100.0, max(0.0, place))


def _position(scale: Scale, value: float | None) -> float | None:
    return None if value is None else _clip(scale.place(value))


def draw_whisker(numbers: Numbers, *, limit: float, higher_is_better: bool, verdict: str | None) -> Whisker:
    """A rate against its limit. A dot outside the axis stands at its end."""
    scale = limit_scale(limit, higher_is_better=higher_is_better)
    at = scale.place(limit)
    same = numbers.raw is None or numbers.raw == numbers.value
    return Whisker(
        limit=at,
        zone_from=0.0 if higher_is_better else at,
        zone_width=at if higher_is_better else round(100 - at, 2),
        value=_position(scale, numbers.value),
        raw=None if same else _position(scale, numbers.raw),
        lower=_position(scale, numbers.lower),
        upper=_position(scale, numbers.upper),
        more_low=numbers.lower is not None and scale.place(numbers.lower) < 0,
        more_high=numbers.upper is not None and scale.place(numbers.upper) > 100,
        verdict=verdict or "not_enough_data",
    )


def list_ticks(limit: float, *, higher_is_better: bool) -> tuple[Tick, Tick]:
    """The two ends of the axis, for its labels."""
    scale = limit_scale(limit, higher_is_better=higher_is_better)
    return Tick(0.0, scale.low, "start"), Tick(100.0, scale.high, "end")


def _pieces(points: Iterable[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            pieces.append([])
        else:
            pieces[-1].append(point)
    return [piece for piece in pieces if piece]


def _height(scale: Scale, value: float) -> float:
    room = SPARK_HEIGHT - 2 * SPARK_EDGE
    return round(SPARK_HEIGHT - SPARK_EDGE - room * _clip(scale.place(value)) / 100, 1)


def draw_spark(
    values: Sequence[float | None], *, limit: float | None = None, higher_is_better: bool = False
) -> Spark:
    """A sparkline of weekly values, oldest first. With a limit all rows share its axis, else its own."""
    known = [value for value in values if value is not None]
    if limit is not None:
        scale = limit_scale(limit, higher_is_better=higher_is_better)
    else:
        scale = Scale(0.0, max(known, default=0.0) or 1.0)
    step = (SPARK_WIDTH - 2 * SPARK_EDGE) / max(1, len(values) - 1)
    points = [
        None if value is None else (round(SPARK_EDGE + place * step, 1), _height(scale, value))
        for place, value in enumerate(values)
    ]
    last = next((point for point in reversed(points) if point is not None), None)
    return Spark(
        lines=tuple(" ".join(f"{x},{y}" for x, y in piece) for piece in _pieces(points)),
        end_x=last[0] if last else None,
        end_y=last[1] if last else None,
        limit_y=None if limit is None else _height(scale, limit),
        last=known[-1] if known else None,
    )


def draw_squares(*, used: int, allowed: int) -> Squares:
    """One square per failure allowed, the used ones first; none when they would not fit a line."""
    if not 0 < allowed <= MOST_SQUARES:
        return Squares((), 0)
    squares = tuple((1 + 13 * place, place < used) for place in range(allowed))
    return Squares(squares, 13 * allowed)
