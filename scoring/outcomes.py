"""What each unit of a dossier adds to each metric at (T, K): the one definition of bad and base.

An `Outcome` holds, for the metrics of one group, masks of flags (see scoring.metrics): in whose base the unit is,
for which it is bad, and the same officially, i.e. with exclusions applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from scoring.aftercare import (
    DECIDE_MS,
    LOW_RATING,
    UNDECIDED,
    UNREFUNDED,
    find_reply_due,
    list_return_dues,
    mediation_outcome,
    return_outcomes,
    review_outcome,
    survey_outcomes,
)
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
from scoring.metrics import FLAGS, GROUP_CODES, OWN_METRICS
from scoring.orders import OrderFacts, OrderState, standing_review
from scoring.outcome_masks import Outcome, by, forgiven, passed
from scoring.turns import Turn
from scoring.windows import local_ordinal, next_weekday_end_ms, promise_due_ms

TRACK_MS = 48 * 3_600_000
SETTLED_DAYS = 14  # a perfect order is one on which nothing came that long after its delivery was due

ODR, CANCELLED, OUT_OF_STOCK = FLAGS["order_defect_rate"], FLAGS["cancellation_rate"], FLAGS["out_of_stock_rate"]
ACCEPTANCE, AUTO_REFUSAL = FLAGS["acceptance_rate"], FLAGS["auto_refusal_rate"]
CASE, CASES_LOST = FLAGS["case_rate"], FLAGS["cases_lost_rate"]
REFUND, CHARGEBACK, CONTACT = FLAGS["refund_rate"], FLAGS["chargeback_rate"], FLAGS["contact_rate"]
ACCEPT_TIME, STREAK = FLAGS["acceptance_time"], FLAGS["refusal_streak"]
MISDESCRIBED, PERFECT, REPEAT = (
    FLAGS[name] for name in ("not_as_described_rate", "perfect_order_rate", "repeat_purchase_rate"))
RETURN, TRACKING, INVOICE = FLAGS["return_rate"], FLAGS["valid_tracking_rate"], FLAGS["invoice_defect_rate"]
GAP = FLAGS["promise_gap"]
FIRST_TIME, TIME = FLAGS["first_response_time"], FLAGS["response_time"]
WITHIN, NO_RESPONSE = FLAGS["response_within_rate"], FLAGS["no_response_rate"]
RESOLUTION_TIME, RESOLUTION_WITHIN = FLAGS["resolution_time"], FLAGS["resolution_within_rate"]
# Not metrics of their own: shown beside the times, the turns nobody answered and the cases nobody resolved.
UNANSWERED, UNANSWERED_FIRST, UNRESOLVED = 1 << 8, 1 << 9, 1 << 8
# Which of those flags goes with which time.
SILENT = {"first_response_time": UNANSWERED_FIRST, "response_time": UNANSWERED, "resolution_time": UNRESOLVED,
          "refund_time": UNREFUNDED, "mediation_time": UNDECIDED}
PLACED, PERFECT_GROUP, ARRIVED = (GROUP_CODES[name] for name in ("placed", "perfect", "arrived"))
ALWAYS_PLACED = ODR | CANCELLED | OUT_OF_STOCK | CASE | CASES_LOST | REFUND | CHARGEBACK | CONTACT | MISDESCRIBED
ACCEPTED = ACCEPTANCE | AUTO_REFUSAL | STREAK
NOT_AS_DESCRIBED = "not_as_described"


def list_defects(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> list[str]:
    """The defect kinds standing on one order at T, whatever the standard counts."""
    found = _list_case_defects(dossier.cases_of(order.id)) if dossier.cases else []
    review = standing_review(order)
    if review is not None and (review.rating or 0) <= LOW_RATING:
        found.append("low_rating")
    if facts.seller_cancellations:
        found.append("cancelled_by_seller")
    if passed(facts.not_shipped_ms, as_of_ms):
        found.append("not_shipped")
    if facts.deliver is not None and not by(facts.arrived_ms, facts.deliver.due_ms) and _is_judged_for_delivery(
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
    flags |= MISDESCRIBED if any(c.reason == NOT_AS_DESCRIBED for c in cases) else 0
    return flags | (CASES_LOST if "case_lost" in defects else 0)


def _placed_flags(
    dossier: Dossier, order: OrderState, facts: OrderFacts, defects: Sequence[str]
) -> tuple[int, int]:
    """(base, bad) of the metrics on placed orders, but for the shares of defective and of perfect ones."""
    base, bad = ALWAYS_PLACED, _cancel_flags(facts) if facts.seller_cancellations else 0
    if order.fields.get("buyer") is not None:
        base |= REPEAT
    if facts.refused_ms is not None:
        base |= ACCEPTED
        bad |= ACCEPTANCE | STREAK | (AUTO_REFUSAL if facts.refused_by == "automatic" else 0)
    elif facts.accepted_ms is not None:
        base |= ACCEPTED | ACCEPT_TIME
    if dossier.cases:
        bad |= _case_flags(dossier, order, defects)
    if order.refunds:
        bad |= REFUND
    if order.returns and any(s.reason == NOT_AS_DESCRIBED and s.step == "requested" for s in order.returns):
        bad |= MISDESCRIBED
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
                   official | (ODR if counted_officially else 0),
                   _acceptance_seconds(order, facts) if facts.accepted_ms is not None else 0, order.id,
                   order.fields.get("buyer"), tuple(defects),
                   facts.accepted_ms if facts.refused_ms is None else facts.refused_ms)


def _acceptance_seconds(order: OrderState, facts: OrderFacts) -> int:
    """How long an accepted order waited, from when it was placed or, where that came between, paid [s]."""
    accepted = facts.accepted_ms
    if accepted is None or facts.refused_ms is not None:
        return 0
    paid = order.firsts.get("order.paid")
    since = max(facts.ordered_ms or 0, paid if paid is not None and paid <= accepted else 0)
    return max(0, accepted - since) // 1000


def find_perfect_from(dossier: Dossier, order_id: str) -> int | None:
    """The last T too early to call an order perfect or not [epoch ms]; None without a promise to deliver."""
    deliver = dossier.order_facts(order_id).deliver
    return None if deliver is None else promise_due_ms(deliver.raw, dossier.frame.zone, plus_days=SETTLED_DAYS)


def _list_perfect(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> list[Outcome]:
    """How an order will count as perfect once it may, told from its delivery deadline on."""
    if facts.deliver is None or facts.deliver.due_ms >= as_of_ms:
        return []
    if facts.cancelled_ms is not None and (facts.cancelled_by == "buyer" or facts.cancel_reason == "buyer_request"):
        return []
    flaws = _list_flaws(dossier, order, facts, max(as_of_ms, (find_perfect_from(dossier, order.id) or 0) + 1))
    bad = PERFECT if flaws else 0
    forgiven_all = all(not dossier.exclusions.keys().isdisjoint(names) for names in flaws)
    return [Outcome(PERFECT_GROUP, order.id, facts.ordered_ms or 0, PERFECT, bad, PERFECT,
                    0 if forgiven_all else bad, 0, order.id, order.fields.get("buyer"))]


def _list_flaws(
    dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int,
) -> list[set[tuple[str, ...]]]:
    """What keeps an order from being perfect: for each flaw the exclusions of which one forgives it."""
    defects = list_defects(dossier, order, facts, as_of_ms)
    flaws: list[set[tuple[str, ...]]] = [{("defect", kind, order.id)} for kind in defects if kind != "late_delivery"]
    if "late_delivery" in defects:
        flaws.append({("defect", "late_delivery", order.id), ("deliver", order.id)})
    if any(c.kind in {"claim", "incident"} for c in dossier.cases_of(order.id)):
        flaws.append({("defect", "case", order.id)})
    if _is_judged_for_shipping(facts, as_of_ms) and not by(facts.shipped_ms, facts.ship.due_ms if facts.ship else 0):
        flaws.append({("ship", order.id)})
    if _is_judged_for_tracking(facts, as_of_ms) and facts.first_scan_ms is None:
        flaws.append({("track", order.id)})
    return flaws


def _forgive_placed(dossier: Dossier, order_id: str, base: int, bad: int) -> tuple[int, int]:
    """(bad, base) of a placed order officially, but for the share of defective ones."""
    official = bad
    for kind, names in OWN_METRICS.items():
        if ("defect", kind, order_id) in dossier.exclusions:
            for name in names:
                official &= ~FLAGS[name] if name != "negative_review_rate" else -1
    off_bad, off_base = forgiven(dossier, ("accept", order_id), ACCEPTED | ACCEPT_TIME)
    return official & ~off_bad & ~off_base, base & ~off_base


def _simple(dossier: Dossier, group: str, order: OrderState, anchor_ms: int, *, kind: str, bad: bool) -> Outcome:
    off_bad, off_base = forgiven(dossier, (kind, order.id), 1)
    flag = int(bad)
    return Outcome(GROUP_CODES[group], order.id, anchor_ms, 1, flag, 1 & ~off_base, flag & ~off_bad, 0,
                   order.id, order.fields.get("buyer"))


def _is_judged_for_shipping(facts: OrderFacts, as_of_ms: int) -> bool:
    if facts.ship is None or not facts.own_fulfilment or facts.ship.due_ms >= as_of_ms:
        return False
    due = facts.ship.due_ms
    return not (by(facts.refused_ms, due) or by(facts.cancelled_ms, due))


def _ship(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> Outcome | None:
    if facts.ship is None or not _is_judged_for_shipping(facts, as_of_ms):
        return None
    due = facts.ship.due_ms
    return _simple(dossier, "ship", order, due, kind="ship", bad=not by(facts.shipped_ms, due))


def _is_judged_for_delivery(facts: OrderFacts, as_of_ms: int) -> bool:
    if facts.deliver is None or not facts.own_fulfilment or facts.deliver.due_ms >= as_of_ms:
        return False
    due = facts.deliver.due_ms
    if by(facts.refused_ms, due) or by(facts.cancelled_ms, due):
        return False
    unknowable = facts.shipped_ms is not None and not facts.trackable
    return not (unknowable and facts.first_scan_ms is None and not facts.delivery_known)


def _deliver(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> Outcome | None:
    if facts.deliver is None or not _is_judged_for_delivery(facts, as_of_ms):
        return None
    due = facts.deliver.due_ms
    return _simple(dossier, "deliver", order, due, kind="deliver", bad=not by(facts.arrived_ms, due))


def _arrived(dossier: Dossier, order: OrderState, facts: OrderFacts) -> Outcome | None:
    """By how many days an order came after its promised day, before it where negative."""
    if facts.deliver is None or not facts.own_fulfilment or facts.arrived_ms is None:
        return None
    zone = dossier.frame.zone
    days = local_ordinal(facts.arrived_ms, zone) - local_ordinal(facts.deliver.due_ms, zone)
    _, off_base = forgiven(dossier, ("deliver", order.id), GAP)
    return Outcome(ARRIVED, order.id, facts.arrived_ms, GAP, 0, GAP & ~off_base, 0, days, order.id,
                   order.fields.get("buyer"))


def _is_judged_for_tracking(facts: OrderFacts, as_of_ms: int) -> bool:
    if facts.shipped_ms is None or not facts.own_fulfilment or not facts.trackable:
        return False
    return facts.shipped_ms + TRACK_MS < as_of_ms


def find_invoice_due(order: OrderState, facts: OrderFacts, zone: str) -> int | None:
    """Until when a shipped business order is to be invoiced: the next weekday ends [epoch ms]; None for others."""
    business = order.corrections.get("business", order.fields.get("business"))
    if not business or facts.shipped_ms is None:
        return None
    return next_weekday_end_ms(facts.shipped_ms, zone)


def _shipped(dossier: Dossier, order: OrderState, facts: OrderFacts, as_of_ms: int) -> Outcome | None:
    if facts.shipped_ms is None:
        return None
    base, bad = RETURN, RETURN if any(r.step == "requested" for r in order.returns) else 0
    if _is_judged_for_tracking(facts, as_of_ms):
        base |= TRACKING
        bad |= 0 if facts.first_scan_ms is not None else TRACKING
    is_business = order.fields.get("business") or order.corrections
    invoice_due = find_invoice_due(order, facts, dossier.frame.zone) if is_business else None
    if invoice_due is not None and invoice_due < as_of_ms:
        base |= INVOICE
        bad |= 0 if by(order.firsts.get("order.invoiced"), invoice_due) else INVOICE
    official_base, official_bad = base, bad
    for kind, flag in (("track", TRACKING), ("invoice", INVOICE)) if dossier.exclusions else ():
        off_bad, off_base = forgiven(dossier, (kind, order.id), flag)
        official_base, official_bad = official_base & ~off_base, official_bad & ~off_bad
    return Outcome(GROUP_CODES["shipped"], order.id, facts.shipped_ms, base, bad, official_base, official_bad, 0,
                   order.id, order.fields.get("buyer"))


def _list_order_outcomes(dossier: Dossier, group: str, order: OrderState, as_of_ms: int) -> list[Outcome]:
    """How one order counts in one group at T, or will as a perfect one; not at all while it was not placed."""
    if order.ordered_ms is None:
        return []
    if group == "return":
        return return_outcomes(order, as_of_ms)
    if group == "review":
        return _present(review_outcome(dossier, order, as_of_ms))
    facts = dossier.order_facts(order.id)
    if group == "placed":
        return [_placed(dossier, order, facts, as_of_ms), *_list_perfect(dossier, order, facts, as_of_ms)]
    found = _ORDER_OUTCOMES[group](dossier, order, facts, as_of_ms)
    if group == "deliver" and facts.arrived_ms is not None:
        return _present(found, _arrived(dossier, order, facts))
    return [] if found is None else [found]


_ORDER_OUTCOMES: Mapping[str, Callable[[Dossier, OrderState, OrderFacts, int], Outcome | None]] = {
    "ship": _ship, "deliver": _deliver, "shipped": _shipped,
}


def _present(*outcomes: Outcome | None) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome is not None]


def _turn(dossier: Dossier, turn: Turn, as_of_ms: int, known_at_ms: int) -> Outcome:
    calendar = dossier.turn_clock(turn, known_at_ms)
    due = dossier.frame.answer_due_ms(turn.asked_ms, calendar)
    silent_so_far = UNANSWERED | (UNANSWERED_FIRST if turn.first else 0)
    base, bad, amount = 0 if by(turn.waived_ms, due) or turn.answered_ms is not None else silent_so_far, 0, 0
    if turn.answered_ms is not None:
        base |= TIME | (FIRST_TIME if turn.first else 0)
        amount = calendar.elapsed_ms(turn.asked_ms, turn.answered_ms) // 1000
    if turn.ended_ms is not None or due < as_of_ms:
        base |= WITHIN | NO_RESPONSE
        bad |= 0 if by(turn.ended_ms, due) else WITHIN
        silent = due < as_of_ms and turn.answered_ms is None and not by(turn.waived_ms, due)
        bad |= NO_RESPONSE if silent else 0
    off_bad, off_base = forgiven(dossier, ("answer", turn.source, turn.id), base)
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
    calendar = dossier.case_clock(case, known_at_ms)
    base, bad, amount = _resolution(dossier, case, calendar, as_of_ms)
    order = dossier.orders.get(case.order) if case.order else None
    buyer = order.fields.get("buyer") if order else None
    off_bad, off_base = forgiven(dossier, ("resolve", case.id), base)
    found = [Outcome(GROUP_CODES["case"], case.id, opened, base, bad, base & ~off_base, bad & ~off_bad, amount,
                     case.order, buyer)]
    if case.resolved_ms:
        first = case.resolved_ms[0]
        again = int(was_reopened(case, first))
        found.append(Outcome(
            GROUP_CODES["resolved"], case.id, first, 1, again, 1, again, 0, case.order, buyer))
    return found + _present(mediation_outcome(case, buyer, as_of_ms))


# What is counted together: (group of metrics, order), ("turn", conversation), ("case", case) or the surveys.
Part = tuple[str, str]
ORDER_GROUPS = ("placed", "ship", "deliver", "shipped", "review")
SURVEYS: Part = ("survey", "")


def list_order_parts(order: OrderState) -> list[Part]:
    """The parts of one order; that of its returns only where there are some."""
    parts = [(group, order.id) for group in ORDER_GROUPS]
    return [*parts, ("return", order.id)] if order.returns else parts


def list_parts(dossier: Dossier) -> list[Part]:
    """Everything in a dossier that is counted."""
    return [
        *(part for order in dossier.orders.values() for part in list_order_parts(order)),
        *(("turn", name) for name in dossier.conversations), *(("case", case.id) for case in dossier.list_cases()),
        *([SURVEYS] if dossier.surveys else []),
    ]


def list_part_outcomes(dossier: Dossier, part: Part, *, as_of_ms: int, known_at_ms: int) -> list[Outcome]:
    """The outcomes of one part of a dossier whose events were folded up to (T, K) [epoch ms].

    A perfect order's (group "perfect") is told ahead: it holds for T after `find_perfect_from`.
    """
    kind, name = part
    if kind == "case":
        return _case(dossier, dossier.cases[name], as_of_ms, known_at_ms)
    if kind == "turn":
        turns = (t for t in dossier.conversations[name].turns if t.owes == "seller")
        return [_turn(dossier, turn, as_of_ms, known_at_ms) for turn in turns]
    if kind == "survey":
        return survey_outcomes(dossier)
    return _list_order_outcomes(dossier, kind, dossier.orders[name], as_of_ms)


def list_outcomes(dossier: Dossier, *, as_of_ms: int, known_at_ms: int) -> list[Outcome]:
    """Every outcome of a dossier whose events were folded up to (T, K) [epoch ms]."""
    return [
        outcome for part in list_parts(dossier)
        for outcome in list_part_outcomes(dossier, part, as_of_ms=as_of_ms, known_at_ms=known_at_ms)
        if outcome.group != PERFECT_GROUP or passed(find_perfect_from(dossier, outcome.unit), as_of_ms)
    ]


def _list_order_limits(dossier: Dossier, group: str, name: str) -> list[int | None]:
    order = dossier.orders[name]
    if group == "return":
        return [*list_return_dues(order)]
    if group == "review":
        return [find_reply_due(standing_review(order))]
    facts = dossier.order_facts(name)
    deliver = facts.deliver.due_ms if facts.deliver else None
    if group == "deliver":
        return [deliver]
    ship = facts.ship.due_ms if facts.ship else None
    if group == "ship":
        return [ship]
    track = facts.shipped_ms + TRACK_MS if facts.shipped_ms is not None else None
    if group == "shipped":
        return [track, find_invoice_due(order, facts, dossier.frame.zone)]
    # A perfect order is told ahead; only what falls due after it may be called so comes as a surprise.
    perfect = 0 if deliver is None else find_perfect_from(dossier, name) or 0
    later = (due for due in (ship, track) if due is not None and due > perfect > 0)
    return [facts.not_shipped_ms, deliver, *later]


def _list_case_limits(dossier: Dossier, case: CaseState, known_at_ms: int) -> list[int | None]:
    opened = case.opened_ms or 0
    calendar = dossier.case_clock(case, known_at_ms)
    limit = limit_ms(case, calendar, allowed_ms=dossier.frame.terms_at(opened).resolve_ms)
    return [limit, None if case.escalated_ms is None else case.escalated_ms + DECIDE_MS]


def list_part_limits(dossier: Dossier, part: Part, known_at_ms: int) -> list[int]:
    """The instants after which silence alone changes an outcome of the part [epoch ms]."""
    kind, name = part
    if kind == "turn":
        turns = (t for t in dossier.conversations[name].turns if t.owes == "seller")
        return [dossier.turn_due_ms(turn, known_at_ms) for turn in turns]
    if kind == "survey":
        return []
    limits = _list_case_limits(dossier, dossier.cases[name], known_at_ms) if kind == "case" else _list_order_limits(
        dossier, kind, name)
    return [limit for limit in limits if limit is not None]
