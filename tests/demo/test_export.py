"""The demo's events, written to a file and imported elsewhere, lead to the same standings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from operator_qos import migrate
from operator_qos.connectors.cloudevents_jsonl import read_jsonl
from operator_qos.connectors.importing import import_rows, key_of
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.demo.cli import write_events
from operator_qos.demo.load import load_demo
from operator_qos.demo.plan import demo_plan
from operator_qos.evaluation.service import evaluate_due
from operator_qos.ledger.models import Scorecard
from operator_qos.sellers.models import Shop
from operator_qos.sellers.service import add_marketplace
from operator_qos.standing.models import ShopStanding, StandingChange

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)
SCALE = 0.01


@contextmanager
def silently(_what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    yield lambda _done: None


def list_decided(engine: Engine) -> dict[str, list[Any]]:
    """Standings, changes and scorecards by the names of their shops."""
    with reading(engine) as session:
        names = {shop.id: f"{shop.marketplace_id}/{shop.code}" for shop in session.scalars(select(Shop))}
        standings = session.scalars(select(ShopStanding)).all()
        changes = session.scalars(select(StandingChange)).all()
        cards = session.scalars(select(Scorecard)).all()
        return {
            "standings": sorted([names[s.shop_id], s.level, s.badges, s.episodes, s.warning] for s in standings),
            "changes": sorted([names[c.shop_id], c.on_date.isoformat(), c.kind, c.metric or "", c.before or "",
                               c.after or ""] for c in changes),
            "scorecards": sorted([names[c.shop_id], c.metric_code, c.bad, c.base, c.raw_bad, c.raw_base,
                                  c.verdict or "", c.trend] for c in cards),
        }


def test_exported_and_imported_again_the_demo_ends_with_the_same_standings(tmp_path: Path) -> None:
    first = create_database_engine(f"sqlite:///{tmp_path / 'first.db'}")
    load_demo(first, now=NOW, scale=SCALE, show=silently)
    file = tmp_path / "events.jsonl.gz"
    count = write_events(file, now=NOW, scale=SCALE)

    second = create_database_engine(f"sqlite:///{tmp_path / 'second.db'}")
    migrate.upgrade(second)
    with unit_of_work(second) as session:
        for place in demo_plan(NOW.date()).marketplaces:
            add_marketplace(session, marketplace_id=place.id, timezone=place.timezone)
    report = import_rows(second, read_jsonl([file]), key=key_of("events", [file]), name="events", now=NOW)
    evaluate_due(second, now=NOW)

    assert report.counts.accepted == report.rows == count > 4_000
    decided = list_decided(first)
    assert list_decided(second) == decided
    assert {standing[1] for standing in decided["standings"]} >= {"in_standard"}
    assert len(decided["changes"]) >= 10
