"""Other promises and defects tried on history: the same rows as if the standard had always bound."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation import queries as outcomes
from operator_qos.events.service import ingest_events
from operator_qos.ledger.rebuild import rebuild
from operator_qos.standards.binding import get_shipped_standard
from operator_qos.standards.recounting import plan_recount, recount_rows
from operator_qos.standards.trying import run_backtest
from scoring.standards import Standard, parse_standard, read_preset
from tests.evaluation.test_binding import publish
from tests.evaluation.world import build_marketplace

OURS = get_shipped_standard()
NOW = datetime(2026, 5, 1, tzinfo=UTC)
START = datetime(2026, 3, 20, 9, tzinfo=UTC)
FIRST, LAST = date(2026, 4, 1), date(2026, 4, 20)


def edit(*replaced: tuple[str, str]) -> Standard:
    text = read_preset("ours").replace("version: 1", "version: 2", 1)
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_standard(text)


HOURS = edit(("within_hours: 24", "within_hours: 8"), ("within_hours: 72", "within_hours: 20"))
CLOCK = edit(("clocks:\n", 'clocks:\n  - {id: by_noon, due_in_days: 1, due_at: "12:00"}\n'),
             ("    clock: opening_hours\n    within_hours: 24", "    clock: by_noon"))
DEFECTS = edit(("case, case_lost, chargeback, low_rating, cancelled_by_seller", "case, cancelled_by_seller"))


def tell(engine: Engine) -> None:
    """Forty orders, each with a question answered after 1 to 40 hours, some a claim, a low rating or a cancellation."""
    told: list[dict[str, Any]] = []

    def say(what: str, subject: str, at: datetime, /, **data: Any) -> None:
        told.append({"specversion": "1.0", "type": f"qos.{what}", "source": "/t", "id": str(len(told)),
                     "subject": subject, "time": at.isoformat(), "marketplace": "fr", "shop": "s1", "data": data})

    for number in range(40):
        at = START + timedelta(hours=11 * number)
        order = f"O{number}"
        say("order.placed", order, at, ship_by="2026-06-30", buyer=f"b{number}")
        say("message.sent", f"V{number}", at + timedelta(hours=2), author="buyer", order=order)
        if number % 7:
            say("message.sent", f"V{number}", at + timedelta(hours=3 + number), author="seller")
        if number % 5 == 0:
            say("case.opened", f"C{number}", at + timedelta(hours=30), order=order, kind="claim", reason="damaged")
            say("case.resolved", f"C{number}", at + timedelta(hours=31 + 2 * number), outcome="refund")
        if number % 6 == 1:
            say("review.posted", order, at + timedelta(hours=60), rating=1)
        if number % 8 == 3:
            say("order.cancelled", order, at + timedelta(hours=5), by="seller")
    with unit_of_work(engine) as session:
        receipts = ingest_events(session, told, now=NOW, origin="test")
    assert {one.status for one in receipts} == {"accepted"}, [one for one in receipts if one.status != "accepted"][:2]


def load(engine: Engine, standard: Standard, *, is_told_anew: bool) -> pd.DataFrame:
    with reading(engine) as session:
        rows = outcomes.load_wide_outcomes(session, [1], standard=standard, first_on=FIRST, until_ms=to_ms(NOW))
        plan = plan_recount(session, standard, [1], since_ms=to_ms(START))
        assert plan.is_needed == is_told_anew
        found = recount_rows(session, rows, plan, until_ms=to_ms(NOW))
    return found.sort_values(["group_code", "unit", "from_ms"], ignore_index=True)


@pytest.mark.parametrize("standard", [HOURS, CLOCK, DEFECTS], ids=["hours", "clock", "defects"])
def test_rows_told_anew_are_those_the_ledger_keeps_under_that_standard(engine: Engine, standard: Standard) -> None:
    build_marketplace(engine)
    tell(engine)
    kept, anew = load(engine, OURS, is_told_anew=False), load(engine, standard, is_told_anew=True)
    bind(engine, standard)
    bound = load(engine, standard, is_told_anew=False)
    pd.testing.assert_frame_equal(anew, bound)
    columns = ["group_code", "unit", "from_ms", "bad"]
    assert not kept[columns].equals(anew[columns])


def bind(engine: Engine, standard: Standard) -> None:
    """The standard has bound from long before; the ledger is derived anew."""
    text = json.dumps({**standard.to_mapping(), "effective_from": "2016-01-01"})
    publish(engine, text, standard="ours", version=2, on=date(2016, 1, 1))
    rebuild(engine, now=NOW)


def test_a_trial_says_the_same_whatever_terms_the_ledger_was_kept_by(engine: Engine) -> None:
    build_marketplace(engine)
    tell(engine)
    with reading(engine) as session:
        before = run_backtest(session, HOURS, OURS, first=FIRST, last=LAST, alone=False)
    bind(engine, HOURS)
    with reading(engine) as session:
        after = run_backtest(session, HOURS, OURS, first=FIRST, last=LAST, alone=False)
    assert before == after
    assert before.shops == 1
