"""The end of a bulk load: everything its events touched, brought up to date at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.disputes.sync import sync_disputes
from operator_qos.events.models import ImportProgress
from operator_qos.lake.membership import in_ledger
from operator_qos.ledger.jobs import start_cells
from operator_qos.ledger.models import CaseFact
from operator_qos.ledger.pending import count_pending, derive_pending
from operator_qos.ledger.scorecards import refresh_scorecards
from operator_qos.ledger.service import advance_shops
from operator_qos.sellers.models import Shop

ABANDONED_AFTER = timedelta(minutes=30)


def finish_bulk(engine: Engine, *, now: datetime, on_progress: Callable[[int], None] | None = None) -> dict[int, str]:
    """After a bulk load: facts, day cells, scorecards and disputes of every shop as of now; commits as it goes.

    Returns why some dossiers could not be derived.
    """
    flaws = derive_pending(engine, on_progress=on_progress)
    with unit_of_work(engine) as session:
        shops = {row.id: row.cells_ms for row in session.execute(select(Shop.id, Shop.cells_ms).where(in_ledger()))}
        start_cells(session, [shop for shop, at in shops.items() if at == 0], now_ms=to_ms(now))
        kept = sorted(shop for shop, at in shops.items() if at != 0)
        advance_shops(session, kept, now_ms=to_ms(now))
        refresh_scorecards(session, kept, now_ms=to_ms(now), slow=True)
        _sync_every_dispute(session, now)
    return flaws


def _sync_every_dispute(session: Session, now: datetime) -> None:
    cases = [(row.shop_id, row.case_ref) for row in session.execute(select(CaseFact.shop_id, CaseFact.case_ref))]
    sync_disputes(session, shop_id=None, case_refs=cases, now=now)


def finish_abandoned(engine: Engine, *, now: datetime) -> int:
    """Derive what a load left behind that broke off and was not taken up again. Returns how many dossiers."""
    waiting = count_pending(engine)
    with reading(engine) as session:
        last = session.scalar(select(func.max(ImportProgress.updated_at)))
    if waiting.derivable == 0 or (last is not None and now - last < ABANDONED_AFTER):
        return 0
    finish_bulk(engine, now=now)
    return waiting.derivable
