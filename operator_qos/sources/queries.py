"""What sources sent, as it is read: the counts added up so far and those still to be added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import Session

from operator_qos.sources.models import SourceArrival, SourceCount
from operator_qos.sources.rules import EVENT, LAG, STATUS, STATUSES, find_lag, list_gaps

SHOWN_DAYS, RECENT_DAYS = 35, 7


@dataclass(frozen=True)
class DayCount:
    """A count of a day by its name (see sources.rules), with the last moment of what was counted [epoch ms]."""

    source: str
    what: str
    on: date
    count: int
    last_ms: int


def list_day_counts(
    session: Session, marketplace_id: str, *, since: date, until: date, starting: str = ""
) -> list[DayCount]:
    """Counts of a marketplace's days, of names that begin so; ordered by source, name and day."""
    def part(model: type[SourceArrival] | type[SourceCount]) -> Select[Any, Any, Any, Any, Any]:
        columns = (model.source, model.what, model.on_date, model.count, model.last_ms)
        return select(*columns).where(
            model.marketplace_id == marketplace_id, model.on_date >= since, model.on_date <= until,
            model.what.startswith(starting, autoescape=True))

    every = union_all(part(SourceCount), part(SourceArrival)).subquery()
    name = (every.c.source, every.c.what, every.c.on_date)
    query = select(*name, func.sum(every.c.count), func.max(every.c.last_ms)).group_by(*name).order_by(*name)
    return [DayCount(source, what, on, int(count), int(last))
            for source, what, on, count, last in session.execute(query)]


def list_event_counts(session: Session, marketplace_id: str, *, since: date, until: date) -> Iterator[DayCount]:
    """How many events of each type happened on each day; `what` is the type."""
    for row in list_day_counts(session, marketplace_id, since=since, until=until, starting=EVENT):
        yield DayCount(row.source, row.what.removeprefix(EVENT), row.on, row.count, row.last_ms)


@dataclass(frozen=True)
class SourceRow:
    """A source for the page of sources.

    `days` are its events per local day, the oldest first, up to today; `gaps` (first, last) days without any between
    days that had some. The bounds of its lag [s] and the counts are of what came in the last week; a bound is None
    where nothing came or it lies beyond a week. Moments in epoch ms, None where there is none.
    """

    source: str
    last_event_ms: int | None
    last_received_ms: int | None
    half_within_seconds: int | None
    most_within_seconds: int | None
    came: int
    counts: Mapping[str, int]
    days: Sequence[int]
    gaps: Sequence[tuple[date, date]]


def list_sources(session: Session, marketplace_id: str, *, today: date) -> list[SourceRow]:
    """Every source that sent anything for a marketplace in the last weeks, by name; `today` is the local day."""
    rows = list_day_counts(
        session, marketplace_id, since=today - timedelta(days=SHOWN_DAYS - 1), until=today + timedelta(days=1))
    return [_to_source(source, list(found), today) for source, found in groupby(rows, key=lambda row: row.source)]


def _to_source(source: str, rows: Sequence[DayCount], today: date) -> SourceRow:
    events = [row for row in rows if row.what.startswith(EVENT)]
    recent: Counter[str] = Counter()
    for row in rows:
        if not row.what.startswith(EVENT) and row.on > today - timedelta(days=RECENT_DAYS):
            recent[row.what] += row.count
    first = today - timedelta(days=SHOWN_DAYS - 1)
    days = [0] * SHOWN_DAYS
    for row in events:
        if row.on <= today:
            days[(row.on - first).days] += row.count
    gaps = [(first + timedelta(days=since), first + timedelta(days=until)) for since, until in list_gaps(days)]
    return SourceRow(
        source, max((row.last_ms for row in events), default=None),
        max((row.last_ms for row in rows if row.what.startswith(STATUS)), default=None), find_lag(recent, 0.5),
        find_lag(recent, 0.95), sum(count for name, count in recent.items() if name.startswith(LAG)),
        {status: recent[STATUS + status] for status in STATUSES}, days, gaps)
