"""Who may do what with a dispute in which state, as one table; and the state that its facts amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# Older open cases stay where they are: a first import of an old shop must not flood the mediators.
TIMER_REACH = timedelta(days=60)

TALKING = frozenset({"opened", "seller_overdue", "in_discussion"})
IN_MEDIATION = frozenset({"escalated", "assigned", "evidence_asked", "under_appeal"})
OPEN_STATES = TALKING | IN_MEDIATION
STATES = (
    "opened", "seller_overdue", "in_discussion", "escalated", "assigned", "evidence_asked", "decided", "under_appeal",
    "final", "settled", "withdrawn", "auto_closed", "closed",
)
ENDED = frozenset(STATES) - OPEN_STATES
# Nothing can follow in these; the others still wait for somebody or for a window to end.
TERMINAL = frozenset({"final", "withdrawn", "closed"})

FAULTS = ("seller", "buyer", "carrier", "operator", "nobody")
REMEDIES = ("refund", "partial_refund", "replacement", "none")
OFFER_REMEDIES = ("refund", "partial_refund", "replacement", "return_refund", "voucher", "apology")
MONEY_REMEDIES = frozenset({"refund", "partial_refund", "return_refund", "voucher"})
# The clauses of the dispute policy that a decision may cite (docs/domain.md, "Ball" and "Defect kinds").
CLAUSES = ("delivery", "item", "answer", "evidence", "carrier", "buyer")
PROBLEMS = (
    "not_received", "not_as_described", "damaged", "wrong_item", "late", "refund_missing", "counterfeit", "other",
)
APPEAL_OUTCOMES = ("upheld", "reversed_money", "reversed_metric", "reversed_both")

PARTIES = frozenset({"buyer", "seller"})
ROLES = ("buyer", "seller", "operator", "mediator", "timer")


@dataclass(frozen=True)
class Action:
    """One row of the table: in the states `from_states`, `who` may do it; the dispute is then in `to`.

    `to` None: the state stays, or follows from what is given. `needs`: what has to come with it. `event`: the type of
    event that records it in the log, None where no number follows from it and our own step is all there is.
    `deadline`: the stored column whose passing lets the timer do it.
    """

    name: str
    from_states: frozenset[str]
    to: str | None
    who: frozenset[str]
    event: str | None
    needs: tuple[str, ...] = ()
    deadline: str | None = None


def _action(  # one argument per column of the table
    name: str, from_states: frozenset[str] | str, to: str | None, who: str, event: str | None, needs: str = "",
    deadline: str | None = None,
) -> Action:
    states = from_states if isinstance(from_states, frozenset) else frozenset(from_states.split())
    return Action(name, states, to, frozenset(who.split()), event, tuple(needs.split()), deadline)


ACTIONS: tuple[Action, ...] = (
    _action("answer", TALKING, "in_discussion", "seller", "message.sent", "text"),
    _action("answer", IN_MEDIATION, None, "seller", "message.sent", "text"),
    _action("write", OPEN_STATES | {"settled", "decided"}, None, "buyer seller operator mediator", "message.sent",
            "text recipients"),
    _action("note", frozenset(STATES), None, "buyer seller operator mediator", None, "text"),
    _action("offer", TALKING, "in_discussion", "seller", "message.sent", "remedy amount"),
    _action("offer", TALKING, None, "buyer", "message.sent", "remedy amount"),
    _action("accept_offer", TALKING, "settled", "buyer seller", "case.resolved", "open_offer"),
    _action("decline_offer", TALKING, None, "buyer seller", "message.sent", "open_offer"),
    _action("expire_offer", TALKING, None, "timer", None, "open_offer", "expires_at"),
    _action("confirm_performance", "settled", "closed", "buyer seller operator timer", "case.closed", "proof"),
    _action("report_broken", "settled", "escalated", "buyer operator", "case.escalated", "text"),
    _action("break_settlement", "settled", "escalated", "timer", "case.escalated", "", "perform_due_at"),
    _action("escalate", TALKING, "escalated", "buyer seller operator", "case.escalated"),
    _action("escalate", TALKING, "escalated", "timer", "case.escalated", "", "seller_due_at"),
    _action("mark_overdue", "opened", "seller_overdue", "timer", None, "", "response_due_at"),
    _action("remind", OPEN_STATES | {"settled"}, None, "timer", None, "", "reminded_at"),
    _action("withdraw", OPEN_STATES, "withdrawn", "buyer", "case.withdrawn"),
    _action("auto_close", TALKING, "auto_closed", "timer", "case.closed", "", "auto_close_at"),
    _action("reopen", "auto_closed", "in_discussion", "buyer operator", "case.reopened", "text"),
    _action("take", "escalated under_appeal", None, "mediator", None),
    _action("assign", IN_MEDIATION, None, "operator", None, "mediator"),
    _action("declare_conflict", IN_MEDIATION, None, "mediator", None),
    _action("ask_evidence", IN_MEDIATION, None, "mediator", "case.evidence_asked", "whom due_at"),
    _action("give_evidence", IN_MEDIATION, None, "seller buyer", "case.evidence_given", "text"),
    _action("decide", IN_MEDIATION, "decided", "mediator", "case.decided", "ruling"),
    _action("decide_by_default", "evidence_asked", "decided", "timer", "case.decided", "", "evidence_due_at"),
    _action("appeal", "decided", "under_appeal", "buyer seller", "case.appealed", "grounds"),
    _action("end_appeal_window", "decided", "closed", "timer", None, "", "appeal_until_at"),
)
ACTION_NAMES: tuple[str, ...] = tuple(dict.fromkeys(action.name for action in ACTIONS))


class IllegalAction(ValueError):
    """Somebody may not do this to a dispute in that state; names all three and what is allowed instead."""

    def __init__(self, action: str, state: str, role: str) -> None:
        self.action, self.state, self.role = action, state, role
        self.allowed = list_allowed(state, role)
        instead = ", ".join(self.allowed) or "nothing"
        super().__init__(f"{role} may not {action} while the dispute is {state}; allowed now: {instead}")


def find_action(name: str, state: str, role: str) -> Action | None:
    """The row of the table that allows it, None where there is none."""
    return next((a for a in ACTIONS if a.name == name and state in a.from_states and role in a.who), None)


def list_allowed(state: str, role: str) -> list[str]:
    """Names of what this role may do in this state, in the table's order."""
    return [name for name in ACTION_NAMES if find_action(name, state, role)]


def check(action: str, state: str, role: str) -> Action:
    """The row that allows it. Raises IllegalAction naming action, state and what is allowed."""
    found = find_action(action, state, role)
    if found is None:
        raise IllegalAction(action, state, role)
    return found


def to_problem(reason: str | None) -> str:
    """The kind of dispute in a policy that a case's reason amounts to."""
    return reason if reason in PROBLEMS else "other"


@dataclass(frozen=True)
class Turn:
    """`holder` had the ball in `[from_ms, until_ms)`; until_ms None: still."""

    holder: str
    from_ms: int
    until_ms: int | None


@dataclass(frozen=True)
class Course:
    """What the facts say about one case [epoch ms]; `turns` in time order, `answered`: the seller replied."""

    turns: Sequence[Turn]
    answered: bool = False
    reopened_ms: int | None = None
    withdrawn_ms: int | None = None
    closed_ms: int | None = None
    decided_ms: int | None = None


@dataclass(frozen=True)
class Doings:
    """What was done here beside the log: `decided_here` a ruling of ours, `appealed_ms` its appeal [epoch ms]."""

    has_mediator: bool = False
    overdue: bool = False
    closed_by: str | None = None
    decided_here: bool = False
    window_ended: bool = False
    appealed_ms: int | None = None


def find_mediation_start(course: Course) -> int | None:
    """Since when the mediators have the case [epoch ms], None when they have not.

    Mediation lasts while evidence is asked of a party; it ends when nobody holds the case, or it is reopened.
    """
    start: int | None = None
    for turn in course.turns:
        if turn.holder == "nobody":
            start = None
        elif turn.holder == "mediator" and start is None:
            start = turn.from_ms
        elif start is not None and turn.holder == "seller" and turn.from_ms == course.reopened_ms:
            start = None
    return start


def _is_decided(course: Course, mediation_ms: int | None) -> bool:
    since = max(mediation_ms or 0, course.reopened_ms or 0)
    return course.decided_ms is not None and course.decided_ms >= since


def _derive_closed(course: Course, doings: Doings) -> str:
    """How a closed case stands: with its appeal window open, judged for good, closed by a timer, or just closed."""
    decided = course.decided_ms is not None and course.decided_ms >= (course.reopened_ms or 0)
    if decided and doings.decided_here:
        if doings.appealed_ms is not None:
            return "final"
        return "closed" if doings.window_ended else "decided"
    return "auto_closed" if doings.closed_by == "automatic" and not decided else "closed"


def _derive_mediated(course: Course, doings: Doings) -> str:
    if doings.appealed_ms is not None:
        return "under_appeal"
    if course.turns and course.turns[-1].holder != "mediator":
        return "evidence_asked"
    return "assigned" if doings.has_mediator else "escalated"


def derive_state(course: Course, doings: Doings | None = None) -> str:
    """The state of a dispute whose case went this way."""
    done = doings or Doings()
    if course.withdrawn_ms is not None:
        return "withdrawn"
    if course.closed_ms is not None:
        return _derive_closed(course, done)
    mediation_ms = find_mediation_start(course)
    if done.appealed_ms is None and _is_decided(course, mediation_ms):
        return "decided"
    if mediation_ms is not None:
        return _derive_mediated(course, done)
    return _derive_talking(course, done)


def _derive_talking(course: Course, doings: Doings) -> str:
    if course.turns and course.turns[-1].holder == "nobody":
        return "settled"
    if course.answered or len(course.turns) > 1:
        return "in_discussion"
    return "seller_overdue" if doings.overdue else "opened"


def judge_appeal(first: tuple[int, str], second: tuple[int, str]) -> str:
    """What a second ruling does to the first; each is (refund [minor units], fault that counts or not)."""
    money, metric = first[0] != second[0], first[1] != second[1]
    if money and metric:
        return "reversed_both"
    if money:
        return "reversed_money"
    return "reversed_metric" if metric else "upheld"


def add_working_days(
    moment: datetime, days: int, zone: str, *, holidays: frozenset[str] = frozenset(),
    open_weekdays: frozenset[int] = frozenset(range(5)),
) -> datetime:
    """The same time of day in `zone`, that many working days later; aware, UTC as given.

    Working days are `open_weekdays` (Monday is 0) without `holidays` (ISO dates). A wall time that the clocks skip
    means the instant it would have been by the offset before.
    """
    local = moment.astimezone(ZoneInfo(zone))
    left = days
    while left:
        local += timedelta(days=1)
        left -= local.weekday() in open_weekdays and local.date().isoformat() not in holidays
    return local.astimezone(moment.tzinfo)


def add_days(moment: datetime, days: int, zone: str) -> datetime:
    """The same time of day in `zone`, that many days later; aware, UTC as given."""
    return (moment.astimezone(ZoneInfo(zone)) + timedelta(days=days)).astimezone(moment.tzinfo)
