"""The tables of a lake as Arrow holds them: the typed log on its way, and one table per kind of row that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Boolean, Float, Integer, Table
from sqlalchemy.orm import DeclarativeBase

from operator_qos.ledger.card_lines import COLUMNS as SCORECARD_COLUMNS
from operator_qos.ledger.cells import SUMS
from operator_qos.ledger.derive import COLUMNS
from operator_qos.ledger.models import MetricDay, Scorecard
from operator_qos.ledger.service import FACT_MODELS

_COUNT, _TEXT = pa.int64(), pa.string()
# An event as the log holds it, with the hashes of up to three things it speaks of (a, b, c), of itself, and of the
# event it names; or, where it was refused, why.
LOG = pa.schema([
    ("shop_id", _COUNT), ("type_rank", pa.int32()), ("at_ms", _COUNT), ("other_ms", _COUNT), ("source", _TEXT),
    ("event_id", _TEXT), ("subject", _TEXT), ("data", _TEXT), ("content", _TEXT), ("is_typed", pa.bool_()),
    ("a", _COUNT), ("b", _COUNT), ("c", _COUNT), ("own", _COUNT), ("named", _COUNT), ("names_source", _TEXT),
    ("names_id", _TEXT), ("marketplace", _TEXT), ("shop", _TEXT), ("field", _TEXT), ("reason", _TEXT),
])
EVENT = pa.schema([
    ("shop_id", _COUNT), ("dossier_id", _COUNT), ("type_rank", pa.int32()), ("at_ms", _COUNT), ("other_ms", _COUNT),
    ("source", _TEXT), ("event_id", _TEXT), ("subject", _TEXT), ("data", _TEXT),
])
SUMMARY = pa.schema([("part", _COUNT), ("events", _COUNT), ("dossiers", _COUNT), ("rows", _COUNT), ("flaws", _TEXT)])
MEASURED = pa.schema([("shop_id", _COUNT)])
FACTS: dict[str, str] = {name: str(model.__tablename__) for name, model in FACT_MODELS.items()}
OUTCOMES, OBLIGATIONS = FACTS["OutcomeRow"], FACTS["Obligation"]
UNITS = ("shop_id", "dossier_id", *COLUMNS["OutcomeRow"])


def _kind_of(column: Any) -> pa.DataType:
    if isinstance(column.type, Boolean):
        return pa.bool_()
    if isinstance(column.type, Integer):  # the wide and the narrow ones too
        return _COUNT
    return pa.float64() if isinstance(column.type, Float) else _TEXT


def _describe(model: type[DeclarativeBase], columns: Sequence[str]) -> pa.Schema:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101  # every model of ours is one table
    return pa.schema([(name, _kind_of(table.columns[name])) for name in columns])


RESULTS: dict[str, pa.Schema] = {
    "metric_days": _describe(MetricDay, ("shop_id", "metric_code", "day", *SUMS)),
    "scorecards": _describe(Scorecard, SCORECARD_COLUMNS),
    "metrics": pa.schema([
        *((name, _TEXT) for name in ("marketplace", "shop", "metric", "window_start", "window_end", "as_of",
                                     "known_at")),
        ("bad", _COUNT), ("base", _COUNT), ("value", pa.float64()), ("lower", pa.float64()), ("upper", pa.float64()),
        ("official", pa.bool_()), ("median", _COUNT), ("p90", _COUNT), ("mean", pa.float64()),
        ("unanswered", _COUNT)]),
}
SCHEMAS: dict[str, pa.Schema] = {
    "events": EVENT,
    **{FACTS[name]: _describe(FACT_MODELS[name], ("shop_id", "dossier_id", *columns))
       for name, columns in COLUMNS.items()},
    **RESULTS,
}
