"""Who may do what with an appeal in which state, as one table; what may be contested, until when, and by when we owe.

The times are the operator's own promises. Two working days for admissibility: one to read, one to ask a colleague.
Fifteen days for the decision: what the mediators of the marketplaces we know take at most. Six months to contest: what
the European law on services asks at least (article 20).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

WINDOW_MONTHS = 6
ADMISSIBLE_WORKING_DAYS = 2
DECISION_DAYS = 15
REMIND_BEFORE = timedelta(days=1)
LONGEST_TEXT = 8_000

STATES = ("filed", "admissible", "assigned", "upheld", "reversed", "partly", "inadmissible", "withdrawn")
OPEN_STATES = frozenset({"filed", "admissible", "assigned"})
OUTCOMES = ("upheld", "partly", "reversed")
GROUNDS = ("wrong_data", "not_our_fault", "rule_misread", "disproportionate", "procedure", "other")
SIDES = ("seller", "operator", "timer")


@dataclass(frozen=True)
class Action:
    """One row of the table: in the states `from_states`, `who` may do it; the appeal is then in one of `to`."""

    name: str
    from_states: frozenset[str]
    to: tuple[str, ...]
    who: frozenset[str]


def _action(name: str, from_states: str, to: str, who: str) -> Action:
    return Action(name, frozenset(from_states.split()), tuple(to.split()), frozenset(who.split()))


ACTIONS: tuple[Action, ...] = (
    _action("admit", "filed", "admissible", "operator"),
    _action("refuse", "filed", "inadmissible", "operator"),
    _action("assign", "admissible assigned", "assigned", "operator"),
    _action("write", "filed admissible assigned", "", "seller operator"),
    _action("decide", "assigned", "upheld partly reversed", "operator"),
    _action("withdraw", "filed admissible assigned", "withdrawn", "seller"),
    _action("remind", "filed admissible assigned", "", "timer"),
)


class IllegalStep(ValueError):
    """Somebody may not do this to an appeal in that state; names all three and what is allowed instead."""

    def __init__(self, action: str, state: str, side: str) -> None:
        self.action, self.state, self.side = action, state, side
        self.allowed = list_allowed(state, side)
        instead = ", ".join(self.allowed) or "nothing"
        super().__init__(f"{side} may not {action} while the appeal is {state}; allowed now: {instead}")


class AppealRefused(ValueError):
    """What was asked cannot be done; `code` says why, `field` where."""

    def __init__(self, code: str, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.code, self.field = code, field


def list_allowed(state: str, side: str) -> list[str]:
    """What this side may do in this state, in the table's order."""
    return [action.name for action in ACTIONS if state in action.from_states and side in action.who]


def check(name: str, state: str, side: str) -> Action:
    """The row that allows it. Raises IllegalStep."""
    found = next((a for a in ACTIONS if a.name == name and state in a.from_states and side in a.who), None)
    if found is None:
        raise IllegalStep(name, state, side)
    return found


def window_ends_on(contested_on: date) -> date:
    """The last day on which something may be contested: six months later, the last of a shorter month."""
    month = contested_on.month - 1 + WINDOW_MONTHS
    year, month = contested_on.year + month // 12, month % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(contested_on.day, last))


def admissible_due_at(filed_at: datetime, zone: str) -> datetime:
    """The same time of day two days from Monday to Friday later."""
    local, left = filed_at.astimezone(ZoneInfo(zone)), ADMISSIBLE_WORKING_DAYS
    while left:
        local += timedelta(days=1)
        left -= local.weekday() < 5
    return local.astimezone(filed_at.tzinfo)


def decision_due_at(filed_at: datetime, zone: str) -> datetime:
    """The same time of day that many days later."""
    return (filed_at.astimezone(ZoneInfo(zone)) + timedelta(days=DECISION_DAYS)).astimezone(filed_at.tzinfo)


def find_due(state: str, admissible_at: datetime, decision_at: datetime) -> datetime | None:
    """What the operator owes next in a state; None once it owes nothing."""
    if state not in OPEN_STATES:
        return None
    return admissible_at if state == "filed" else decision_at


def may_judge(email: str, *, original_by: str | None, filed_by: str) -> bool:
    """Whether somebody may take an appeal: never who decided or released what is contested."""
    return email not in {filed_by, *(original_by or "").split(", ")}


def require_text(field: str, text: str) -> str:
    """The text without space around it. Raises AppealRefused when it is empty or too long."""
    kept = text.strip()
    if not kept:
        raise AppealRefused("empty", field, "is empty; write what the other side should read")
    if len(kept) > LONGEST_TEXT:
        raise AppealRefused("long", field, f"has {len(kept)} characters; at most {LONGEST_TEXT} are allowed")
    return kept


def is_against(kind: str, before: str | None, after: str | None, tiers: Sequence[str]) -> bool:
    """Whether a change is one that a shop would contest: `tiers` from the best level down."""
    if kind == "level_changed":
        return after in tiers and (before not in tiers or tiers.index(before) < tiers.index(after))
    return kind in {"badge_withdrawn", "warning_given", "strikes_given", "step_reached"}
