"""Acceptance, returns, surveys, invoices, perfect orders, loyal buyers and mediation, measured from bare events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from tests.oracle.clock import DAY, HOUR, SECOND, day_end, local_day
from tests.oracle.events import Event
from tests.oracle.measured import Amount, Measured, Row, share, times
from tests.oracle.metrics import (
    View,
    answered_orders,
    happened_by,
    has_defect,
    obligation_rows,
)
from tests.oracle.orders import Order

WEEK = 7 * DAY
REPEAT = 90 * DAY
STANDING_DEFECTS = ("case", "case_lost", "chargeback", "low_rating", "cancelled_by_seller", "not_shipped")


def told(view: View, kind: str, subject: str) -> list[Event]:
    """What one type of event said of one subject, in order."""
    return [event for event in view.events if event.type == kind and event.subject == subject]


def first(events: list[Event]) -> int | None:
    """The first moment."""
    return min((event.at for event in events), default=None)


def zone_of(order: Order) -> str:
    """The marketplace's zone, as the order's promise knows it."""
    assert order.deliver_by is not None
    return order.deliver_by.zone


# Orders


def acceptance_time(view: View) -> Measured:
    """Seconds from placing, or from a payment before it, to the acceptance."""
    rows = []
    for order in view.placed:
        if order.accepted is None or order.refused is not None or view.scope("accept", order.id) == "both":
            continue
        paid = first(told(view, "order.paid", order.id))
        starts = [order.ordered] + ([paid] if paid is not None and paid <= order.accepted else [])
        rows.append(Amount(order.id, max(0, order.accepted - max(starts)) // SECOND))
    return times(rows, unanswered=None)


def refusal_streak(view: View) -> Measured:
    """Refusals not followed by an acceptance, replayed answer by answer."""
    answers = [order for order in answered_orders(view) if view.scope("accept", order.id) != "both"]
    run: list[str] = []
    moments = [(o.refused if o.refused is not None else o.accepted, o.refused is not None, o.id) for o in answers]
    for _, refused, order in sorted(moments, key=lambda moment: (moment[0] or 0, moment[1])):
        if not refused:
            run = []
        elif view.scope("accept", order) is None:
            run.append(order)
    value = len(run) if answers else None
    return Measured(len(run), len(answers), value, bad_units=tuple(run),
                    base_units=tuple(sorted(order.id for order in answers)))


def not_as_described_rate(view: View) -> Measured:
    """Placed orders with a case or a requested return for that reason."""
    named = {
        event.names("order") or (event.subject if event.type == "return.requested" else None)
        for event in view.events
        if event.type in ("case.opened", "return.requested") and event.data.get("reason") == "not_as_described"
        and (event.type == "return.requested" or is_opening(view, event))
    }
    return share([Row(order.id, order.id in named) for order in view.placed], higher_is_better=False)


def is_opening(view: View, event: Event) -> bool:
    """Whether it is the first opening of its case."""
    return told(view, "case.opened", event.subject)[0] is event


def perfect_order_rate(view: View) -> Measured:
    """Placed orders whose delivery was due more than two weeks ago, with anything wrong."""
    rows = []
    for order in view.placed:
        if order.deliver_by is None or order.deliver_by.days_later(14) >= view.end or is_buyers_end(view, order):
            continue
        rows.append(Row(order.id, any(flaws(view, order))))
    return share(rows, higher_is_better=True)


def is_buyers_end(view: View, order: Order) -> bool:
    """Whether the buyer's cancellation, or one they asked for, ended the whole order."""
    if order.cancelled is None:
        return False
    ending = next(event for event in told(view, "order.cancelled", order.id) if event.at == order.cancelled)
    return ending.data.get("by") == "buyer" or ending.data.get("reason") == "buyer_request"


def flaws(view: View, order: Order) -> Iterator[bool]:
    """Whether each thing that can be wrong is, and is not forgiven."""
    for kind in STANDING_DEFECTS:
        yield has_defect(view, order, kind) and not view.forgives(kind, order.id)
    refunds = told(view, "order.refunded", order.id)
    refunded = any(refund.data.get("fault") == "seller" for refund in refunds)
    yield refunded and not view.forgives("seller_refund", order.id)
    contacts = [case for case in view.cases if case.order == order.id and case.kind in ("claim", "incident")]
    yield bool(contacts) and not view.forgives("case", order.id)
    if order.by_operator:
        return
    yield from parcel_flaws(view, order)


def parcel_flaws(view: View, order: Order) -> Iterator[bool]:
    """Shipped late, delivered late, never scanned."""
    ship, deliver = order.ship_by, order.deliver_by
    if ship is not None and ship.at < view.end and not happened_by(order.ended_by, ship.at):
        yield not happened_by(order.shipped, ship.at) and view.scope("ship", order.id) is None
    if deliver is not None and not happened_by(order.ended_by, deliver.at) and not order.is_unknowable:
        forgiven = view.scope("deliver", order.id) is not None or view.forgives("late_delivery", order.id)
        yield not happened_by(order.arrived, deliver.at) and not forgiven
    if order.shipped is not None and order.shipped + 48 * HOUR < view.end:
        yield order.trackable and not order.scanned and view.scope("track", order.id) is None


def promise_gap(view: View) -> Measured:
    """Days from the promised to the actual day, over orders that arrived in the window; the ninetieth percentile."""
    rows = []
    for order in view.orders:
        if order.deliver_by is None or order.by_operator or not view.holds(order.arrived):
            continue
        if view.scope("deliver", order.id) != "both" and order.arrived is not None:
            days = local_day(order.arrived, zone_of(order)) - local_day(order.deliver_by.at, zone_of(order))
            rows.append(Amount(order.id, days.days))
    found = times(rows, unanswered=None)
    return Measured(found.bad, found.base, found.p90, found.median, found.p90, found.mean, base_units=found.base_units)


def invoice_defect_rate(view: View) -> Measured:
    """Shipped orders of businesses without an invoice by the end of the next weekday."""
    rows = []
    for order in view.orders:
        if not view.holds(order.shipped) or order.shipped is None or not is_business(view, order):
            continue
        due = next_weekday_end(order.shipped, view.market_zone)
        if due < view.end:
            rows.append(Row(order.id, not happened_by(first(told(view, "order.invoiced", order.id)), due)))
    return share(obligation_rows(view, "invoice", rows), higher_is_better=False)


def is_business(view: View, order: Order) -> bool:
    """Whether a business bought, as first told or last corrected."""
    said = told(view, "order.placed", order.id)[0].data.get("business")
    for correction in told(view, "order.corrected", order.id):
        if correction.data["field"] == "business":
            said = correction.data["value"]
    return bool(said)


def next_weekday_end(at: int, zone: str) -> int:
    """The last instant of the first Monday to Friday after the day of a moment."""
    day = local_day(at, zone)
    while True:
        day += timedelta(days=1)
        if day.weekday() < 5:
            return day_end(day, zone) - 1


def repeat_purchase_rate(view: View) -> Measured:
    """Buyers of the window ninety days back who bought nothing within ninety days of their first order there."""
    by_buyer: dict[str, list[tuple[int, str]]] = {}
    for order in view.orders:
        buyer = told(view, "order.placed", order.id)[0].names("buyer")
        if buyer is not None and view.start - REPEAT <= order.ordered < view.end:
            by_buyer.setdefault(buyer, []).append((order.ordered, order.id))
    rows = []
    for bought in by_buyer.values():
        at, order_id = min(bought)
        if at < view.end - REPEAT:
            came_back = any(at <= moment <= at + REPEAT for moment, other in bought if other != order_id)
            rows.append(Row(order_id, not came_back))
    return share(rows, higher_is_better=True)


# Reviews, returns, surveys


@dataclass(frozen=True)
class Standing:
    """A review as it stands, and the first reply to it."""

    since: int
    rating: int
    replied: int | None


def standing(view: View, order: Order) -> Standing | None:
    """The standing review of an order, replayed; a change keeps the reply, another review does not."""
    found: Standing | None = None
    for event in view.events:
        if not event.type.startswith("review.") or (event.names("order") or event.subject) != order.id:
            continue
        if event.type == "review.posted":
            found = Standing(event.at, int(event.data["rating"]), None)
        elif event.type == "review.removed":
            found = None
        elif found is not None and event.type == "review.changed":
            found = Standing(event.at, int(event.data["rating"]), found.replied)
        elif found is not None and event.type == "review.replied" and found.replied is None:
            found = Standing(found.since, found.rating, event.at)
    return found


def review_reply_rate(view: View) -> Measured:
    """Reviews of three stars or fewer, more than a week old, without a reply within the week."""
    rows = []
    for order in view.orders:
        review = standing(view, order)
        if review is not None and view.holds(review.since) and review.rating <= 3 and review.since + WEEK < view.end:
            rows.append(Row(order.id, not happened_by(review.replied, review.since + WEEK)))
    return share(rows, higher_is_better=True)


@dataclass(frozen=True)
class Back:
    """A return that the seller received."""

    id: str
    received: int
    refunded: int | None
    refused: int | None


def returns(view: View) -> list[Back]:
    """The returns received in the window, of orders placed."""
    found = []
    for order in view.orders:
        steps = [event for event in view.events if event.type.startswith("return.")
                 and (event.names("order") or event.subject) == order.id]
        for name in sorted({event.subject for event in steps}):
            own = [event for event in steps if event.subject == name]
            refunds = [event for event in told(view, "order.refunded", order.id) if event.at >= own[0].at]
            refunds += [event for event in own if event.type == "return.refunded"]
            received = first([event for event in own if event.type == "return.received"])
            refused = first([event for event in own if event.type == "return.refused"])
            if received is not None and view.holds(received):
                found.append(Back(name, received, first(refunds), refused))
    return found


def refund_time(view: View) -> Measured:
    """Seconds from reception to the refund, none for a refund before it."""
    found = returns(view)
    rows = [Amount(back.id, max(0, back.refunded - back.received) // SECOND)
            for back in found if back.refunded is not None]
    return times(rows, unanswered=sum(back.refunded is None and back.refused is None for back in found))


def return_handling_within_rate(view: View) -> Measured:
    """Received returns neither refunded nor refused within a week."""
    rows = []
    for back in returns(view):
        handled = min((at for at in (back.refunded, back.refused) if at is not None), default=None)
        if handled is not None or back.received + WEEK < view.end:
            rows.append(Row(back.id, not happened_by(handled, back.received + WEEK)))
    return share(rows, higher_is_better=True)


def csat(view: View) -> Measured:
    """Answers about an order or a case with fewer than four stars."""
    answers = [event for event in view.events if event.type == "survey.answered" and view.holds(event.at)]
    own = [event for event in answers if event.data["about"] in ("order", "case")]
    return share([Row(event.key, event.data["rating"] < 4) for event in own], higher_is_better=True)


# The operator's own


@dataclass
class Mediation:
    """An escalated case, replayed."""

    case: str
    escalated: int | None = None
    decided: int | None = None
    left: int | None = None
    before: tuple[object, ...] | None = None
    appealed: bool = False
    after: tuple[object, ...] | None = None

    def take(self, event: Event) -> None:
        """One event of the case after its opening."""
        kind = event.type.removeprefix("case.")
        if kind == "escalated" and self.escalated is None:
            self.escalated = event.at
        elif kind in ("resolved", "closed", "withdrawn") and self.escalated is not None and self.left is None:
            self.left = event.at
        elif kind == "appealed":
            self.appealed = self.appealed or self.before is not None
        elif kind == "decided":
            said = (event.data.get("fault"), event.data.get("remedy"), event.data.get("counts") is not False)
            self.before, self.after = (self.before, said) if self.appealed else (said, None)
            if self.escalated is not None and self.decided is None:
                self.decided = event.at


def mediations(view: View) -> list[Mediation]:
    """The cases escalated in the window."""
    found = []
    for case in view.cases:
        mediation = Mediation(case.id)
        opening = view.events.index(told(view, "case.opened", case.id)[0])
        for event in view.events[opening + 1 :]:
            if event.type.startswith("case.") and event.subject == case.id:
                mediation.take(event)
        if view.holds(mediation.escalated):
            found.append(mediation)
    return found


def mediation_time(view: View) -> Measured:
    """Seconds from the escalation to the first decision after it."""
    found = mediations(view)
    rows = [Amount(m.case, (m.decided - (m.escalated or 0)) // SECOND) for m in found if m.decided is not None]
    return times(rows, unanswered=sum(m.decided is None and m.left is None for m in found))


def decision_within_rate(view: View) -> Measured:
    """Escalated cases not decided within a week, unless they ended otherwise by then."""
    rows = []
    for mediation in mediations(view):
        due = (mediation.escalated or 0) + WEEK
        if mediation.decided is not None or (due < view.end and not happened_by(mediation.left, due)):
            rows.append(Row(mediation.case, not happened_by(mediation.decided, due)))
    return share(rows, higher_is_better=True)


def overturn_rate(view: View) -> Measured:
    """Appealed decisions whose last word says otherwise."""
    again = [m for m in mediations(view) if m.after is not None]
    return share([Row(m.case, m.after != m.before) for m in again], higher_is_better=False)


METRICS: dict[str, Callable[[View], Measured]] = {
    compute.__name__: compute
    for compute in (
        *(acceptance_time, refusal_streak, not_as_described_rate, perfect_order_rate, promise_gap),
        *(invoice_defect_rate, repeat_purchase_rate, review_reply_rate, refund_time, return_handling_within_rate),
        *(csat, mediation_time, decision_within_rate, overturn_rate),
    )
}
