"""Who may do what with a dispute in which state, as one table; and the state that its facts amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# Older open cases stay where they are: a first import of an old shop must not flood the mediators.
TIMER_REACH = timedelta(days=60)
DECISION_WORKING_DAYS = 5

TALKING = frozenset({"opened", "in_discussion"})
IN_MEDIATION = frozenset({"escalated", "assigned"})
OPEN_STATES = TALKING | IN_MEDIATION
STATES = ("opened", "in_discussion", "escalated", "assigned", "decided", "settled", "closed", "withdrawn")

FAULTS = ("seller", "buyer", "carrier", "operator", "nobody")
REMEDIES = ("refund", "partial_refund", "replacement", "none")
# The clauses of the dispute policy that a decision may cite (docs/domain.md, "Ball" and "Defect kinds").
CLAUSES = ("delivery", "item", "answer", "evidence", "carrier", "buyer")


@dataclass(frozen=True)
class Action:
    """One row of the table: in the states `from_states`, `who` may do it; the dispute is then in `to`.

    `to` None: the state stays. `event`: the type of event that records it, None where only our row changes.
    """

    name: str
    from_states: frozenset[str]
    to: str | None
    who: frozenset[str]
    event: str | None


def _action(name: str, from_states: frozenset[str], to: str | None, who: str, event: str | None) -> Action:
    return Action(name, from_states, to, frozenset(who.split()), event)


ACTIONS: tuple[Action, ...] = (
    _action("answer", TALKING, "in_discussion", "seller", "message.sent"),
    _action("answer", IN_MEDIATION, None, "seller", "message.sent"),
    _action("escalate", TALKING, "escalated", "seller operator timer", "case.escalated"),
    _action("take", frozenset({"escalated"}), "assigned", "mediator", None),
    _action("declare_conflict", IN_MEDIATION, "escalated", "mediator", None),
    _action("ask_evidence", IN_MEDIATION, None, "mediator", "case.evidence_asked"),
    _action("give_evidence", IN_MEDIATION, None, "seller", "case.evidence_given"),
    _action("decide", IN_MEDIATION, "closed", "mediator", "case.decided"),
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


def derive_state(course: Course, *, has_mediator: bool) -> str:
    """The state of a dispute whose case went this way."""
    if course.withdrawn_ms is not None:
        return "withdrawn"
    if course.closed_ms is not None:
        return "closed"
    mediation_ms = find_mediation_start(course)
    if _is_decided(course, mediation_ms):
        return "decided"
    if mediation_ms is not None:
        return "assigned" if has_mediator else "escalated"
    if course.turns and course.turns[-1].holder == "nobody":
        return "settled"
    return "in_discussion" if course.answered or len(course.turns) > 1 else "opened"


def add_working_days(moment: datetime, days: int, zone: str) -> datetime:
    """The same time of day in `zone`, that many days from Monday to Friday later; aware, UTC as given."""
    local = moment.astimezone(ZoneInfo(zone))
    left = days
    while left:
        local += timedelta(days=1)
        left -= local.weekday() < 5
    return local.astimezone(moment.tzinfo)
