"""Counting what sources send while it is taken in. Nothing here commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import bulk_insert
from operator_qos.sellers.models import Marketplace
from operator_qos.sources.models import SourceArrival
from operator_qos.sources.rules import EVENT, STATUS, name_lag
from scoring.windows import local_ordinal

COLUMNS = ("marketplace_id", "source", "what", "on_date", "count", "last_ms")


@dataclass(frozen=True)
class Told:
    """What became of one event; `type` and `at_ms` [epoch ms] of those taken in.

    `is_live`: it came as it happened. How late history is says nothing of a source.
    """

    marketplace_id: str
    source: str
    status: str
    type: str = ""
    at_ms: int = 0
    is_live: bool = True


def count_arrivals(session: Session, told: Iterable[Told], *, now_ms: int) -> None:
    """Append the counts of a batch."""
    zones = {row.id: row.timezone for row in session.execute(select(Marketplace.id, Marketplace.timezone))}
    # Of a thousand events most say the same: counted first, their days are looked up once each.
    days: dict[tuple[str, int], int] = {}
    counts: dict[tuple[str, str, str, int], list[int]] = {}
    for (marketplace, source, what, at_ms), count in Counter(
            (one.marketplace_id, one.source, *said) for one in told for said in _list_said(one, now_ms)).items():
        name = (marketplace, at_ms)
        day = days[name] if name in days else days.setdefault(
            name, local_ordinal(at_ms, zones.get(marketplace, "UTC")))
        found = counts.setdefault((marketplace, source, what, day), [0, at_ms])
        found[0] += count
        found[1] = max(found[1], at_ms)
    bulk_insert(session, SourceArrival, COLUMNS, _to_rows(counts))


def _list_said(one: Told, now_ms: int) -> list[tuple[str, int]]:
    """Under which names an event counts, and when [epoch ms]."""
    found = [(STATUS + one.status, now_ms)]
    if one.type:
        found.append((EVENT + one.type, one.at_ms))
    if one.type and one.is_live:
        found.append((name_lag((now_ms - one.at_ms) / 1000), now_ms))
    return found


def _to_rows(counts: dict[tuple[str, str, str, int], list[int]]) -> Sequence[Sequence[object]]:
    return [(place, source, what, date.fromordinal(day).isoformat(), count, last)
            for (place, source, what, day), (count, last) in counts.items()]
