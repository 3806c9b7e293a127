"""Building a lake: events in Parquet to facts, promises, outcomes and numbers in Parquet, where the events are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine as Database
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import chunks, reading, unit_of_work
from operator_qos.events.log import typed_from_row
from operator_qos.lake.engines import Engine, Spread, check_columns, count_rows, read_table
from operator_qos.lake.folding import Folder, keep_frames, list_log_rows
from operator_qos.lake.linking import MOST_HELD, link_events
from operator_qos.lake.measuring import Measurer, keep_places
from operator_qos.lake.reading import OPTIONAL, REQUIRED, Reader
from operator_qos.lake.scratch import list_places
from operator_qos.lake.shops import find_places, open_shops, settle_shops
from operator_qos.lake.tables import EVENT, LOG, MEASURED, OUTCOMES, SCHEMAS, SUMMARY, UNITS
from operator_qos.ledger.service import build_frames
from operator_qos.ledger.values import Moments
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.sellers.queries import load_directory
from scoring.events import TypedEvent

_OF_SHOPS = ", ".join("NULL AS dossier_id" if name == "dossier_id" else name for name in EVENT.names)
_REFUSED = """
SELECT source, event_id, marketplace, shop, field, reason, data AS raw FROM log WHERE reason IS NOT NULL
UNION ALL SELECT source, event_id, NULL, NULL, 'data.id', reason, NULL FROM misnamed"""
_HEARD = "SELECT shop_id, min(at_ms) AS first_ms, max(at_ms) AS last_ms FROM kept GROUP BY shop_id"


@dataclass(frozen=True)
class Plan:
    """What a build reads, where it writes and as of when it counts."""

    source: Path
    folder: Path
    as_of: str
    now: datetime
    parts: int
    most_held: int = MOST_HELD

    @property
    def work(self) -> Path:
        """Where steps leave their tables until the build is done."""
        return self.folder / "_work"

    @property
    def moments(self) -> Moments:
        """T, which is K too."""
        return Moments(self.as_of, None, to_ms(self.now))


@dataclass(frozen=True)
class Built:
    """What a build read and wrote; `flaws` says why some dossiers (by id) could not be worked out."""

    events: int
    given: int
    refused: int
    conflicts: int
    dossiers: int
    flaws: Mapping[int, str]
    as_of_ms: Mapping[int, int]  # by shop


def build_lake(database: Database, engine: Engine, plan: Plan) -> Built:
    """Read, link, fold and count; commits the shops it had to open. Raises LakeError for an input it cannot read.

    Nothing but the folder holds the results yet.
    """
    columns = check_columns(plan.source, REQUIRED, OPTIONAL)
    with unit_of_work(database) as session:
        places = find_places(plan.source)
        open_shops(session, places, now_ms=to_ms(plan.now))
    with reading(database) as session:
        directory = load_directory(session, places)
    engine.read_input(plan.source, columns, Reader(directory, to_ms(plan.now)), LOG)
    link_events(engine, plan.work, most_held=plan.most_held)
    calendars = _list_calendars(engine)
    with unit_of_work(database) as session:
        shops = settle_shops(session, engine.fetch(_HEARD).to_pylist(), calendars)
    _fold(database, engine, plan, (shops, calendars))
    as_of_ms = _measure(database, engine, plan, shops)
    engine.create("refused", _REFUSED)
    (plan.work / "refused").rename(plan.folder / "refused")
    folded = read_table(plan.work / "folded", "events", "dossiers", "flaws").to_pylist()
    events = sum(part["events"] for part in folded) + sum(len(told) for told in calendars.values())
    return Built(
        events, count_rows(plan.work / "log"), count_rows(plan.folder / "refused"),
        count_rows(plan.work / "repeated", pc.field("in_conflict")), sum(part["dossiers"] for part in folded),
        _list_flaws(folded), as_of_ms)


def clear_work(plan: Plan) -> None:
    """Remove what only the build itself needed."""
    shutil.rmtree(plan.work, ignore_errors=True)


def _list_calendars(engine: Engine) -> dict[int, list[TypedEvent]]:
    """By shop the events about the shop itself, each once."""
    found: dict[int, dict[tuple[str, str], TypedEvent]] = {}
    rows = engine.fetch(f"SELECT {_OF_SHOPS} FROM of_shops")  # noqa: S608  # names are ours
    for row in list_log_rows(rows):
        found.setdefault(row.shop_id, {})[(row.source, row.event_id)] = typed_from_row(row)
    return {shop: list(events.values()) for shop, events in found.items()}


def _fold(
    database: Database, engine: Engine, plan: Plan,
    known: tuple[Sequence[int], Mapping[int, Sequence[TypedEvent]]],
) -> None:
    shops, calendars = known
    frames = plan.work / "frames.pickle"
    with reading(database) as session:
        keep_frames(frames, build_frames(session, shops, calendars=calendars))
    spread = Spread("linked", "folded", SUMMARY, "coalesce(dossier_id, shop_id)", "shop_id, dossier_id, at_ms")
    engine.spread(spread, Folder(frames.absolute(), plan.folder.absolute()))
    for table, schema in SCHEMAS.items():
        _ensure_table(plan.folder / table, schema)


def _ensure_table(folder: Path, schema: pa.Schema) -> None:
    """A table without rows is a file without rows."""
    if not folder.exists():
        folder.mkdir()
        pq.write_table(schema.empty_table(), folder / "part-empty.parquet")


def _measure(database: Database, engine: Engine, plan: Plan, shops: Sequence[int]) -> dict[int, int]:
    """Count every shop as of its own T [epoch ms], which is given back."""
    places = plan.work / "places.pickle"
    with reading(database) as session:
        as_of_ms = _list_moments(session, plan.moments, shops)
        keep_places(places, list_places(session, shops))
    measurer = Measurer(places.absolute(), plan.folder.absolute(), as_of_ms, plan.moments)
    engine.open(OUTCOMES, plan.folder / OUTCOMES)
    moments = sorted(as_of_ms.values()) or [0]
    engine.view("counted", f"SELECT {', '.join(UNITS)} FROM {OUTCOMES} "  # noqa: S608  # names are ours
                f"WHERE from_ms < {moments[-1]} AND until_ms >= {moments[0]}")
    engine.spread(Spread("counted", "measured", MEASURED, "shop_id", "shop_id, group_code, unit, from_ms"), measurer)
    busy = set(read_table(plan.work / "measured", "shop_id").column("shop_id").to_pylist())
    measurer.measure_idle(sorted(set(shops) - busy), plan.parts)
    return as_of_ms


def _list_moments(session: Session, moments: Moments, shops: Sequence[int]) -> dict[int, int]:
    query = select(Shop.id, Marketplace.timezone).join(Marketplace, Marketplace.id == Shop.marketplace_id)
    return {shop: moments.as_of_ms(zone) for part in chunks(list(shops))
            for shop, zone in session.execute(query.where(Shop.id.in_(part)))}


def _list_flaws(folded: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    return {int(dossier): why for part in folded for dossier, why in orjson.loads(part["flaws"]).items()}
