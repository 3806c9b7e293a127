"""A marketplace with one or two shops, people, and cases on orders, all through the real ingest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from operator_qos.accounts.models import User
from operator_qos.db import reading, unit_of_work
from operator_qos.disputes.models import Dispute
from operator_qos.disputes.service import Actor
from operator_qos.events.service import Receipt, ingest_events
from operator_qos.sellers.models import Seller
from operator_qos.sellers.service import add_marketplace

# A Monday; the shop is always open, so its 72 working hours are 72 hours.
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class World:
    """Short words for what happens on one small marketplace."""

    engine: Engine
    count: int = 0
    users: dict[str, int] = field(default_factory=dict)

    def event(
        self, name: str, subject: str, at: datetime, /, *, shop: str = "shop-a", **data: Any
    ) -> dict[str, Any]:
        self.count += 1
        return {
            "specversion": "1.0",
            "source": "/test",
            "id": f"e{self.count}",
            "type": f"qos.{name}",
            "time": at.isoformat(),
            "subject": subject,
            "marketplace": "hf",
            "shop": shop,
            "data": data,
        }

    def send(self, *events: dict[str, Any], now: datetime | None = None) -> list[Receipt]:
        moment = now or datetime.fromisoformat(max(event["time"] for event in events)) + timedelta(seconds=1)
        with unit_of_work(self.engine) as session:
            receipts = ingest_events(session, events, now=moment, origin="test", open_shops=True)
        assert {receipt.status for receipt in receipts} == {"accepted"}, receipts
        return receipts

    def place(self, order: str, at: datetime, *, shop: str = "shop-a") -> None:
        line = {"line": "1", "sku": "pot", "amount_minor": 19690}
        self.send(
            self.event("order.placed", order, at, shop=shop, currency="EUR", buyer=f"b-{order}", lines=[line])
        )

    def open_case(self, case: str, order: str, at: datetime, *, shop: str = "shop-a", **data: Any) -> None:
        said = {"kind": "claim", "reason": "not_received", "amount_minor": 19690, **data}
        self.send(self.event("case.opened", case, at, shop=shop, order=order, **said))

    def dispute(self, case: str) -> Dispute:
        with reading(self.engine) as session:
            row = session.scalars(select(Dispute).where(Dispute.case_ref == case)).one()
            session.expunge(row)
            return row

    def actor(self, name: str) -> Actor:
        role = "mediator" if name in {"rosa", "keller"} else "operator" if name == "ines" else "seller"
        return Actor(role, f"{name}@example.org", self.users[name])


def add_people(world: World) -> None:
    with unit_of_work(world.engine) as session:
        add_marketplace(
            session, marketplace_id="hf", timezone="Europe/Paris", name="Halle FR", currency="EUR"
        )
    opened = MONDAY - timedelta(days=100)
    world.send(
        *(
            world.event("shop.opened", shop, opened, shop=shop, seller=f"company-{shop}", name=shop.title())
            for shop in ("shop-a", "shop-b")
        )
    )
    with unit_of_work(world.engine) as session:
        sellers = {row.code: row.id for row in session.scalars(select(Seller))}
        people = (
            ("claire", "seller_owner", "company-shop-a", "fr"),
            ("lucia", "seller_owner", "company-shop-b", "en"),
            ("rosa", "mediator", "", "en"),
            ("keller", "mediator", "", "fr"),
            ("ines", "admin", "", "en"),
        )
        for name, role, company, language in people:
            user = User(
                email=f"{name}@example.org",
                password_hash="x",
                name=name.title(),
                role=role,
                language=language,
                seller_id=sellers.get(company),
                created_at=opened,
            )
            session.add(user)
            session.flush()
            world.users[name] = user.id


@pytest.fixture
def world(engine: Engine) -> World:
    found = World(engine)
    add_people(found)
    return found
