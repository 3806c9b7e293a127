"""Adding up what batches counted, and forgetting what is too old to be looked at."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import Engine, case, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.db import chunks, unit_of_work
from operator_qos.sources.models import SourceArrival, SourceCount

KEPT = timedelta(days=400)
Name = tuple[str, str, str, date]


def add_up_counts(engine: Engine, *, now: datetime) -> int:
    """Add what was appended to the counts of its days; commits. Returns how many rows were added up."""
    with unit_of_work(engine) as session:
        rows = session.execute(delete(SourceArrival).returning(
            SourceArrival.marketplace_id, SourceArrival.source, SourceArrival.what, SourceArrival.on_date,
            SourceArrival.count, SourceArrival.last_ms)).all()
        sums: dict[Name, tuple[int, int]] = {}
        for place, source, what, on, count, last in rows:
            before = sums.get((place, source, what, on), (0, 0))
            sums[(place, source, what, on)] = (before[0] + count, max(before[1], last))
        _add(session, sums)
        session.execute(delete(SourceCount).where(SourceCount.on_date < (now - KEPT).date()))
        return len(rows)


def _add(session: Session, sums: dict[Name, tuple[int, int]]) -> None:
    build = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    insert = build(SourceCount)
    later = case((insert.excluded.last_ms > SourceCount.last_ms, insert.excluded.last_ms), else_=SourceCount.last_ms)
    statement = insert.on_conflict_do_update(
        index_elements=[SourceCount.marketplace_id, SourceCount.source, SourceCount.what, SourceCount.on_date],
        set_={"count": SourceCount.count + insert.excluded.count, "last_ms": later})
    rows = [{"marketplace_id": place, "source": source, "what": what, "on_date": on, "count": count, "last_ms": last}
            for (place, source, what, on), (count, last) in sorted(sums.items())]
    for part in chunks(rows, 1_000):
        session.connection().execute(statement, list(part))
