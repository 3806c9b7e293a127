"""The rows behind a number of a shop that lives in the lake: read there, explained by the code of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.db import Base
from operator_qos.events.models import Event
from operator_qos.lake.engines import LakeError, connect_duckdb, quoted
from operator_qos.lake.membership import find_lake_build
from operator_qos.lake.scratch import fill, list_places, scratch_session
from operator_qos.lake.tables import FACTS, OUTCOMES, SCHEMAS
from operator_qos.ledger import models
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.queries import list_scorecards
from operator_qos.ledger.values import Moments, UnitRow, list_unit_rows, window_days
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import get_bound
from scoring.metrics import GROUP_CODES, METRICS
from scoring.runs import REPEAT_MS
from scoring.windows import window_start_ms

# What explains a row: the order or question it is about, and what was forgiven.
_EXPLAINING = ("OrderFact", "TurnFact", "CaseFact", "DefectFact", "ExclusionFact")


@dataclass(frozen=True)
class Window:
    """Which outcomes of a shop are asked for: of one group, anchored in `[start, end)` [epoch ms]."""

    shop_id: int
    group_code: int
    start_ms: int
    end_ms: int


class LakeRows:
    """The tables of one build, one shop at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._connection = folder, connect_duckdb()

    def close(self) -> None:
        """Give back what DuckDB holds."""
        self._connection.close()

    def list_outcomes(self, window: Window) -> pa.Table:
        """The outcome spans of a window; a file that holds no row of the shop is not read."""
        return self._ask(OUTCOMES, f"shop_id = {window.shop_id} AND group_code = {window.group_code} AND "
                         f"anchor_ms >= {window.start_ms} AND anchor_ms < {window.end_ms}")

    def list_of_dossiers(self, table: str, shop_id: int, dossiers: Sequence[int]) -> pa.Table:
        """The rows of some dossiers of a shop."""
        self._connection.register("asked", pa.table({"dossier_id": pa.array(dossiers, pa.int64())}))
        return self._ask(table, f"shop_id = {shop_id}", " SEMI JOIN asked USING (dossier_id)")

    def _ask(self, table: str, condition: str, join: str = "") -> pa.Table:
        if not (self._folder / table).is_dir():
            raise LakeError(f"{self._folder / table} is not there; mount the folder of the build at that path")
        columns, files = ", ".join(SCHEMAS[table].names), quoted(self._folder / table / "*.parquet")
        return self._connection.sql(
            f"SELECT {columns} FROM read_parquet({files}){join} WHERE {condition}").to_arrow_table()  # noqa: S608  # names are ours


@contextmanager
def scorecard_rows(session: Session, shop_id: int, metric: str) -> Iterator[Session]:
    """A session that answers for the rows behind a number of a scorecard: the one given, or one on rows of the lake.

    Raises LakeError where the lake cannot be read on this machine.
    """
    build = find_lake_build(session, shop_id)
    score = list_scorecards(session, [shop_id])[shop_id].get(metric) if build is not None else None
    if build is None or score is None:
        yield session
        return
    window = find_window(shop_id, metric, start_ms=score.window_start_ms, end_ms=score.as_of_ms)
    with scratch_session(list_places(session, [shop_id])) as scratch:
        bring(scratch, Path(build.folder), window)
        columns = Scorecard.__table__.columns
        rows = [tuple(row) for row in session.execute(select(*columns).where(Scorecard.shop_id == shop_id))]
        fill(scratch, Scorecard, columns.keys(), rows)
        yield scratch


def list_lake_rows(session: Session, shop_id: int, metric: str, moments: Moments) -> list[UnitRow] | None:
    """The units behind a metric of a lake's shop at T = K, with their events; None for a shop of the log.

    Raises LakeError where the lake cannot be read on this machine.
    """
    build = find_lake_build(session, shop_id)
    if build is None:
        return None
    zone = session.scalars(select(Marketplace.timezone).join(Shop).where(Shop.id == shop_id)).one()
    as_of_ms = moments.as_of_ms(zone)
    standard = get_bound(session, shop_id, now=from_ms(as_of_ms - 1))
    start_ms = window_start_ms(as_of_ms, zone, days=window_days(METRICS[metric], None, standard))
    with scratch_session(list_places(session, [shop_id])) as scratch:
        bring(scratch, Path(build.folder), find_window(shop_id, metric, start_ms=start_ms, end_ms=as_of_ms))
        return list_unit_rows(scratch, shop_id, metric=metric, moments=moments)


def find_window(shop_id: int, metric: str, *, start_ms: int, end_ms: int) -> Window:
    """The outcomes a metric looks at over a window [epoch ms]."""
    defined = METRICS[metric]
    since_ms = start_ms - REPEAT_MS if defined.kind == "repeat" else start_ms
    return Window(shop_id, GROUP_CODES[defined.group], since_ms, end_ms)


def bring(scratch: Session, folder: Path, window: Window) -> None:
    """Bring the rows of a window, and what explains them, from the lake. Does not commit."""
    with closing(LakeRows(folder)) as lake:
        outcomes = lake.list_outcomes(window)
        _fill(scratch, models.OutcomeRow, outcomes)
        dossiers = outcomes.column("dossier_id").unique().to_pylist()
        for name in _EXPLAINING:
            _fill(scratch, getattr(models, name), lake.list_of_dossiers(FACTS[name], window.shop_id, dossiers))
        _bring_events(scratch, lake.list_of_dossiers("events", window.shop_id, dossiers))


def _bring_events(scratch: Session, events: pa.Table) -> None:
    """Each event once, numbered as it comes: nothing here asks for its number."""
    once = {(row["source"], row["event_id"]): row for row in events.to_pylist()}
    rows = [(number, *row.values(), 0) for number, row in enumerate(once.values(), start=1)]
    fill(scratch, Event, ("seq", *SCHEMAS["events"].names, "received_ms"), rows)


def _fill(scratch: Session, model: type[Base], rows: pa.Table) -> None:
    found = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    fill(scratch, model, rows.column_names, found)
