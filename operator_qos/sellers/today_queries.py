"""What needs a person now, over all shops: read across the domains, from kept rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.connections.queries import list_compared
from operator_qos.disputes.rules import OPEN_STATES
from operator_qos.models import (
    Dispute,
    EvaluationRun,
    Marketplace,
    Quarantined,
    Scorecard,
    Shop,
    ShopStanding,
    StandingChange,
)
from operator_qos.recent import Recent
from operator_qos.sellers.league_queries import select_judged_shops
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standards.binding import list_bound, list_in_use
from operator_qos.standing.live import list_live_moves
from operator_qos.standing.queries import UNSEEN
from scoring.ladder import MetricVerdict, Standing, parse_standing, step
from scoring.metrics import METRICS, METRICS_BY_CODE
from scoring.plain import is_plain, list_plain_rules
from scoring.standards import Standard
from scoring.verdicts import Verdict

SILENT_AFTER = timedelta(hours=48)
LATE_AFTER = timedelta(hours=24)
# Fewer orders than one a day leave quiet days that mean nothing.
BUSY_ORDERS = 60
SHOPS_AT_ONCE = 500


@dataclass(frozen=True)
class DisputeCounts:
    """Open disputes: all of them, past their deadline, and reaching it soon."""

    open: int
    late: int
    near: int


@dataclass(frozen=True)
class Light:
    """What tells whether a marketplace's numbers can be trusted now. `newest_ms` 0: nothing ever came."""

    marketplace_id: str
    name: str
    newest_ms: int
    feed: str  # a verdict word
    silent_shops: int
    set_aside: int
    unexplained: int  # published figures of the last comparisons that differ from ours for no known cause


@dataclass(frozen=True)
class Projection:
    """A shop that would stand elsewhere if judged now. `why` is the metric that decides it, if one does."""

    shop_id: int
    level: str
    expected: str
    why: str | None
    is_up: bool


class Judged(Protocol):
    """What a projection needs of a score."""

    @property
    def bad(self) -> int: ...
    @property
    def base(self) -> int: ...
    @property
    def raw_base(self) -> int: ...
    @property
    def verdict(self) -> str | None: ...


class _Score(NamedTuple):
    bad: int
    base: int
    raw_base: int
    verdict: str | None


@dataclass(frozen=True)
class Change:
    """One stored change of a standing with the shop it is about."""

    card: ShopCard
    change: StandingChange


def count_disputes(session: Session, *, now: datetime, within: timedelta) -> DisputeCounts:
    """Open disputes, and those past or near the deadline of whoever has to act."""
    due = func.coalesce(Dispute.decision_due_at, Dispute.seller_due_at)
    late, near = case((due < now, 1), else_=0), case((and_(due >= now, due < now + within), 1), else_=0)
    counts = (func.count(), *(func.coalesce(func.sum(one), 0) for one in (late, near)))
    found = session.execute(select(*counts).select_from(Dispute).where(Dispute.state.in_(OPEN_STATES))).one()
    return DisputeCounts(*map(int, found))


def list_pressing_ids(session: Session, *, now: datetime, within: timedelta, limit: int) -> list[int]:
    """Open disputes past or near their deadline, the longest overdue first."""
    due = func.coalesce(Dispute.decision_due_at, Dispute.seller_due_at)
    query = select(Dispute.id).where(Dispute.state.in_(OPEN_STATES), due < now + within)
    return list(session.scalars(query.order_by(due, Dispute.id).limit(limit)))


def _judge_feed(newest_ms: int, now: datetime) -> str:
    age_ms = to_ms(now) - newest_ms
    if age_ms >= SILENT_AFTER // timedelta(milliseconds=1):
        return "breached"
    return "watch" if age_ms >= LATE_AFTER // timedelta(milliseconds=1) else "kept"


def _busy_and_silent(now: datetime) -> tuple[ColumnElement[bool], ...]:
    score = METRICS["order_defect_rate"].code
    return (
        Shop.last_event_ms < to_ms(now - SILENT_AFTER),
        exists().where(
            Scorecard.shop_id == Shop.id, Scorecard.metric_code == score, Scorecard.raw_base >= BUSY_ORDERS
        ),
    )


@dataclass(frozen=True)
class Heard:
    """When each marketplace was last heard of [epoch ms], how many busy shops of it are silent, and which of all."""

    newest_ms: Mapping[str, int]
    silent: Mapping[str, int]
    longest_silent: Sequence[int]


def find_heard(session: Session, *, now: datetime, limit: int) -> Heard:
    """What was heard of the marketplaces, and the busy shops longest silent.

    Of very many shops what was found last in this process, for a minute: silence is told in hours.
    """
    key = str(session.get_bind().engine.url)
    kept = _HEARD.find(key, stand=limit, now=now)
    if kept is not None:
        return kept
    columns = (Shop.marketplace_id, func.max(Shop.last_event_ms), func.count())
    rows = session.execute(select(*columns).group_by(Shop.marketplace_id)).all()
    silent = select(Shop.marketplace_id, func.count()).where(*_busy_and_silent(now)).group_by(Shop.marketplace_id)
    counts = {place: count for place, count in session.execute(silent)}  # noqa: C416  # rows are no plain pairs
    found = Heard({place: newest for place, newest, _ in rows}, counts,
                  _list_silent_ids(session, now=now, limit=limit) if counts else ())
    if sum(shops for *_, shops in rows) > WORTH_KEEPING:
        _HEARD.keep(key, found, stand=limit, now=now)
    return found


_HEARD: Recent[Heard] = Recent(most=4, age=timedelta(minutes=1))  # by database


def _list_silent_ids(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Busy shops of which nothing was heard lately, the longest silent first."""
    query = select(Shop.id).where(*_busy_and_silent(now))
    return list(session.scalars(query.order_by(Shop.last_event_ms, Shop.id).limit(limit)))


def list_lights(session: Session, heard: Heard, *, now: datetime) -> list[Light]:
    """One light per marketplace, by id."""
    aside = count_quarantined_by_marketplace(session)
    names = session.execute(select(Marketplace.id, Marketplace.name).order_by(Marketplace.id)).all()
    return [
        Light(
            marketplace_id=key,
            name=name,
            newest_ms=heard.newest_ms.get(key) or 0,
            feed=_judge_feed(heard.newest_ms.get(key) or 0, now),
            silent_shops=heard.silent.get(key, 0),
            set_aside=aside.get(key, 0),
            unexplained=sum(day.unexplained for day in list_compared(session, key)),
        )
        for key, name in names
    ]


def count_quarantined_by_marketplace(session: Session) -> dict[str, int]:
    """What could not be read and still waits, by the marketplace it named ("" without one)."""
    query = select(Quarantined.marketplace, func.count()).where(Quarantined.replayed_at.is_(None))
    return dict(session.execute(query.group_by(Quarantined.marketplace)).all())


def _list_candidates(session: Session, *, on: date, standard: Standard) -> list[ShopStanding]:
    """Standings that the verdicts of now may not fit; a superset of those that would move."""
    unkept, breached = select_judged_shops("watch", "breached"), select_judged_shops("breached")
    enough = select(Scorecard.shop_id).where(
        Scorecard.metric_code == METRICS["order_defect_rate"].code,
        Scorecard.raw_base >= (standard.get_level("top").min_orders or 0),
    )
    standing = ShopStanding.shop_id
    query = select(ShopStanding).where(
        or_(
            and_(ShopStanding.level == "top", or_(standing.in_(unkept), standing.not_in(enough))),
            and_(ShopStanding.level == "in_standard", standing.in_(breached)),
            and_(ShopStanding.level == "in_standard", standing.not_in(unkept), standing.in_(enough)),
            ShopStanding.level == "below",
        )
    )
    rows = session.scalars(query.order_by(standing))
    return [row for row in rows if _may_move(row, on=on, standard=standard)]


def _may_move(row: ShopStanding, *, on: date, standard: Standard) -> bool:
    """Whether today's verdicts can matter, by the breaches on record alone."""
    if row.level != "below":
        return True
    apart_days = standard.get_level("below").breached_apart_days or 0
    standing = _to_standing(row)
    # Below the standard lasts as long as the breaches that led there do, whatever the verdicts of today.
    return not any(
        episode.span_days >= apart_days
        and (on - episode.last_breach_on).days < standard.warnings.end_after_days
        for episode in standing.episodes
    )


def _to_standing(row: ShopStanding) -> Standing:
    return parse_standing({"level": row.level, "badges": row.badges, "episodes": row.episodes})


def _verdicts_of(scores: Mapping[str, Judged], standard: Standard) -> list[MetricVerdict]:
    return [
        MetricVerdict.from_counts(rule, Verdict(score.verdict), bad=score.bad, base=score.base)
        for rule in list_plain_rules(standard)
        if (score := scores.get(rule.metric)) is not None and score.verdict
    ]


def project_standing(
    standing: Standing, scores: Mapping[str, Judged], *, on: date, standard: Standard
) -> Standing:
    """Where a shop would stand if it were judged on that date with its numbers of now."""
    placed = scores.get("order_defect_rate")
    verdicts = _verdicts_of(scores, standard)
    return step(standing, verdicts, on=on, orders_60d=placed.raw_base if placed else 0, standard=standard)[0]


def _decisive(scores: Mapping[str, Judged], expected: str) -> str | None:
    """The metric that keeps a shop from a better level, the worst verdict first."""
    wanted = ("breached",) if expected == "below" else ("breached", "watch")
    found = ((name, score.verdict) for name, score in scores.items() if score.verdict in wanted)
    return next((name for name, _ in sorted(found, key=lambda pair: wanted.index(pair[1] or ""))), None)


def _list_judged_scores(
    session: Session, shop_ids: Sequence[int], standard: Standard
) -> dict[int, dict[str, _Score]]:
    """The judged scores of shops, without what only pages need: there may be thousands of shops."""
    codes = [METRICS[rule.metric].code for rule in list_plain_rules(standard)]
    columns = (Scorecard.bad, Scorecard.base, Scorecard.raw_base, Scorecard.verdict)
    query = select(Scorecard.shop_id, Scorecard.metric_code, *columns).where(
        Scorecard.shop_id.in_(list(shop_ids)), Scorecard.metric_code.in_(codes)
    )
    found: dict[int, dict[str, _Score]] = {shop_id: {} for shop_id in shop_ids}
    for shop_id, code, bad, base, raw_base, verdict in session.execute(query):
        found[shop_id][METRICS_BY_CODE[code].id] = _Score(bad, base, raw_base, verdict)
    return found


def list_projections(session: Session, *, now: datetime) -> list[Projection]:
    """The shops that would change level if they were judged now, those heading down first.

    Of very many shops what was found last in this process, for some minutes.
    """
    key, standards = str(session.get_bind().engine.url), tuple(list_in_use(session, now=now))
    kept = _RECENT.find(key, stand=standards, now=now)
    if kept is not None:
        return kept
    found: list[Projection] = []
    looked_at = 0
    for standard in standards:
        if is_plain(standard):
            candidates = _list_candidates(session, on=now.date(), standard=standard)
            looked_at += len(candidates)
            found += _list_projections(session, candidates, now=now, standard=standard)
        else:
            found += _list_moves(session, standard)
    found.sort(key=lambda p: (p.is_up, p.shop_id))
    if looked_at > WORTH_KEEPING:
        _RECENT.keep(key, found, stand=standards, now=now)
    return found


WORTH_KEEPING = 1_000  # shops looked at
_RECENT: Recent[list[Projection]] = Recent(most=4, age=timedelta(minutes=5))  # by database


def _list_moves(session: Session, standard: Standard) -> list[Projection]:
    """As last looked at, under a standard that is not plain; of levels that it knows."""
    order = [tier.id for tier in standard.tiers]
    return [
        Projection(move.shop_id, move.level, move.expected, None, order.index(move.expected) < order.index(move.level))
        for move in list_live_moves(session, standard) if {move.level, move.expected} <= set(order)
    ]


def _list_projections(
    session: Session, candidates: Sequence[ShopStanding], *, now: datetime, standard: Standard
) -> list[Projection]:
    on = now.date()
    bound = list_bound(session, [row.shop_id for row in candidates], now=now)
    rows = [row for row in candidates if bound[row.shop_id] == standard]
    found: list[Projection] = []
    for start in range(0, len(rows), SHOPS_AT_ONCE):
        part = rows[start : start + SHOPS_AT_ONCE]
        scores = _list_judged_scores(session, [row.shop_id for row in part], standard)
        found += [p for row in part if (p := _project(row, scores[row.shop_id], on=on, standard=standard))]
    return found


def _project(
    row: ShopStanding, scores: Mapping[str, Judged], *, on: date, standard: Standard
) -> Projection | None:
    expected = project_standing(_to_standing(row), scores, on=on, standard=standard).level
    if expected == row.level:
        return None
    order = ("below", "in_standard", "top")
    is_up = order.index(expected) > order.index(row.level)
    return Projection(row.shop_id, row.level, expected, _decisive(scores, expected), is_up)


def list_recent_changes(session: Session, *, since: date, limit: int) -> list[Change]:
    """Changes of standings decided for a date from `since` on, latest first."""
    query = select(StandingChange).where(StandingChange.on_date >= since, StandingChange.state.not_in(UNSEEN))
    found = list(
        session.scalars(query.order_by(StandingChange.on_date.desc(), StandingChange.id.desc()).limit(limit))
    )
    shop_ids = sorted({change.shop_id for change in found})
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=shop_ids)}
    return [Change(cards[change.shop_id], change) for change in found]


def count_recent_changes(session: Session, *, since: date) -> int:
    """How many changes there were for a date from `since` on."""
    query = select(func.count(StandingChange.id)).where(
        StandingChange.on_date >= since, StandingChange.state.not_in(UNSEEN))
    return session.scalar(query) or 0


def find_last_run_on(session: Session) -> date | None:
    """The latest date judged officially; None before the first."""
    return session.scalar(select(func.max(EvaluationRun.on_date)))


def count_quarantined(session: Session) -> int:
    """What could not be read and still waits."""
    query = select(func.count(Quarantined.id)).where(Quarantined.replayed_at.is_(None))
    return session.scalar(query) or 0
