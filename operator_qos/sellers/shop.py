"""One shop as a page: where it stands, what counts against it, what it owes, how it came there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.disputes.rules import OPEN_STATES
from operator_qos.evaluation.rule_page import RuleLine, list_rule_lines
from operator_qos.ledger.queries import ScorecardRow, Unit, list_open_obligations, list_scorecards, list_units
from operator_qos.metric_cards import MetricCard, build_cards
from operator_qos.models import Dispute, Obligation, ShopStanding
from operator_qos.sellers import shop_queries
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.sellers.today import describe_change
from operator_qos.sellers.today_queries import project_standing
from operator_qos.standards.binding import get_bound
from operator_qos.standards.titles import name_badge, name_level
from operator_qos.standing.live import Live, find_live
from operator_qos.standing.outlook import OutlookPage, find_outlook
from scoring.ladder import parse_standing
from scoring.plain import is_plain, list_plain_rules
from scoring.standards import Standard

SHOWN_UNITS = 12
SHOWN_OBLIGATIONS = 15
SHOWN_DISPUTES = 15


@dataclass(frozen=True)
class AgainstLine:
    """One unit that counts against the shop officially."""

    metric: str
    metric_name: str
    unit: Unit


# What takes something away, or may: of a level the shop sees itself whether it rose.
CONTESTED = frozenset({"level_changed", "badge_withdrawn", "warning_given", "strikes_given", "step_reached"})


@dataclass(frozen=True)
class HistoryLine:
    """One change of the standing in words, with the standard it was decided under."""

    on: date
    title: str
    sentence: str
    level: str | None
    standard: str
    id: int = 0
    automated: bool = True
    may_be_contested: bool = False
    statement: str | None = None  # its public id


@dataclass(frozen=True)
class ShopPage:
    """Everything on the page of a shop. `level` is None while never judged, `expected` holds if judged now."""

    as_of_ms: int | None
    level: str | None
    level_name: str
    since_on: date | None
    badges: tuple[str, ...]
    warning: int
    expected: str | None
    expected_name: str
    outlook: OutlookPage | None
    judged: tuple[MetricCard, ...]
    rules: tuple[RuleLine, ...]
    live_ms: int | None
    others: tuple[MetricCard, ...]
    against: tuple[AgainstLine, ...]
    obligations: tuple[Obligation, ...]
    disputes: tuple[Dispute, ...]
    open_disputes: int
    history: tuple[HistoryLine, ...]
    siblings: tuple[ShopCard, ...]


def _list_against(
    session: Session, shop_id: int, scores: dict[str, ScorecardRow], standard: Standard
) -> tuple[AgainstLine, ...]:
    """The latest units that count officially as failures, over the judged metrics."""
    found: list[AgainstLine] = []
    for rule in list_plain_rules(standard):
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


def list_history(session: Session, shop_id: int, *, limit: int = 50) -> tuple[HistoryLine, ...]:
    """The changes of a shop's standing in words, latest first."""
    changes = shop_queries.list_changes(session, shop_id, limit=limit)
    stated = shop_queries.list_change_statements(session, [change.id for change in changes])
    lines = []
    for change in changes:
        title, sentence = describe_change(change)
        level = change.after if change.kind == "level_changed" else None
        standard = f"{change.standard_id} {change.standard_version}"
        contested = change.automated and change.kind in CONTESTED
        lines.append(HistoryLine(
            change.on_date, title, sentence, level, standard, change.id, change.automated, contested,
            stated.get(change.id)))
    return tuple(lines)


def _list_siblings(session: Session, card: ShopCard) -> tuple[ShopCard, ...]:
    """The company's other shops, by name."""
    return tuple(found for found in list_shop_cards(session, seller_id=card.seller_id) if found.id != card.id)


def find_expected(
    row: ShopStanding | None, scores: Mapping[str, ScorecardRow], on: date, *, standard: Standard,
    live: Live | None = None,
) -> str | None:
    """The level a shop would have if it were judged on a date with its numbers of now; None before its first.

    Of a standard that is not plain it is what was last looked at.
    """
    if row is None or not is_plain(standard):
        return live.level if row is not None and live is not None and standard.tiers else None
    standing = parse_standing({"level": row.level, "badges": row.badges, "episodes": row.episodes})
    return project_standing(standing, scores, on=on, standard=standard).level


def build_shop(session: Session, card: ShopCard, *, now: datetime) -> ShopPage:
    """The page as of now."""
    standard = get_bound(session, card.id, now=now)
    scores = list_scorecards(session, [card.id]).get(card.id, {})
    cards = build_cards(scores, list_plain_rules(standard), standard.evidence)
    standing, live = shop_queries.find_standing(session, card.id), find_live(session, card.id, standard)
    expected = find_expected(standing, scores, now.date(), standard=standard, live=live)
    disputes = shop_queries.list_shop_disputes(session, card.id, limit=SHOWN_DISPUTES)
    return ShopPage(
        as_of_ms=max((score.as_of_ms for score in scores.values()), default=None),
        level=standing.level if standing else None,
        level_name=name_level(standard, standing.level if standing else None),
        since_on=standing.since_on if standing else None,
        badges=tuple(name_badge(standard, badge) for badge in standing.badges) if standing else (),
        warning=standing.warning if standing else 0,
        expected=expected,
        expected_name=name_level(standard, expected),
        outlook=find_outlook(session, card, standard, now=now),
        judged=tuple(found for found in cards if found.limit),
        rules=list_rule_lines(session, card.id, standard, live),
        live_ms=live.as_of_ms if live is not None else None,
        others=tuple(found for found in cards if not found.limit),
        against=_list_against(session, card.id, scores, standard),
        obligations=tuple(list_open_obligations(session, [card.id], now=now, limit=SHOWN_OBLIGATIONS)),
        disputes=tuple(disputes),
        open_disputes=sum(dispute.state in OPEN_STATES for dispute in disputes),
        history=list_history(session, card.id),
        siblings=_list_siblings(session, card),
    )
