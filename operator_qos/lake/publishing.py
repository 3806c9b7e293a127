"""The results of a build into the database: numbers and open promises of its shops; their rows stay in the lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from sqlalchemy import Engine as Database
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from operator_qos.db import chunks, lock_shops, unit_of_work
from operator_qos.lake.building import Built, Plan
from operator_qos.lake.models import LakeBuild, LakeShop
from operator_qos.lake.shops import list_logged
from operator_qos.lake.tables import OBLIGATIONS, SCHEMAS
from operator_qos.ledger.service import store_numbers

AT_ONCE = 200  # shops of one transaction
CELLS, SCORECARDS = "metric_days", "scorecards"


@dataclass(frozen=True)
class Published:
    """How many shops' results entered the database, their open promises, and the shops left to the database's log."""

    shops: int
    promises: int
    kept: int


def publish(database: Database, plan: Plan, built: Built, *, engine: str) -> Published:
    """Replace the numbers and open promises of the build's shops; commits per group of shops.

    Readers see a shop's older numbers until its new ones are whole. Shops with events in the log keep theirs.
    """
    with unit_of_work(database) as session:
        logged = list_logged(session, list(built.as_of_ms))
        made = LakeBuild(
            engine=engine, source=str(plan.source.absolute()), folder=str(plan.folder.absolute()), as_of=plan.as_of,
            events=built.events, dossiers=built.dossiers, refused=built.refused, built_at=plan.now)
        session.add(made)
        session.flush()
        build_id = made.id
    shops, promises = sorted(built.as_of_ms.keys() - logged), 0
    for part in chunks(shops, AT_ONCE):
        with unit_of_work(database) as session:
            lock_shops(session, part)
            promises += _replace(session, plan.folder, {shop: built.as_of_ms[shop] for shop in part})
            _settle(session, part, build_id)
    return Published(len(shops), promises, len(logged))


def _replace(session: Session, folder: Path, as_of_ms: dict[int, int]) -> int:
    shops = list(as_of_ms)
    found = {table: _read(folder / table, shops) for table in (CELLS, SCORECARDS, OBLIGATIONS)}
    columns = SCHEMAS[OBLIGATIONS].names
    found[OBLIGATIONS] = [row for row in found[OBLIGATIONS]
                          if is_open(dict(zip(columns, row, strict=True)), as_of_ms[row[0]])]
    store_numbers(session, as_of_ms, {table: (SCHEMAS[table].names, rows) for table, rows in found.items()})
    return len(found[OBLIGATIONS])


def is_open(row: dict[str, Any], as_of_ms: int) -> bool:
    """Whether a promise is open: neither settled nor void by then [epoch ms]."""
    return row["settled_ms"] is None and (row["void_ms"] is None or row["void_ms"] > as_of_ms)


def _read(folder: Path, shops: Sequence[int]) -> list[tuple[Any, ...]]:
    """The rows of some shops in a table; of each file only what can hold them is read."""
    wanted = pc.field("shop_id").isin(list(shops))
    found = ds.dataset(folder, format="parquet").to_table(columns=list(SCHEMAS[folder.name].names), filter=wanted)
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def _settle(session: Session, shops: Sequence[int], build_id: int) -> None:
    known = set(session.scalars(select(LakeShop.shop_id).where(LakeShop.shop_id.in_(list(shops)))))
    session.execute(update(LakeShop).where(LakeShop.shop_id.in_(list(shops))).values(build_id=build_id))
    session.add_all([LakeShop(shop_id=shop, build_id=build_id) for shop in shops if shop not in known])
