"""What a platform is asked for by itself: premium while a shop holds a badge of ours, immunity while it has a plan.

Each is a wish like one made by hand: asked once, read back, and shown on the connection's page. What is wanted follows
from what is in force now, so that a badge or plan that is taken back, and one that is given back, are followed alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import from_ms
from operator_qos.connections import queries, service
from operator_qos.connections.models import Connection, ConnectionWish
from operator_qos.connections.queries import Card
from operator_qos.connections.service import ConnectionRefused
from operator_qos.db import reading, unit_of_work
from operator_qos.recourse.models import ActionPlan
from operator_qos.sellers.models import Shop
from operator_qos.standards.binding import list_in_use
from operator_qos.standing.models import ShopStanding
from scoring.windows import day_end_ms

PREMIUM, IMMUNE = "premium", "immune"
LONGEST_BADGE = 60
_GOES_ON = ("agreed", "running")


@dataclass(frozen=True)
class Asks:
    """What a connection asks for: the badge or level that is premium there (empty: none), and plans' immunity."""

    premium_for: str = ""
    immune_for_plans: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> Asks:
        """As a connection keeps it."""
        return cls(stored.get(PREMIUM, ""), bool(stored.get(IMMUNE)))

    def to_json(self) -> dict[str, str]:
        """As a connection keeps it; what is off is left out."""
        premium = {PREMIUM: self.premium_for} if self.premium_for else {}
        return premium | ({IMMUNE: "plans"} if self.immune_for_plans else {})


@dataclass(frozen=True)
class Wanted:
    """How a shop shall stand on the platform; `until_at` says until when it is immune, None that it is not."""

    state: str
    until_at: datetime | None = None


def list_distinctions(session: Session, *, now: datetime) -> list[str]:
    """The badges and levels that the standards in use can give, each once."""
    found: dict[str, None] = {}
    for standard in list_in_use(session, now=now):
        found |= dict.fromkeys([*(badge.id for badge in standard.badges), *(tier.id for tier in standard.tiers)])
    return list(found)


def choose_asks(session: Session, *, connection_id: int, asks: Asks, actor: str, now: datetime) -> None:
    """Say what a connection asks its platform for by itself. Does not commit. Raises ConnectionRefused."""
    known = list_distinctions(session, now=now)
    if asks.premium_for and asks.premium_for not in known:
        raise ConnectionRefused(f"premium: {asks.premium_for!r} is none of {', '.join(known)}")
    row = session.get_one(Connection, connection_id)
    before, row.asks = dict(row.asks), asks.to_json()
    append_audit(session, actor=actor, now=now, action="connection.asks", subject=f"connection:{row.name}",
                 before=before, after=row.asks)


def queue_by_standing(engine: Engine, *, now: datetime) -> int:
    """Wish for what follows from badges and plans, on every connection that asks for it; commits each. How many."""
    with reading(engine) as session:
        cards = [card for card in queries.list_connections(session) if card.asks and not card.is_paused]
    return sum(_queue(engine, card, now=now) for card in cards)


def _queue(engine: Engine, card: Card, *, now: datetime) -> int:
    asks = Asks.of(card.asks)
    with unit_of_work(engine) as session:
        made = 0
        if asks.premium_for:
            made += _follow(session, card, PREMIUM, _list_premium(session, card, asks.premium_for), now=now)
        if asks.immune_for_plans:
            made += _follow(session, card, IMMUNE, _list_immune(session, card, now=now), now=now)
        return made


def _list_premium(session: Session, card: Card, badge: str) -> dict[str, Wanted]:
    """The shops that hold the badge, or the level, in force."""
    query = select(Shop.code, ShopStanding.level, ShopStanding.badges).join(
        Shop, Shop.id == ShopStanding.shop_id).where(Shop.marketplace_id == card.marketplace_id).order_by(Shop.code)
    return {row.code: Wanted("premium") for row in session.execute(query) if badge in {row.level, *row.badges}}


def _list_immune(session: Session, card: Card, *, now: datetime) -> dict[str, Wanted]:
    """The shops with an agreed plan, each until the day of its last review begins."""
    query = select(Shop.code, ActionPlan.review_on).join(Shop, Shop.id == ActionPlan.shop_id).where(
        Shop.marketplace_id == card.marketplace_id, ActionPlan.state.in_(_GOES_ON))
    zone = queries.get_place(session, card.marketplace_id).timezone
    ends = ((row.code, from_ms(day_end_ms(row.review_on - timedelta(days=1), zone)))
            for row in session.execute(query.order_by(ActionPlan.review_on)))
    return {code: Wanted("immune", until_at) for code, until_at in ends if until_at > now}


def _follow(session: Session, card: Card, kind: str, wanted: Mapping[str, Wanted], *, now: datetime) -> int:
    """Wish for what is wanted otherwise than it was wished for last; a shop nothing was wished for stays as it is."""
    asked = _list_asked(session, card.id, kind)
    made = 0
    for shop in sorted({*wanted, *asked}):
        number, last = asked.get(shop, (0, _NOTHING[kind]))
        want = wanted.get(shop, _NOTHING[kind])
        if want != last and not _is_over(last, want, now):
            service.queue_wish_at(session, card.id, shop=shop, wanted=want.state, until_at=want.until_at,
                                  key=f"{kind}:{shop}:{number + 1}", now=now)
            made += 1
    return made


def _is_over(last: Wanted, want: Wanted, now: datetime) -> bool:
    """Whether an immunity that is wanted no longer has ended by itself."""
    return want.state == "immune" and want.until_at is None and last.until_at is not None and last.until_at <= now


def _list_asked(session: Session, connection_id: int, kind: str) -> dict[str, tuple[int, Wanted]]:
    """What was wished for last of each shop by itself, and as the how manieth wish."""
    mine = (ConnectionWish.connection_id == connection_id, ConnectionWish.key.startswith(f"{kind}:", autoescape=True))
    last = select(func.max(ConnectionWish.id).label("id"), func.count().label("number")).where(*mine).group_by(
        ConnectionWish.shop).subquery()
    rows = session.execute(select(ConnectionWish.shop, last.c.number, ConnectionWish.wanted, ConnectionWish.until_at)
                           .join(last, last.c.id == ConnectionWish.id))
    return {shop: (number, Wanted(state, until_at)) for shop, number, state, until_at in rows}


_NOTHING = {PREMIUM: Wanted("not_premium"), IMMUNE: Wanted("immune")}
