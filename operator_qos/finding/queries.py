"""What a number or a name in somebody's hand belongs to: an order, a case, a shop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from operator_qos.disputes.models import Dispute
from operator_qos.ledger.models import OrderFact
from operator_qos.sellers.models import Shop
from operator_qos.sellers.queries import ShopCard, list_shop_cards

MOST, LONGEST, SHORTEST_NAME = 20, 200, 2


@dataclass(frozen=True)
class OrderHit:
    """An order of a shop, placed then [epoch ms]."""

    shop: ShopCard
    order_ref: str
    ordered_ms: int | None


@dataclass(frozen=True)
class CaseHit:
    """A dispute of a shop under the reference the marketplace gave it."""

    shop: ShopCard
    dispute_id: int
    case_ref: str
    order_ref: str | None


@dataclass(frozen=True)
class Found:
    """What fits, at most MOST of each kind."""

    shops: tuple[ShopCard, ...] = ()
    orders: tuple[OrderHit, ...] = ()
    cases: tuple[CaseHit, ...] = ()

    @property
    def things(self) -> tuple[OrderHit | CaseHit | ShopCard, ...]:
        """All of it."""
        return (*self.orders, *self.cases, *self.shops)


def find_things(session: Session, text: str, *, shop_ids: Collection[int] | None) -> Found:
    """Orders and cases with exactly that number, however it is written, and shops whose name or code holds the text.

    Within some shops, or all where `shop_ids` is None. Nothing for an empty text.
    """
    wanted = " ".join(text.split())[:LONGEST]
    if not wanted or "\x00" in wanted:
        return Found()
    orders = session.execute(
        select(OrderFact.shop_id, OrderFact.order_ref, OrderFact.ordered_ms)
        .where(_is(OrderFact.order_ref, wanted), *_within(OrderFact.shop_id, shop_ids))
        .order_by(OrderFact.ordered_ms.desc(), OrderFact.shop_id, OrderFact.order_ref).limit(MOST)).all()
    cases = session.execute(
        select(Dispute.shop_id, Dispute.id, Dispute.case_ref, Dispute.order_ref)
        .where(or_(_is(Dispute.case_ref, wanted), _is(Dispute.order_ref, wanted)), *_within(Dispute.shop_id, shop_ids))
        .order_by(Dispute.opened_at.desc(), Dispute.id.desc()).limit(MOST)).all()
    named = _list_named(session, wanted, shop_ids)
    ids = {*named, *(row[0] for row in orders), *(row[0] for row in cases)}
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=sorted(ids))}
    return Found(
        tuple(cards[shop_id] for shop_id in named),
        tuple(OrderHit(cards[row.shop_id], row.order_ref, row.ordered_ms) for row in orders),
        tuple(CaseHit(cards[row.shop_id], row.id, row.case_ref, row.order_ref) for row in cases))


def _is(column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], text: str) -> ColumnElement[bool]:
    """As written, in capitals or in small letters: each is found in the index."""
    return column.in_({text, text.upper(), text.lower()})


def _within(
    column: InstrumentedAttribute[int], shop_ids: Collection[int] | None
) -> tuple[ColumnElement[bool], ...]:
    return () if shop_ids is None else (column.in_(sorted(shop_ids)),)


def _list_named(session: Session, text: str, shop_ids: Collection[int] | None) -> list[int]:
    """Shops whose name or code holds the text, those that begin with it first."""
    if len(text) < SHORTEST_NAME:
        return []
    low = text.lower()
    name, code = func.lower(Shop.name), func.lower(Shop.code)
    holds = or_(name.contains(low, autoescape=True), code.contains(low, autoescape=True))
    begins = or_(name.startswith(low, autoescape=True), code.startswith(low, autoescape=True))
    query = select(Shop.id).where(holds, *_within(Shop.id, shop_ids)).order_by(begins.desc(), Shop.name, Shop.id)
    return list(session.scalars(query.limit(MOST)))
