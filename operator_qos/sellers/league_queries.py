"""The league table: which shops, in which order, with which numbers.

The one statement that picks and sorts a page reads across domains on purpose: sorting 50,000 shops by a score
must happen in the database. Everything shown of a page's shops is read afterwards, by their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    SmallInteger,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from operator_qos.db import among
from operator_qos.disputes.rules import OPEN_STATES
from operator_qos.ledger.queries import ScorecardRow, list_scorecards
from operator_qos.models import Dispute, LiveRule, LiveStanding, Scorecard, Shop, ShopStanding
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from scoring.metrics import METRICS

VERDICT_ORDER = ("breached", "watch", "kept", "exempt", "not_enough_data")
_UNRANKED = "not_enough_data"
LEVEL_ORDER = ("below", "in_standard", "top")
# How a column is read first: the worst on top, names from A.
COLUMNS = ("raw", "official", "shop", "level", "verdict", "disputes")


@dataclass(frozen=True)
class LiveMetric:
    """The rules of a standard that is not plain which judge a metric: what they say of shops is kept with each hour."""

    standard_id: str
    version: int
    metric: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class LeagueView:
    """What a reader chose. `column` is one of COLUMNS or a metric's id; `metric` is the one shown in full."""

    metric: str
    name: str = ""
    marketplace: str = ""
    level: str = ""
    verdict: str = ""
    column: str = "raw"
    worst_first: bool = True
    hidden: frozenset[str] = frozenset()  # columns left out, of those one may leave out
    judged: tuple[str, ...] = ()  # the metrics that any standard in use judges
    live: tuple[LiveMetric, ...] = ()


@dataclass(frozen=True)
class MetricTotal:
    """What several shops count together on one metric."""

    bad: int = 0
    base: int = 0
    raw_bad: int = 0
    raw_base: int = 0


@dataclass(frozen=True)
class LeagueRow:
    """One shop of the league table; `level` is None while it was never judged."""

    card: ShopCard
    level: str | None
    badges: tuple[str, ...]
    scores: dict[str, ScorecardRow]
    open_disputes: int
    late_disputes: int


@dataclass(frozen=True)
class StandingRow:
    """Where a shop stands."""

    level: str
    badges: tuple[str, ...]


def _filters(view: LeagueView) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if view.name:
        wanted = view.name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found.append(Shop.name.ilike(f"%{wanted}%", escape="\\"))
    if view.marketplace:
        found.append(Shop.marketplace_id == view.marketplace)
    if view.level:
        standing = exists().where(ShopStanding.shop_id == Shop.id)
        found.append(~standing if view.level == "none" else standing.where(ShopStanding.level == view.level))
    if view.verdict:
        so_judged = select_judged_shops(view.verdict).correlate(None)
        found.append(_is_judged(view, Shop.id.in_(so_judged)))
    return found


def select_judged_shops(*verdicts: str) -> Select[Any]:
    """The shops with any of these verdicts on any metric; the metrics are named, for they lead the index."""
    codes = [metric.code for metric in METRICS.values()]
    return select(Scorecard.shop_id).where(Scorecard.metric_code.in_(codes), Scorecard.verdict.in_(verdicts))


def _is_judged(view: LeagueView, by_scores: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether any verdict is the wanted one: of the scores, or of the rules where a standard is not plain."""
    if not view.live:
        return by_scores
    by_rules = _select_live(view.live).where(LiveRule.verdict == view.verdict)
    return or_(and_(by_scores, Shop.id.not_in(select(LiveStanding.shop_id))), Shop.id.in_(by_rules))


def _select_live(live: Sequence[LiveMetric]) -> Select[Any]:
    """The shops of which rules of standards that are not plain say something, a row per rule."""
    of_rule = [and_(LiveStanding.standard_id == one.standard_id, LiveStanding.standard_version == one.version,
                    or_(LiveRule.rule == rule, LiveRule.rule.startswith(f"{rule}|", autoescape=True)))
               for one in live for rule in one.rules]
    return select(LiveRule.shop_id).join(LiveStanding, LiveStanding.shop_id == LiveRule.shop_id).where(
        or_(*of_rule)).correlate(None)


def count_league(session: Session, view: LeagueView) -> int:
    """How many shops the view holds."""
    return session.scalar(select(func.count()).select_from(Shop).where(*_filters(view))) or 0


def _ranked(value: Any, verdict: Any) -> ColumnElement[int]:
    """Shops without enough data are shown, not ranked: they come last, whichever way one sorts."""
    return case((or_(value.is_(None), verdict == _UNRANKED), 1), else_=0)


def _list_by_score(session: Session, view: LeagueView, *, offset: int, limit: int | None) -> list[int]:
    """From the scores of one metric, which an index holds in one place; shops without one come last."""
    metric = METRICS[view.column] if view.column in METRICS else METRICS[view.metric]
    largest_first = view.worst_first != metric.higher_is_better
    scored, filters = select(Scorecard.shop_id).where(Scorecard.metric_code == metric.code), _filters(view)
    if filters:  # without, the index alone answers
        scored = scored.join(Shop, Shop.id == Scorecard.shop_id).where(*filters)
    elif view.column == "raw" and limit is not None:
        ids = _list_by_raw(session, metric.code, largest_first=largest_first, offset=offset, limit=limit)
        return _add_unscored(session, ids, scored, view, offset=offset, limit=limit)
    value = Scorecard.raw_value if view.column == "raw" else Scorecard.value
    ordered = scored.order_by(_ranked(value, Scorecard.verdict), *_order_rates(Scorecard, value, largest_first))
    ids = list(session.scalars(ordered.offset(offset).limit(limit)))
    return _add_unscored(session, ids, scored, view, offset=offset, limit=limit)


def _order_rates(row: Any, value: Any, largest_first: bool) -> tuple[ColumnElement[Any], ...]:
    """Of equal rates the one with more orders behind it says more."""
    return value.desc() if largest_first else value.asc(), row.base.desc(), row.shop_id


def _add_unscored(  # the page so far, of what, and which part
    session: Session, ids: list[int], scored: Select[Any], view: LeagueView, *, offset: int, limit: int | None
) -> list[int]:
    """A page of the scored shops, filled up with those that have no score."""
    if limit is not None and len(ids) >= limit:
        return ids
    known = session.scalar(select(func.count()).select_from(scored.subquery())) or 0
    without = (
        select(Shop.id)
        .where(Shop.id.not_in(scored.correlate(None)), *_filters(view))
        .order_by(Shop.name, Shop.id)
    )
    rest = None if limit is None else limit - len(ids)
    return [*ids, *session.scalars(without.offset(max(0, offset - known)).limit(rest))]


def _list_by_raw(session: Session, code: int, *, largest_first: bool, offset: int, limit: int) -> list[int]:
    """A page of all shops by their raw rate. Of each verdict the index has them in this order, so few are read."""
    found = session.scalars(_select_by_raw(largest_first), {
        "metric": code, "rows": limit, "skipped": offset, "most": offset + limit})
    return list(found)


@lru_cache(maxsize=2)
def _select_by_raw(largest_first: bool) -> Select[Any]:
    """The first of each verdict, merged: those ranked, then those without enough data or a rate."""
    words, rate = [one for one in VERDICT_ORDER if one != _UNRANKED], Scorecard.raw_value
    judged = [Scorecard.verdict.is_(None), *(Scorecard.verdict == one for one in words)]
    parts = [_select_first(0, [verdict, rate.is_not(None)], largest_first) for verdict in judged]
    parts += [_select_first(1, [verdict, rate.is_(None)], largest_first)
              for verdict in (Scorecard.verdict.is_(None), Scorecard.verdict.in_(words))]
    parts.append(_select_first(1, [Scorecard.verdict == _UNRANKED], largest_first))
    merged = union_all(*parts).subquery()
    page = (bindparam(name, type_=Integer) for name in ("rows", "skipped"))
    return select(merged.c.shop_id).order_by(
        merged.c.place, *_order_rates(merged.c, merged.c.raw_value, largest_first)).limit(next(page)).offset(next(page))


def _select_first(place: int, wanted: Sequence[ColumnElement[bool]], largest_first: bool) -> Select[Any]:
    columns = (Scorecard.raw_value, Scorecard.base, Scorecard.shop_id)
    query = select(literal(place).label("place"), *columns).where(
        Scorecard.metric_code == bindparam("metric", type_=SmallInteger), *wanted)
    ordered = query.order_by(*_order_rates(Scorecard, Scorecard.raw_value, largest_first))
    return select(ordered.limit(bindparam("most", type_=Integer)).subquery())


def _place_in(names: Sequence[str], column: Any) -> ColumnElement[int]:
    return case({name: place for place, name in enumerate(names)}, value=column, else_=len(names))


def _by_word(query: Select[Any], view: LeagueView) -> Select[Any]:
    if view.column == "level":
        query = query.outerjoin(ShopStanding, ShopStanding.shop_id == Shop.id)
        place = _place_in(LEVEL_ORDER, ShopStanding.level)
    else:
        here = and_(Scorecard.shop_id == Shop.id, Scorecard.metric_code == METRICS[view.metric].code)
        query = query.outerjoin(Scorecard, here)
        place = _place_in(VERDICT_ORDER, Scorecard.verdict)
        query, place = _join_live(query, view, place)
    return query.order_by(place if view.worst_first else place.desc())


def _join_live(query: Select[Any], view: LeagueView, place: ColumnElement[int]) -> tuple[Select[Any], Any]:
    """What rules say of the metric shown in full, the worst first; of shops without such rules the score."""
    live = [one for one in view.live if one.metric == view.metric]
    if not live:
        return query, place
    said = _select_live(live).add_columns(
        func.min(_place_in(VERDICT_ORDER, LiveRule.verdict)).label("place")).group_by(LiveRule.shop_id).subquery()
    return query.outerjoin(said, said.c.shop_id == Shop.id), func.coalesce(said.c.place, place)


def _by_disputes(query: Select[Any], view: LeagueView) -> Select[Any]:
    counts = (
        select(Dispute.shop_id, func.count().label("open"))
        .where(Dispute.state.in_(OPEN_STATES))
        .group_by(Dispute.shop_id)
        .subquery()
    )
    count = func.coalesce(counts.c.open, 0)
    query = query.outerjoin(counts, counts.c.shop_id == Shop.id)
    return query.order_by(count.desc() if view.worst_first else count.asc())


def _sorted(query: Select[Any], view: LeagueView) -> Select[Any]:
    if view.column == "shop":
        return query.order_by(Shop.name.asc() if view.worst_first else Shop.name.desc())
    return _by_disputes(query, view) if view.column == "disputes" else _by_word(query, view)


def list_league_ids(
    session: Session, view: LeagueView, *, offset: int = 0, limit: int | None = None
) -> list[int]:
    """The shops of a view in its order; equal ones by name, or by number where rates are equal."""
    if view.column in {"raw", "official"} or view.column in METRICS:
        return _list_by_score(session, view, offset=offset, limit=limit)
    query = _sorted(select(Shop.id).where(*_filters(view)), view).order_by(Shop.name, Shop.id)
    return list(session.scalars(query.offset(offset).limit(limit)))


def list_standings(session: Session, shop_ids: Sequence[int]) -> dict[int, StandingRow]:
    """The standings of shops; one never judged has none."""
    query = select(ShopStanding.shop_id, ShopStanding.level, ShopStanding.badges)
    rows = session.execute(query.where(among(session, ShopStanding.shop_id, shop_ids)))
    return {row.shop_id: StandingRow(row.level, tuple(row.badges)) for row in rows}


def _count_disputes(session: Session, shop_ids: Sequence[int], now: datetime) -> dict[int, tuple[int, int]]:
    due = func.coalesce(Dispute.decision_due_at, Dispute.seller_due_at)
    query = (
        select(Dispute.shop_id, func.count(), func.sum(case((due < now, 1), else_=0)))
        .where(among(session, Dispute.shop_id, shop_ids), Dispute.state.in_(OPEN_STATES))
        .group_by(Dispute.shop_id)
    )
    return {shop: (total, int(late)) for shop, total, late in session.execute(query)}


def list_league_rows(
    session: Session, shop_ids: Sequence[int], *, metrics: Sequence[str], now: datetime
) -> list[LeagueRow]:
    """What is shown of these shops on some metrics, in the order given."""
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=shop_ids)}
    scores = list_scorecards(session, list(shop_ids), metrics=metrics)
    standings = list_standings(session, shop_ids)
    disputes = _count_disputes(session, shop_ids, now)
    rows: list[LeagueRow] = []
    for shop_id in shop_ids:
        standing = standings.get(shop_id)
        total, late = disputes.get(shop_id, (0, 0))
        rows.append(
            LeagueRow(
                card=cards[shop_id],
                level=standing.level if standing else None,
                badges=standing.badges if standing else (),
                scores=scores.get(shop_id, {}),
                open_disputes=total,
                late_disputes=late,
            )
        )
    return rows


def list_view_ids(session: Session, view: LeagueView) -> list[int]:
    """Every shop of a view, in no order."""
    return list(session.scalars(select(Shop.id).where(*_filters(view))))


def sum_scores(session: Session, shop_ids: Sequence[int], metrics: Sequence[str]) -> dict[str, MetricTotal]:
    """The counts of these shops together, by metric; one that nothing was counted for is left out."""
    names = {METRICS[metric].code: metric for metric in metrics}
    columns = (Scorecard.bad, Scorecard.base, Scorecard.raw_bad, Scorecard.raw_base)
    query = (
        select(Scorecard.metric_code, *(func.sum(column) for column in columns))
        .where(among(session, Scorecard.shop_id, shop_ids), Scorecard.metric_code.in_(list(names)))
        .group_by(Scorecard.metric_code)
    )
    return {names[code]: MetricTotal(*map(int, sums)) for code, *sums in session.execute(query)}


def add_scores(rows: Sequence[LeagueRow], metrics: Sequence[str]) -> dict[str, MetricTotal]:
    """The same of shops whose scores were read."""
    found: dict[str, MetricTotal] = {}
    for metric in metrics:
        scores = [row.scores[metric] for row in rows if metric in row.scores]
        if scores:
            found[metric] = MetricTotal(*(sum(getattr(score, name) for score in scores)
                                          for name in MetricTotal.__dataclass_fields__))
    return found


def count_open_disputes(session: Session, shop_ids: Sequence[int], *, now: datetime) -> int:
    """The open disputes of these shops together."""
    return sum(total for total, _late in _count_disputes(session, shop_ids, now).values())


def is_ranked(row: LeagueRow, metric: str) -> bool:
    """Whether a shop has enough data on a metric to be compared."""
    score = row.scores.get(metric)
    return score is not None and score.value is not None and score.verdict != "not_enough_data"


def list_columns(view: LeagueView) -> list[str]:
    """The judged metrics shown in brief beside the one shown in full."""
    return [metric for metric in view.judged if metric != view.metric]
