"""What is true of the badges that shops show to the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.badges.models import PublicBadge
from operator_qos.badges.rules import BadgeState, ShownBadge
from operator_qos.clock import from_ms
from operator_qos.sellers.queries import ShopCard, find_shop_card, list_shop_cards
from operator_qos.standards.queries import UnknownVersionError, get_version
from operator_qos.standing.models import EvaluationResult, EvaluationRun, StandingChange
from operator_qos.standing.queries import StandingRow, find_standing
from scoring.standards import Standard


@dataclass(frozen=True)
class Choice:
    """A shop with its badges in force and whether it shows them."""

    card: ShopCard
    state: BadgeState | None
    is_on: bool
    revoked_at: datetime | None
    revoked_why: str


def find_public(session: Session, marketplace_id: str, code: str) -> BadgeState | None:
    """What the world may know of a shop's badge; None: there is no such shop, or it shows none."""
    card = find_shop_card(session, marketplace_id, code)
    row = session.get(PublicBadge, card.id) if card is not None else None
    if card is None or row is None or not row.is_on:
        return None
    return find_state(session, card, revoked_at=row.revoked_at)


def find_state(session: Session, card: ShopCard, *, revoked_at: datetime | None = None) -> BadgeState | None:
    """A shop's badges in force; None for one that never had any."""
    standing = find_standing(session, card.id)
    since = _list_since(session, card.id)
    if standing is None or not (standing.badges or since):
        return None
    standard = _find_standard(session, standing)
    titles = {badge.id: dict(badge.title) for badge in standard.badges} if standard else {}
    badges = tuple(ShownBadge(badge, titles.get(badge, {"en": badge, "fr": badge}), since.get(badge))
                   for badge in standing.badges)
    from_on, base = _find_period(session, card, standing)
    return BadgeState(
        card.marketplace_id, card.marketplace, card.code, card.name, badges, from_on, standing.decided_on, base,
        standing.standard_id, standing.standard_version, dict(standard.title) if standard else {},
        ended_on=None if badges else max(since.values()), revoked_at=revoked_at)


def _list_since(session: Session, shop_id: int) -> dict[str, date]:
    """The last day on which each badge came or went for good."""
    badge = func.coalesce(StandingChange.after, StandingChange.before)
    query = select(badge, func.max(StandingChange.on_date)).where(
        StandingChange.shop_id == shop_id, StandingChange.kind.startswith("badge"), StandingChange.state == "in_force")
    return {row[0]: row[1] for row in session.execute(query.group_by(badge)) if row[0] is not None}


def _find_standard(session: Session, standing: StandingRow) -> Standard | None:
    try:
        return get_version(session, standing.standard_id, standing.standard_version).standard
    except UnknownVersionError:
        return None


def _find_period(session: Session, card: ShopCard, standing: StandingRow) -> tuple[date | None, int]:
    """The first day counted for the last decision, and the largest base of its rules."""
    query = select(func.min(EvaluationResult.window_start_ms), func.max(EvaluationResult.base)).join(
        EvaluationRun, EvaluationRun.id == EvaluationResult.run_id).where(
        EvaluationRun.marketplace_id == card.marketplace_id, EvaluationRun.on_date == standing.decided_on,
        EvaluationRun.standard_id == standing.standard_id, EvaluationResult.shop_id == card.id,
        EvaluationResult.base > 0)
    start_ms, base = session.execute(query).one()
    if start_ms is None:
        return None, 0
    return from_ms(start_ms).astimezone(ZoneInfo(card.timezone)).date(), base


def list_choices(session: Session, *, seller_id: int) -> list[Choice]:
    """A company's shops, with what they may show and what they show."""
    return _to_choices(session, list_shop_cards(session, seller_id=seller_id))


def list_shown(session: Session) -> list[Choice]:
    """Every shop that shows its badge, or had it taken back."""
    shown = select(PublicBadge.shop_id).where(PublicBadge.is_on.is_(True) | PublicBadge.revoked_at.is_not(None))
    return _to_choices(session, list_shop_cards(session, shop_ids=list(session.scalars(shown))))


def _to_choices(session: Session, cards: list[ShopCard]) -> list[Choice]:
    rows: Mapping[int, PublicBadge] = {
        row.shop_id: row
        for row in session.scalars(select(PublicBadge).where(PublicBadge.shop_id.in_([card.id for card in cards])))}
    return [_to_choice(session, card, rows.get(card.id)) for card in cards]


def _to_choice(session: Session, card: ShopCard, row: PublicBadge | None) -> Choice:
    revoked_at = row.revoked_at if row else None
    state = find_state(session, card, revoked_at=revoked_at)
    return Choice(card, state, row is not None and row.is_on, revoked_at, row.revoked_why if row else "")
