"""What time alone changes, and the nightly check of the kept numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, or_, select, update
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import chunks, lock_shops, reading, unit_of_work
from operator_qos.lake.membership import in_ledger
from operator_qos.ledger.cells import begins_to_count, ends_to_count, list_cells, recount, replace_cells
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.scorecards import refresh_scorecards
from operator_qos.ledger.service import advance_shops
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import find_last_change_at
from scoring.windows import window_start_ms

SHOPS_AT_ONCE = 500


def _list_shops(engine: Engine) -> list[int]:
    with reading(engine) as session:
        return list(session.scalars(select(Shop.id).where(in_ledger()).order_by(Shop.id)))


def list_moving_shops(session: Session, *, now: datetime) -> list[int]:
    """The shops whose cells or scorecards time has changed since they were last brought up to now.

    An outcome began or ended to count, the day is another, or a standard was published or retired since.
    """
    now_ms, changed_at, found = to_ms(now), find_last_change_at(session), list[int]()
    changed_ms = to_ms(changed_at) + 1 if changed_at is not None else 0
    for marketplace, zone in session.execute(select(Marketplace.id, Marketplace.timezone)).all():
        kept_ms = max(window_start_ms(now_ms, zone, days=1), changed_ms)
        moving = [select(OutcomeRow.row_id).where(OutcomeRow.shop_id == Shop.id, when).exists()
                  for when in (begins_to_count(now_ms), ends_to_count(now_ms))]
        found += session.scalars(select(Shop.id).where(
            Shop.marketplace_id == marketplace, in_ledger(), Shop.cells_ms < now_ms,
            or_(Shop.cells_ms <= kept_ms, *moving)))
    return sorted(found)


def advance_cells(engine: Engine, *, now: datetime) -> int:
    """Bring the day cells and scorecards that time changed up to now; commits per group of shops.

    Returns how many shops moved.
    """
    with reading(engine) as session:
        shops = list_moving_shops(session, now=now)
    for part in chunks(shops, SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, list(part))
            advance_shops(session, part, now_ms=to_ms(now))
            refresh_scorecards(session, part, now_ms=to_ms(now))
    return len(shops)


def refresh_slow(engine: Engine, *, now: datetime) -> int:
    """Every shop's scorecard with the metrics that look at whole windows, as of now; commits per group of shops.

    Returns how many shops there are.
    """
    shops = _list_shops(engine)
    for part in chunks(shops, SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, list(part))
            advance_shops(session, part, now_ms=to_ms(now))
            refresh_scorecards(session, part, now_ms=to_ms(now), slow=True)
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
