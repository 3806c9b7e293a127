"""What each metric of the catalogue is called, and what it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from operator_qos.i18n import lazy_gettext as _


class Words(Protocol):
    """A text, or one that becomes a text in the reader's language when it is shown."""

    def __str__(self) -> str: ...


class MetricWords(NamedTuple):
    """Name, name for a table head, what is counted, and what one failure is called on a tab or a link."""

    name: Words
    short: Words
    explanation: Words
    failures: Words


METRIC_WORDS: Mapping[str, MetricWords] = {
    "order_defect_rate": MetricWords(
        _("Defective orders"),
        _("Defects"),
        _("Orders with a problem, a lost dispute, a rating of 1 or 2, cancelled or never shipped"),
        _("defective orders"),
    ),
    "late_shipment_rate": MetricWords(
        _("Late shipments"),
        _("Late"),
        _("Shipped after the promised time, or not shipped yet"),
        _("late shipments"),
    ),
    "on_time_delivery_rate": MetricWords(
        _("Deliveries on time"),
        _("Delivered"),
        _("Delivered, or first tried, by the promised date"),
        _("late deliveries"),
    ),
    "cancellation_rate": MetricWords(
        _("Seller cancellations"),
        _("Cancelled"),
        _("Cancelled by the seller before shipping"),
        _("cancellations"),
    ),
    "response_within_rate": MetricWords(
        _("Replies in time"),
        _("Replies"),
        _("Buyer questions answered within the promised opening hours"),
        _("late replies"),
    ),
    "resolution_within_rate": MetricWords(
        _("Problems solved in time"),
        _("Problems"),
        _("Solved within the promised opening hours spent with the seller, and not reopened within 7 days"),
        _("problems solved late"),
    ),
    "out_of_stock_rate": MetricWords(
        _("Out of stock"),
        _("No stock"),
        _("Cancelled because the item was out of stock"),
        _("out-of-stock cancellations"),
    ),
    "acceptance_rate": MetricWords(
        _("Orders accepted"), _("Accepted"), _("Accepted rather than refused"), _("refused orders")
    ),
    "auto_refusal_rate": MetricWords(
        _("Refused automatically"),
        _("Auto-refused"),
        _("Refused because nobody accepted in time"),
        _("automatic refusals"),
    ),
    "case_rate": MetricWords(
        _("Orders with a problem"),
        _("Problems per order"),
        _("Orders for which the buyer reported a problem"),
        _("orders with a problem"),
    ),
    "cases_lost_rate": MetricWords(
        _("Disputes lost"),
        _("Lost"),
        _("Orders with a dispute decided against the seller"),
        _("lost disputes"),
    ),
    "refund_rate": MetricWords(
        _("Orders refunded"), _("Refunds"), _("Orders with at least one refund"), _("refunded orders")
    ),
    "chargeback_rate": MetricWords(
        _("Payments taken back"),
        _("Chargebacks"),
        _("Orders whose payment the bank took back"),
        _("payments taken back"),
    ),
    "contact_rate": MetricWords(
        _("Orders with a question"),
        _("Questions"),
        _("Orders about which the buyer asked something"),
        _("orders with a question"),
    ),
    "return_rate": MetricWords(
        _("Orders returned"), _("Returns"), _("Shipped orders for which a return was asked"), _("returns")
    ),
    "valid_tracking_rate": MetricWords(
        _("Tracking that works"),
        _("Tracking"),
        _("Parcels the carrier scanned at least once"),
        _("parcels never scanned"),
    ),
    "negative_review_rate": MetricWords(
        _("Bad ratings"), _("Bad ratings"), _("Ratings of 1 or 2 stars"), _("bad ratings")
    ),
    "average_rating": MetricWords(
        _("Average rating"), _("Rating"), _("Average of the stars buyers gave, 1 to 5"), _("ratings")
    ),
    "first_response_time": MetricWords(
        _("Time to the first reply"),
        _("First reply"),
        _("Half of the first replies came within this time"),
        _("first replies"),
    ),
    "response_time": MetricWords(
        _("Time to reply"), _("Half within"), _("Half of the replies came within this time"), _("replies")
    ),
    "no_response_rate": MetricWords(
        _("Questions never answered"),
        _("No reply"),
        _("Past their due time and still without a reply"),
        _("unanswered questions"),
    ),
    "resolution_time": MetricWords(
        _("Time to solve a problem"),
        _("Half solved within"),
        _("Half of the problems were solved within this time"),
        _("solved problems"),
    ),
    "acceptance_time": MetricWords(
        _("Time to accept an order"),
        _("Half accepted within"),
        _("Half of the orders were accepted within this time, counted from the payment where it came first"),
        _("accepted orders"),
    ),
    "refusal_streak": MetricWords(
        _("Refusals in a row"),
        _("In a row"),
        _("Orders refused since the last one that was accepted"),
        _("refusals in a row"),
    ),
    "not_as_described_rate": MetricWords(
        _("Not as described"),
        _("Not as described"),
        _("Orders with a problem or a return because the item was not as described"),
        _("orders not as described"),
    ),
    "perfect_order_rate": MetricWords(
        _("Perfect orders"),
        _("Perfect"),
        _("No defect, problem or delay, and a parcel that was scanned, by 14 days after the promised delivery"),
        _("orders with a flaw"),
    ),
    "repeat_purchase_rate": MetricWords(
        _("Buyers who came back"),
        _("Came back to buy"),
        _("Buyers who ordered again within 90 days; counted once those days are over"),
        _("buyers who did not come back"),
    ),
    "invoice_defect_rate": MetricWords(
        _("Invoices missing"),
        _("No invoice"),
        _("Orders of businesses without an invoice by the end of the next weekday after shipping"),
        _("missing invoices"),
    ),
    "review_reply_rate": MetricWords(
        _("Critical ratings replied to"),
        _("Replied"),
        _("Ratings of 3 stars or fewer that the shop replied to within 7 days"),
        _("ratings without a reply"),
    ),
    "refund_time": MetricWords(
        _("Time to refund a return"),
        _("Half refunded within"),
        _("Half of the returns were refunded within this time after they were received"),
        _("refunded returns"),
    ),
    "return_handling_within_rate": MetricWords(
        _("Returns handled in time"),
        _("Returns handled"),
        _("Returns refunded or refused within 7 days after they were received"),
        _("returns handled late"),
    ),
    "promise_gap": MetricWords(
        _("Days after the promised day"),
        _("Days late"),
        _("Nine of ten orders came no later than this many days after the promised day; below 0 is early"),
        _("arrived orders"),
    ),
    "csat": MetricWords(
        _("Satisfied buyers"),
        _("Satisfied"),
        _("Buyers who gave 4 or 5 of 5 when asked about their order or problem"),
        _("unsatisfied answers"),
    ),
    "mediation_time": MetricWords(
        _("Time to a mediator’s decision"),
        _("Half decided within"),
        _("Half of the disputes passed to a mediator were decided within this time"),
        _("decided disputes"),
    ),
    "decision_within_rate": MetricWords(
        _("Disputes decided in time"),
        _("Decided in time"),
        _("Disputes decided within 7 days after they were passed to a mediator"),
        _("disputes decided late"),
    ),
    "overturn_rate": MetricWords(
        _("Decisions changed on appeal"),
        _("Changed"),
        _("Appealed decisions whose last word says otherwise on fault, remedy or what counts"),
        _("changed decisions"),
    ),
    "reopen_rate": MetricWords(
        _("Problems that came back"),
        _("Came back"),
        _("Solved problems reopened within 7 days"),
        _("problems that came back"),
    ),
}
