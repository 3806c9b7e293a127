"""A database in memory with a few shops and their outcomes, so that a lake is counted as the ledger is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, insert, select, true
from sqlalchemy.orm import Session

import operator_qos.models  # noqa: F401  # registers every table
from operator_qos.db import Base, among, bulk_insert, chunks, create_database_engine, reading
from operator_qos.events.models import Event
from operator_qos.ledger.models import (
    CaseFact,
    DefectFact,
    ExclusionFact,
    MetricDay,
    OrderFact,
    OutcomeRow,
    Scorecard,
    TurnFact,
)
from operator_qos.sellers.models import Marketplace, Seller, Shop, ShopTraits
from operator_qos.standards.models import StandardVersion

Plain = dict[str, Any]
_PLACES: tuple[type[Base], ...] = (Marketplace, Seller, Shop, ShopTraits, StandardVersion)
_COUNTED: tuple[type[Base], ...] = (
    OutcomeRow, MetricDay, Scorecard, Event, OrderFact, TurnFact, CaseFact, DefectFact, ExclusionFact)


@dataclass(frozen=True)
class Places:
    """Marketplaces, companies, shops and standards: what outcomes are counted in, as plain rows."""

    rows: tuple[tuple[str, tuple[Plain, ...]], ...]

    def only(self, shop_ids: Sequence[int]) -> Places:
        """The same with these shops alone."""
        wanted, kept = set(shop_ids), {"shops": "id", "shop_traits": "shop_id"}
        return Places(tuple(
            (table, tuple(row for row in rows if table not in kept or row[kept[table]] in wanted))
            for table, rows in self.rows))


def _table(model: type[Base]) -> Table:
    found = model.__table__
    assert isinstance(found, Table)  # noqa: S101  # every model of ours is one table
    return found


def list_places(session: Session, shop_ids: Sequence[int]) -> Places:
    """The places of some shops, out of the database that keeps them."""
    mine = among(session, Shop.id, shop_ids)
    conditions = {Shop: mine, Seller: Seller.id.in_(select(Shop.seller_id).where(mine)),
                  ShopTraits: among(session, ShopTraits.shop_id, shop_ids)}
    found: list[tuple[str, tuple[Plain, ...]]] = []
    for model in _PLACES:
        query = select(_table(model)).where(conditions.get(model, true()))
        rows = tuple(dict(row._mapping) for row in session.execute(query))
        for row in rows:
            if "buyer_key" in row:
                row["buyer_key"] = ""  # counting needs no key, and this goes to every process
        found.append((_table(model).name, rows))
    return Places(tuple(found))


def fill(scratch: Session, model: type[Base], columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Put rows of any table into a database in memory, which is nobody's. Does not commit."""
    bulk_insert(scratch, model, columns, rows)


@contextmanager
def scratch_session(places: Places) -> Iterator[Session]:
    """A session on a database in memory that holds these places and nothing else."""
    engine = create_database_engine("sqlite:///:memory:")
    Base.metadata.create_all(engine, [_table(model) for model in (*_PLACES, *_COUNTED)])
    with reading(engine) as session:  # nothing of it is to stay
        for table, rows in places.rows:
            for part in chunks(rows):
                session.execute(insert(Base.metadata.tables[table]), list(part))
        yield session
    engine.dispose()
