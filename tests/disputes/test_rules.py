"""The table of actions and the state that facts amount to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.disputes.rules import (
    ACTION_NAMES,
    STATES,
    Course,
    IllegalAction,
    Turn,
    add_working_days,
    check,
    derive_state,
    list_allowed,
)

ROLES = ("seller", "operator", "mediator", "timer", "buyer")

# Written from the design, not from the code: who may do what where. Anything else is illegal.
LEGAL = {
    ("answer", "seller", "opened"),
    ("answer", "seller", "in_discussion"),
    ("answer", "seller", "escalated"),
    ("answer", "seller", "assigned"),
    ("escalate", "seller", "opened"),
    ("escalate", "seller", "in_discussion"),
    ("escalate", "operator", "opened"),
    ("escalate", "operator", "in_discussion"),
    ("escalate", "timer", "opened"),
    ("escalate", "timer", "in_discussion"),
    ("take", "mediator", "escalated"),
    ("declare_conflict", "mediator", "escalated"),
    ("declare_conflict", "mediator", "assigned"),
    ("ask_evidence", "mediator", "escalated"),
    ("ask_evidence", "mediator", "assigned"),
    ("give_evidence", "seller", "escalated"),
    ("give_evidence", "seller", "assigned"),
    ("decide", "mediator", "escalated"),
    ("decide", "mediator", "assigned"),
}


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
        (Course(_turns("seller", "mediator", "seller")), True, "assigned"),  # evidence asked of the seller
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
    assert derive_state(course, has_mediator=has_mediator) == state


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
