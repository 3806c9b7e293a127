"""What is known of orders and cases comes beside their outcomes, for the conditions of standards."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.unit_facts import add_facts
from scoring.metrics import GROUP_CODES
from scoring.outcome_rows import to_unit_rows
from tests.pipeline.loading import add_places, feed

COLUMNS = ("shop_id", "group_code", "unit", "anchor_ms", "from_ms", "until_ms", "base", "bad", "official_base",
           "official_bad", "amount", "order_ref", "buyer", "dossier_id")


def say(number: int, kind: str, subject: str, /, **data: Any) -> dict[str, Any]:
    """An event of March 2026, one minute after the one before."""
    return {"specversion": "1.0", "type": f"qos.{kind}", "source": "/a", "id": str(number), "subject": subject,
            "time": f"2026-03-02T10:{number:02d}:00Z", "marketplace": "eu", "shop": "S1", "data": data}


def test_conditions_find_what_is_known_of_the_order_and_of_the_case(engine: Engine) -> None:
    add_places(engine, {"eu": "UTC"})
    line = {"line": "1", "sku": "A", "category": "home", "quantity": 2, "amount_minor": 500}
    feed(engine, [
        say(1, "order.placed", "O1", lines=[line], country="FR", business=True, ship_by="2026-03-05"),
        say(2, "order.shipped", "O1", carrier="post", tracking="T1", trackable=True),
        say(3, "tracking.scanned", "T1", order="O1", tracking="T1", milestone="in_transit"),
        say(4, "order.placed", "O2"),
        say(5, "case.opened", "C1", order="O2", kind="incident"),
        say(6, "case.closed", "C1", by="operator", fault="carrier"),
    ])
    with reading(engine) as session:
        query = select(*(getattr(OutcomeRow, name) for name in COLUMNS)).where(OutcomeRow.until_ms > 2**41)
        outcomes = pd.DataFrame([tuple(row) for row in session.execute(query)], columns=COLUMNS)
        known = add_facts(session, outcomes)
    assert len(known) == len(outcomes)
    rows = to_unit_rows(known, ["placed", "late_shipment_rate"]).set_index(["metric", "unit_ref"])
    first, second = rows.loc[("placed", "O1")], rows.loc[("placed", "O2")]
    assert (first["country"], first["category"], first["carrier"], first["value_minor"]) == ("FR", "home", "post", 1000)
    assert (first["tracked"], first["trackable"], first["business"]) == (True, True, True)
    assert (second["tracked"], second["trackable"], pd.isna(second["country"])) == (False, False, True)
    assert rows.loc[("late_shipment_rate", "O1")]["ship_by_ms"] == 1_772_755_199_999
    case = known[known["group_code"] == GROUP_CODES["case"]].iloc[0]
    assert (case["kind"], case["fault"]) == ("incident", "carrier")
