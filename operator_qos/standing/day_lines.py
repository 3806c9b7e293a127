"""The lines of a seller's day: one promise each, with whose turn it is and what missing it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.clock import from_ms
from operator_qos.formats import format_money
from operator_qos.i18n import find_language, gettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.ledger.queries import ScorecardRow, list_scorecards
from operator_qos.metric_cards import room_sentence
from operator_qos.sellers.queries import ShopCard
from operator_qos.standards.binding import list_bound
from operator_qos.standards.phrases import name_part
from operator_qos.standards.values import say_value
from operator_qos.standing import day_queries as queries
from operator_qos.standing.day_queries import CARRIED, Owed
from operator_qos.standing.live import Live, list_live
from scoring.plain import find_plain_rule, is_plain
from scoring.standards import Standard

METRIC_OF = {
    "accept": "cancellation_rate",
    "ship": "late_shipment_rate",
    "answer": "response_within_rate",
    "resolve": "resolution_within_rate",
    "deliver": "on_time_delivery_rate",
    "track": "valid_tracking_rate",
}
MISSED = {
    "accept": _("Past its time: it may be cancelled at your charge."),
    "ship": _("Counts as a late shipment already. Ship it all the same: 14 days late it counts as a defect."),
    "answer": _("Counts as a late reply already. Answer all the same: problems begin with silence."),
    "resolve": _("Counts as solved late already. It may go to a mediator any time."),
    "deliver": _("Counts as a late delivery already."),
    "track": _("No scan of the carrier yet: check the parcel’s number and that it was handed over."),
}
DOING = {
    "accept": _("Accept or refuse the order"),
    "ship": _("Ship the order"),
    "answer": _("Answer the buyer"),
    "resolve": _("Solve the problem"),
    "deliver": _("Parcel to be delivered"),
    "track": _("First scan of the parcel"),
}
EXCERPT = 140


@dataclass(frozen=True)
class Shops:
    """The seller's shops and the zones they live in, by id."""

    cards: Mapping[int, ShopCard]
    zones: Mapping[int, str]


@dataclass(frozen=True)
class DayLine:
    """One promise as shown; `text` is the buyer's own words, in `text_language`.

    `state`: mine, buyer, staff or carrier.
    """

    owed: Owed
    card: ShopCard
    zone: str
    title: str
    name: str
    text: str
    text_language: str
    about: str
    state: str
    state_name: str
    cost: str
    cost_verdict: str | None
    dispute_id: int | None


@dataclass(frozen=True)
class MediatedLine:
    """A dispute that waits for the mediator."""

    found: queries.Mediated
    card: ShopCard
    zone: str
    reason: str


@dataclass(frozen=True)
class Facts:
    """What lines are made of."""

    shops: Shops
    scores: Mapping[int, Mapping[str, ScorecardRow]]
    standards: Mapping[int, Standard]
    live: Mapping[int, Live]
    questions: Mapping[tuple[str, str], str]
    orders: Mapping[tuple[int, str], queries.OrderNote]
    cases: Mapping[tuple[int, str], queries.CaseNote]
    now_ms: int


def read_facts(session: Session, owed: Sequence[Owed], shops: Shops, *, now_ms: int) -> Facts:
    """What the lines of these promises need, in a fixed number of statements."""
    shop_ids = sorted({row.shop_id for row in owed})
    standards = list_bound(session, shop_ids, now=from_ms(now_ms))
    return Facts(
        shops=shops,
        scores=list_scorecards(session, shop_ids),
        standards=standards,
        live=list_live(session, [shop for shop, standard in standards.items() if not is_plain(standard)]),
        questions=queries.list_questions(session, owed),
        orders=queries.list_order_notes(session, owed),
        cases=queries.list_case_notes(session, owed),
        now_ms=now_ms,
    )


def _money(minor: int, currency: str) -> str:
    return format_money(minor, currency, find_language())


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1].rstrip()}…"


def _about(owed: Owed, facts: Facts) -> str:
    """What helps to recognise a row, beside the buyer's own words."""
    order = facts.orders.get((owed.shop_id, owed.order_ref or ""))
    found = facts.cases.get((owed.shop_id, owed.ref)) if owed.kind == "resolve" else None
    parts: list[str] = []
    if found is not None:
        parts = [str(words.reason_name(found.reason) or words.case_kind_name(found.kind))]
        parts += [_money(found.amount_minor, found.currency)] if found.amount_minor is not None else []
    elif order is not None and owed.kind != "answer":
        currency = order.currency or facts.shops.cards[owed.shop_id].currency
        parts = [_money(order.amount_minor, currency)] if order.amount_minor is not None else []
        parts += [order.carrier] if order.carrier else []
    return ", ".join(parts)


def _state(owed: Owed) -> tuple[str, str]:
    """The real state: whose turn it is, whether or not anybody has opened it."""
    holder = "operator" if owed.owes == "operator" else owed.waiting_for
    if holder == "buyer":
        return "buyer", str(gettext("Waiting for the buyer"))
    if holder in {"operator", "mediator"}:
        return "staff", str(gettext("Waiting for the operator"))
    if holder is not None:
        return "buyer", str(gettext("Waiting for: %(party)s", party=words.party_name(holder)))
    if owed.kind in CARRIED:
        return "carrier", str(gettext("With the carrier"))
    return "mine", str(gettext("Yours to answer") if owed.kind in {"answer", "resolve"} else gettext("Yours to do"))


def _describe_missed(owed: Owed, score: ScorecardRow | None) -> str:
    """What a promise past its time has cost; one older than the window costs nothing more."""
    anchor_ms = owed.since_ms if owed.kind in {"answer", "resolve"} else owed.due_ms
    if score is not None and anchor_ms < score.window_start_ms:
        return str(gettext("Late for long: no longer in your current figures. Settle it all the same."))
    return str(MISSED.get(owed.kind, ""))


def describe_cost(
    owed: Owed, scores: Mapping[str, ScorecardRow], *, standard: Standard, now_ms: int, live: Live | None = None
) -> tuple[str, str | None]:
    """What missing a promise costs, in orders, with the verdict of its metric where that is not kept."""
    if owed.excluded == "both":
        return str(gettext("Forgiven: it does not count against you.")), None
    if owed.waiting_for is not None or owed.owes != "seller":
        return "", None
    metric = METRIC_OF.get(owed.kind, "")
    rule, score = find_plain_rule(standard, metric), scores.get(metric)
    if owed.due_ms < now_ms:
        return _describe_missed(owed, score), None
    if rule is None or score is None:
        return _describe_live(metric, standard, live)
    room = room_sentence(score, rule, standard.evidence)
    if score.verdict == "not_enough_data":
        return f"{words.metric_name(metric)}{gettext(': ')}{room}", None
    return room, score.verdict if score.verdict in {"watch", "breached"} else None


def _describe_live(metric: str, standard: Standard, live: Live | None) -> tuple[str, str | None]:
    """What the rule that judges a metric says now, of one that is not plain; the next date is the official one."""
    rule = next((rule for rule in standard.rules if rule.is_active and rule.metric == metric), None)
    line = live.rules.get(rule.id) if rule is not None and live is not None else None
    if rule is None or line is None or line.verdict == "exempt":
        return "", None
    said = gettext("%(rule)s now: %(value)s", rule=name_part(rule), value=say_value(rule, line.value))
    return str(said), line.verdict if line.verdict in {"watch", "breached"} else None


def build_line(owed: Owed, facts: Facts) -> DayLine:
    """One promise in words."""
    card = facts.shops.cards[owed.shop_id]
    state, state_name = _state(owed)
    cost, verdict = describe_cost(owed, facts.scores.get(owed.shop_id, {}), standard=facts.standards[owed.shop_id],
                                  now_ms=facts.now_ms, live=facts.live.get(owed.shop_id))
    found = facts.cases.get((owed.shop_id, owed.ref)) if owed.kind == "resolve" else None
    named = owed.order_ref or owed.conversation or owed.ref
    return DayLine(
        owed=owed,
        card=card,
        zone=facts.shops.zones[owed.shop_id],
        title=str(DOING.get(owed.kind) or words.obligation_name(owed.kind)),
        name=f"{owed.ref}, {owed.order_ref}" if owed.kind == "resolve" and owed.order_ref else named,
        text=_excerpt(facts.questions.get((owed.opened_source, owed.opened_id), "")),
        text_language=card.language,
        about=_about(owed, facts),
        state=state,
        state_name=state_name,
        cost=cost,
        cost_verdict=verdict,
        dispute_id=found.dispute_id if found else None,
    )


def list_mediated_lines(session: Session, shop_ids: Sequence[int], shops: Shops) -> tuple[MediatedLine, ...]:
    """The disputes of these shops that wait for a mediator."""
    return tuple(
        MediatedLine(
            found,
            shops.cards[found.shop_id],
            shops.zones[found.shop_id],
            str(words.reason_name(found.reason) or words.case_kind_name(found.kind)),
        )
        for found in queries.list_mediated(session, shop_ids)
    )
