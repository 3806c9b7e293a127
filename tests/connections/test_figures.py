"""A platform's figures by hand, and the cause of each way of differing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from operator_qos.connections.figures import DAY_MS, FIGURES, Said, compute_figures, read_orders
from operator_qos.connections.rules import compare_figures, equal

MIDNIGHT = 1_000 * DAY_MS
HOUR = DAY_MS // 24


def said(event: str, name: str, at_ms: int, subject: str = "O1", received_ms: int | None = None,
         other_ms: int | None = None, **data: Any) -> Said:
    return Said(event, name, subject, at_ms, at_ms if received_ms is None else received_ms, data, other_ms)


def order(name: str, at_ms: int, **more: Any) -> list[Said]:
    lines = [{"line": "a"}, {"line": "b"}]
    return [said("order.placed", f"order:{name}/placed", at_ms, name, lines=lines, ship_by=at_ms + 2 * DAY_MS, **more),
            said("order.accepted", f"order:{name}/accepted", at_ms + HOUR, name),
            said("order.paid", f"order:{name}/paid", at_ms + 2 * HOUR, name)]


START = MIDNIGHT - 20 * DAY_MS
LOG = [
    *order("O1", START), *order("O2", START + DAY_MS),
    said("order.placed", "order:O3/placed", START, "O3", lines=[{"line": "a"}]),
    said("order.refused", "order:O3/refused", START + HOUR, "O3", by="seller"),
    *(said("order.shipped", f"order:O1/shipped:{line}", START + days * DAY_MS, lines=[line])
      for line, days in (("a", 1), ("b", 3))),  # the second line a day late
    said("order.delivered", "order:O1/delivered:a", START + 4 * DAY_MS, lines=["a"]),
    said("order.cancelled", "order:O2/cancelled:a", START + 2 * DAY_MS, "O2", lines=["a"], by="seller"),
    said("order.refunded", "order:O1/refund:a:R1", START + 5 * DAY_MS), said(
        "order.refunded", "order:O1/refund:a:R2", START + 5 * DAY_MS),
    said("case.opened", "order:O1/incident:b:1:opened", START + 5 * DAY_MS, "O1:b:incident:1", order="O1",
         kind="incident", other_ms=None),
    said("return.requested", "return:R/requested", START + 6 * DAY_MS, "R", order="O1"),
    *(said("message.sent", f"thread:T/message:{n}", START + hours * HOUR, "T", order="O1", author=author)
      for n, (hours, author) in enumerate(((1, "buyer"), (2, "buyer"), (4, "seller"), (5, "seller"), (6, "buyer")))),
]
EXPECTED = {  # (bad, base)
    "incident_rate": (1, 4), "late_shipment_rate": (1, 3), "cancelation_rate": (1, 4), "refund_rate": (1, 4),
    "return_rate": (1, 1), "approval_rate": (4, 5), "approval_delay": (7200, 2), "shipping_delay": (252_000, 1),
    "order_messages_response_delay": (10_800, 1), "orders_count": (3, 1)}


def figures(log: list[Said], until_ms: int = MIDNIGHT) -> dict[str, tuple[float, int]]:
    found = compute_figures(read_orders(log, until_ms).values(), until_ms - 30 * DAY_MS, until_ms)
    return {name: (figure.bad, figure.base) for name, figure in found.items()}


def test_every_figure_is_the_platforms_definition() -> None:
    assert figures(LOG) == EXPECTED
    assert set(FIGURES) == set(EXPECTED)
    assert figures(list(reversed(LOG))) == EXPECTED


def test_what_was_retracted_and_what_came_after_is_not_counted() -> None:
    gone = said("event.retracted", "x", START + 9 * DAY_MS, id="order:O1/shipped:b", source="/s")
    assert figures([*LOG, gone])["late_shipment_rate"] == (0, 3)
    assert figures(LOG, START + 2 * DAY_MS)["late_shipment_rate"] == (0, 3)
    moved = said("order.promise_moved", "m", START + DAY_MS, kind="ship", to=START + 5 * DAY_MS)
    put_in = said("order.corrected", "c", START + DAY_MS, field="ship_by", value=START + 5 * DAY_MS)
    assert figures([*LOG, moved])["late_shipment_rate"] == figures([*LOG, put_in])["late_shipment_rate"] == (0, 3)


def test_an_order_cancelled_before_it_was_paid_may_have_been_accepted_by_itself() -> None:
    """Four lines were taken and one cancelled; O4 and O5 have three more, of which nobody knows."""
    undecided = [event for name, lines in (("O4", ["a", "b"]), ("O5", ["c"])) for event in (
        said("order.placed", f"order:{name}/placed", START, name, lines=[{"line": line} for line in lines]),
        *(said("order.cancelled", f"order:{name}/cancelled:{line}", START + HOUR, name, lines=[line], by="unknown")
          for line in lines))]
    log = [*LOG, *undecided]
    assert figures(log)["cancelation_rate"] == (1, 4)
    assert compare(log, {"cancelation_rate": 4 / 7, "refund_rate": 1 / 7, "approval_rate": 7 / 8}) == [
        ("cancelation_rate", "acceptance", 2), ("refund_rate", "acceptance", 2), ("approval_rate", "acceptance", 2)]
    assert compare(log, {"cancelation_rate": 3 / 6}) == [("cancelation_rate", "unexplained", 0)]


def compare(log: list[Said], theirs: Mapping[str, float], **more: Any) -> list[tuple[str, str, int]]:
    midnights = [MIDNIGHT - number * DAY_MS for number in range(30)]
    by_period = {name: {"LAST_MONTH": value} for name, value in theirs.items()}
    found = compare_figures(log, by_period, midnights_ms=midnights, now_ms=MIDNIGHT + 8 * HOUR,
                            **{"set_aside": 0, **more})
    assert found.compared == len(theirs)
    assert found.equal == found.compared - len(found.differences)
    return [(row.figure, row.cause, row.count) for row in found.differences]


def test_equal_figures_differ_in_nothing() -> None:
    theirs = {name: round(bad / base, 6) for name, (bad, base) in EXPECTED.items()}
    assert compare(LOG, theirs) == []


@pytest.mark.parametrize(("theirs", "more", "cause"), [
    ({"orders_count": 2.0}, {}, ("orders_count", "stale", 19)),  # O2 came a day after the others
    ({"incident_rate": 0.5}, {}, ("incident_rate", "unexplained", 0)),
    ({"incident_rate": 0.5}, {"since_ms": MIDNIGHT}, ("incident_rate", "history", 0)),
    ({"refund_rate": 0.5}, {"since_ms": MIDNIGHT, "set_aside": 3}, ("refund_rate", "set_aside", 3))])
def test_a_cause_is_named_only_when_it_gives_their_figure(
    theirs: Mapping[str, float], more: Mapping[str, int], cause: tuple[str, str, int]
) -> None:
    assert compare(LOG, theirs, **more) == [cause]


def test_events_that_came_late_a_window_that_runs_on_and_intervals_are_told_apart() -> None:
    late = said("order.cancelled", "order:O2/cancelled:b", START + 3 * DAY_MS, "O2", lines=["b"],
                received_ms=MIDNIGHT + HOUR)
    assert compare([*LOG, late], {"cancelation_rate": 0.25}) == [("cancelation_rate", "late_events", 1)]
    today = order("O9", MIDNIGHT + HOUR)
    assert compare([*LOG, *today], {"orders_count": 4.0}) == [("orders_count", "window", 0)]
    between = said("case.opened", "order:O2/incident:b:1:opened", MIDNIGHT + 9 * HOUR, "c", order="O2", kind="incident",
                   received_ms=MIDNIGHT - HOUR, other_ms=MIDNIGHT - 2 * HOUR)
    assert compare([*LOG, between], {"incident_rate": 0.5}) == [("incident_rate", "interval", 1)]


@pytest.mark.parametrize(("theirs", "ours", "same"), [
    (None, None, True), (None, 0.0, False), (0.0, 0.0, True), (0.333333, 1 / 3, True), (0.33, 1 / 3, False),
    (7200.0, 7200.4, True), (7200.0, 7210.0, False)])
def test_figures_are_one_but_for_rounding(theirs: float | None, ours: float | None, same: bool) -> None:
    assert equal(theirs, ours) is same
