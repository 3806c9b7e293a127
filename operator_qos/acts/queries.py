"""Acts as they are read: by shop, by state, the inbox, and what the feeds look like."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func as sql
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.acts.models import Act, ActAdapter, SourceTotal
from operator_qos.clock import to_ms
from operator_qos.events.models import Event
from operator_qos.sellers.models import Marketplace, Shop
from scoring.acts import LIVE, ActState
from scoring.event_types import TYPES
from scoring.guards import DAY_MS, JUDGED_DAYS, SEEN_DAYS, Feed, Light, list_lights
from scoring.windows import day_end_ms, local_day


class UnknownActError(LookupError):
    """There is no such act."""


@dataclass(frozen=True)
class ActRow:
    """One act; see the table's columns."""

    id: int
    shop_id: int
    change_id: int | None
    parent_id: int | None
    kind: str
    subject: str
    origin: str
    before: str | None
    after: str | None
    scope: Mapping[str, Any]
    is_adverse: bool
    needs_two: bool
    state: str
    holds: Sequence[Mapping[str, Any]]
    batch: str
    automated: bool
    decided_by: str
    why: str
    standard_id: str | None
    standard_version: int | None
    on_date: date
    made_at: datetime
    effective_at: datetime
    until_at: datetime | None
    legal_ground: str | None
    statement_id: int | None
    approved_by: str | None
    second_by: str | None
    adapter: str
    call_id: int | None
    asked_at: datetime | None
    in_force_at: datetime | None
    ended_at: datetime | None
    error: str

    @property
    def is_live(self) -> bool:
        """Whether it has, or is about to have, an effect."""
        return self.state in LIVE


_COLUMNS = tuple(getattr(Act, name) for name in ActRow.__dataclass_fields__)


def list_acts(
    session: Session, *, shop_ids: Collection[int] | None = None, states: Collection[str] | None = None,
    change_ids: Collection[int] | None = None, limit: int | None = None,
) -> list[ActRow]:
    """Acts, the latest first; of every shop, state and change unless some are named."""
    query = select(*_COLUMNS).order_by(Act.id.desc()).limit(limit)
    for column, wanted in ((Act.shop_id, shop_ids), (Act.state, states), (Act.change_id, change_ids)):
        if wanted is not None:
            query = query.where(column.in_(wanted))
    return [ActRow(*row) for row in session.execute(query)]


def get_act(session: Session, act_id: int) -> ActRow:
    """One act. Raises UnknownActError."""
    row = session.execute(select(*_COLUMNS).where(Act.id == act_id)).one_or_none()
    if row is None:
        raise UnknownActError(f"there is no act {act_id}")
    return ActRow(*row)


def count_held(session: Session) -> int:
    """How many acts wait for people."""
    return session.scalar(select(sql.count(Act.id)).where(Act.state == ActState.HELD)) or 0


def list_due_act_ids(session: Session, *, now: datetime) -> list[int]:
    """Acts that time moves on: planned ones due, those whose time is over, and those the marketplace was asked for."""
    due = select(Act.id).where(
        ((Act.state == ActState.PLANNED) & (Act.effective_at <= now))
        | (Act.state.in_((ActState.IN_FORCE, ActState.ASKED)) & (Act.until_at <= now))
        | Act.state.in_((ActState.ASKED, ActState.ENDING)))
    return list(session.scalars(due.order_by(Act.id)))


def find_adapter(session: Session, shop_id: int) -> str:
    """How acts reach the shop's marketplace."""
    query = select(ActAdapter.adapter).join(Shop, Shop.marketplace_id == ActAdapter.marketplace_id)
    return session.scalar(query.where(Shop.id == shop_id)) or "record"


def list_feeds(session: Session, marketplace_id: str, *, zone: str, now: datetime) -> list[Feed]:
    """What each source of a marketplace sent of each type on each local day of the last weeks, before `now`."""
    today = local_day(to_ms(now), zone)
    first = today - timedelta(days=JUDGED_DAYS + SEEN_DAYS)
    start_ms = day_end_ms(first - timedelta(days=1), zone)
    # Whole days from the first on; a change of the clocks within moves an hour at night, where little happens.
    day = (Event.at_ms - start_ms) // DAY_MS
    rows = session.execute(
        select(Event.source, Event.type_rank, day, sql.count(), sql.max(Event.at_ms))
        .join(Shop, Shop.id == Event.shop_id)
        .where(Shop.marketplace_id == marketplace_id, Event.at_ms >= start_ms, Event.at_ms <= to_ms(now))
        .group_by(Event.source, Event.type_rank, day))
    counts: dict[tuple[str, str], dict[date, int]] = {}
    last: dict[tuple[str, str], int] = {}
    for source, rank, number, count, at_ms in rows:
        key = (source, TYPES[rank])
        days = counts.setdefault(key, {})
        on = first + timedelta(days=int(number))
        days[on] = days.get(on, 0) + count
        last[key] = max(last.get(key, 0), at_ms)
    told = _list_totals(session, marketplace_id, since=first)
    return [Feed(*key, counts.get(key, {}), last.get(key, 0), told.get(key, {})) for key in {*counts, *told}]


def _list_totals(session: Session, marketplace_id: str, *, since: date) -> dict[tuple[str, str], dict[date, int]]:
    rows = session.execute(
        select(SourceTotal.source, SourceTotal.type, SourceTotal.on_date, SourceTotal.count)
        .where(SourceTotal.marketplace_id == marketplace_id, SourceTotal.on_date >= since))
    told: dict[tuple[str, str], dict[date, int]] = {}
    for source, kind, on, count in rows:
        told.setdefault((source, kind), {})[on] = count
    return told


def list_feed_lights(session: Session, marketplace_id: str, *, now: datetime) -> list[Light]:
    """What is wrong with the feeds of a marketplace; empty where all is well."""
    zone = session.scalar(select(Marketplace.timezone).where(Marketplace.id == marketplace_id)) or "UTC"
    feeds = list_feeds(session, marketplace_id, zone=zone, now=now)
    return list_lights(feeds, today=local_day(to_ms(now), zone), now_ms=to_ms(now))
