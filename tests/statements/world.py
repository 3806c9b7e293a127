"""A shop with an official run of one date, and the acts that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from operator_qos.db import unit_of_work
from operator_qos.standing.service import Change, ResultRow, RunHeader, append_changes, record_results, record_runs
from operator_qos.statements.facts import Issuer, StatementAct
from operator_qos.statements.service import issue_statement
from tests.evaluation.world import build_marketplace, end_ms, outcome, store

ON = date(2026, 5, 31)
NOW = datetime(2026, 6, 1, 7, 0, tzinfo=UTC)
ISSUER = Issuer("", ("CMAP, Paris", "CEDR, London"))
LATE = {"code": "breached", "metric": "late_shipment_rate", "bad": 7, "base": 98, "value": 7 / 98, "limit": "0.04",
        "since": "2026-05-31", "until": "2026-05-31", "higher_is_better": False}
REPLIES = {"code": "still_breached", "metric": "response_within_rate", "bad": 4, "base": 20, "value": 0.8,
           "limit": "0.9", "since": "2026-05-01", "until": "2026-05-31", "higher_is_better": True}
LATE_UNITS = [f"A-{number}" for number in range(1, 8)]


def build_run(engine: Engine) -> None:
    """Shop 1 is breached for late shipments and replies on ON, its level falls and a badge goes with it."""
    build_marketplace(engine, shops=2)
    start = end_ms(ON - timedelta(days=30))
    store(engine, [outcome(1, "ship", unit, start + 1, bad=1) for unit in LATE_UNITS])
    store(engine, [outcome(1, "turn", "/shop|M-1", start + 1, bad=1, order="O-9")])
    with unit_of_work(engine) as session:
        header = RunHeader("fr", ON, end_ms(ON), end_ms(ON), "ours", 1, 1)
        run_id = record_runs(session, [header], now=NOW)[ON, "ours"]
        record_results(session, [
            ResultRow(run_id, 1, "late_shipment_rate", start, 7, 98, 9, 100, 6, 7 / 98, "breached", LATE_UNITS),
            ResultRow(run_id, 1, "response_within_rate", start, 4, 20, 4, 20, 4, 0.8, "breached", ["/shop|M-1"]),
        ])
        append_changes(session, {run_id: header}, [
            (run_id, Change(1, ON, "level_changed", None, "top", "below", [LATE])),
            (run_id, Change(1, ON, "badge_withdrawn", None, "top_seller", None, [{"code": "level_left"}])),
        ], now=NOW)


def act(kind: str = "warning", *, reasons: Sequence[dict[str, Any]] = (LATE,), **more: Any) -> StatementAct:
    """An act by the rule, of a warning by default."""
    subjects = {"warning": "warning:late_shipment_rate", "badge": "badge:top_seller"}
    sides = {"warning": ("0", "1"), "level": ("top", "below"), "badge": ("top_seller", None)}
    before, after = sides.get(kind, (None, None))
    values: dict[str, Any] = {
        "act_id": 11, "kind": kind, "subject": subjects.get(kind, kind), "before": before, "after": after,
        "reasons": list(reasons), "standard_id": "ours", "standard_version": 1, "on_date": ON, "effective_at": NOW,
    }
    return StatementAct(**{**values, **more})


def issue(engine: Engine, *acts: StatementAct, shop_id: int = 1, now: datetime = NOW) -> int:
    """Issue a statement in a transaction of its own."""
    with unit_of_work(engine) as session:
        return issue_statement(session, shop_id=shop_id, acts=acts or (act(),), now=now, issuer=ISSUER)


def plain(text: str) -> str:
    """With ordinary spaces, as hand-written tables have them."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
