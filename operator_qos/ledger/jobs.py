"""What time alone changes, and the nightly check of the kept numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import chunks, lock_shops, reading, unit_of_work
from operator_qos.lake.membership import in_ledger
from operator_qos.ledger.cells import list_cells, recount, replace_cells
from operator_qos.ledger.scorecards import refresh_scorecards
from operator_qos.ledger.service import advance_shops
from operator_qos.sellers.models import Shop

SHOPS_AT_ONCE = 500


def _list_shops(engine: Engine) -> list[int]:
    with reading(engine) as session:
        return list(session.scalars(select(Shop.id).where(in_ledger()).order_by(Shop.id)))


def advance_cells(engine: Engine, *, now: datetime) -> int:
    """Bring every shop's day cells and scorecard up to now; commits per group of shops. Returns what moved."""
    moved = 0
    for part in chunks(_list_shops(engine), SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, list(part))
            moved += advance_shops(session, part, now_ms=to_ms(now))
            refresh_scorecards(session, part, now_ms=to_ms(now))
    return moved


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
            advance_shops(session, part, now_ms=to_ms(now))
            stored, counted = list_cells(session, part), recount(session, part)
            wrong = {key for key in stored.keys() | counted.keys() if stored.get(key) != counted.get(key)}
            if wrong:
                replace_cells(session, part)
                refresh_scorecards(session, part, now_ms=to_ms(now))
            cells, different = cells + len(counted), different + len(wrong)
    return Recount(cells, different)


def start_cells(session: Session, shop_ids: list[int], *, now_ms: int) -> None:
    """Count the cells of shops anew as of now, after a bulk load. Does not commit."""
    for part in chunks(shop_ids):
        session.execute(update(Shop).where(Shop.id.in_(part)).values(cells_ms=now_ms))
    replace_cells(session, shop_ids)
    refresh_scorecards(session, shop_ids, now_ms=now_ms, slow=True)
