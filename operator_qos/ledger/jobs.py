"""What time alone changes, and the nightly check of the kept numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, func, or_, select, update
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import chunks, lock_shops, reading, unit_of_work
from operator_qos.lake.membership import in_ledger
from operator_qos.ledger.cells import (
    begins_to_count,
    ends_to_count,
    join_changed,
    list_cells,
    recount,
    replace_cells,
    touch,
)
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.scorecards import refresh_scorecards, refresh_slowly, update_scorecards
from operator_qos.ledger.service import advance_shops
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import find_last_change_at
from scoring.metrics import GROUP_CODES
from scoring.runs import REPEAT_MS
from scoring.windows import window_start_ms

SHOPS_AT_ONCE = 500


def _list_shops(engine: Engine) -> list[int]:
    with reading(engine) as session:
        return list(session.scalars(select(Shop.id).where(in_ledger()).order_by(Shop.id)))


def list_moving_shops(session: Session, *, now: datetime) -> list[int]:
    """The shops whose cells or scorecards time has changed since they were last brought up to now.

    An outcome began or ended to count, the day is another, or a standard was published or retired since.
    """
    now_ms, found = to_ms(now), list[int]()
    for marketplace, kept_ms in _list_kept(session, now_ms):
        moving = [select(OutcomeRow.row_id).where(OutcomeRow.shop_id == Shop.id, when).exists()
                  for when in (begins_to_count(now_ms), ends_to_count(now_ms))]
        found += session.scalars(select(Shop.id).where(
            Shop.marketplace_id == marketplace, in_ledger(),
            or_(func.coalesce(Shop.cards_ms, 0) <= kept_ms, and_(Shop.cells_ms < now_ms, or_(*moving)))))
    return sorted(found)


def list_slow_shops(session: Session, *, now: datetime) -> list[int]:
    """The shops whose metrics over whole windows are others than when they were last measured.

    A unit of theirs changed, time made a buyer's chance to come back one that counts, the day is another, or a standard
    was published or retired since.
    """
    now_ms, found = to_ms(now), list[int]()
    matured = select(OutcomeRow.row_id).where(
        OutcomeRow.shop_id == Shop.id, OutcomeRow.group_code == GROUP_CODES["placed"],
        OutcomeRow.anchor_ms >= Shop.slow_ms - REPEAT_MS, OutcomeRow.anchor_ms < now_ms - REPEAT_MS).exists()
    for marketplace, kept_ms in _list_kept(session, now_ms):
        found += session.scalars(select(Shop.id).where(
            Shop.marketplace_id == marketplace, in_ledger(), or_(func.coalesce(Shop.slow_ms, 0) <= kept_ms, matured)))
    return sorted(found)


def _list_kept(session: Session, now_ms: int) -> list[tuple[str, int]]:
    """By marketplace the last moment [epoch ms] as of which a scorecard is out of date, whatever happened."""
    changed_at = find_last_change_at(session)
    changed_ms = to_ms(changed_at) + 1 if changed_at is not None else 0
    return [(marketplace, max(window_start_ms(now_ms, zone, days=1), changed_ms)) for marketplace, zone in
            session.execute(select(Marketplace.id, Marketplace.timezone))]


def advance_cells(engine: Engine, *, now: datetime) -> int:
    """Bring the day cells and scorecards that time changed up to now; commits per group of shops.

    Returns how many shops moved.
    """
    with reading(engine) as session:
        shops = list_moving_shops(session, now=now)
    for part in chunks(shops, SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, list(part))
            _bring_up(session, part, now)
    return len(shops)


def _bring_up(session: Session, shop_ids: Sequence[int], now: datetime) -> None:
    changed = advance_shops(session, shop_ids, now_ms=to_ms(now))
    update_scorecards(session, join_changed(touch(shop_ids), changed), now_ms=to_ms(now))


def refresh_slow(engine: Engine, *, now: datetime) -> int:
    """The metrics that look at whole windows, as of now, where they are others; commits per group of shops.

    Returns how many shops were measured.
    """
    advance_cells(engine, now=now)
    with reading(engine) as session:
        shops = list_slow_shops(session, now=now)
    for part in chunks(shops, SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, list(part))
            _bring_up(session, part, now)
            refresh_slowly(session, part, now_ms=to_ms(now))
    return len(shops)


@dataclass(frozen=True)
class Recount:
    """Result of the nightly check: cells looked at, and those that differed and were put right."""

    cells: int
    different: int


def recount_cells(engine: Engine, *, now: datetime) -> Recount:
    """Count every day cell anew and put right what differs; commits per group. The caller raises the alarm."""
    cells = different = 0
    for part in chunks(_list_shops(engine), SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, list(part))
            stored, counted = list_cells(session, part), recount(session, part)
            wrong = {key for key in stored.keys() | counted.keys() if stored.get(key) != counted.get(key)}
            if wrong:
                replace_cells(session, part)
                advance_shops(session, part, now_ms=to_ms(now))
                refresh_scorecards(session, part, now_ms=to_ms(now))
            cells, different = cells + len(counted), different + len(wrong)
    return Recount(cells, different)


def start_cells(session: Session, shop_ids: list[int], *, now_ms: int) -> None:
    """Count the cells of shops anew as of now, after a bulk load. Does not commit."""
    for part in chunks(shop_ids):
        session.execute(update(Shop).where(Shop.id.in_(part)).values(cells_ms=now_ms))
    replace_cells(session, shop_ids)
    refresh_scorecards(session, shop_ids, now_ms=now_ms, slow=True)
