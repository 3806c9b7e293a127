"""Promises worked out by hand: who owes what, until when, and how each ended."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.dossier import fold
from scoring.events import iso
from scoring.obligations import ObligationRow, list_obligations
from tests.scoring.counting import frame_of, read_all

ZONE = "Europe/Paris"
Step = tuple[str, str, str, dict[str, Any]]


def promises(*steps: Step) -> dict[str, ObligationRow]:
    """The promises of a history, by kind; a step is (type, day and hour of March 2026 in UTC, subject, data)."""
    events = read_all([
        {"specversion": "1.0", "type": f"qos.{name}", "source": "/o", "id": str(number), "subject": subject,
         "time": f"2026-03-{when}:00:00Z", "marketplace": "fr", "shop": "S", "data": data}
        for number, (name, when, subject, data) in enumerate(steps)])
    return {row.kind: row for row in list_obligations(fold(events, frame_of(events, ZONE)))}


PLACED: Step = ("order.placed", "02T09", "O", {
    "accept_by": "2026-03-03T09:00:00Z", "ship_by": "2026-03-04T17:00:00Z", "deliver_by": "2026-03-08"})


def test_an_order_opens_accept_ship_and_deliver() -> None:
    """A date is due at its last instant, local to the marketplace."""
    found = promises(PLACED)
    assert {kind: (iso(row.due_ms), row.settled_ms, row.opened_id) for kind, row in found.items()} == {
        "accept": ("2026-03-03T09:00:00Z", None, "0"), "ship": ("2026-03-04T17:00:00Z", None, "0"),
        "deliver": ("2026-03-08T22:59:59Z", None, "0")}
    assert iso(found["deliver"].void_ms or 0) == "2026-04-07T22:59:59Z"
    assert found["deliver"].void_reason == "unknown"


def test_each_promise_is_settled_by_its_own_step() -> None:
    """A trackable parcel opens the promise of a scan within 48 hours."""
    found = promises(
        PLACED, ("order.accepted", "02T10", "O", {}), ("order.shipped", "03T10", "O", {"trackable": True}),
        ("tracking.scanned", "04T10", "S", {"order": "O", "milestone": "in_transit"}),
        ("order.delivered", "06T10", "O", {"known_by": "carrier"}))
    assert {kind: iso(row.settled_ms or 0) for kind, row in found.items()} == {
        "accept": "2026-03-02T10:00:00Z", "ship": "2026-03-03T10:00:00Z", "track": "2026-03-04T10:00:00Z",
        "deliver": "2026-03-06T10:00:00Z"}
    assert iso(found["track"].due_ms) == "2026-03-05T10:00:00Z"


@pytest.mark.parametrize(("step", "reason"), [
    (("order.cancelled", "02T12", "O", {"by": "buyer"}), "cancelled"),
    (("order.refused", "02T12", "O", {"by": "seller"}), "refused")])
def test_what_ends_an_order_voids_its_promises(step: Step, reason: str) -> None:
    """Refusing answers the promise to accept; a cancelled order needs no answer any more."""
    found = promises(PLACED, step)
    assert {found[kind].void_reason for kind in ("ship", "deliver")} == {reason}
    assert found["accept"].void_reason == ("cancelled" if reason == "cancelled" else None)


def test_the_operators_own_parcels_are_not_the_sellers_promise() -> None:
    """Only the answer is."""
    assert set(promises(("order.placed", "02T09", "O", {**PLACED[3], "fulfilment": "operator"}))) == {"accept"}


def test_an_order_never_placed_owes_nothing() -> None:
    """Its events wait for it."""
    assert promises(("order.shipped", "03T10", "O", {"trackable": True})) == {}


def test_a_question_is_owed_within_24_hours_by_whom_it_was_put_to() -> None:
    """The buyer's by the seller, the seller's by the operator."""
    asked: Step = ("message.sent", "02T09", "V", {"author": "buyer", "to": ["seller"]})
    assert iso(promises(asked)["answer"].due_ms) == "2026-03-03T09:00:00Z"
    answered = promises(asked, ("message.sent", "02T11", "V", {"author": "seller", "to": ["buyer"]}))["answer"]
    assert iso(answered.settled_ms or 0) == "2026-03-02T11:00:00Z"
    waived = promises(asked, ("conversation.no_reply_needed", "02T10", "V", {"by": "seller"}))["answer"]
    assert (waived.settled_ms, waived.void_reason) == (None, "waived")
    put: Step = ("message.sent", "02T09", "W", {"author": "seller", "to": ["operator"]})
    assert promises(put)["answer"].owes == "operator"
    told = promises(put, ("message.sent", "02T12", "W", {"author": "operator", "to": ["seller"]}))["answer"]
    assert iso(told.settled_ms or 0) == "2026-03-02T12:00:00Z"


OPENED: Step = ("case.opened", "02T09", "C", {"order": "O", "kind": "claim"})


def test_a_case_is_due_when_the_sellers_72_hours_are_used_up() -> None:
    """Waiting for the buyer stops the clock; what is left runs on from when the ball comes back."""
    assert iso(promises(OPENED)["resolve"].due_ms) == "2026-03-05T09:00:00Z"
    waiting = promises(OPENED, ("case.ball_passed", "03T09", "C", {"to": "buyer"}))["resolve"]
    assert waiting.waiting_for == "buyer"
    assert iso(waiting.due_ms) == "2026-03-05T09:00:00Z"
    back = promises(OPENED, ("case.ball_passed", "03T09", "C", {"to": "buyer"}),
                    ("case.ball_passed", "06T09", "C", {"to": "seller"}))["resolve"]
    assert (back.waiting_for, iso(back.due_ms)) == (None, "2026-03-08T09:00:00Z")
    used = promises(OPENED, ("case.ball_passed", "08T09", "C", {"to": "buyer"}),
                    ("case.ball_passed", "09T09", "C", {"to": "seller"}))["resolve"]
    assert iso(used.due_ms) == "2026-03-09T09:00:00Z"


@pytest.mark.parametrize(("step", "reason"), [
    (("case.withdrawn", "03T09", "C", {}), "withdrawn"), (("case.closed", "03T09", "C", {"by": "buyer"}), "closed"),
    (("case.escalated", "03T09", "C", {"by": "buyer"}), "in mediation")])
def test_a_case_leaves_the_sellers_list_when_it_ends_otherwise(step: Step, reason: str) -> None:
    """Without a resolution it is void."""
    row = promises(OPENED, step)["resolve"]
    assert (row.settled_ms, row.void_reason) == (None, reason)


def test_a_resolution_settles_and_an_exclusion_is_shown() -> None:
    """The scope stands on the row."""
    row = promises(OPENED, ("case.resolved", "03T09", "C", {}), ("obligation.excluded", "04T09", "C", {
        "obligation": {"kind": "resolve", "case": "C"}, "scope": "both"}))["resolve"]
    assert (iso(row.settled_ms or 0), row.excluded) == ("2026-03-03T09:00:00Z", "both")


def test_a_promise_on_a_clock_that_never_opens_again_is_never_due() -> None:
    """Open on Mondays only, and every Monday of the next years is a holiday."""
    from datetime import date, timedelta

    mondays = [(date(2026, 3, 2) + timedelta(weeks=week)).isoformat() for week in range(300)]
    hours = {"hours": {"mon": [["09:00", "10:00"]]}, "holidays": mondays, "effective_from": "2026-01-01"}
    found = promises(("shop.calendar_set", "01T09", "S", hours), OPENED,
                     ("message.sent", "02T09", "V", {"author": "buyer", "to": ["seller"]}))
    assert {iso(found[kind].due_ms) for kind in ("resolve", "answer")} == {"2100-01-01T00:00:00Z"}
