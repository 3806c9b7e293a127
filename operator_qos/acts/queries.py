"""Acts as they are read: by shop, by state, the inbox, and what the feeds look like."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func as sql
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.acts.models import Act, ActAdapter, SourceTotal
from operator_qos.clock import to_ms
from operator_qos.connections.queries import list_compared
from operator_qos.events.models import Event
from operator_qos.hooks.models import HookCall
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.sources.queries import list_event_counts
from operator_qos.statements.models import Statement
from scoring.acts import LIVE, ActState
from scoring.guards import (
    DAY_MS,
    JUDGED_DAYS,
    SEEN_DAYS,
    Feed,
    Light,
    list_figure_lights,
    list_lights,
    list_shop_figure_lights,
)
from scoring.windows import day_end_ms, local_day

ANY_TYPE = "any"  # events of every type together


# Acts that nobody is told of: they wait for people, or never took effect.
UNSEEN = (ActState.HELD, ActState.REFUSED, ActState.DROPPED)


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
    ends: str
    ends_as: str | None
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


def list_waiting(session: Session, marketplace_id: str | None, *, limit: int) -> list[ActRow]:
    """Acts that wait for a marketplace's answer, or for that of any, the oldest first."""
    query = select(*_COLUMNS).where(Act.state.in_((ActState.ASKED, ActState.ENDING)))
    if marketplace_id is not None:
        query = query.where(Act.shop_id.in_(select(Shop.id).where(Shop.marketplace_id == marketplace_id)))
    return [ActRow(*row) for row in session.execute(query.order_by(Act.id).limit(limit))]


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
    """Acts that time moves on: planned ones due, those whose time is over, and those to ask the marketplace about.

    One that was told by webhook speaks up by itself; only a call that was given up needs looking at.
    """
    given_up = select(HookCall.id).where(HookCall.state == "dead")
    silent = (Act.adapter != "webhook") | Act.call_id.in_(given_up)
    due = select(Act.id).where(
        ((Act.state == ActState.PLANNED) & (Act.effective_at <= now))
        | (Act.state.in_((ActState.IN_FORCE, ActState.ASKED)) & (Act.until_at <= now))
        | (Act.state.in_((ActState.ASKED, ActState.ENDING)) & silent))
    return list(session.scalars(due.order_by(Act.id)))


def list_adapters(session: Session) -> dict[str, str]:
    """How acts reach each marketplace that has a way of its own."""
    return {row.marketplace_id: row.adapter for row in session.scalars(select(ActAdapter))}


def list_statement_names(session: Session, statement_ids: Collection[int]) -> dict[int, str]:
    """The public ids of statements."""
    query = select(Statement.id, Statement.public_id).where(Statement.id.in_(statement_ids))
    return {row.id: row.public_id for row in session.execute(query)}


@dataclass(frozen=True)
class _Days:
    """The local days that lights are judged by: from ``first`` on, which begins at ``start_ms``, until now."""

    first: date
    start_ms: int
    today: date
    now_ms: int

    @classmethod
    def before(cls, now: datetime, zone: str) -> _Days:
        today = local_day(to_ms(now), zone)
        first = today - timedelta(days=JUDGED_DAYS + SEEN_DAYS)
        return cls(first, day_end_ms(first - timedelta(days=1), zone), today, to_ms(now))

    @property
    def number(self) -> Any:
        """The number of an event's day; a change of the clocks within moves an hour at night, where little happens."""
        return ((Event.at_ms - self.start_ms) // DAY_MS).label("day")

    @property
    def within(self) -> tuple[Any, Any]:
        """The events that count."""
        return Event.at_ms >= self.start_ms, Event.at_ms <= self.now_ms


def list_feeds(session: Session, marketplace_id: str, days: _Days) -> list[Feed]:
    """What each source of a marketplace sent of each type on each day."""
    counts: dict[tuple[str, str], _Counted] = {}
    for row in list_event_counts(session, marketplace_id, since=days.first, until=days.today):
        counts.setdefault((row.source, row.what), _Counted()).put(row.on, row.count, row.last_ms)
    told = _list_totals(session, marketplace_id, since=days.first)
    return [counts.get(key, _Counted()).to_feed(*key, told.get(key, {})) for key in {*counts, *told}]


def list_shop_feeds(session: Session, shop_ids: Collection[int], days: _Days) -> dict[int, list[Feed]]:
    """What each of these shops sent, of any type, by source."""
    rows = session.execute(
        select(Event.shop_id, Event.source, days.number, sql.count(), sql.max(Event.at_ms))
        .where(Event.shop_id.in_(shop_ids), *days.within).group_by(Event.shop_id, Event.source, "day"))
    counts: dict[int, dict[str, _Counted]] = {}
    for shop_id, source, number, count, at_ms in rows:
        counts.setdefault(shop_id, {}).setdefault(source, _Counted()).add(days.first, int(number), count, at_ms)
    return {shop_id: [found.to_feed(source, ANY_TYPE, {}) for source, found in sources.items()]
            for shop_id, sources in counts.items()}


@dataclass
class _Counted:
    """Events per day, and the last of them."""

    counts: dict[date, int] = field(default_factory=dict)
    last_ms: int = 0

    def add(self, first: date, number: int, count: int, at_ms: int) -> None:
        self.put(first + timedelta(days=number), count, at_ms)

    def put(self, on: date, count: int, at_ms: int) -> None:
        self.counts[on] = self.counts.get(on, 0) + count
        self.last_ms = max(self.last_ms, at_ms)

    def to_feed(self, source: str, type_name: str, told: Mapping[date, int]) -> Feed:
        return Feed(source, type_name, self.counts, self.last_ms, told)


def _list_totals(session: Session, marketplace_id: str, *, since: date) -> dict[tuple[str, str], dict[date, int]]:
    rows = session.execute(
        select(SourceTotal.source, SourceTotal.type, SourceTotal.on_date, SourceTotal.count)
        .where(SourceTotal.marketplace_id == marketplace_id, SourceTotal.on_date >= since))
    told: dict[tuple[str, str], dict[date, int]] = {}
    for source, kind, on, count in rows:
        told.setdefault((source, kind), {})[on] = count
    return told


def list_feed_lights(session: Session, marketplace_id: str, *, now: datetime) -> list[Light]:
    """What is wrong with the feeds of a marketplace; empty where all is well.

    Besides events that are missing, these are platforms whose own figures differ from ours for no known cause.
    """
    days = _Days.before(now, _find_zone(session, marketplace_id))
    lights = list_lights(list_feeds(session, marketplace_id, days), today=days.today, now_ms=days.now_ms)
    return lights + list_figure_lights(list_compared(session, marketplace_id), today=days.today)


def list_lights_by_shop(
    session: Session, marketplace_id: str, shop_ids: Collection[int], *, now: datetime
) -> dict[int, list[Light]]:
    """What is wrong with what these shops are judged by: their sources, what came of themselves, their own figures."""
    days = _Days.before(now, _find_zone(session, marketplace_id))
    lights = list_feed_lights(session, marketplace_id, now=now)
    feeds, compared = list_shop_feeds(session, shop_ids, days), list_compared(session, marketplace_id)
    found = {}
    for shop_id in shop_ids:
        mine = feeds.get(shop_id, [])
        of_sources = [light for light in lights if light.source in {feed.source for feed in mine}]
        of_shop = list_lights(mine, today=days.today, now_ms=days.now_ms) if not of_sources else []
        figures = list_shop_figure_lights(compared, shop_id, today=days.today)
        found[shop_id] = [*of_sources, *of_shop, *figures]
    return found


def _find_zone(session: Session, marketplace_id: str) -> str:
    return session.scalar(select(Marketplace.timezone).where(Marketplace.id == marketplace_id)) or "UTC"
