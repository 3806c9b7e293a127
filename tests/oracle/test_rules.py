"""Rules that the golden files leave open, each on a few events worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle import Measured, measure

Json = dict[str, Any]
Step = tuple[str, str, str, Any]
CASE = ("case.opened", "05T10:00:00", "C1", {"order": "O1", "kind": "claim"})
ONE = [{"line": "1"}]
TWO = [{"line": "1"}, {"line": 2}]


def told(*steps: Step) -> list[Json]:
    """Events of March 2026 in UTC as (type, day and time, subject, data), with an order placed on the 2nd."""
    placed: Step = ("order.placed", "02T10:00:00", "O1", {"lines": ONE})
    shared = {"source": "/a", "marketplace": "eu", "shop": "S1"}
    return [
        shared
        | {"type": f"qos.{kind}", "id": str(n), "time": f"2026-03-{at}Z", "subject": subject, "data": data}
        for n, (kind, at, subject, data) in enumerate((placed, *steps))
    ]


def numbers(events: list[Json], metric: str, *, official: bool = True, as_of: str = "2026-03-31") -> Measured:
    return measure(
        events,
        zones={"eu": "UTC"},
        as_of=as_of,
        known_at=None,
        window_days=30,
        marketplace="eu",
        shop="S1",
        metric=metric,
        official=official,
    )


def closed(day: str, **data: Any) -> Step:
    return ("case.closed", day, "C1", data)


TIMER = {"by": "automatic"}
WITHDRAWN: Step = ("case.withdrawn", "07T10:00:00", "C1", {})
LOST = ("case.decided", "08T10:00:00", "C1", {"fault": "seller"})


@pytest.mark.parametrize(
    ("steps", "lost", "defects"),
    [
        ([closed("10T10:00:00", **TIMER)], 1, 1),
        ([closed("10T10:00:00", by="seller"), closed("10T10:00:01", **TIMER)], 0, 1),
        ([closed("10T10:00:00", **TIMER), ("case.reopened", "11T10:00:00", "C1", {})], 0, 1),
        ([("case.ball_passed", "06T10:00:00", "C1", {"to": "buyer"}), closed("10T10:00:00", **TIMER)], 0, 0),
        ([("case.resolved", "06T10:00:00", "C1", {}), closed("10T10:00:00", **TIMER)], 0, 1),
        ([("case.escalated", "06T10:00:00", "C1", {"by": "buyer"}), closed("10T10:00:00", **TIMER)], 1, 1),
        ([closed("10T10:00:00", **TIMER, fault="carrier")], 0, 0),
        ([LOST], 1, 1),
        ([LOST, ("case.decided", "09T10:00:00", "C1", {"fault": "seller", "counts": False})], 0, 0),
        ([LOST, ("case.withdrawn", "09T10:00:00", "C1", {})], 0, 0),
        (
            [("case.withdrawn", "07T10:00:00", "C1", {}), ("case.reopened", "07T11:00:00", "C1", {}), LOST],
            0,
            0,
        ),
    ],
)
def test_a_case_is_lost_and_a_defect_while(steps: list[Step], lost: int, defects: int) -> None:
    events = told(CASE, *steps)
    assert numbers(events, "cases_lost_rate").bad == lost
    assert numbers(events, "order_defect_rate").bad == defects


def test_while_evidence_is_asked_of_the_seller_no_message_passes_the_ball() -> None:
    events = told(
        CASE,
        ("case.escalated", "05T11:00:00", "C1", {"by": "buyer"}),
        ("case.evidence_asked", "05T12:00:00", "C1", {"to": "seller"}),
        ("message.sent", "05T13:00:00", "C1", {"author": "seller", "to": ["buyer"], "awaits_buyer": True}),
        ("case.evidence_given", "05T14:00:00", "C1", {"by": "seller"}),
        ("case.resolved", "09T14:00:00", "C1", {}),
    )
    assert numbers(events, "resolution_time").bad == 3 * 3600


def test_what_a_timer_took_for_a_delivery_is_no_knowledge() -> None:
    promised = ("order.corrected", "02T11:00:00", "O1", {"field": "deliver_by", "value": "2026-03-10"})
    parcel = ("order.shipped", "03T10:00:00", "O1", {"trackable": True})
    for known_by, bad in (("automatic", 1), ("buyer", 0)):
        delivery = ("order.delivered", "09T10:00:00", "O1", {"known_by": known_by})
        assert numbers(told(promised, parcel, delivery), "on_time_delivery_rate").bad == bad


def test_an_order_whose_rest_is_cancelled_is_shipped_at_that_moment() -> None:
    events = told(
        ("order.shipped", "03T10:00:00", "O1", {"lines": [1]}),
        ("order.cancelled", "06T10:00:00", "O1", {"by": "seller", "reason": "out_of_stock", "lines": ["2"]}),
    )
    events[0]["data"] = {"lines": TWO, "ship_by": "2026-03-05"}
    assert numbers(events, "late_shipment_rate").bad == 1
    assert numbers(events, "cancellation_rate").bad == 1


def test_the_first_cancellation_of_a_line_says_whose_it_was() -> None:
    by_buyer = ("order.cancelled", "03T10:00:00", "O1", {"by": "buyer"})
    by_seller = ("order.cancelled", "04T10:00:00", "O1", {"by": "seller"})
    assert numbers(told(by_buyer, by_seller), "cancellation_rate").bad == 0
    assert numbers(told(by_seller), "cancellation_rate").bad == 1


def test_a_retracted_retraction_took_nothing_back() -> None:
    review = ("review.posted", "05T10:00:00", "O1", {"order": "O1", "rating": 1})
    gone = ("event.retracted", "06T10:00:00", "O1", {"source": "/a", "id": "1"})
    back = ("event.retracted", "07T10:00:00", "O1", {"source": "/a", "id": "2"})
    assert numbers(told(review, gone), "average_rating").base == 0
    assert numbers(told(review, gone, back), "average_rating").base == 1


def test_a_retraction_cannot_name_a_later_event() -> None:
    gone = ("event.retracted", "04T10:00:00", "O1", {"source": "/a", "id": "2"})
    review = ("review.posted", "05T10:00:00", "O1", {"order": "O1", "rating": 1})
    assert numbers(told(gone, review), "average_rating").base == 1


def test_a_closing_waives_the_turn_of_the_open_case_of_its_order_opened_last() -> None:
    earlier = ("case.opened", "04T10:00:00", "C0", {"order": "O1", "kind": "claim"})
    asked = ("message.sent", "10T10:00:00", "V1", {"author": "buyer", "to": ["seller"], "order": "O1"})
    for case, bad in (("C0", 1), ("C1", 0)):
        events = told(earlier, CASE, asked, ("case.closed", "10T12:00:00", case, {"by": "operator"}))
        assert numbers(events, "no_response_rate").bad == bad


def test_a_change_of_a_review_that_does_not_stand_makes_none() -> None:
    changed = ("review.changed", "05T10:00:00", "O1", {"order": "O1", "rating": 1})
    removed = ("review.removed", "04T10:00:00", "O1", {"order": "O1"})
    posted = ("review.posted", "03T10:00:00", "O1", {"order": "O1", "rating": 5})
    assert numbers(told(changed), "order_defect_rate").bad == 0
    assert numbers(told(posted, removed, changed), "average_rating").base == 0
    assert numbers(told(posted, changed), "average_rating").bad == 1


def test_a_resolution_that_stood_seven_days_is_not_undone_by_a_later_one_that_did_not() -> None:
    events = told(
        CASE,
        ("case.resolved", "05T11:00:00", "C1", {}),
        ("case.reopened", "13T11:00:00", "C1", {}),
        ("case.resolved", "13T12:00:00", "C1", {}),
        ("case.reopened", "14T12:00:00", "C1", {}),
    )
    assert numbers(events, "resolution_time").bad == 3600
    assert numbers(events, "resolution_within_rate").bad_units == ()
    assert numbers(events, "reopen_rate").bad == 0
