"""Action plans: who may do what in which state, how long one may run, and how it ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from operator_qos.recourse.rules import AppealRefused

SHORTEST_DAYS, LONGEST_DAYS = 14, 120
STATES = ("drafted", "agreed", "running", "reached", "missed", "withdrawn")
OPEN_STATES = frozenset({"drafted", "agreed", "running"})
BOTH = frozenset({"seller", "operator"})
# Who may do what in which states; the timer starts and ends a plan.
ACTIONS = {
    "agree": (frozenset({"drafted"}), BOTH),
    "revise": (frozenset({"drafted"}), BOTH),
    "withdraw": (OPEN_STATES, BOTH),
    "start": (frozenset({"agreed"}), frozenset({"timer"})),
    "end": (frozenset({"running"}), frozenset({"timer"})),
}


class IllegalPlanStep(ValueError):
    """Somebody may not do this to a plan in that state."""

    def __init__(self, action: str, state: str, side: str) -> None:
        self.action, self.state, self.side = action, state, side
        allowed = ", ".join(list_allowed(state, side)) or "nothing"
        super().__init__(f"{side} may not {action} while the plan is {state}; allowed now: {allowed}")


def list_allowed(state: str, side: str) -> list[str]:
    """What this side may do in this state."""
    return [name for name, (states, sides) in ACTIONS.items() if state in states and side in sides]


def check(action: str, state: str, side: str) -> None:
    """Raises IllegalPlanStep."""
    if action not in list_allowed(state, side):
        raise IllegalPlanStep(action, state, side)


@dataclass(frozen=True)
class Terms:
    """What a plan says: the rule it is about, the value to reach [share as decimal text], cause, actions, review."""

    rule: str
    target: str
    cause: str
    actions: str
    review_on: date


def require_terms(terms: Terms, *, today: date) -> Terms:
    """The terms, tidied. Raises AppealRefused for a target that is no share, or a review too soon or too late."""
    first, last = today + timedelta(days=SHORTEST_DAYS), today + timedelta(days=LONGEST_DAYS)
    if not first <= terms.review_on <= last:
        raise AppealRefused("review", "review_on", f"must lie from {first} to {last}")
    return Terms(terms.rule, read_target(terms.target), terms.cause, terms.actions, terms.review_on)


def read_target(text: str) -> str:
    """A share as decimal text from what people write: 4, 4 %, 3,5 %. Raises AppealRefused."""
    try:
        share = Decimal(text.replace("%", "").replace(",", ".").strip()) / 100
    except InvalidOperation:
        raise AppealRefused("target", "target", "is no percentage; write it like 4 %") from None
    if not 0 <= share <= 1:
        raise AppealRefused("target", "target", "is no percentage from 0 to 100")
    return f"{share.normalize():f}"


@dataclass(frozen=True)
class Measured:
    """What a rule's units since the start of a plan came to; `value` None without any."""

    bad: int
    base: int
    value: float | None


def find_result(found: Measured, target: str, *, higher_is_better: bool) -> str:
    """How a plan ends at its review: reached at the target or better; missed without anything that shows it."""
    if not found.base:
        return "missed"
    share = Fraction(found.base - found.bad if higher_is_better else found.bad, found.base)
    goal = Fraction(target)
    return "reached" if (share >= goal if higher_is_better else share <= goal) else "missed"
