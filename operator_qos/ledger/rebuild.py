"""Deriving everything anew from the log, shop by shop, each in one transaction, so that pages never go blank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, func, select

from operator_qos.clock import to_ms
from operator_qos.db import chunks, lock_shops, reading, unit_of_work
from operator_qos.disputes.sync import sync_disputes
from operator_qos.events.models import Event
from operator_qos.lake.membership import in_ledger
from operator_qos.ledger.jobs import start_cells
from operator_qos.ledger.models import CaseFact
from operator_qos.ledger.pending import forget_pending, keep_flaws
from operator_qos.ledger.service import FACT_MODELS, derive_stored, list_all_dossiers
from operator_qos.sellers.models import Shop
from scoring.events import iso

DOSSIERS_AT_ONCE = 20_000


@dataclass(frozen=True)
class RebuildReport:
    """What was derived anew, and from which event on."""

    events: int
    dossiers: int
    shops: int
    since: str


def rebuild(engine: Engine, *, now: datetime, on_progress: Callable[[int], None] | None = None) -> RebuildReport:
    """Derive every shop anew; commits per shop. Readers see the old rows until a shop's new ones are whole."""
    with reading(engine) as session:
        shops = list(session.scalars(select(Shop.id).where(in_ledger()).order_by(Shop.id)))
        events = session.scalar(select(func.count()).select_from(Event)) or 0
        first = session.scalar(select(func.min(Event.at_ms)))
    dossiers = 0
    for shop_id in shops:
        dossiers += _rebuild_shop(engine, shop_id, now)
        if on_progress is not None:
            on_progress(dossiers)
    return RebuildReport(events, dossiers, len(shops), iso(first) if first is not None else "")


def _rebuild_shop(engine: Engine, shop_id: int, now: datetime) -> int:
    with unit_of_work(engine) as session:
        lock_shops(session, [shop_id])
        for model in FACT_MODELS.values():
            session.execute(delete(model).where(model.shop_id == shop_id))  # type: ignore[attr-defined]
        forget_pending(session, shop_id)
        found = list_all_dossiers(session, shop_id)
        for part in chunks(found, DOSSIERS_AT_ONCE):
            keep_flaws(session, shop_id, derive_stored(session, dict.fromkeys(part, shop_id)).flaws)
        start_cells(session, [shop_id], now_ms=to_ms(now))
        cases = list(session.scalars(select(CaseFact.case_ref).where(CaseFact.shop_id == shop_id)))
        sync_disputes(session, shop_id=shop_id, case_refs=cases, now=now)
    return len(found)
