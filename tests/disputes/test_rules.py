"""The table of actions and the state that facts amount to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.disputes.rules import (
    ACTION_NAMES,
    ACTIONS,
    STATES,
    Course,
    Doings,
    IllegalAction,
    Turn,
    add_working_days,
    check,
    derive_state,
    judge_appeal,
    list_allowed,
)

ROLES = ("buyer", "seller", "operator", "mediator", "timer")
TALK = "opened seller_overdue in_discussion"
MEDIATION = "escalated assigned evidence_asked under_appeal"
OPEN = f"{TALK} {MEDIATION}"

# Written from the design, not from the code: what, by whom, where. Anything else is illegal.
DESIGN = (
    ("answer", "seller", OPEN),
    ("write", "buyer seller operator mediator", f"{OPEN} settled decided"),
    ("note", "buyer seller operator mediator", " ".join(STATES)),
    ("offer", "buyer seller", TALK),
    ("accept_offer", "buyer seller", TALK),
    ("decline_offer", "buyer seller", TALK),
    ("expire_offer", "timer", TALK),
    ("confirm_performance", "buyer seller operator timer", "settled"),
    ("report_broken", "buyer operator", "settled"),
    ("break_settlement", "timer", "settled"),
    ("escalate", "buyer seller operator timer", TALK),
    ("mark_overdue", "timer", "opened"),
    ("remind", "timer", f"{OPEN} settled"),
    ("withdraw", "buyer", OPEN),
    ("auto_close", "timer", TALK),
    ("reopen", "buyer operator", "auto_closed"),
    ("take", "mediator", "escalated under_appeal"),
    ("assign", "operator", MEDIATION),
    ("declare_conflict", "mediator", MEDIATION),
    ("ask_evidence", "mediator", MEDIATION),
    ("give_evidence", "seller buyer", MEDIATION),
    ("decide", "mediator", MEDIATION),
    ("decide_by_default", "timer", "evidence_asked"),
    ("appeal", "buyer seller", "decided"),
    ("end_appeal_window", "timer", "decided"),
)
LEGAL = {(name, who, where) for name, people, states in DESIGN for who in people.split() for where in states.split()}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("role", ROLES)
def test_exactly_the_listed_actions_are_legal(state: str, role: str) -> None:
    assert set(list_allowed(state, role)) == {
        name for name, who, where in LEGAL if (who, where) == (role, state)
    }


@pytest.mark.parametrize("action", ACTION_NAMES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("role", ROLES)
def test_an_illegal_action_names_itself_the_state_and_what_is_allowed(
    action: str, state: str, role: str
) -> None:
    if (action, role, state) in LEGAL:
        assert check(action, state, role).name == action
        return
    with pytest.raises(IllegalAction) as refused:
        check(action, state, role)
    text = str(refused.value)
    assert action in text
    assert state in text
    assert all(name in text for name in list_allowed(state, role))


def _turns(*holders: str) -> list[Turn]:
    last = len(holders) - 1
    return [
        Turn(holder, place * 10, None if place == last else place * 10 + 10)
        for place, holder in enumerate(holders)
    ]


@pytest.mark.parametrize(
    ("course", "has_mediator", "state"),
    [
        (Course(_turns("seller")), False, "opened"),
        (Course(_turns("seller"), answered=True), False, "in_discussion"),
        (Course(_turns("seller", "buyer")), False, "in_discussion"),
        (Course(_turns("seller", "carrier", "seller")), False, "in_discussion"),
        (Course(_turns("seller", "mediator")), False, "escalated"),
        (Course(_turns("seller", "mediator")), True, "assigned"),
        (Course(_turns("seller", "mediator", "seller")), True, "evidence_asked"),
        (Course(_turns("seller", "mediator", "buyer")), True, "evidence_asked"),
        (Course(_turns("seller", "mediator", "buyer", "mediator")), False, "escalated"),
        (Course(_turns("seller", "nobody")), False, "settled"),
        (Course(_turns("seller", "nobody"), closed_ms=10), False, "closed"),
        (Course(_turns("seller", "nobody"), withdrawn_ms=10), False, "withdrawn"),
        (
            Course(_turns("seller", "mediator"), decided_ms=10),
            True,
            "decided",
        ),  # in the second of the escalation
        (
            Course(_turns("seller", "mediator"), decided_ms=9),
            True,
            "assigned",
        ),  # an earlier decision, then a new round
        (Course(_turns("seller", "mediator", "nobody"), decided_ms=15, closed_ms=20), True, "closed"),
        (
            Course(_turns("seller", "mediator", "nobody", "seller"), decided_ms=15, reopened_ms=30),
            True,
            "in_discussion",
        ),
        (
            Course(_turns("seller", "mediator", "seller"), reopened_ms=20),
            True,
            "in_discussion",
        ),  # reopened, not asked
    ],
)
def test_the_state_follows_from_the_facts(course: Course, has_mediator: bool, state: str) -> None:
    assert derive_state(course, Doings(has_mediator=has_mediator)) == state


_CLOSED = Course(_turns("seller", "mediator", "nobody"), decided_ms=20, closed_ms=20)
_AGAIN = Course(_turns("seller", "mediator", "nobody", "mediator"), decided_ms=20, reopened_ms=30)


@pytest.mark.parametrize(
    ("course", "doings", "state"),
    [
        (Course(_turns("seller")), Doings(overdue=True), "seller_overdue"),
        (Course(_turns("seller"), answered=True), Doings(overdue=True), "in_discussion"),
        (Course(_turns("seller", "nobody"), closed_ms=10), Doings(closed_by="automatic"), "auto_closed"),
        (Course(_turns("seller", "nobody"), closed_ms=10), Doings(closed_by="buyer"), "closed"),
        (_CLOSED, Doings(), "closed"),  # decided elsewhere: no window of ours
        (_CLOSED, Doings(decided_here=True), "decided"),
        (_CLOSED, Doings(decided_here=True, window_ended=True), "closed"),
        (_CLOSED, Doings(decided_here=True, appealed_ms=30), "final"),
        (_AGAIN, Doings(has_mediator=True, decided_here=True, appealed_ms=30), "under_appeal"),
    ],
)
def test_what_was_done_here_makes_the_finer_states(course: Course, doings: Doings, state: str) -> None:
    assert derive_state(course, doings) == state


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ((100, "counts"), (100, "counts"), "upheld"),
        ((100, "counts"), (50, "counts"), "reversed_money"),
        ((100, "counts"), (100, "does not count"), "reversed_metric"),
        ((100, "counts"), (0, "does not count"), "reversed_both"),
    ],
)
def test_an_appeal_judges_money_and_record_apart(
    first: tuple[int, str], second: tuple[int, str], outcome: str
) -> None:
    assert judge_appeal(first, second) == outcome


def test_every_action_leads_to_a_state_of_the_table() -> None:
    assert {action.to for action in ACTIONS} - {None} <= set(STATES)
    assert {state for action in ACTIONS for state in action.from_states} <= set(STATES)
    assert all(action.deadline for action in ACTIONS if action.who == {"timer"})


@pytest.mark.parametrize(
    ("start", "end"),
    [
        # Monday 10:00 in Paris, the next Monday 10:00.
        (datetime(2026, 3, 2, 9, 0, tzinfo=UTC), datetime(2026, 3, 9, 9, 0, tzinfo=UTC)),
        # Friday: Monday to Friday follow.
        (datetime(2026, 3, 6, 9, 0, tzinfo=UTC), datetime(2026, 3, 13, 9, 0, tzinfo=UTC)),
        # Saturday: its own week's end is no working day.
        (datetime(2026, 3, 7, 9, 0, tzinfo=UTC), datetime(2026, 3, 13, 9, 0, tzinfo=UTC)),
        # Sunday 23:30 UTC is Monday 00:30 in Paris.
        (datetime(2026, 3, 8, 23, 30, tzinfo=UTC), datetime(2026, 3, 15, 23, 30, tzinfo=UTC)),
        # Summer time begins on 29 March: 10:00 in Paris stays 10:00.
        (datetime(2026, 3, 26, 9, 0, tzinfo=UTC), datetime(2026, 4, 2, 8, 0, tzinfo=UTC)),
    ],
)
def test_five_working_days_end_at_the_same_time_of_day(start: datetime, end: datetime) -> None:
    assert add_working_days(start, 5, "Europe/Paris") == end


@given(st.integers(0, 2 * 365 * 24 * 60), st.integers(1, 15))
def test_working_days_end_on_a_working_day_and_never_early(minutes: int, days: int) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    end = add_working_days(start, days, "UTC")
    assert end.weekday() < 5
    assert (end.date() - start.date()).days >= days
