"""A shop fed with events, judged day by day: what appeals and plans are about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from operator_qos.accounts.models import User
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.service import EvaluationReport, evaluate_marketplace
from operator_qos.events.service import ingest_events
from operator_qos.recourse.queries import ChangeFacts, list_change_facts
from operator_qos.sellers.models import Marketplace
from operator_qos.standing.models import StandingChange
from tests.evaluation.world import CREATED, ZONE, settled

SHOP = 1
OWNER, ANNE, BOB = "owner@shop.example", "anne@operator.example", "bob@operator.example"


def build(engine: Engine) -> None:
    """A marketplace with one shop of a company, its owner, and two operators."""
    with unit_of_work(engine) as session:
        session.add(Marketplace(id="fr", name="Halle", timezone=ZONE, buyer_key="00" * 32))
    feed(engine, [event("shop.opened", "S1", datetime(2025, 1, 1, 8, tzinfo=UTC),
                        {"seller": "C1", "name": "Shop 1", "country": "FR"})])
    with unit_of_work(engine) as session:
        session.add_all([_person(OWNER, "seller_owner", 1), _person(ANNE, "admin"), _person(BOB, "analyst")])


def _person(email: str, role: str, seller_id: int | None = None) -> User:
    return User(email=email, password_hash="x", name=email.partition("@")[0].title(), role=role, language="en",
                seller_id=seller_id, created_at=CREATED)


def event(kind: str, subject: str, at: datetime, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """One event of the shop."""
    return {"specversion": "1.0", "source": "/feed", "id": f"{kind}:{subject}:{at.isoformat()}", "type": f"qos.{kind}",
            "time": at.isoformat(), "subject": subject, "marketplace": "fr", "shop": "S1", "data": data or {}}


def feed(engine: Engine, documents: Iterable[dict[str, Any]]) -> None:
    """Take events in; each must be accepted."""
    sent = list(documents)
    now = datetime(2026, 12, 1, tzinfo=UTC)
    with unit_of_work(engine) as session:
        receipts = ingest_events(session, sent, now=now, origin="test", open_shops=True)
    assert {receipt.status for receipt in receipts} <= {"accepted"}, receipts


def orders(on: date, *, base: int, late: int = 0) -> list[dict[str, Any]]:
    """Orders that had to ship on a day, each by another buyer, the first `late` of them shipped a day late."""
    placed = datetime(on.year, on.month, on.day, 8, tzinfo=UTC) - timedelta(days=1)
    found = []
    for number in range(base):
        name = f"O-{on}-{number}"
        shipped = placed + timedelta(days=2 if number < late else 0, hours=2)
        found += [event("order.placed", name, placed, {"ship_by": on.isoformat(), "buyer": f"b-{name}"}),
                  event("order.shipped", name, shipped)]
    return found


def judge(engine: Engine, first: date, last: date) -> list[EvaluationReport]:
    """Judge every date officially, each once it has settled."""
    reports = []
    for count in range((last - first).days + 1):
        on = first + timedelta(days=count)
        with unit_of_work(engine) as session:
            reports.append(evaluate_marketplace(session, "fr", on=on, now=settled(on)))
    return reports


def list_all_changes(engine: Engine) -> list[ChangeFacts]:
    """Every change of the shop, in order."""
    with reading(engine) as session:
        ids = list(session.scalars(select(StandingChange.id)))
        return list_change_facts(session, SHOP, ids)
