"""Where the parts of a clock trace go: a row per local day, 24 hours across. Pure geometry.

`templates/standards/clock_trace.html` draws it. Positions are percentages of the day's own length, so that the day on
which the clocks change has 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from scoring.clock_trace import ClockKind, ClockSegment, ClockTrace

ONE_DAY = timedelta(days=1)
# So many days alike, in which nothing counts, become one row.
MOST_ALIKE = 3
# A promise left open for a year is told by its beginning and its end.
FIRST_ROWS, LAST_ROWS = 21, 7
WAITING = frozenset({ClockKind.WAITING_FOR_BUYER, ClockKind.WAITING_FOR_OPERATOR, ClockKind.WAITING_FOR_CARRIER})

Period = tuple[datetime, datetime]


@dataclass(frozen=True)
class Bar:
    """A stretch of a row [% of the day]; `kind` is a ClockKind, or "over" for what counts beyond the limit."""

    x: float
    width: float
    kind: str


@dataclass(frozen=True)
class Mark:
    """Something that happened: place [%], moment, what, and the side of its text.

    `what` is opened, passed, came_back, used_up or ended.
    """

    x: float
    at: datetime
    what: str
    anchor: str


@dataclass(frozen=True)
class DayRow:
    """A local day, or a run of days alike up to `last_on`: hours open, bars, marks, seconds counted then and so far.

    `alike` is the kind that fills the day where there is but one and nothing counts, "folded" where days are told
    together though the clock ran, else None.
    """

    on: date
    last_on: date
    open_hours: tuple[Bar, ...]
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    counted_seconds: float
    total_seconds: float
    is_over: bool
    alike: str | None


@dataclass(frozen=True)
class KindTotal:
    """How long the clock stood at one kind [s]."""

    kind: str
    seconds: float


@dataclass(frozen=True)
class ClockDrawing:
    """All rows, oldest first; `over_seconds` counted beyond the limit, 0 without one."""

    rows: tuple[DayRow, ...]
    zone: str
    counted_seconds: float
    limit_seconds: float | None
    over_seconds: float
    passed_seconds: float
    totals: tuple[KindTotal, ...]


def draw_clock(
    trace: ClockTrace, zone: str, *, open_hours: Sequence[Period] = (), is_ended: bool = True
) -> ClockDrawing:
    """A trace by local days; `open_hours` are shaded, `is_ended` where the promise ended with the trace."""
    parts = list(_split_at(trace.segments, trace.used_up_at))
    marks = _list_marks(trace, is_ended=is_ended)
    rows, total = [], 0.0
    for on in _list_days(parts, ZoneInfo(zone)):
        row = _draw_day(on, ZoneInfo(zone), parts, marks)
        total += row.counted_seconds
        limit = trace.limit_seconds
        shaded = _list_bars(((since, until, "open") for since, until in open_hours), *_bounds(on, ZoneInfo(zone)))
        rows.append(replace(row, open_hours=shaded, total_seconds=total, is_over=limit is not None and total > limit))
    over = max(0.0, trace.counted_seconds - trace.limit_seconds) if trace.limit_seconds is not None else 0.0
    kinds = (KindTotal(str(kind), trace.count_seconds(kind)) for kind in ClockKind)
    return ClockDrawing(
        tuple(_fold_long(list(_join_alike(rows)))), zone, trace.counted_seconds, trace.limit_seconds, over,
        sum(segment.seconds for segment in trace.segments), tuple(kind for kind in kinds if kind.seconds))


@dataclass(frozen=True)
class _Part:
    start: datetime
    end: datetime
    kind: str


def _split_at(segments: Iterable[ClockSegment], used_up_at: datetime | None) -> Iterator[_Part]:
    """The segments, what counts beyond the limit apart."""
    for segment in segments:
        part = _Part(segment.start, segment.end, str(segment.kind))
        if segment.kind != ClockKind.COUNTING or used_up_at is None or used_up_at >= segment.end:
            yield part
        elif used_up_at <= segment.start:
            yield replace(part, kind="over")
        else:
            yield replace(part, end=used_up_at)
            yield replace(part, start=used_up_at, kind="over")


def _list_days(parts: Sequence[_Part], zone: ZoneInfo) -> Iterator[date]:
    if not parts:
        return
    day = parts[0].start.astimezone(zone).date()
    while _bounds(day, zone)[0] < parts[-1].end:
        yield day
        day += ONE_DAY


def _bounds(on: date, zone: ZoneInfo) -> Period:
    """The first instant of a local day and of the next, in UTC."""
    first, last = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (on, on + ONE_DAY))
    return first.astimezone(UTC), last.astimezone(UTC)


def _draw_day(on: date, zone: ZoneInfo, parts: Sequence[_Part], marks: Sequence[tuple[datetime, str]]) -> DayRow:
    begin, end = _bounds(on, zone)
    bars = _list_bars(((part.start, part.end, part.kind) for part in parts), begin, end)
    counted = sum(
        (min(part.end, end) - max(part.start, begin)).total_seconds() for part in parts
        if part.kind in {ClockKind.COUNTING, "over"} and part.start < end and part.end > begin)
    here = tuple(_place_mark(at, what, begin, end) for at, what in marks if begin <= at < end)
    alike = bars[0].kind if len(bars) == 1 and bars[0].width == 100 and not counted and not here else None
    return DayRow(on, on, (), bars, here, counted, 0.0, False, alike)


def _list_bars(parts: Iterable[tuple[datetime, datetime, str]], begin: datetime, end: datetime) -> tuple[Bar, ...]:
    bars = []
    for since, until, kind in parts:
        left, right = max(since, begin), min(until, end)
        if left < right:
            x = _place(left, begin, end)
            bars.append(Bar(x, round(_place(right, begin, end) - x, 2), kind))
    return tuple(bars)


def _place(at: datetime, begin: datetime, end: datetime) -> float:
    return round(100 * (at - begin) / (end - begin), 2)


def _place_mark(at: datetime, what: str, begin: datetime, end: datetime) -> Mark:
    x = _place(at, begin, end)
    if what in {"passed", "ended"}:  # said over what follows, where nothing counts
        return Mark(x, at, what, "start" if x < 75 else "end")
    return Mark(x, at, what, "end" if x > 25 else "start")


def _list_marks(trace: ClockTrace, *, is_ended: bool) -> list[tuple[datetime, str]]:
    """What happened when, at most one thing at a moment."""
    found: dict[datetime, str] = {}
    for before, after in pairwise(trace.segments):
        if (before.kind in WAITING) != (after.kind in WAITING):
            found[after.start] = "passed" if after.kind in WAITING else "came_back"
    if trace.segments:
        found[trace.segments[0].start] = "opened"
        if is_ended:
            found[trace.segments[-1].end] = "ended"
    if trace.used_up_at is not None:
        found[trace.used_up_at] = "used_up"
    return sorted(found.items())


def _join_alike(rows: Sequence[DayRow]) -> Iterator[DayRow]:
    """Long runs of days that one kind fills as one row."""
    run: list[DayRow] = []
    for row in [*rows, None]:
        if run and (row is None or row.alike is None or row.alike != run[0].alike):
            yield from _join_run(run)
            run = []
        if row is not None:
            run.append(row)


def _join_run(run: Sequence[DayRow]) -> Iterator[DayRow]:
    if run[0].alike is None or len(run) <= MOST_ALIKE:
        yield from run
    else:
        yield replace(run[0], last_on=run[-1].on, open_hours=())


def _fold_long(rows: Sequence[DayRow]) -> Iterator[DayRow]:
    """The rows, the middle of very many told as one."""
    if len(rows) <= FIRST_ROWS + LAST_ROWS + 1:
        yield from rows
        return
    middle = rows[FIRST_ROWS:-LAST_ROWS]
    yield from rows[:FIRST_ROWS]
    yield replace(
        middle[0], last_on=middle[-1].last_on, open_hours=(), bars=(), alike="folded", is_over=middle[-1].is_over,
        marks=tuple(mark for row in middle for mark in row.marks), total_seconds=middle[-1].total_seconds,
        counted_seconds=sum(row.counted_seconds for row in middle))
    yield from rows[-LAST_ROWS:]
