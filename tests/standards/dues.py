"""When an answer is promised on a clock that is due on a day, asked for as the ledger does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from scoring.calendars import CalendarBook
from scoring.dossier import Frame
from scoring.spans import FOREVER_MS
from scoring.standards.decisions import Clock
from scoring.terms import Terms


def find_due(clock: Clock, start: datetime, zone: str, *, holidays: Sequence[date] = ()) -> datetime:
    """The last instant in time; `holidays` are those of the marketplace and of the destination."""
    terms = Terms(answer_clock=clock, holidays=(("marketplace", tuple(holidays)), ("XX", tuple(holidays))))
    frame = Frame(zone, CalendarBook(zone), (terms,))
    start_ms = round(start.timestamp() * 1000)
    due_ms = frame.answer_due_ms(start_ms, frame.answer_clock(FOREVER_MS, start_ms, "XX"))
    return datetime.fromtimestamp(due_ms / 1000, UTC)
