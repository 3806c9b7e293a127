"""Orders of a few sellers through the real ingest: shipped late, delivered late, on this or that carrier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.exclusions import queries, service
from operator_qos.exclusions.queries import Thing
from operator_qos.exclusions.service import Plea
from operator_qos.files import Upload
from operator_qos.ledger.queries import ScorecardRow, list_scorecards
from operator_qos.sellers.queries import ShopCard, find_shop_card
from tests.pages.seller_world import HALLE, LONJA, event, place, send
from tests.web.fixtures import NOW

CLAIRE, INES, JANA = "claire@morvan.example", "ines@operator.example", "jana@operator.example"
LETTER = Upload("letter.pdf", "application/pdf", 3, "00", "0" * 32)
AFTER = NOW + timedelta(minutes=1)


def late_orders(shop: tuple[str, str], *, base: int, late: Sequence[int], name: str = "L") -> Iterator[dict[str, Any]]:
    """Orders to be shipped on 10 June at 16:00, those numbered in `late` a day late, all delivered in time."""
    for number in range(base):
        order = f"{name}-{number}"
        yield place(shop, order, "2026-06-08T08:00:00Z", ship_by="2026-06-10T16:00:00Z", deliver_by="2026-06-16")
        shipped = "2026-06-11T12:00:00Z" if number in late else "2026-06-10T12:00:00Z"
        yield event(shop, "order.shipped", order, shipped, carrier="Colis Nord")
        yield event(shop, "order.delivered", order, "2026-06-12T12:00:00Z", known_by="carrier")


def fill(engine: Engine) -> None:
    """Ten orders of one company, three shipped late, one with a claim and a bad rating; two late of another."""
    send(engine, *late_orders(HALLE, base=10, late=(0, 1, 2)), *late_orders(("lonja-es", "bazar"), base=4, late=(0, 1),
                                                                          name="F"))
    send(
        engine,
        event(HALLE, "case.opened", "C-1", "2026-06-13T09:00:00Z", order="L-5", kind="claim", reason="damaged",
              amount_minor=2390),
        event(HALLE, "case.resolved", "C-1", "2026-06-13T11:00:00Z", outcome="refunded", fault="seller"),
        event(HALLE, "review.posted", "R-1", "2026-06-13T10:00:00Z", order="L-5", rating=1, verified=True),
    )


def find_card(engine: Engine, place_of: tuple[str, str] = HALLE) -> ShopCard:
    with reading(engine) as session:
        card = find_shop_card(session, *place_of)
    assert card is not None
    return card


def things_of(engine: Engine, shop: ShopCard, *orders: str, now: datetime = NOW) -> list[Thing]:
    """What counts on some orders."""
    with reading(engine) as session:
        dossiers = queries.find_dossiers(session, shop.id, [("ship", order) for order in orders])
        return queries.list_things(session, shop.id, dossiers, now=now)


def plead(
    *names: tuple[str, ...], cause: str = "platform_fault", body: str = "The site was down.", token: str = "t-1",  # noqa: S107  # the mark of a form is no password
    files: Sequence[Upload] = (),
) -> Plea:
    return Plea(names, cause, body, token, files)


def ask(engine: Engine, shop: ShopCard, plea: Plea, *, now: datetime = NOW) -> int:
    with unit_of_work(engine) as session:
        return service.ask(session, shop=shop, plea=plea, actor=CLAIRE, now=now)[0]


def decide(engine: Engine, request_id: int, *, orders: Sequence[str] | None = None, actor: str = INES,
           now: datetime = AFTER) -> str:
    """Grant the things of some orders, all where none are named."""
    with unit_of_work(engine) as session:
        items = queries.get_request(session, request_id).items
        granted = {item.id for item in items if orders is None or item.order_ref in orders}
        return service.decide(session, request_id=request_id, granted=granted, why="We looked at the logs.",
                              actor=actor, now=now)


def score(engine: Engine, shop: ShopCard, metric: str = "late_shipment_rate") -> ScorecardRow:
    with reading(engine) as session:
        return list_scorecards(session, [shop.id])[shop.id][metric]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


__all__ = ["HALLE", "LONJA", "NOW", "send"]
