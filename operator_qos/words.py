"""What people read for every id the product uses, in the reader's language.

Each function takes an id and answers a lazy text, so that one call serves pages, mails and downloads alike.
An id that nobody has named yet is shown readable, never refused: a new reason must not break a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from operator_qos import condition_words, formats
from operator_qos.i18n import find_language, gettext, ngettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.metric_words import METRIC_WORDS, MetricWords, Words
from scoring.metrics import METRICS

Table = Mapping[str, Words]


VERDICTS: Table = {
    "kept": _("Kept"),
    "watch": _("Watch"),
    "breached": _("Breached"),
    "not_enough_data": _("Not enough data"),
    "exempt": _("Exempt"),
}
LEVELS: Table = {"top": _("Top seller"), "in_standard": _("In standard"), "below": _("Below standard")}
BADGES: Table = {"top_seller": _("Top seller"), "fast_replies": _("Fast replies")}
DEFECTS: Table = {
    "case": _("Problem reported by the buyer"),
    "case_lost": _("Dispute lost"),
    "chargeback": _("Payment taken back"),
    "low_rating": _("Rating of 1 or 2"),
    "cancelled_by_seller": _("Cancelled by the seller"),
    "not_shipped": _("Never shipped"),
    "late_delivery": _("Delivered late"),
    "seller_refund": _("Refunded by the seller’s fault"),
}
OBLIGATIONS: Table = {
    "accept": _("Accept the order"),
    "ship": _("Ship the order"),
    "track": _("Give tracking"),
    "deliver": _("Deliver the order"),
    "answer": _("Answer the buyer"),
    "resolve": _("Solve the problem"),
    "return": _("Handle the return"),
    "refund": _("Refund the buyer"),
    "invoice": _("Send the invoice"),
    "decide": _("Decide the dispute"),
}
CAUSES: Table = {
    "platform": _("Fault of the marketplace"),
    "platform_outage": _("Outage of the marketplace"),
    "platform_fault": _("Fault of the marketplace"),
    "carrier": _("Fault of the carrier"),
    "carrier_strike": _("Carrier strike"),
    "carrier_outage": _("Carrier outage"),
    "carrier_fault": _("Fault of the carrier"),
    "natural_disaster": _("Natural disaster"),
    "buyer": _("Fault of the buyer"),
    "buyer_fault": _("Fault of the buyer"),
    "content": _("Content changed by others"),
    "spam": _("Spam or advert"),
    "system_message": _("Message of a system"),
    "mistaken_data": _("Mistaken data"),
    "appeal": _("Decided on appeal"),
}
CHANGES: Table = {
    "level_changed": _("Level"),
    "badge_awarded": _("Badge awarded"),
    "badge_withdrawn": _("Badge withdrawn"),
    "warning_given": _("Warning"),
    "warning_ended": _("Warning ended"),
    "strikes_given": _("Strike"),
    "strikes_ended": _("Strike no longer counted"),
    "step_reached": _("Consequence in force"),
    "step_ended": _("Consequence ended"),
    "verdict_changed": _("Verdict"),
}
PARTIES: Table = {
    "seller": _("Seller"),
    "buyer": _("Buyer"),
    "operator": _("Operator"),
    "carrier": _("Carrier"),
    "mediator": _("Mediator"),
    "nobody": _("Nobody"),
    "system": _("System"),
    "automatic": _("Automatic"),
    "timer": _("Timer"),
    "unknown": _("Unknown"),
}
CASE_KINDS: Table = {
    "claim": _("Claim"),
    "incident": _("Problem"),
    "return": _("Return"),
    "chargeback": _("Payment taken back"),
}
REASONS: Table = {
    "damaged": _("Damaged"),
    "not_received": _("Not received"),
    "wrong_item": _("Wrong item"),
    "not_as_described": _("Not as described"),
    "missing_parts": _("Parts missing"),
    "defective": _("Defective"),
    "refund_missing": _("Refund missing"),
    "late": _("Late"),
    "other": _("Other"),
    "buyer_request": _("Asked by the buyer"),
    "payment_failed": _("Payment failed"),
    "fraud": _("Fraud"),
    "operator": _("Decided by the operator"),
    "out_of_stock": _("Out of stock"),
    "seller_timeout": _("The seller did not react in time"),
    "changed_mind": _("Changed their mind"),
    "too_small": _("Too small"),
    "unwanted": _("No longer wanted"),
}
REMEDIES: Table = {
    "refund": _("Refund"),
    "full_refund": _("Full refund"),
    "partial_refund": _("Partial refund"),
    "replacement": _("Replacement"),
    "repair": _("Repair"),
    "return": _("Return and refund"),
    "none": _("Nothing"),
}
DISPUTE_STATES: Table = {
    "opened": _("Opened"),
    "in_discussion": _("In discussion"),
    "escalated": _("Waits for a mediator"),
    "assigned": _("With a mediator"),
    "seller_overdue": _("Seller overdue"),
    "evidence_asked": _("Proof asked"),
    "decided": _("Decided"),
    "under_appeal": _("Under appeal"),
    "final": _("Decided for good"),
    "settled": _("Settled"),
    "auto_closed": _("Closed by time"),
    "closed": _("Closed"),
    "withdrawn": _("Withdrawn"),
}
MILESTONES: Table = {
    "in_transit": _("in transit"),
    "out_for_delivery": _("out for delivery"),
    "attempted": _("delivery tried"),
    "delivered": _("delivered"),
    "exception": _("trouble on the way"),
}
EVENTS: Table = {
    "order.placed": _("Order placed"),
    "order.accepted": _("Order accepted"),
    "order.refused": _("Order refused"),
    "order.paid": _("Order paid"),
    "order.invoiced": _("Invoice sent"),
    "order.cancelled": _("Cancelled"),
    "order.shipped": _("Shipped"),
    "order.promise_moved": _("Promise moved"),
    "tracking.scanned": _("Parcel scanned"),
    "order.delivered": _("Delivered"),
    "order.refunded": _("Refunded"),
    "return.requested": _("Return asked"),
    "return.received": _("Return received"),
    "return.refused": _("Return refused"),
    "return.refunded": _("Return refunded"),
    "message.sent": _("Message"),
    "conversation.no_reply_needed": _("Marked: no reply needed"),
    "case.opened": _("Problem opened"),
    "case.ball_passed": _("Turn passed"),
    "case.resolved": _("Problem solved"),
    "case.reopened": _("Problem reopened"),
    "case.withdrawn": _("Problem withdrawn"),
    "case.closed": _("Problem closed"),
    "case.escalated": _("Passed to a mediator"),
    "case.evidence_asked": _("Evidence asked"),
    "case.evidence_given": _("Evidence given"),
    "case.decided": _("Dispute decided"),
    "case.appealed": _("Decision appealed"),
    "review.posted": _("Rating given"),
    "review.changed": _("Rating changed"),
    "review.removed": _("Rating removed"),
    "review.replied": _("Rating answered"),
    "survey.answered": _("Survey answered"),
    "obligation.excluded": _("Forgiven"),
    "obligation.restored": _("Counts again"),
    "event.retracted": _("Entry withdrawn"),
    "order.corrected": _("Order corrected"),
    "shop.opened": _("Shop opened"),
    "shop.calendar_set": _("Opening hours set"),
    "shop.closed_for": _("Shop closed for a time"),
}


def _say(table: Table, key: str | None) -> Words:
    """The text of an id; one without a text is shown readable, none as an empty text."""
    if not key:
        return ""
    found = table.get(key)  # whether such a text is empty would cost its translation
    return found if found is not None else key.replace("_", " ").replace(".", ": ").capitalize()


def _metric(metric: str) -> MetricWords | None:
    return METRIC_WORDS.get(metric)


def metric_name(metric: str) -> Words:
    """ "Late shipments"."""
    found = _metric(metric)
    return found.name if found else _say({}, metric)


def metric_short(metric: str) -> Words:
    """A word or two for the head of a narrow column."""
    found = _metric(metric)
    return found.short if found else _say({}, metric)


def metric_explanation(metric: str) -> Words:
    """What the metric counts, in half a sentence; empty for an unknown one."""
    found = _metric(metric)
    return found.explanation if found else ""


def metric_failures(metric: str) -> Words:
    """What its failures are called, lower case: "late shipments"."""
    found = _metric(metric)
    return found.failures if found else _say({}, metric)


def verdict_name(verdict: str | None) -> Words:
    """ "Kept"."""
    return _say(VERDICTS, verdict)


def level_name(level: str | None) -> Words:
    """ "In standard"; a shop never judged has none."""
    return _say(LEVELS, level) or _("Not rated yet")


def badge_name(badge: str | None) -> Words:
    """ "Fast replies"."""
    return _say(BADGES, badge)


def defect_name(defect: str | None) -> Words:
    """ "Dispute lost"."""
    return _say(DEFECTS, defect)


def obligation_name(kind: str | None) -> Words:
    """ "Ship the order"."""
    return _say(OBLIGATIONS, kind)


def cause_name(cause: str | None) -> Words:
    """Why something was forgiven; "No cause given" without one."""
    return _say(CAUSES, cause) or _("No cause given")


def change_name(kind: str | None) -> Words:
    """What changed in a standing: "Level"."""
    return _say(CHANGES, kind)


def party_name(party: str | None) -> Words:
    """ "Seller"."""
    return _say(PARTIES, party)


def case_kind_name(kind: str | None) -> Words:
    """ "Claim"."""
    return _say(CASE_KINDS, kind)


def reason_name(reason: str | None) -> Words:
    """Why a case was opened or an order cancelled: "Damaged"."""
    return _say(REASONS, reason)


def remedy_name(remedy: str | None) -> Words:
    """ "Partial refund"."""
    return _say(REMEDIES, remedy)


def dispute_state_name(state: str | None) -> Words:
    """ "With a mediator"."""
    return _say(DISPUTE_STATES, state)


def milestone_name(milestone: str | None) -> Words:
    """ "out for delivery"."""
    return _say(MILESTONES, milestone)


def event_name(event_type: str | None) -> Words:
    """ "Order placed"."""
    return _say(EVENTS, event_type)


def count(value: int) -> str:
    """ "7,310"."""
    return formats.format_count(value, find_language())


def format_metric(metric: str, value: float | None) -> str:
    """A metric's value the way people read it: a share in per cent, a time in hours, a rating plain."""
    found = METRICS.get(metric)
    if value is None or found is None or found.kind in {"share", "repeat"}:
        return formats.format_rate(value, find_language())
    if found.kind == "time":
        return formats.format_duration(value, find_language())
    if found.kind == "percentile":
        days = days_phrase(abs(int(value)))
        return f"\N{MINUS SIGN}{days}" if value < 0 else days
    if found.kind == "streak":
        return count(int(value))
    return formats.format_number(value, find_language(), 2)


def shown_count(metric: str, *, bad: int, base: int) -> int:
    """The count that goes with the shown value: successes where higher is better, else failures."""
    found = METRICS.get(metric)
    return base - bad if found is not None and found.counts_failures and found.higher_is_better else bad


def counted_phrase(metric: str, *, bad: int, base: int) -> str:
    """ "7 of 412" for a share; "from 412" for a mean or a time, where no part is counted."""
    total = count(base)
    found = METRICS.get(metric)
    if found is not None and found.kind not in {"share", "repeat"}:
        return str(gettext("from %(base)s", base=total))
    part = count(shown_count(metric, bad=bad, base=base))
    return str(gettext("%(count)s of %(base)s", count=part, base=total))


def orders_phrase(number: int) -> str:
    """ "412 orders"."""
    return str(ngettext("%(shown)s order", "%(shown)s orders", number, shown=count(number)))


def limit_phrase(limit: float, higher_is_better: bool) -> str:
    """ "at most 2%" or "at least 90%"."""
    shown = formats.format_limit(limit, find_language())
    if higher_is_better:
        return str(gettext("at least %(limit)s", limit=shown))
    return str(gettext("at most %(limit)s", limit=shown))


def days_phrase(number: int) -> str:
    """ "30 days"."""
    return str(ngettext("%(shown)s day", "%(shown)s days", number, shown=count(number)))


def _reason_numbers(reason: Mapping[str, Any]) -> dict[str, str]:
    """The numbers of a stored reason, ready to be put into a sentence."""
    metric, limit = str(reason.get("metric") or ""), reason.get("limit")
    bad, base = int(reason.get("bad") or 0), int(reason.get("base") or 0)
    higher = metric in METRICS and METRICS[metric].higher_is_better
    return {
        "metric": str(metric_name(metric)) if metric else "",
        "value": format_metric(metric, reason.get("value")),
        "counted": counted_phrase(metric, bad=bad, base=base),
        "limit": "" if limit is None else limit_phrase(float(limit), higher),
        "since": _in_days(reason.get("since")),
        "until": _in_days(reason.get("until")),
        "base": count(base),
        "needed": count(int(reason.get("needed") or 0)),
        **_condition_words(reason),
    }


def _condition_words(reason: Mapping[str, Any]) -> dict[str, str]:
    """What a condition looked at, asked and found; empty for other reasons."""
    if not reason.get("key"):
        return {"subject": "", "asked": "", "found": ""}
    asks, key, found = (str(reason.get(name) or "") for name in ("asks", "key", "found"))
    named, *_ = key.partition(".")
    return {"subject": condition_words.say_subject(key, str(metric_name(named)) if named in METRICS else ""),
            "asked": condition_words.say_asked(asks), "found": condition_words.say_found(found, asks)}


def _in_days(text: str | None) -> str:
    return formats.format_day(date.fromisoformat(text), find_language(), year=True) if text else ""


REASON_SENTENCES: Table = {
    "kept": _("%(metric)s kept: %(value)s, %(counted)s, %(limit)s asked."),
    "not_kept": _("%(metric)s not kept: %(value)s, %(counted)s, %(limit)s asked."),
    "breached": _("%(metric)s breached: %(value)s, %(counted)s, %(limit)s asked."),
    "still_breached": _(
        "%(metric)s breached since %(since)s, last on %(until)s: %(value)s, %(counted)s, %(limit)s asked."
    ),
    "episode_ended": _("%(metric)s no longer breached. It was breached from %(since)s to %(until)s."),
    "enough_orders": _("Enough orders: %(base)s, at least %(needed)s asked."),
    "too_few_orders": _("Too few orders: %(base)s, at least %(needed)s asked."),
    "too_small_base": _("%(metric)s rests on %(base)s only, at least %(needed)s asked."),
    "nothing_judged": _("There was too little to judge."),
    "level_reached": _("It goes with the level reached."),
    "level_left": _("It went with the level left."),
    "not_judged": _("%(metric)s not judged: %(counted)s are too few, or it does not bind this shop."),
    "restored_on_appeal": _("Restored on appeal, as of the day it was taken."),
    "condition_met": _("%(subject)s: %(asked)s asked, %(found)s found."),
    "condition_unmet": _("Missed: %(subject)s. %(asked)s asked, %(found)s found."),
}


def reason_sentence(reason: Mapping[str, Any]) -> str:
    """One stored reason of a change in standing, in the reader's language; its code when that is unknown."""
    code = str(reason.get("code") or "")
    sentence = REASON_SENTENCES.get(code)
    return str(sentence) % _reason_numbers(reason) if sentence else str(_say({}, code))
