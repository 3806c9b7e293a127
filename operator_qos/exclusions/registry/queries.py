"""The register of what was forgiven: readable by everybody, by month and cause, without naming anybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median_low

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.exclusions.incidents.queries import IncidentRow, list_incidents
from operator_qos.exclusions.models import ExclusionItem, ExclusionRequest, ExclusionRound
from operator_qos.sellers.models import Shop

MONTHS = 12
# Fewer sellers than these could be told apart; their requests are shown as one line.
FEWEST_SELLERS = 5


@dataclass(frozen=True)
class RegisterLine:
    """Requests of one month and cause: how many asked, how they ended, and the median time to the first decision.

    Requests granted in part count as granted. `month` is its first day; `cause` is empty where several causes of few
    sellers stand together.
    """

    month: date
    cause: str
    asked: int
    granted: int
    refused: int
    waiting: int
    late: int
    median_seconds: int | None


@dataclass(frozen=True)
class Register:
    """What was asked, by month, the latest first, and the incidents that were forgiven."""

    lines: tuple[RegisterLine, ...]
    incidents: tuple[IncidentRow, ...]


@dataclass(frozen=True)
class _Asked:
    seller_id: int
    month: date
    cause: str
    state: str
    asked_at: datetime
    due_at: datetime
    decided_at: datetime | None


def read_register(session: Session, *, now: datetime) -> Register:
    """The last twelve months."""
    since = (now - timedelta(days=31 * (MONTHS - 1))).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = session.execute(
        select(Shop.seller_id, ExclusionRequest.cause, ExclusionRequest.state, ExclusionRound.opened_at,
               ExclusionRound.due_at, ExclusionRound.decided_at)
        .join(ExclusionRequest, ExclusionRequest.id == ExclusionRound.request_id)
        .join(Shop, Shop.id == ExclusionRequest.shop_id)
        .where(ExclusionRound.number == 1, ExclusionRound.opened_at >= since))
    asked = [
        _Asked(seller, at.date().replace(day=1), cause, state, at, due, decided)
        for seller, cause, state, at, due, decided in rows
    ]
    incidents = [row for row in list_incidents(session, state="approved") if row.last_on >= since.date()]
    return Register(tuple(_list_lines(asked, now)), tuple(incidents))


def count_sellers(session: Session, incident_ids: Sequence[int]) -> dict[int, int]:
    """Of how many sellers each incident forgave something."""
    rows = session.execute(
        select(ExclusionItem.incident_id, Shop.seller_id).join(Shop, Shop.id == ExclusionItem.shop_id)
        .where(ExclusionItem.incident_id.in_(list(incident_ids)), ExclusionItem.state == "granted").distinct())
    found: dict[int, int] = defaultdict(int)
    for incident_id, _seller in rows:
        found[incident_id or 0] += 1
    return dict(found)


def _list_lines(asked: Iterable[_Asked], now: datetime) -> Iterable[RegisterLine]:
    months: dict[date, dict[str, list[_Asked]]] = defaultdict(lambda: defaultdict(list))
    for row in asked:
        months[row.month][row.cause].append(row)
    for month in sorted(months, reverse=True):
        few = [row for rows in months[month].values() if _are_few(rows) for row in rows]
        for cause, rows in sorted(months[month].items()):
            if not _are_few(rows):
                yield _line(month, cause, rows, now)
        if few:
            yield _line(month, "", few, now)


def _are_few(rows: Sequence[_Asked]) -> bool:
    return len({row.seller_id for row in rows}) < FEWEST_SELLERS


def _line(month: date, cause: str, rows: Sequence[_Asked], now: datetime) -> RegisterLine:
    times = [int((row.decided_at - row.asked_at).total_seconds()) for row in rows if row.decided_at is not None]
    states = [row.state for row in rows]
    return RegisterLine(
        month, cause, len(rows), states.count("granted") + states.count("partly"), states.count("refused"),
        states.count("open") + states.count("appealed"),
        sum((row.decided_at or now) > row.due_at for row in rows), median_low(times) if times else None)
