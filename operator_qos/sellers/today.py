"""What the operator's first page says, from the queries of today_queries: sentences, lines and lights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.clock import from_ms
from operator_qos.disputes.queries import DisputeRow, list_rows
from operator_qos.evaluation.rule_page import RuleLine, list_rule_lines
from operator_qos.i18n import gettext, ngettext
from operator_qos.ledger.queries import ScorecardRow, list_scorecards
from operator_qos.metric_cards import MetricCard, build_card
from operator_qos.models import StandingChange
from operator_qos.sellers import today_queries as queries
from operator_qos.sellers.league import list_judged_rules
from operator_qos.sellers.league_queries import LeagueView, is_ranked, list_league_ids, list_league_rows
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standards.binding import list_bound, list_in_use
from operator_qos.standards.titles import name_level
from operator_qos.standing.live import find_live
from scoring.plain import find_plain_rule, is_plain
from scoring.standards import Standard

NEAR = timedelta(hours=48)
SHOWN = 10
WORST_SHOWN = 5


@dataclass(frozen=True)
class DisputeLine:
    """A dispute that reaches its deadline soon, or has passed it."""

    id: int
    case_ref: str
    about: str
    due: datetime | None
    zone: str
    is_late: bool
    amount_minor: int | None
    currency: str
    turn: str
    consequence: str


@dataclass(frozen=True)
class LightLine:
    """A column of the table of checks."""

    name: str
    feed: str
    age_seconds: int | None
    silent_shops: int
    set_aside: int
    unexplained: int


@dataclass(frozen=True)
class ChangeLine:
    """A change of a standing in words."""

    card: ShopCard
    title: str
    sentence: str


@dataclass(frozen=True)
class ProjectionLine:
    """A shop about to change its level, with the metric that decides it; names as its standard calls the levels."""

    card: ShopCard
    level: str
    level_name: str
    expected: str
    expected_name: str
    is_up: bool
    metric: MetricCard | None
    rules: tuple[RuleLine, ...] = ()  # of a standard that is not plain, those not kept now


@dataclass(frozen=True)
class WorstLine:
    """A shop with a high raw rate."""

    card: ShopCard
    metric: MetricCard


@dataclass(frozen=True)
class TodayPage:
    """Everything on the page, in reading order. `zone` is where its own moments are told."""

    now: datetime
    zone: str
    scope: str
    lead: tuple[str, ...]
    alert: str
    counts: queries.DisputeCounts
    disputes: tuple[DisputeLine, ...]
    lights: tuple[LightLine, ...]
    silent: tuple[ShopCard, ...]
    set_aside: int
    changes: tuple[ChangeLine, ...]
    change_count: int
    no_change: str
    projections: tuple[ProjectionLine, ...]
    projection_count: int
    worst: tuple[WorstLine, ...]
    worst_name: str


def describe_change(change: StandingChange) -> tuple[str, str]:
    """Title and sentence of a stored change: what it was, what it is, and why."""
    reasons = " ".join(words.reason_sentence(reason) for reason in change.reasons[:2])
    if change.kind == "level_changed":
        before, after = words.level_name(change.before), words.level_name(change.after)
        moved = gettext("%(before)s became %(after)s.", before=before, after=after)
        return str(words.change_name(change.kind)), f"{moved} {reasons}".strip()
    if change.kind in {"badge_awarded", "badge_withdrawn"}:
        name = words.badge_name(change.after or change.before)
        return str(words.change_name(change.kind)), f"{name}. {reasons}".strip()
    if change.kind == "warning_given":
        return str(gettext("Warning %(level)s", level=change.after)), reasons
    return str(words.change_name(change.kind)), reasons


def _dispute_line(row: DisputeRow, now: datetime) -> DisputeLine:
    dispute = row.dispute
    mediated = dispute.decision_due_at is not None
    due = dispute.decision_due_at or dispute.seller_due_at
    about = [
        str(words.reason_name(dispute.reason) or words.case_kind_name(dispute.kind)),
        row.place.shop_name,
    ]
    turn = str(words.party_name("mediator" if mediated else dispute.holder))
    late = due is not None and due < now
    consequence = gettext("Counts as our own late decision") if mediated else gettext("Goes to a mediator")
    return DisputeLine(
        id=dispute.id,
        case_ref=dispute.case_ref,
        about=", ".join(about),
        due=due,
        zone=row.place.zone,
        is_late=late,
        amount_minor=dispute.amount_minor,
        currency=dispute.currency,
        turn=f"{turn}: {row.mediator}" if row.mediator and mediated else turn,
        consequence=str(consequence),
    )


def _list_dispute_lines(session: Session, now: datetime) -> tuple[DisputeLine, ...]:
    ids = queries.list_pressing_ids(session, now=now, within=NEAR, limit=SHOWN)
    return tuple(_dispute_line(row, now) for row in list_rows(session, ids))


def _light_line(light: queries.Light, now: datetime) -> LightLine:
    age = (now - from_ms(light.newest_ms)).total_seconds() if light.newest_ms else None
    age_seconds = None if age is None else max(0, int(age))
    return LightLine(light.name, light.feed, age_seconds, light.silent_shops, light.set_aside,
                     light.unexplained)


def _list_projection_lines(
    session: Session, found: Sequence[queries.Projection], now: datetime
) -> tuple[ProjectionLine, ...]:
    shop_ids = [projection.shop_id for projection in found]
    bound = list_bound(session, shop_ids, now=now)
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=shop_ids)}
    scores = list_scorecards(session, shop_ids)
    return tuple(
        replace(_projection_line(p, cards[p.shop_id], scores.get(p.shop_id, {}), bound[p.shop_id]),
                rules=_list_unkept(session, p.shop_id, bound[p.shop_id])) for p in found)


def _list_unkept(session: Session, shop_id: int, standard: Standard) -> tuple[RuleLine, ...]:
    """The rules of a standard that is not plain which a shop does not keep now."""
    live = None if is_plain(standard) else find_live(session, shop_id, standard)
    lines = list_rule_lines(session, shop_id, standard, live) if live is not None else ()
    return tuple(line for line in lines if line.now_verdict in {"watch", "breached"})


def _projection_line(
    found: queries.Projection, card: ShopCard, scores: Mapping[str, ScorecardRow], standard: Standard
) -> ProjectionLine:
    rule = find_plain_rule(standard, found.why) if found.why else None
    metric = build_card(scores[rule.metric], rule, standard.evidence) if rule else None
    names = (name_level(standard, level) for level in (found.level, found.expected))
    return ProjectionLine(card, found.level, next(names), found.expected, next(names), found.is_up, metric)


def _list_worst(session: Session, metric: str, now: datetime) -> tuple[WorstLine, ...]:
    """The shops with the highest raw rate of a metric, each beside its own standard's limit."""
    ids = list_league_ids(session, LeagueView(metric=metric), limit=WORST_SHOWN)
    bound = list_bound(session, ids, now=now)
    found = []
    for row in list_league_rows(session, ids, metrics=[metric], now=now):
        standard = bound[row.card.id]
        if is_ranked(row, metric):
            card = build_card(row.scores[metric], find_plain_rule(standard, metric), standard.evidence)
            found.append(WorstLine(row.card, card))
    return tuple(found)


def _say_disputes(counts: queries.DisputeCounts) -> list[str]:
    if not counts.near and not counts.late:
        return [gettext("No dispute is late or near its deadline.")]
    near = ngettext(
        "%(n)s dispute reaches its deadline within two days.",
        "%(n)s disputes reach their deadline within two days.",
        counts.near,
        n=words.count(counts.near),
    )
    late = ngettext(
        "%(n)s is already late.", "%(n)s are already late.", counts.late, n=words.count(counts.late)
    )
    return [near, late if counts.late else gettext("None is late.")]


def _say_levels(projections: list[queries.Projection]) -> str:
    up = sum(p.is_up for p in projections)
    down = len(projections) - up
    if not projections:
        return str(gettext("No level would change if it were decided now."))
    falling = ngettext("%(n)s shop would go down", "%(n)s shops would go down", down, n=words.count(down))
    if not up:
        return str(gettext("If levels were decided now, %(what)s.", what=falling))
    if not down:
        rising = ngettext("%(n)s shop would go up", "%(n)s shops would go up", up, n=words.count(up))
        return str(gettext("If levels were decided now, %(what)s.", what=rising))
    rising = ngettext("%(n)s would go up", "%(n)s would go up", up, n=words.count(up))
    return str(gettext("If levels were decided now, %(down)s and %(up)s.", down=falling, up=rising))


def _lead(
    counts: queries.DisputeCounts, projections: list[queries.Projection], set_aside: int
) -> tuple[str, ...]:
    said = [*_say_disputes(counts), _say_levels(projections)]
    if set_aside:
        said.append(
            ngettext(
                "%(n)s event could not be read.",
                "%(n)s events could not be read.",
                set_aside,
                n=words.count(set_aside),
            )
        )
    return tuple(str(sentence) for sentence in said)


def _shops(count: int) -> str:
    return str(ngettext("%(shown)s shop", "%(shown)s shops", count, shown=words.count(count)))


def _scope(lights: list[queries.Light], shops: int) -> str:
    names = ", ".join(light.name for light in lights)
    return f"{names}{gettext(': ')}{_shops(shops)}." if names else ""


def _alert(lights: list[queries.Light]) -> str:
    late = [light.name for light in lights if light.feed != "kept" and light.newest_ms]
    return str(gettext("No news from %(names)s for a day or more.", names=", ".join(late))) if late else ""


def build_today(session: Session, *, now: datetime, zone: str, shop_count: int) -> TodayPage:
    """The page as of now."""
    heard = queries.find_heard(session, now=now, limit=SHOWN)
    lights = queries.list_lights(session, heard, now=now)
    projections = queries.list_projections(session, now=now)
    worst_metric = next(iter(list_judged_rules(list_in_use(session, now=now))))
    since = now.date() - timedelta(days=1)
    changes = queries.list_recent_changes(session, since=since, limit=SHOWN)
    counts = queries.count_disputes(session, now=now, within=NEAR)
    set_aside = queries.count_quarantined(session)
    return TodayPage(
        now=now,
        zone=zone,
        scope=_scope(lights, shop_count),
        lead=_lead(counts, projections, set_aside),
        alert=_alert(lights),
        counts=counts,
        disputes=_list_dispute_lines(session, now),
        lights=tuple(_light_line(light, now) for light in lights),
        silent=tuple(list_shop_cards(session, shop_ids=heard.longest_silent)) if heard.longest_silent else (),
        set_aside=set_aside,
        changes=tuple(ChangeLine(found.card, *describe_change(found.change)) for found in changes),
        change_count=queries.count_recent_changes(session, since=since),
        no_change=str(gettext("No level, badge or warning changed in the last official run.")),
        projections=_list_projection_lines(session, projections[:SHOWN], now),
        projection_count=len(projections),
        worst=_list_worst(session, worst_metric, now),
        worst_name=str(words.metric_name(worst_metric)),
    )
