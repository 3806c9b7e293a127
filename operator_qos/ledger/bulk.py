"""The end of a bulk load: everything its events touched, brought up to date at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import among, chunks, lock_shops, reading, unit_of_work
from operator_qos.disputes.sync import sync_dossiers
from operator_qos.events.models import ImportProgress
from operator_qos.lake.membership import in_ledger
from operator_qos.ledger.cells import Changed, join_changed, touch
from operator_qos.ledger.jobs import SHOPS_AT_ONCE, start_cells
from operator_qos.ledger.pending import count_pending, derive_pending
from operator_qos.ledger.scorecards import refresh_slowly, update_scorecards
from operator_qos.ledger.service import advance_shops
from operator_qos.sellers.models import Shop

ABANDONED_AFTER = timedelta(minutes=30)


def finish_bulk(engine: Engine, *, now: datetime, on_progress: Callable[[int], None] | None = None) -> dict[int, str]:
    """After a bulk load: facts, disputes, day cells and scorecards of what it touched, as of now; commits as it goes.

    Returns why some dossiers could not be derived.
    """
    touched: set[int] = set()

    def follow(session: Session, derived: Mapping[int, int], changed: Changed) -> None:
        touched.update(derived.values())
        sync_dossiers(session, dossiers=derived.keys(), now=now, retracted_in=set(derived.values()))
        # With the cells, in their transaction: a load that is killed now leaves no number behind that is not true.
        _follow_cards(session, set(derived.values()), changed, now)

    flaws = derive_pending(engine, on_progress=on_progress, on_derived=follow)
    with reading(engine) as session:
        fresh = list(session.scalars(select(Shop.id).where(Shop.cells_ms == 0, in_ledger()).order_by(Shop.id)))
    for part in chunks(fresh, SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, part)
            start_cells(session, list(part), now_ms=to_ms(now))
    kept = sorted(touched.difference(fresh))
    for part in chunks(kept, SHOPS_AT_ONCE):
        with unit_of_work(engine) as session:
            lock_shops(session, part)
            refresh_slowly(session, part, now_ms=to_ms(now))
    return flaws


def _follow_cards(session: Session, derived_in: set[int], changed: Changed, now: datetime) -> None:
    """The scorecards of the shops whose cells were begun before this load; the others begin theirs at its end."""
    begun = set(session.scalars(select(Shop.id).where(among(session, Shop.id, derived_in), Shop.cells_ms > 0)))
    moved = advance_shops(session, begun, now_ms=to_ms(now))
    update_scorecards(session, join_changed(touch(begun), changed.only(begun), moved), now_ms=to_ms(now))


def finish_abandoned(engine: Engine, *, now: datetime) -> int:
    """Derive what a load left behind that broke off and was not taken up again. Returns how many dossiers."""
    waiting = count_pending(engine)
    with reading(engine) as session:
        last = session.scalar(select(func.max(ImportProgress.updated_at)))
    if waiting.derivable == 0 or (last is not None and now - last < ABANDONED_AFTER):
        return 0
    finish_bulk(engine, now=now)
    return waiting.derivable
