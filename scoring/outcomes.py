"""What each unit of a dossier adds to each metric at (T, K): the one definition of bad and base.

An `Outcome` holds, for the metrics of one group, masks of flags (see scoring.metrics): in whose base the unit is,
for which it is bad, and the same officially, i.e. with exclusions applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scoring.calendars import WorkingCalendar
from scoring.cases import (
    CaseState,
    is_exonerated,
    is_lost,
    limit_ms,
    seller_ms,
    standing_resolution,
    was_reopened,
)
from scoring.dossier import Dossier
from scoring.dues import add_or_never
from scoring.metrics import FLAGS, GROUP_CODES, OWN_METRICS
from scoring.orders import OrderFacts, OrderState, standing_review
from scoring.turns import Turn

TRACK_MS = 48 * 3_600_000
LOW_RATING = 2

ODR, CANCELLED, OUT_OF_STOCK = FLAGS["order_defect_rate"], FLAGS["cancellation_rate"], FLAGS["out_of_stock_rate"]
ACCEPTANCE, AUTO_REFUSAL = FLAGS["acceptance_rate"], FLAGS["auto_refusal_rate"]
CASE, CASES_LOST = FLAGS["case_rate"], FLAGS["cases_lost_rate"]
REFUND, CHARGEBACK, CONTACT = FLAGS["refund_rate"], FLAGS["chargeback_rate"], FLAGS["contact_rate"]
RETURN, TRACKING = FLAGS["return_rate"], FLAGS["valid_tracking_rate"]
NEGATIVE, RATING = FLAGS["negative_review_rate"], FLAGS["average_rating"]
FIRST_TIME, TIME = FLAGS["first_response_time"], FLAGS["response_time"]
WITHIN, NO_RESPONSE = FLAGS["response_within_rate"], FLAGS["no_response_rate"]
RESOLUTION_TIME, RESOLUTION_WITHIN = FLAGS["resolution_time"], FLAGS["resolution_within_rate"]
# Not metrics of their own: shown beside the times, the turns nobody answered and the cases nobody resolved.
UNANSWERED, UNANSWERED_FIRST, UNRESOLVED = 1 << 8, 1 << 9, 1 << 8
PLACED = GROUP_CODES["placed"]
ALWAYS_PLACED = ODR | CANCELLED | OUT_OF_STOCK | CASE | CASES_LOST | REFUND | CHARGEBACK | CONTACT


class Outcome(NamedTuple):
    """One unit in one group at (T, K).

    `anchor_ms` [epoch ms] decides the window; `amount` is the measured time [s] or the rating, 0 for shares;
    `order` and `buyer` name who is behind it, None where nobody told us; `kinds` are the defects standing on a placed
    order, forgiven ones included.
    """

    group: int
    unit: str
    anchor_ms: int
    base: int
    bad: int
    official_base: int
    official_bad: int
    amount: int
    order: str | None
    buyer: str | int | None
    kinds: tuple[str, ...] = ()


def _passed(moment: int | None, as_of_ms: int) -> bool:
    return moment is not None and moment < as_of_ms


def _by(moment: int | None, limit: int) -> bool:
    return moment is not None and moment <= limit


def _forgiven(dossier: Dossier, name: tuple[str, ...], flags: int) -> tuple[int, int]:
    """(flags that leave the bad, flags that leave the base) for one obligation."""
    found = dossier.exclusions.get(name)
    if found is None:
        return 0, 0
    return flags, flags if found.scope == "both" else 0


def list_defects(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> list[str]:
    """The defect kinds standing on one order at T, whatever the standard counts."""
    found = _list_case_defects(dossier.cases_of(order.id)) if dossier.cases else []
    review = standing_review(order)
    if review is not None and (review.rating or 0) <= LOW_RATING:
        found.append("low_rating")
    if facts.seller_cancellations:
        found.append("cancelled_by_seller")
    if _passed(facts.not_shipped_ms, as_of_ms):
        found.append("not_shipped")
    if facts.deliver is not None and not _by(facts.arrived_ms, facts.deliver.due_ms) and _is_judged_for_delivery(
            facts, as_of_ms):
        found.append("late_delivery")
    if any(refund.fault == "seller" for refund in order.refunds):
        found.append("seller_refund")
    return found


def _list_case_defects(cases: Sequence[CaseState]) -> list[str]:
    found = {
        "case": any(c.kind in {"claim", "incident"} and not is_exonerated(c) for c in cases),
        "case_lost": any(map(is_lost, cases)),
        "chargeback": any(c.kind == "chargeback" and not is_exonerated(c) for c in cases),
    }
    return [kind for kind, stands in found.items() if stands]


def _cancel_flags(facts: OrderFacts) -> int:
    before = [
        c for c in facts.seller_cancellations if facts.shipped_ms is None or c.at_ms <= facts.shipped_ms
    ]
    flags = CANCELLED if before else 0
    return flags | (OUT_OF_STOCK if any(c.reason == "out_of_stock" for c in before) else 0)


def _case_flags(dossier: Dossier, order: OrderState, defects: Sequence[str]) -> int:
    cases = dossier.cases_of(order.id)
    flags = CASE if any(c.kind in {"claim", "incident"} for c in cases) else 0
    flags |= CHARGEBACK if any(c.kind == "chargeback" for c in cases) else 0
    return flags | (CASES_LOST if "case_lost" in defects else 0)


def _placed_flags(
    dossier: Dossier, order: OrderState, facts: OrderFacts, defects: Sequence[str]
) -> tuple[int, int]:
    """(base, bad) of the metrics on placed orders, but for the share of defective ones."""
    base, bad = ALWAYS_PLACED, _cancel_flags(facts) if facts.seller_cancellations else 0
    if facts.refused_ms is not None:
        base |= ACCEPTANCE | AUTO_REFUSAL
        bad |= ACCEPTANCE | (AUTO_REFUSAL if facts.refused_by == "automatic" else 0)
    elif facts.accepted_ms is not None:
        base |= ACCEPTANCE | AUTO_REFUSAL
    if dossier.cases:
        bad |= _case_flags(dossier, order, defects)
    if order.refunds:
        bad |= REFUND
    if dossier.conversations and any(
            t.owes == "seller" and dossier.turn_order(t) == order.id for t in dossier.list_turns()):
        bad |= CONTACT
    return base, bad


def _placed(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> Outcome:
    defects = list_defects(dossier, order, facts, as_of_ms)
    base, bad = _placed_flags(dossier, order, facts, defects)
    counted = [kind for kind in defects if kind in dossier.frame.terms_at(facts.ordered_ms or 0).defect_kinds]
    official, official_base = bad, base
    if dossier.exclusions:
        official, official_base = _forgive_placed(dossier, order.id, base, bad)
        counted_officially = any(("defect", kind, order.id) not in dossier.exclusions for kind in counted)
    else:
        counted_officially = bool(counted)
    return Outcome(PLACED, order.id, facts.ordered_ms or 0, base, bad | (ODR if counted else 0), official_base,
                   official | (ODR if counted_officially else 0), 0, order.id, order.fields.get("buyer"),
                   tuple(defects))


def _forgive_placed(dossier: Dossier, order_id: str, base: int, bad: int) -> tuple[int, int]:
    """(bad, base) of a placed order officially, but for the share of defective ones."""
    official = bad
    for kind, names in OWN_METRICS.items():
        if ("defect", kind, order_id) in dossier.exclusions:
            for name in names:
                official &= ~FLAGS[name] if name != "negative_review_rate" else -1
    off_bad, off_base = _forgiven(dossier, ("accept", order_id), ACCEPTANCE | AUTO_REFUSAL)
    return official & ~off_bad & ~off_base, base & ~off_base


def _simple(dossier: Dossier, group: str, order: OrderState, anchor_ms: int, *, kind: str, bad: bool) -> Outcome:
    off_bad, off_base = _forgiven(dossier, (kind, order.id), 1)
    flag = int(bad)
    return Outcome(GROUP_CODES[group], order.id, anchor_ms, 1, flag, 1 & ~off_base, flag & ~off_bad, 0,
                   order.id, order.fields.get("buyer"))


def _ship(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> Outcome | None:
    if facts.ship is None or not facts.own_fulfilment or facts.ship.due_ms >= as_of_ms:
        return None
    due = facts.ship.due_ms
    if _by(facts.refused_ms, due) or _by(facts.cancelled_ms, due):
        return None
    return _simple(dossier, "ship", order, due, kind="ship", bad=not _by(facts.shipped_ms, due))


def _is_judged_for_delivery(facts: OrderFacts, as_of_ms: int) -> bool:
    if facts.deliver is None or not facts.own_fulfilment or facts.deliver.due_ms >= as_of_ms:
        return False
    due = facts.deliver.due_ms
    if _by(facts.refused_ms, due) or _by(facts.cancelled_ms, due):
        return False
    unknowable = facts.shipped_ms is not None and not facts.trackable
    return not (unknowable and facts.first_scan_ms is None and not facts.delivery_known)


def _deliver(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> Outcome | None:
    if facts.deliver is None or not _is_judged_for_delivery(facts, as_of_ms):
        return None
    due = facts.deliver.due_ms
    return _simple(dossier, "deliver", order, due, kind="deliver", bad=not _by(facts.arrived_ms, due))


def _shipped(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> Outcome | None:
    if facts.shipped_ms is None:
        return None
    base, bad = RETURN, RETURN if any(r.step == "requested" for r in order.returns) else 0
    if facts.own_fulfilment and facts.trackable and facts.shipped_ms + TRACK_MS < as_of_ms:
        base |= TRACKING
        bad |= 0 if facts.first_scan_ms is not None else TRACKING
    off_bad, off_base = _forgiven(dossier, ("track", order.id), TRACKING)
    return Outcome(GROUP_CODES["shipped"], order.id, facts.shipped_ms, base, bad, base & ~off_base, bad & ~off_bad,
                   0, order.id, order.fields.get("buyer"))


def _review(dossier: Dossier, order: OrderState) -> Outcome | None:
    review = standing_review(order)
    if review is None or review.rating is None:
        return None
    bad = NEGATIVE if review.rating <= LOW_RATING else 0
    forgiven = ("defect", "low_rating", order.id) in dossier.exclusions
    return Outcome(GROUP_CODES["review"], order.id, review.at_ms, NEGATIVE | RATING, bad, NEGATIVE | RATING,
                   0 if forgiven else bad, review.rating, order.id, order.fields.get("buyer"))


def _order_outcome(dossier: Dossier, group: str, order: OrderState, as_of_ms: int) -> Outcome | None:
    """How one order counts in one group at T; not at all while it was not placed."""
    if order.ordered_ms is None:
        return None
    if group == "review":
        return _review(dossier, order)
    facts = dossier.order_facts(order.id)
    if group == "placed":
        return _placed(dossier, order, facts, as_of_ms)
    if group == "ship":
        return _ship(dossier, order, facts, as_of_ms)
    return _deliver(dossier, order, facts, as_of_ms) if group == "deliver" else _shipped(
        dossier, order, facts, as_of_ms)


def turn_due_ms(dossier: Dossier, turn: Turn, known_at_ms: int) -> int:
    """When the answer is due [epoch ms], by the clock known at K."""
    calendar = dossier.frame.answer_clock(known_at_ms, turn.asked_ms)
    return add_or_never(calendar, turn.asked_ms, dossier.frame.terms_at(turn.asked_ms).answer_ms)


def _turn(dossier: Dossier, turn: Turn, as_of_ms: int, known_at_ms: int) -> Outcome:
    calendar = dossier.frame.answer_clock(known_at_ms, turn.asked_ms)
    due = add_or_never(calendar, turn.asked_ms, dossier.frame.terms_at(turn.asked_ms).answer_ms)
    silent_so_far = UNANSWERED | (UNANSWERED_FIRST if turn.first else 0)
    base, bad, amount = 0 if _by(turn.waived_ms, due) or turn.answered_ms is not None else silent_so_far, 0, 0
    if turn.answered_ms is not None:
        base |= TIME | (FIRST_TIME if turn.first else 0)
        amount = calendar.elapsed_ms(turn.asked_ms, turn.answered_ms) // 1000
    if turn.ended_ms is not None or due < as_of_ms:
        base |= WITHIN | NO_RESPONSE
        bad |= 0 if _by(turn.ended_ms, due) else WITHIN
        silent = due < as_of_ms and turn.answered_ms is None and not _by(turn.waived_ms, due)
        bad |= NO_RESPONSE if silent else 0
    off_bad, off_base = _forgiven(dossier, ("answer", turn.source, turn.id), base)
    order_id = dossier.turn_order(turn)
    order = dossier.orders.get(order_id) if order_id else None
    return Outcome(GROUP_CODES["turn"], turn.unit, turn.asked_ms, base, bad, base & ~off_base, bad & ~off_bad, amount,
                   order_id, order.fields.get("buyer") if order else None)


def _resolution(dossier: Dossier, case: CaseState, calendar: WorkingCalendar, as_of_ms: int) -> tuple[int, int, int]:
    """(base, bad, seconds with the seller) of the resolution metrics."""
    allowed = dossier.frame.terms_at(case.opened_ms or 0).resolve_ms
    resolved = standing_resolution(case)
    used = seller_ms(case, calendar, until_ms=as_of_ms if resolved is None else resolved)
    base, amount = (RESOLUTION_TIME, used // 1000) if resolved is not None else (UNRESOLVED, 0)
    reopened = bool(case.resolved_ms) and was_reopened(case, case.resolved_ms[0])
    if resolved is not None or reopened or used > allowed:
        return base | RESOLUTION_WITHIN, RESOLUTION_WITHIN if reopened or used > allowed else 0, amount
    return base, 0, amount


def _case(dossier: Dossier, case: CaseState, as_of_ms: int, known_at_ms: int) -> list[Outcome]:
    opened = case.opened_ms or 0
    calendar = dossier.frame.resolve_clock(known_at_ms, opened)
    base, bad, amount = _resolution(dossier, case, calendar, as_of_ms)
    order = dossier.orders.get(case.order) if case.order else None
    buyer = order.fields.get("buyer") if order else None
    off_bad, off_base = _forgiven(dossier, ("resolve", case.id), base)
    found = [Outcome(GROUP_CODES["case"], case.id, opened, base, bad, base & ~off_base, bad & ~off_bad, amount,
                     case.order, buyer)]
    if case.resolved_ms:
        first = case.resolved_ms[0]
        again = int(was_reopened(case, first))
        found.append(Outcome(
            GROUP_CODES["resolved"], case.id, first, 1, again, 1, again, 0, case.order, buyer))
    return found


# What is counted together: (group of metrics, order), ("turn", conversation) or ("case", case).
Part = tuple[str, str]
ORDER_GROUPS = ("placed", "ship", "deliver", "shipped", "review")


def list_order_parts(order: str, groups: tuple[str, ...] = ORDER_GROUPS) -> list[Part]:
    """The parts of one order, or some of them."""
    return [(group, order) for group in groups]


def list_parts(dossier: Dossier) -> list[Part]:
    """Everything in a dossier that is counted."""
    return [
        *(part for name in dossier.orders for part in list_order_parts(name)),
        *(("turn", name) for name in dossier.conversations), *(("case", case.id) for case in dossier.list_cases()),
    ]


def list_part_outcomes(dossier: Dossier, part: Part, *, as_of_ms: int, known_at_ms: int) -> list[Outcome]:
    """The outcomes of one part of a dossier whose events were folded up to (T, K) [epoch ms]."""
    kind, name = part
    if kind == "case":
        return _case(dossier, dossier.cases[name], as_of_ms, known_at_ms)
    if kind == "turn":
        turns = (t for t in dossier.conversations[name].turns if t.owes == "seller")
        return [_turn(dossier, turn, as_of_ms, known_at_ms) for turn in turns]
    outcome = _order_outcome(dossier, kind, dossier.orders[name], as_of_ms)
    return [] if outcome is None else [outcome]


def list_outcomes(dossier: Dossier, *, as_of_ms: int, known_at_ms: int) -> list[Outcome]:
    """Every outcome of a dossier whose events were folded up to (T, K) [epoch ms]."""
    return [
        outcome for part in list_parts(dossier)
        for outcome in list_part_outcomes(dossier, part, as_of_ms=as_of_ms, known_at_ms=known_at_ms)
    ]


def _list_order_limits(dossier: Dossier, group: str, name: str) -> list[int | None]:
    facts = dossier.order_facts(name)
    deliver = facts.deliver.due_ms if facts.deliver else None
    if group == "placed":
        return [facts.not_shipped_ms, deliver]
    if group == "ship":
        return [facts.ship.due_ms if facts.ship else None]
    if group == "deliver":
        return [deliver]
    return [facts.shipped_ms + TRACK_MS] if group == "shipped" and facts.shipped_ms is not None else []


def list_part_limits(dossier: Dossier, part: Part, known_at_ms: int) -> list[int]:
    """The instants after which silence alone changes an outcome of the part [epoch ms]."""
    kind, name = part
    if kind == "turn":
        turns = (t for t in dossier.conversations[name].turns if t.owes == "seller")
        return [turn_due_ms(dossier, turn, known_at_ms) for turn in turns]
    if kind == "case":
        case = dossier.cases[name]
        opened = case.opened_ms or 0
        calendar = dossier.frame.resolve_clock(known_at_ms, opened)
        limit = limit_ms(case, calendar, allowed_ms=dossier.frame.terms_at(opened).resolve_ms)
        return [] if limit is None else [limit]
    return [limit for limit in _list_order_limits(dossier, kind, name) if limit is not None]
