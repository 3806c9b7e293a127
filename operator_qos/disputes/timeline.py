"""Where the parts of the ball timeline go: pure geometry in percent of the width and pixels of the height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from operator_qos.clock import from_ms, to_ms
from operator_qos.disputes.rules import Turn

DAY_MS = 86_400_000
FIRST_LANE, LANE_HEIGHT, TOP = 122, 34, 44
PARCEL = 80
# One letter of a label, as a share of the narrowest drawing [%]; measured on the widest of our letters.
LETTER = 0.74
LONG_BAND = 11.0


@dataclass(frozen=True)
class Moment:
    """Something to mark: `lane` order or parcel; `shape` square, dot or diamond; `label` may be empty."""

    lane: str
    at_ms: int
    shape: str
    label: str = ""


@dataclass(frozen=True)
class Said:
    """A numbered message of one party."""

    number: int
    party: str
    at_ms: int


@dataclass(frozen=True)
class Story:
    """What is drawn [epoch ms]: turns, messages, moments, deadlines; `ended` draws no "now"."""

    turns: Sequence[Turn]
    said: Sequence[Said]
    moments: Sequence[Moment]
    promised_ms: int | None
    due_ms: int | None
    now_ms: int
    ended: bool
    open_hours: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Lane:
    party: str
    y: int


@dataclass(frozen=True)
class Band:
    """One turn; `seconds` None where the band is too short for words."""

    party: str
    x: float
    width: float
    y: int
    seconds: int | None
    is_future: bool = False


@dataclass(frozen=True)
class Pass:
    x: float
    y1: int
    y2: int


@dataclass(frozen=True)
class Dot:
    number: int
    party: str
    x: float
    y: int


@dataclass(frozen=True)
class Mark:
    """A moment with its label to the right ("start"), to the left ("end"), or none."""

    x: float
    y: int
    shape: str
    label: str
    anchor: str


@dataclass(frozen=True)
class Line:
    x: float
    at: datetime


@dataclass(frozen=True)
class Drawing:
    """All parts, ready for the template."""

    start: datetime
    end: datetime
    height: int
    lanes: tuple[Lane, ...]
    grid: tuple[Line, ...]
    bands: tuple[Band, ...]
    open_hours: tuple[tuple[float, float], ...]  # place and width [%]
    passes: tuple[Pass, ...]
    dots: tuple[Dot, ...]
    marks: tuple[Mark, ...]
    promised: Line | None
    due: Line | None
    now: float | None


@dataclass(frozen=True)
class _Scale:
    start_ms: int
    end_ms: int

    def place(self, at_ms: int) -> float:
        share = 100 * (at_ms - self.start_ms) / (self.end_ms - self.start_ms)
        return round(min(100.0, max(0.0, share)), 2)


def _scale(story: Story) -> _Scale:
    moments = [turn.from_ms for turn in story.turns] + [said.at_ms for said in story.said]
    moments += [moment.at_ms for moment in story.moments]
    last = max([*moments, *(turn.until_ms for turn in story.turns if turn.until_ms is not None)])
    if not story.ended:
        last = max(last, story.now_ms, story.due_ms or 0)
    first = min(moments)
    room = max((last - first) // 40, DAY_MS // 12)
    return _Scale(first - room, last + room)


def _lanes(story: Story) -> tuple[Lane, ...]:
    used = {turn.holder for turn in story.turns} | {said.party for said in story.said}
    shown = [
        party
        for party in ("seller", "buyer", "carrier", "operator", "mediator")
        if party in used or party in {"seller", "buyer", "mediator"}
    ]
    return tuple(Lane(party, FIRST_LANE + place * LANE_HEIGHT) for place, party in enumerate(shown))


def _grid(scale: _Scale, zone: str) -> tuple[Line, ...]:
    """Mondays at midnight; every other one, or fewer, when there are many."""
    day = (
        from_ms(scale.start_ms).astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    day += timedelta(days=7 - day.weekday())
    mondays = []
    while to_ms(day) < scale.end_ms:
        mondays.append(day)
        day += timedelta(days=7)
    step = max(1, -(-len(mondays) // 6))
    lines = [Line(scale.place(to_ms(monday)), monday) for monday in mondays[::step]]
    return tuple(line for line in lines if 10 < line.x < 92)


def _bands(story: Story, scale: _Scale, heights: dict[str, int]) -> tuple[Band, ...]:
    found = []
    for turn in story.turns:
        if turn.holder not in heights:
            continue
        until = turn.until_ms if turn.until_ms is not None else story.now_ms
        x, width = scale.place(turn.from_ms), round(scale.place(until) - scale.place(turn.from_ms), 2)
        seconds = (until - turn.from_ms) // 1000 if width >= LONG_BAND else None
        found.append(Band(turn.holder, x, max(width, 0.2), heights[turn.holder], seconds))
    last = story.turns[-1] if story.turns else None
    if (
        not story.ended
        and last is not None
        and last.holder == "mediator"
        and story.due_ms
        and story.due_ms > story.now_ms
    ):
        x = scale.place(story.now_ms)
        found.append(
            Band("mediator", x, round(scale.place(story.due_ms) - x, 2), heights["mediator"], None, True)
        )
    return tuple(found)


def _open_hours(story: Story, scale: _Scale) -> tuple[tuple[float, float], ...]:
    """When the shop was open; nothing for one that never closes, where the shade would say nothing."""
    shown = [(scale.place(since), scale.place(until)) for since, until in story.open_hours]
    kept = tuple((x, round(end - x, 2)) for x, end in shown if end - x > 0.05)
    return kept if len(kept) > 1 else ()


def _passes(story: Story, scale: _Scale, heights: dict[str, int]) -> tuple[Pass, ...]:
    pairs = zip(story.turns, story.turns[1:], strict=False)
    return tuple(
        Pass(scale.place(after.from_ms), heights[before.holder], heights[after.holder])
        for before, after in pairs
        if before.until_ms == after.from_ms and before.holder in heights and after.holder in heights
    )


def _free(taken: Sequence[tuple[float, float]], low: float, high: float) -> bool:
    return low >= 0 and high <= 100 and all(high <= a or low >= b for a, b in taken)


def _marks(story: Story, scale: _Scale) -> tuple[Mark, ...]:
    """Marks with their labels where there is room; the list under the drawing says them all."""
    heights = {"order": TOP, "parcel": PARCEL}
    ordered = sorted(story.moments, key=lambda moment: moment.at_ms)
    taken: dict[str, list[tuple[float, float]]] = {
        lane: [(scale.place(m.at_ms) - 0.6, scale.place(m.at_ms) + 0.6) for m in ordered if m.lane == lane]
        for lane in heights
    }
    if story.promised_ms is not None:
        x = scale.place(story.promised_ms)
        taken["parcel"].append((x, x + 18))
    found = []
    for moment in ordered:
        x, width, anchor = scale.place(moment.at_ms), 1.2 + len(moment.label) * LETTER, ""
        for side, low, high in (("start", x + 0.6, x + width), ("end", x - width, x - 0.6)):
            if moment.label and not anchor and _free(taken[moment.lane], low, high):
                anchor = side
                taken[moment.lane].append((low, high))
        found.append(Mark(x, heights[moment.lane], moment.shape, moment.label, anchor))
    return tuple(found)


def _line(scale: _Scale, at_ms: int | None, zone: str) -> Line | None:
    if at_ms is None or not scale.start_ms <= at_ms <= scale.end_ms:
        return None
    return Line(scale.place(at_ms), from_ms(at_ms).astimezone(ZoneInfo(zone)))


def draw(story: Story, *, zone: str) -> Drawing:
    """The drawing of a story that has at least one turn; days are those of `zone`."""
    scale, lanes = _scale(story), _lanes(story)
    heights = {lane.party: lane.y for lane in lanes}
    return Drawing(
        start=from_ms(scale.start_ms),
        end=from_ms(scale.end_ms),
        height=lanes[-1].y + LANE_HEIGHT,
        lanes=lanes,
        grid=_grid(scale, zone),
        bands=_bands(story, scale, heights),
        open_hours=_open_hours(story, scale),
        passes=_passes(story, scale, heights),
        dots=tuple(
            Dot(said.number, said.party, scale.place(said.at_ms), heights[said.party]) for said in story.said
        ),
        marks=_marks(story, scale),
        promised=_line(scale, story.promised_ms, zone),
        due=None if story.ended else _line(scale, story.due_ms, zone),
        now=None if story.ended else scale.place(story.now_ms),
    )
