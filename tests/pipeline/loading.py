"""Feeding histories through the real door, and reading back what followed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import Intake, Receipt, ingest_batch
from operator_qos.ledger import models
from operator_qos.ledger.cells import list_cells
from operator_qos.ledger.derive import COLUMNS
from operator_qos.ledger.values import MetricValue, Moments, list_metric_values
from operator_qos.sellers.models import Shop
from operator_qos.sellers.service import add_marketplace

NOW = datetime(2028, 1, 1, tzinfo=UTC)


def add_places(engine: Engine, zones: Mapping[str, str]) -> None:
    """Open the marketplaces of a history."""
    with unit_of_work(engine) as session:
        for name, zone in zones.items():
            place = add_marketplace(session, marketplace_id=name, timezone=zone)
            place.buyer_key = "5a" * 32  # the same in every database, so that their rows can be compared


def feed(engine: Engine, documents: Sequence[object], *, live: bool = True, now: datetime = NOW) -> list[Receipt]:
    """Take documents in as one batch."""
    return ingest_batch(engine, documents, intake=Intake(now, "test", open_shops=True, live=live))


def values(
    engine: Engine, *, as_of: str, known_at: str | None = None, days: int | None = None, official: bool = True,
) -> dict[tuple[str, str, str], MetricValue]:
    """(marketplace, shop, metric) -> value at (T, K)."""
    with reading(engine) as session:
        rows = list_metric_values(session, Moments(as_of, known_at, to_ms(NOW)), days=days, official=official)
    return {(row.marketplace, row.shop, row.metric): row for row in rows}


def snapshot(engine: Engine) -> dict[str, list[str]]:
    """Every derived row by table, in an order of its own; shops by name, numbers of rows left out."""
    with reading(engine) as session:
        shops = {row.id: f"{row.marketplace_id}/{row.code}" for row in session.scalars(select(Shop))}
        found: dict[str, list[str]] = {}
        for name, columns in COLUMNS.items():
            model: Any = getattr(models, name)
            rows = session.execute(select(model.shop_id, *(getattr(model, column) for column in columns)))
            found[name] = sorted(json.dumps([shops[row[0]], *row[1:]], default=str) for row in rows)
        cells = list_cells(session, sorted(shops))
        found["cells"] = sorted(json.dumps([shops[shop], metric, day, *sums]) for (shop, metric, day), sums in
                                cells.items())
    return found
