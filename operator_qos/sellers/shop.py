"""One shop as a page: where it stands, what counts against it, what it owes, how it came there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.disputes.rules import OPEN_STATES
from operator_qos.ledger.queries import ScorecardRow, Unit, list_open_obligations, list_scorecards, list_units
from operator_qos.ledger.service import get_standard
from operator_qos.metric_cards import MetricCard, build_cards
from operator_qos.models import Dispute, Obligation, StandingChange
from operator_qos.sellers import shop_queries
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.sellers.today import describe_change
from operator_qos.sellers.today_queries import project_standing
from scoring.ladder import parse_standing

SHOWN_UNITS = 12
SHOWN_OBLIGATIONS = 15
SHOWN_DISPUTES = 15


@dataclass(frozen=True)
class AgainstLine:
    """One unit that counts against the shop officially."""

    metric: str
    metric_name: str
    unit: Unit


@dataclass(frozen=True)
class HistoryLine:
    """One change of the standing in words, with the standard it was decided under."""

    on: date
    title: str
    sentence: str
    level: str | None
    standard: str


@dataclass(frozen=True)
class ShopPage:
    """Everything on the page of a shop. `level` is None while never judged, `expected` holds if judged now."""

    as_of_ms: int | None
    level: str | None
    since_on: date | None
    badges: tuple[str, ...]
    warning: int
    expected: str | None
    judged: tuple[MetricCard, ...]
    others: tuple[MetricCard, ...]
    against: tuple[AgainstLine, ...]
    obligations: tuple[Obligation, ...]
    disputes: tuple[Dispute, ...]
    open_disputes: int
    history: tuple[HistoryLine, ...]
    siblings: tuple[ShopCard, ...]


def _list_against(session: Session, shop_id: int, scores: dict[str, ScorecardRow]) -> tuple[AgainstLine, ...]:
    """The latest units that count officially as failures, over the judged metrics."""
    found: list[AgainstLine] = []
    for rule in get_standard().rules:
        score = scores.get(rule.metric)
        if score is None or not score.bad:
            continue
        units = list_units(
            session,
            shop_id,
            metric=rule.metric,
            window_start_ms=score.window_start_ms,
            as_of_ms=score.as_of_ms,
        )
        name = str(words.metric_name(rule.metric))
        found += [AgainstLine(rule.metric, name, unit) for unit in units if unit.official_bad]
    found.sort(key=lambda line: (-line.unit.anchor_ms, line.metric, line.unit.unit))
    return tuple(found[:SHOWN_UNITS])


def describe_history(changes: list[StandingChange]) -> tuple[HistoryLine, ...]:
    """The stored changes in words, latest first."""
    lines = []
    for change in changes:
        title, sentence = describe_change(change)
        level = change.after if change.kind == "level_changed" else None
        standard = f"{change.standard_id} {change.standard_version}"
        lines.append(HistoryLine(change.on_date, title, sentence, level, standard))
    return tuple(lines)


def _list_siblings(session: Session, card: ShopCard) -> tuple[ShopCard, ...]:
    """The company's other shops, by name."""
    return tuple(found for found in list_shop_cards(session, seller_id=card.seller_id) if found.id != card.id)


def _expected(session: Session, shop_id: int, scores: dict[str, ScorecardRow], on: date) -> str | None:
    row = shop_queries.find_standing(session, shop_id)
    if row is None:
        return None
    standing = parse_standing({"level": row.level, "badges": row.badges, "episodes": row.episodes})
    return project_standing(standing, scores, on=on, standard=get_standard()).level


def build_shop(session: Session, card: ShopCard, *, now: datetime) -> ShopPage:
    """The page as of now."""
    standard = get_standard()
    scores = list_scorecards(session, [card.id]).get(card.id, {})
    cards = build_cards(scores, standard.rules, standard.evidence)
    standing = shop_queries.find_standing(session, card.id)
    disputes = shop_queries.list_shop_disputes(session, card.id, limit=SHOWN_DISPUTES)
    return ShopPage(
        as_of_ms=max((score.as_of_ms for score in scores.values()), default=None),
        level=standing.level if standing else None,
        since_on=standing.since_on if standing else None,
        badges=tuple(str(words.badge_name(badge)) for badge in standing.badges) if standing else (),
        warning=standing.warning if standing else 0,
        expected=_expected(session, card.id, scores, now.date()),
        judged=tuple(found for found in cards if found.limit),
        others=tuple(found for found in cards if not found.limit),
        against=_list_against(session, card.id, scores),
        obligations=tuple(list_open_obligations(session, [card.id], now=now, limit=SHOWN_OBLIGATIONS)),
        disputes=tuple(disputes),
        open_disputes=sum(dispute.state in OPEN_STATES for dispute in disputes),
        history=describe_history(shop_queries.list_changes(session, card.id)),
        siblings=_list_siblings(session, card),
    )
