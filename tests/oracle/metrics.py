"""Every metric of a shop at T and K, from the orders, turns and cases that its visible events make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.oracle.cases import Case, cases_of
from tests.oracle.clock import HOUR, SECOND, Clock, as_of_ms, shop_clock, window_start
from tests.oracle.events import Event, visible_events
from tests.oracle.measured import Amount, Measured, Row, average, share, times
from tests.oracle.orders import Cancellation, Order, orders_of
from tests.oracle.turns import Turn, turns_of

RESOLVE_LIMIT = 72 * HOUR
DEFECTS = ("case", "case_lost", "chargeback", "low_rating", "cancelled_by_seller", "not_shipped")


@dataclass(frozen=True)
class View:
    """One shop as seen at T and K, with the window [start, end)."""

    start: int
    end: int
    official: bool
    clock: Clock
    market_zone: str
    orders: list[Order]
    turns: list[Turn]
    cases: list[Case]
    events: list[Event]
    # (obligation or defect, kind, what it names) -> scope of the exclusion that stands
    excluded: dict[tuple[str, str, str], str]

    def holds(self, at: int | None) -> bool:
        """Whether a moment lies in the window."""
        return at is not None and self.start <= at < self.end

    @property
    def placed(self) -> list[Order]:
        """The orders placed in the window."""
        return [order for order in self.orders if self.holds(order.ordered)]

    def scope(self, kind: str, unit: str) -> str | None:
        """The scope of the exclusion of an obligation, officially."""
        return self.excluded.get(("obligation", kind, unit)) if self.official else None

    def forgives(self, kind: str, order: str) -> bool:
        """Whether a defect is excluded, officially."""
        return self.official and ("defect", kind, order) in self.excluded


def measure(
    events: Sequence[Mapping[str, Any]],
    *,
    zones: Mapping[str, str],
    as_of: str,
    known_at: str | None,
    window_days: int,
    marketplace: str,
    shop: str,
    metric: str,
    official: bool,
) -> Measured:
    """One metric of one shop. `as_of` and `known_at` are instants, or dates that mean the end of that day."""
    view = view_of(events, zones[marketplace], as_of, known_at, window_days, (marketplace, shop))
    return all_metrics()[metric](replace(view, official=official))


def measure_all(
    events: Sequence[Mapping[str, Any]],
    *,
    zones: Mapping[str, str],
    as_of: str,
    known_at: str | None,
    window_days: int,
    marketplace: str,
    shop: str,
) -> dict[tuple[str, bool], Measured]:
    """Every metric of one shop, by its name and whether it is official; as `measure`, derived once."""
    view = view_of(events, zones[marketplace], as_of, known_at, window_days, (marketplace, shop))
    views = {official: replace(view, official=official) for official in (True, False)}
    metrics = all_metrics()
    return {(name, official): metrics[name](views[official]) for name in metrics for official in views}


def all_metrics() -> dict[str, Callable[[View], Measured]]:
    """Those of this module and those of the one that builds on it."""
    from tests.oracle.aftercare import METRICS as LATER

    return METRICS | LATER


def view_of(
    events: Sequence[Mapping[str, Any]],
    zone: str,
    as_of: str,
    known_at: str | None,
    window_days: int,
    shop: tuple[str, str],
) -> View:
    """Everything derived from scratch from the visible events of one shop of one marketplace; raw."""
    until = as_of_ms(as_of, zone)
    known = until if known_at is None else as_of_ms(known_at, zone)
    seen = visible_events(events, until=until, known=known)
    own = [event for event in seen if (event.marketplace, event.shop) == shop]
    clock = shop_clock(own, zone)
    return View(
        start=window_start(until, window_days, zone),
        end=until,
        official=False,
        clock=clock,
        market_zone=zone,
        orders=orders_of(own, zone),
        turns=turns_of(own, clock),
        cases=cases_of(own),
        events=own,
        excluded=exclusions_of(own),
    )


def exclusions_of(events: list[Event]) -> dict[tuple[str, str, str], str]:
    """What stands excluded after the last word on each thing, with its scope."""
    found: dict[tuple[str, str, str], str] = {}
    for event in events:
        if event.type == "obligation.excluded":
            found[named_in(event)] = event.names("scope") or "bad"
        elif event.type == "obligation.restored":
            found.pop(named_in(event), None)
    return found


def named_in(event: Event) -> tuple[str, str, str]:
    """The obligation or defect an exclusion or its end names."""
    sort = "obligation" if event.data.get("obligation") else "defect"
    named = event.data[sort]
    if sort == "obligation" and named["kind"] == "answer":
        return sort, "answer", f"{named['source']}|{named['id']}"
    return sort, named["kind"], str(named["case"] if named["kind"] == "resolve" else named["order"])


def obligation_rows(view: View, kind: str, rows: Iterable[Row]) -> list[Row]:
    """Rows as exclusions leave them: scope both takes the row away, scope bad its failure."""
    left = [row for row in rows if view.scope(kind, row.unit) != "both"]
    return [Row(row.unit, row.bad and view.scope(kind, row.unit) is None) for row in left]


def defect_rows(view: View, kind: str, rows: Iterable[Row]) -> list[Row]:
    """Rows as exclusions of a defect leave them: the base never changes."""
    return [Row(row.unit, row.bad and not view.forgives(kind, row.unit)) for row in rows]


# Defects


def order_defect_rate(view: View) -> Measured:
    """Placed orders with a defect that stands and is not forgiven."""
    rows = [Row(order.id, bool(defects(view, order))) for order in view.placed]
    return share(rows, higher_is_better=False)


def defects(view: View, order: Order) -> list[str]:
    """The kinds of defect that stand on an order at T, not forgiven."""
    return [kind for kind in DEFECTS if has_defect(view, order, kind) and not view.forgives(kind, order.id)]


def has_defect(view: View, order: Order, kind: str) -> bool:
    """Whether a defect of one kind stands on an order at T."""
    cases = [case for case in view.cases if case.order == order.id]
    if kind == "case":
        return any(case.is_defect for case in cases if case.kind in ("claim", "incident"))
    if kind == "case_lost":
        return any(case.is_lost for case in cases)
    if kind == "chargeback":
        return any(case.is_defect for case in cases if case.kind == "chargeback")
    if kind == "low_rating":
        return order.review is not None and order.review.rating <= 2
    if kind == "cancelled_by_seller":
        return any(cancellation.is_sellers for cancellation in order.cancellations)
    return is_not_shipped(view, order)


def is_not_shipped(view: View, order: Order) -> bool:
    """Neither shipped, refused nor wholly cancelled fourteen days after the promise."""
    if order.ship_by is None or order.by_operator:
        return False
    last = order.ship_by.days_later(14)
    return last < view.end and not happened_by(order.shipped, last) and not happened_by(order.ended_by, last)


def happened_by(at: int | None, deadline: int) -> bool:
    """Whether something happened at or before a deadline."""
    return at is not None and at <= deadline


def cancellation_rate(view: View) -> Measured:
    """Placed orders with a line cancelled by the seller before shipping."""
    return cancelled_share(view, lambda cancellation: True)


def out_of_stock_rate(view: View) -> Measured:
    """The same, for want of stock."""
    return cancelled_share(view, lambda cancellation: cancellation.reason == "out_of_stock")


def cancelled_share(view: View, fits: Callable[[Cancellation], bool]) -> Measured:
    """Placed orders with a fitting cancellation of the seller's at or before shipping."""
    rows = [Row(order.id, any(map(fits, cancelled_before_shipping(order)))) for order in view.placed]
    return share(defect_rows(view, "cancelled_by_seller", rows), higher_is_better=False)


def cancelled_before_shipping(order: Order) -> list[Cancellation]:
    """The seller's cancellations of an order's lines at or before its shipping."""
    own = [cancellation for cancellation in order.cancellations if cancellation.is_sellers]
    return [cancellation for cancellation in own if order.shipped is None or cancellation.at <= order.shipped]


# Acceptance, shipping, delivery


def acceptance_rate(view: View) -> Measured:
    """Refused over answered orders."""
    rows = [Row(order.id, order.refused is not None) for order in answered_orders(view)]
    return share(obligation_rows(view, "accept", rows), higher_is_better=True)


def auto_refusal_rate(view: View) -> Measured:
    """Automatically refused over answered orders."""
    rows = [Row(order.id, order.refused_by == "automatic") for order in answered_orders(view)]
    return share(obligation_rows(view, "accept", rows), higher_is_better=False)


def answered_orders(view: View) -> list[Order]:
    """Placed orders accepted or refused."""
    return [order for order in view.placed if order.accepted is not None or order.refused is not None]


def late_shipment_rate(view: View) -> Measured:
    """Orders not shipped by their promise."""
    rows = []
    for order in view.orders:
        if order.ship_by is not None and is_judged(view, order, order.ship_by.at):
            rows.append(Row(order.id, not happened_by(order.shipped, order.ship_by.at)))
    return share(obligation_rows(view, "ship", rows), higher_is_better=False)


def is_judged(view: View, order: Order, deadline: int) -> bool:
    """Whether a promise of the seller's own fulfilment fell due in the window and was not void by then."""
    return view.holds(deadline) and not order.by_operator and not happened_by(order.ended_by, deadline)


def on_time_delivery_rate(view: View) -> Measured:
    """Orders not arrived by their promise."""
    rows = []
    for order in view.orders:
        due = order.deliver_by
        if due is not None and is_judged(view, order, due.at) and not order.is_unknowable:
            rows.append(Row(order.id, not happened_by(order.arrived, due.at)))
    return share(obligation_rows(view, "deliver", rows), higher_is_better=True)


def valid_tracking_rate(view: View) -> Measured:
    """Trackable orders without a scan two days after shipping."""
    last = view.end - 48 * HOUR
    judged = [order for order in view.orders if view.holds(order.shipped) and (order.shipped or 0) < last]
    rows = [Row(order.id, not order.scanned) for order in judged if order.trackable and not order.by_operator]
    return share(obligation_rows(view, "track", rows), higher_is_better=True)


def return_rate(view: View) -> Measured:
    """Shipped orders with a return requested."""
    rows = [Row(order.id, order.return_requested) for order in view.orders if view.holds(order.shipped)]
    return share(rows, higher_is_better=False)


def refund_rate(view: View) -> Measured:
    """Placed orders with a refund."""
    return share([Row(order.id, order.refunded) for order in view.placed], higher_is_better=False)


# Reviews


def reviewed(view: View) -> list[Amount]:
    """The rating of every order whose standing review began in the window."""
    pairs = [(order.id, order.review) for order in view.orders]
    return [Amount(order, review.rating) for order, review in pairs if review and view.holds(review.since)]


def negative_review_rate(view: View) -> Measured:
    """Standing reviews of one or two stars."""
    rows = [Row(row.unit, row.amount <= 2) for row in reviewed(view)]
    return share(defect_rows(view, "low_rating", rows), higher_is_better=False)


def average_rating(view: View) -> Measured:
    """The mean of standing reviews."""
    return average(reviewed(view))


# Answers


def asked(view: View) -> list[Turn]:
    """The turns asked in the window."""
    return [turn for turn in view.turns if view.holds(turn.asked)]


def response_time(view: View) -> Measured:
    """Working seconds to the answer, over all turns."""
    return answer_times(view, asked(view))


def first_response_time(view: View) -> Measured:
    """Working seconds to the answer, over the first turn of each conversation."""
    return answer_times(view, [turn for turn in asked(view) if turn.is_first])


def answer_times(view: View, turns: list[Turn]) -> Measured:
    """Times of the answered turns; beside them the number neither answered nor waived in time."""
    kept = [turn for turn in turns if view.scope("answer", turn.unit) != "both"]
    rows = [Amount(turn.unit, turn.worked // SECOND) for turn in kept if turn.worked is not None]
    return times(rows, unanswered=sum(turn.answered is None and not turn.waived_in_time for turn in kept))


def response_within_rate(view: View) -> Measured:
    """Turns neither answered nor waived by due."""
    rows = [Row(turn.unit, not turn.in_time) for turn in judged_turns(view)]
    return share(obligation_rows(view, "answer", rows), higher_is_better=True)


def no_response_rate(view: View) -> Measured:
    """Turns past due, never answered, and not waived by due."""
    rows = [Row(turn.unit, is_silent(turn, view.end)) for turn in judged_turns(view)]
    return share(obligation_rows(view, "answer", rows), higher_is_better=False)


def is_silent(turn: Turn, until: int) -> bool:
    """Whether the deadline passed without an answer ever, or a waiver in time."""
    return turn.is_past_due(until) and turn.answered is None and not turn.waived_in_time


def judged_turns(view: View) -> list[Turn]:
    """Turns asked in the window that are answered, waived or past due."""
    return [
        turn
        for turn in asked(view)
        if turn.answered is not None or turn.waived is not None or turn.is_past_due(view.end)
    ]


def contact_rate(view: View) -> Measured:
    """Placed orders about which the buyer asked."""
    asked_about = {turn.order for turn in view.turns}
    return share([Row(order.id, order.id in asked_about) for order in view.placed], higher_is_better=False)


# Cases


def used(view: View, case: Case) -> int:
    """Working milliseconds with the seller until the resolution that stands, else until T."""
    return case.held_by_seller(view.clock, view.end if case.resolved is None else case.resolved)


def resolution_time(view: View) -> Measured:
    """Working seconds with the seller until the resolution that stands."""
    opened = [
        case for case in view.cases if view.holds(case.opened) and view.scope("resolve", case.id) != "both"
    ]
    rows = [Amount(case.id, used(view, case) // SECOND) for case in opened if case.resolved is not None]
    return times(rows, unanswered=sum(case.resolved is None for case in opened))


def resolution_within_rate(view: View) -> Measured:
    """Cases that used more than the limit, or were reopened within seven days."""
    rows = []
    for case in view.cases:
        beyond = used(view, case) > RESOLVE_LIMIT
        if view.holds(case.opened) and (case.resolved is not None or case.is_reopened or beyond):
            rows.append(Row(case.id, beyond or case.is_reopened))
    return share(obligation_rows(view, "resolve", rows), higher_is_better=True)


def reopen_rate(view: View) -> Measured:
    """Cases first resolved in the window and reopened within seven days."""
    first_resolved = [case for case in view.cases if case.resolutions and view.holds(case.resolutions[0])]
    return share([Row(case.id, case.is_reopened) for case in first_resolved], higher_is_better=False)


def case_rate(view: View) -> Measured:
    """Placed orders with a claim or an incident, however it ended."""
    return share(rows_with_case(view, ("claim", "incident")), higher_is_better=False)


def chargeback_rate(view: View) -> Measured:
    """Placed orders with a chargeback, however it ended, unless forgiven."""
    rows = rows_with_case(view, ("chargeback",))
    return share(defect_rows(view, "chargeback", rows), higher_is_better=False)


def rows_with_case(view: View, kinds: tuple[str, ...]) -> list[Row]:
    """Placed orders, bad with a case of some kinds."""
    named = {case.order for case in view.cases if case.kind in kinds}
    return [Row(order.id, order.id in named) for order in view.placed]


def cases_lost_rate(view: View) -> Measured:
    """Placed orders with a lost case."""
    rows = [Row(order.id, has_defect(view, order, "case_lost")) for order in view.placed]
    return share(defect_rows(view, "case_lost", rows), higher_is_better=False)


METRICS: dict[str, Callable[[View], Measured]] = {
    compute.__name__: compute
    for compute in (
        *(order_defect_rate, late_shipment_rate, on_time_delivery_rate, cancellation_rate, out_of_stock_rate),
        *(acceptance_rate, auto_refusal_rate, negative_review_rate, average_rating),
        *(first_response_time, response_time, response_within_rate, no_response_rate),
        *(resolution_time, resolution_within_rate, case_rate, cases_lost_rate, contact_rate),
        *(valid_tracking_rate, return_rate, reopen_rate, chargeback_rate, refund_rate),
    )
}
