"""What is known of the orders and cases behind outcomes, as the columns that conditions of standards use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.ledger.models import CaseFact, OrderFact, ParcelFact
from scoring.metrics import GROUP_CODES

ORDER_COLUMNS: Mapping[str, Any] = {
    "country": OrderFact.country, "category": OrderFact.category, "fulfilment": OrderFact.fulfilment,
    "channel": OrderFact.channel, "carrier": OrderFact.carrier, "business": OrderFact.business,
    "value_minor": OrderFact.amount_minor, "cause": OrderFact.cancel_reason, "ordered_ms": OrderFact.ordered_ms,
    "paid_ms": OrderFact.paid_ms, "shipped_ms": OrderFact.shipped_ms, "ship_by_ms": OrderFact.ship_due_ms,
    "deliver_by_ms": OrderFact.deliver_due_ms, "first_scan_ms": OrderFact.first_scan_ms,
}
CASE_GROUPS = frozenset(GROUP_CODES[name] for name in ("case", "resolved", "mediation"))


def add_facts(session: Session, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Outcome rows (`shop_id`, `order_ref`, `group_code`, `unit` among them) with what is known today of each.

    Of its order: country, category, fulfilment, channel, carrier, business, value, cause of a cancellation, whether it
    was `tracked` (scanned) and `trackable`, and its moments; of its case: kind and fault. Unknown is missing.
    """
    shops = sorted({int(shop) for shop in outcomes["shop_id"].unique()})
    orders = _read(session, select(OrderFact.shop_id, OrderFact.order_ref, *ORDER_COLUMNS.values()), OrderFact, shops)
    known = pd.DataFrame(orders, columns=["shop_id", "order_ref", *ORDER_COLUMNS]).astype({"business": object})
    known["tracked"] = known.pop("first_scan_ms").notna()
    parcels = _read(session, select(ParcelFact.shop_id, ParcelFact.order_ref, ParcelFact.trackable), ParcelFact, shops)
    known["trackable"] = _find_trackable(known, parcels)
    found = outcomes.merge(known, on=["shop_id", "order_ref"], how="left", suffixes=("", "_of_order"))
    return _add_cases(session, found, shops)


def _find_trackable(known: pd.DataFrame, parcels: Sequence[Any]) -> pd.Series:
    trackable = {(shop, order) for shop, order, is_trackable in parcels if is_trackable}
    keys = zip(known["shop_id"], known["order_ref"], strict=True)
    return pd.Series([key in trackable for key in keys], index=known.index, dtype=bool)


def _add_cases(session: Session, outcomes: pd.DataFrame, shops: Sequence[int]) -> pd.DataFrame:
    query = select(CaseFact.shop_id, CaseFact.case_ref, CaseFact.kind, CaseFact.fault)
    cases = {(shop, case): (kind, fault) for shop, case, kind, fault in _read(session, query, CaseFact, shops)}
    keys = zip(outcomes["shop_id"], outcomes["unit"], outcomes["group_code"], strict=True)
    told = [cases.get((shop, unit), (None, None)) if group in CASE_GROUPS else (None, None)
            for shop, unit, group in keys]
    return outcomes.assign(
        kind=pd.Series([kind for kind, _ in told], index=outcomes.index, dtype=object),
        fault=pd.Series([fault for _, fault in told], index=outcomes.index, dtype=object))


def _read(session: Session, query: Any, model: Any, shops: Sequence[int]) -> list[Any]:
    return [tuple(row) for part in chunks(shops, 500) for row in session.execute(query.where(model.shop_id.in_(part)))]
