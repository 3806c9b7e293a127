"""A build over Parquet gives, row by row, what the database derives from the same events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.lake.building import Built, Plan
from operator_qos.lake.engines import DuckEngine, LakeError
from operator_qos.lake.exporting import write_events
from operator_qos.lake.publishing import publish
from operator_qos.lake.rows import list_lake_rows, scorecard_rows
from operator_qos.ledger.bulk import finish_bulk
from operator_qos.ledger.jobs import advance_cells, recount_cells, refresh_slow
from operator_qos.ledger.models import MetricDay, Obligation, Scorecard
from operator_qos.ledger.rebuild import rebuild
from operator_qos.ledger.units import build_lines, find_units
from operator_qos.ledger.values import Moments, list_metric_values, list_unit_rows
from operator_qos.sellers.models import Shop
from tests.histories import Json
from tests.lake.world import (
    PARTS,
    build,
    count_as_of,
    fresh_database,
    histories,
    list_ledger_rows,
    open_in_order,
    quiet,
    write_parquet,
)
from tests.lake.world import (
    list_lake_rows as list_table,
)
from tests.pipeline.loading import NOW, feed

AS_OF = "2026-07-01T00:00:00Z"


@dataclass(frozen=True)
class World:
    """The same events in a database and in a lake."""

    documents: list[Json]
    ledger: Engine
    lake: Engine
    folder: Path
    source: Path
    built: Built


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("lake")
    documents = histories(25)
    ledger, lake = fresh_database(base / "ledger.db"), fresh_database(base / "lake.db")
    open_in_order(ledger, documents)
    for start in range(0, len(documents), 200):
        feed(ledger, documents[start : start + 200], live=False)
    finish_bulk(ledger, now=NOW)
    shuffled = [*documents, *documents[::5]]
    random.Random(1).shuffle(shuffled)
    source = write_parquet(base / "in", shuffled)
    engine = DuckEngine(base / "out" / "_work", parts=PARTS, on_progress=quiet, processes=2)
    built = build(lake, engine, source, base / "out", as_of=AS_OF)
    engine.close()
    count_as_of(ledger, built.as_of_ms)
    yield World(documents, ledger, lake, base / "out", source, built)
    ledger.dispose()
    lake.dispose()


def test_every_row_is_that_of_the_database(world: World) -> None:
    expected = list_ledger_rows(world.ledger)
    found = {table: list_table(world.folder, table) for table in expected}
    assert {table: rows for table, rows in found.items() if rows != expected[table]} == {}
    assert {table for table, rows in expected.items() if not rows} <= {"refund_facts"}


def test_what_comes_twice_counts_once(world: World) -> None:
    assert (world.built.events, world.built.given) == (len(world.documents), len(world.documents) + len(
        world.documents[::5]))
    assert (world.built.refused, world.built.conflicts, world.built.flaws) == (0, 0, {})


def test_values_of_metrics_are_those_of_the_database(world: World) -> None:
    with reading(world.ledger) as session:
        expected = [value for official in (True, False) for value in list_metric_values(
            session, Moments(AS_OF, None, 2**62), official=official)]
    names = ("marketplace", "shop", "metric", "official", "bad", "base", "value", "lower", "upper", "median", "p90")
    found = {(*row[:3], row[12]): row for row in list_table(world.folder, "metrics")}
    assert len(found) == len(expected) > 100
    columns = ["marketplace", "shop", "metric", "window_start", "window_end", "as_of", "known_at", "bad", "base",
               "value", "lower", "upper", "official", "median", "p90", "mean", "unanswered"]
    for value in expected:
        row = dict(zip(columns, found[(value.marketplace, value.shop, value.metric, value.official)], strict=True))
        assert {name: row[name] for name in names} == {name: getattr(value, name) for name in names}


def test_our_own_export_builds_the_same_lake(world: World, tmp_path: Path) -> None:
    with reading(world.ledger) as session:
        assert write_events(session, tmp_path / "in") == len(world.documents)
    text = b"".join(path.read_bytes() for path in (tmp_path / "in").iterdir())
    assert b"buyer-" not in text  # the names of buyers stay in the database
    again = fresh_database(tmp_path / "again.db")
    engine = DuckEngine(tmp_path / "out" / "_work", parts=1, on_progress=quiet, processes=1)
    build(again, engine, tmp_path / "in", tmp_path / "out", as_of=AS_OF, most_held=0)  # joined by the engine
    engine.close()
    for table in ("order_facts", "obligations", "outcomes", "scorecards"):
        assert list_table(tmp_path / "out", table) == list_table(world.folder, table)


def test_results_enter_the_database_and_nothing_counts_them_away(world: World) -> None:
    plan = Plan(world.source, world.folder, AS_OF, NOW, PARTS)
    published = publish(world.lake, plan, world.built, engine="duckdb")
    assert (published.shops, published.kept) == (len(world.built.as_of_ms), 0)
    before = _numbers(world.lake)
    assert before[:2] == _numbers(world.ledger)[:2]
    assert published.promises == len(before[2]) > 0
    for work in (advance_cells, refresh_slow, recount_cells, rebuild, finish_bulk):
        work(world.lake, now=NOW)
    assert _numbers(world.lake) == before
    [receipt] = feed(world.lake, [{**world.documents[0], "id": "new"}])
    assert (receipt.status, receipt.field) == ("quarantined", "shop")
    assert "in the lake" in receipt.reason


def _numbers(engine: Engine) -> tuple[list[str], list[str], list[str]]:
    with reading(engine) as session:
        return tuple(sorted(repr(tuple(getattr(row, column.key) for column in model.__table__.columns
                                       if column.key != "row_id")) for row in session.scalars(select(model)))
                     for model in (MetricDay, Scorecard, Obligation))  # type: ignore[return-value]


def test_rows_behind_a_number_are_answered_by_the_lake(world: World) -> None:
    publish(world.lake, Plan(world.source, world.folder, AS_OF, NOW, PARTS), world.built, engine="duckdb")
    seen = 0
    with reading(world.ledger) as ledger, reading(world.lake) as lake:
        for shop in ledger.scalars(select(Shop)).all():
            for metric in ("order_defect_rate", "late_shipment_rate", "response_time", "repeat_purchase_rate"):
                moments = Moments(AS_OF, None, 2**62)
                expected = list_unit_rows(ledger, shop.id, metric=metric, moments=moments)
                assert list_lake_rows(lake, shop.id, metric, moments) == expected
                seen += len(expected)
                with scorecard_rows(lake, shop.id, metric) as rows:
                    view = find_units(rows, shop.id, metric=metric, show="all")
                    theirs = find_units(ledger, shop.id, metric=metric, show="all")
                    assert view == theirs
                    if view is not None and theirs is not None:
                        assert build_lines(rows, shop.id, view, view.rows) == build_lines(
                            ledger, shop.id, theirs, theirs.rows)
    assert seen > 30


def test_what_cannot_be_read_is_kept_with_its_reason(tmp_path: Path) -> None:
    documents = histories(1)
    other = {**documents[0], "source": "/else", "id": "bad", "time": "yesterday"}
    strange = {**documents[0], "source": "/else", "id": "strange", "marketplace": "nowhere"}
    twice = {**documents[0], "source": "/else", "id": "twice"}
    named = next(e for e in documents if e["type"] == "qos.order.placed")
    early = {**twice, "id": "early", "type": "qos.event.retracted", "time": "2001-01-01T00:00:00Z",
             "data": {"source": named["source"], "id": named["id"]}}
    source = write_parquet(tmp_path / "in", [*documents, other, strange, early], files=1)
    database = fresh_database(tmp_path / "lake.db")
    engine = DuckEngine(tmp_path / "out" / "_work", parts=2, on_progress=quiet, processes=1)
    built = build(database, engine, source, tmp_path / "out", as_of=AS_OF)
    engine.close()
    import pyarrow.dataset as ds

    refused = {row["event_id"]: (row["field"], row["reason"]) for row in ds.dataset(
        tmp_path / "out" / "refused", format="parquet").to_table().to_pylist()}
    assert (built.refused, set(refused)) == (3, {"bad", "strange", "early"})
    assert refused["bad"][0] == "time"
    assert "unknown here" in refused["strange"][1]
    assert refused["early"] == ("data.id", "names a later event; only an earlier one can be retracted")


def test_an_input_without_the_columns_is_refused_by_name(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["1"], "time": ["x"]}), tmp_path / "odd.parquet")
    engine = DuckEngine(tmp_path / "out" / "_work", parts=2, on_progress=quiet, processes=1)
    with pytest.raises(LakeError, match="has no column source, type, subject, marketplace, shop"):
        build(fresh_database(tmp_path / "lake.db"), engine, tmp_path / "odd.parquet", tmp_path / "out", as_of=AS_OF)
    with pytest.raises(LakeError, match="is not there"):
        build(fresh_database(tmp_path / "two.db"), engine, tmp_path / "gone", tmp_path / "out", as_of=AS_OF)
