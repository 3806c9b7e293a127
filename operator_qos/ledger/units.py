"""The rows behind one number: which units counted, which failed, which were forgiven, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.clock import from_ms
from operator_qos.i18n import gettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.ledger.queries import OddCounts, ScorecardRow, Unit, list_latest_bad, list_scorecards, list_units
from operator_qos.ledger.unit_queries import (
    Forgiveness,
    OrderBrief,
    TurnBrief,
    list_dossiers,
    list_forgiveness,
    list_order_briefs,
    list_turn_briefs,
)
from operator_qos.metric_cards import MetricCard, build_card
from operator_qos.standards.binding import get_bound, get_shipped_standard
from scoring.metrics import GROUP_CODES, METRICS, Metric
from scoring.plain import find_plain_rule
from scoring.runs import REPEAT_MS
from scoring.standards import Standard
from scoring.terms import read_terms

SHOWS = ("bad", "forgiven", "all")
ANCHORS = {
    "placed": _("Ordered"),
    "ship": _("To ship by"),
    "deliver": _("To deliver by"),
    "shipped": _("Shipped"),
    "review": _("Rated"),
    "turn": _("Asked"),
    "case": _("Opened"),
    "resolved": _("Solved"),
    "return": _("Return received"),
    "arrived": _("Arrived"),
    "survey": _("Survey answered"),
    "mediation": _("Passed to a mediator"),
    "perfect": _("Ordered"),
}
TITLES = {
    "placed": _("Order"),
    "ship": _("Order"),
    "deliver": _("Order"),
    "shipped": _("Order"),
    "review": _("Order"),
    "turn": _("Question"),
    "case": _("Problem"),
    "resolved": _("Problem"),
    "return": _("Return"),
    "arrived": _("Order"),
    "survey": _("Order"),
    "mediation": _("Problem"),
    "perfect": _("Order"),
}


# Orders looked at for when they were accepted or refused.
_ANSWERED = frozenset({"acceptance_rate", "auto_refusal_rate", "acceptance_time", "refusal_streak"})


@dataclass(frozen=True)
class UnitsView:
    """The units of one metric in the scorecard's window, with how many there are of each sort."""

    metric: Metric
    standard: Standard
    card: MetricCard
    score: ScorecardRow
    show: str
    rows: tuple[Unit, ...]
    bad: int
    forgiven: int
    total: int
    anchor_title: str
    unit_title: str

    @property
    def shift_ms(self) -> int:
        """How far before the scorecard's window its rows lie: those of buyers who had time to come back."""
        return REPEAT_MS if self.metric.kind == "repeat" else 0


@dataclass(frozen=True)
class UnitLine:
    """One row as shown. `moment_ms` is what settled it, None where nothing did."""

    unit: Unit
    name: str
    moment_ms: int | None
    is_bad: bool
    is_forgiven: bool
    reasons: tuple[str, ...]
    forgiveness: tuple[Forgiveness, ...]


@dataclass(frozen=True)
class _Facts:
    orders: dict[str, OrderBrief]
    turns: dict[str, TurnBrief]
    forgiven: dict[str, list[Forgiveness]]


def is_forgiven(unit: Unit) -> bool:
    """Whether the official count treats a unit more kindly than the raw one."""
    return bool((unit.base and not unit.official_base) or (unit.bad and not unit.official_bad))


def choose_units(units: Sequence[Unit], show: str) -> list[Unit]:
    """The rows of a tab, latest first: what officially failed, what was forgiven, or everything counted."""
    if show == "bad":
        chosen = [unit for unit in units if unit.official_bad]
    elif show == "forgiven":
        chosen = [unit for unit in units if is_forgiven(unit)]
    else:
        chosen = list(units)
    return sorted(chosen, key=lambda unit: (-unit.anchor_ms, unit.unit))


def read_show(metric: Metric, asked: str | None) -> str:
    """The tab asked for; times and means have no failures, so all their rows are shown."""
    usual = "bad" if metric.counts_failures else "all"
    return asked if asked in SHOWS else usual


def find_units(
    session: Session, shop_id: int, *, metric: str, show: str | None, latest: int | None = None,
    score: ScorecardRow | None = None,
) -> UnitsView | None:
    """The units behind a scorecard's number, counted at the scorecard's own moment; of what failed the latest few.

    `score` is that number where it was read before. None for an unknown metric, or one the shop has no number for.
    """
    found = METRICS.get(metric)
    score = score or list_scorecards(session, [shop_id]).get(shop_id, {}).get(metric)
    if found is None or score is None:
        return None
    chosen = read_show(found, show)
    rows, counts = _list_rows(session, score, chosen, latest=latest)
    standard = get_bound(session, shop_id, now=from_ms(score.as_of_ms))
    return UnitsView(
        metric=found,
        standard=standard,
        card=build_card(score, find_plain_rule(standard, metric), standard.evidence),
        score=score,
        show=chosen,
        rows=tuple(rows),
        bad=counts.bad,
        forgiven=counts.forgiven,
        total=score.raw_base,
        anchor_title=str(ANCHORS[found.group]),
        unit_title=str(TITLES[found.group]),
    )


def _list_rows(
    session: Session, score: ScorecardRow, show: str, *, latest: int | None
) -> tuple[list[Unit], OddCounts]:
    """The rows of a tab, and how many there are of each sort."""
    start_ms, end_ms = score.window_start_ms, score.as_of_ms
    if show == "bad" and latest is not None and METRICS[score.metric].kind not in {"repeat", "streak"}:
        found, counts = list_latest_bad(
            session, score.shop_id, metric=score.metric, window_start_ms=start_ms, as_of_ms=end_ms, limit=latest)
        return choose_units(found, show)[:latest], counts
    units = list_units(session, score.shop_id, metric=score.metric, window_start_ms=start_ms, as_of_ms=end_ms,
                       only_odd=show != "all")
    counted = [unit for unit in units if unit.base]
    return choose_units(counted, show), OddCounts(
        sum(bool(unit.official_bad) for unit in counted), sum(is_forgiven(unit) for unit in counted))


def _settled_ms(view: UnitsView, unit: Unit, facts: _Facts) -> int | None:
    order = facts.orders.get(unit.order_ref or "")
    if view.metric.id in _ANSWERED:
        return unit.settled_ms
    if view.metric.group == "turn":
        turn = facts.turns.get(unit.unit)
        return turn.answered_ms if turn else None
    if order is None:
        return None
    if view.metric.group == "ship":
        return order.shipped_ms
    return order.arrived_ms if view.metric.group == "deliver" else None


def settled_title(metric: Metric) -> str:
    """What the moment that settled a row is called; empty where there is none to show."""
    if metric.id in _ANSWERED:
        return str(gettext("Accepted or refused"))
    titles = {"ship": gettext("Shipped"), "deliver": gettext("Arrived"), "turn": gettext("Answered")}
    return str(titles.get(metric.group, ""))


def _reasons(view: UnitsView, unit: Unit, facts: _Facts) -> tuple[str, ...]:
    if view.metric.id == "order_defect_rate":
        counted = read_terms(view.standard, from_ms=0, otherwise=get_shipped_standard()).defect_kinds
        return tuple(str(words.defect_name(kind)) for kind in unit.kinds if kind in counted)
    order = facts.orders.get(unit.order_ref or "")
    if view.metric.group == "placed" and unit.bad and order is not None and order.cancel_reason:
        return (str(words.reason_name(order.cancel_reason)),)
    if view.metric.group == "ship" and order is not None and order.carrier:
        return (order.carrier,)
    return ()


def build_lines(session: Session, shop_id: int, view: UnitsView, units: Sequence[Unit]) -> list[UnitLine]:
    """The rows of one page with what explains them."""
    dossiers = list_dossiers(
        session,
        shop_id,
        group_code=GROUP_CODES[view.metric.group],
        anchors_ms=[unit.anchor_ms for unit in units],
    )
    facts = _Facts(
        orders=list_order_briefs(session, dossiers),
        turns=list_turn_briefs(session, dossiers),
        forgiven=list_forgiveness(session, dossiers),
    )
    return [_line(view, unit, facts) for unit in units]


def _line(view: UnitsView, unit: Unit, facts: _Facts) -> UnitLine:
    forgiven = is_forgiven(unit)
    said = facts.forgiven.get(unit.unit, []) or facts.forgiven.get(unit.order_ref or "", [])
    return UnitLine(
        unit=unit,
        name=unit.unit.partition("|")[2] or unit.unit,
        moment_ms=_settled_ms(view, unit, facts),
        is_bad=bool(unit.official_bad),
        is_forgiven=forgiven,
        reasons=_reasons(view, unit, facts),
        forgiveness=tuple(said) if forgiven else (),
    )
