"""The suite a connector must pass: it passes the good, and finds each way of being bad."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from operator_qos.connectors.contract import (
    Access,
    Batch,
    Memory,
    Pause,
    ShopWish,
    SourceUnavailable,
    WishAnswer,
    find_connect,
)
from operator_qos.lab.comparing import compare_logs, compare_with_truth
from operator_qos.lab.conformance import RUNS, Book, check_connector
from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.texts import stamp
from operator_qos.lab.plan import LabPlan
from operator_qos.lab.truths import Claim

SMALL = LabPlan(4, 14, date(2026, 3, 2))
CARELESS = ("rate_limited", "shifted", "unknown", "broken off")


class Careless:
    """Reads placings only, dates them by its own clock, trusts pages, comes back at once when it is told to wait."""

    name = "careless"

    def __init__(self, access: Access, *, pause: Pause) -> None:
        self.access, self.pause = access, pause

    def read(self, since: str, offset: int) -> Mapping[str, Any]:
        query = urlencode({"max": 5, "offset": offset, "start_update_date": since})
        key = {"Authorization": self.access.api_key or "lab-key"}
        self.pause(1)
        for _ in range(3):
            host = HTTPConnection(urlsplit(self.access.address).netloc, timeout=10)
            host.request("GET", f"/api/orders?{query}", headers=key)
            answer = host.getresponse()
            if answer.status == 200:
                document: Mapping[str, Any] = json.loads(answer.read())
                return document
        raise SourceUnavailable("It did not answer three times.", "Wait.")

    def pull(self, memory: Memory, *, now: datetime) -> Iterator[Batch]:
        since, offset = memory.find_cursor("orders") or "2000-01-01T00:00:00Z", 0
        while rows := self.read(since, offset)["orders"]:
            offset += len(rows)
            new = [row for row in rows if not memory.find_seen("orders", [row["order_id"]])]
            seen = {row["order_id"]: {"seen": 1} for row in new}
            yield Batch("orders", tuple(self.event(row, now) for row in new), seen=seen)
        yield Batch("orders", cursor=now.isoformat())

    def event(self, row: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        return {"source": "/lab", "id": row["order_id"], "type": "qos.order.placed", "time": now.isoformat(),
                "subject": row["order_id"], "marketplace": "lab", "shop": str(row["shop_id"]), "data": {}}


def test_the_suite_finds_what_a_careless_connector_does_wrong() -> None:
    checks = {check.name: check for check in check_connector(Careless, SMALL, runs=CARELESS)}
    assert "invented: order.placed" in checks["understands"].told
    assert checks["personal data"].passed and checks["ids"].passed
    assert not checks["rate_limited"].passed  # it comes back before the time of the Retry-After
    assert not checks["shifted"].passed
    assert "missing: " in checks["shifted"].told
    assert "reported nowhere" in checks["unknown"].told
    assert checks["broken off"].passed


class Deaf(Careless):
    """Is never answered, says yes to every wish and knows nothing of it later."""

    def pull(self, memory: Memory, *, now: datetime) -> Iterator[Batch]:
        raise SourceUnavailable("It does not answer.", "Wait.", retry_after_seconds=1)

    def ask(self, wish: ShopWish, *, now: datetime) -> WishAnswer:
        return WishAnswer("failed", "never") if wish.state == "premium" else WishAnswer("asked")

    def read_back(self, wish: ShopWish, *, now: datetime) -> WishAnswer:
        return WishAnswer("asked")


def test_the_suite_finds_a_connector_that_never_ends_and_believes_its_own_wishes() -> None:
    checks = {check.name: check for check in check_connector(Deaf, LabPlan(2, 3, date(2026, 3, 2)), runs=["writes"])}
    assert "the pull of 03 March 00:00 did not end in 30 attempts" in checks["understands"].told
    assert "premium: never" in checks["writes"].told and "suspended: read back as asked" in checks["writes"].told
    assert "suspended of 2002 was asked" in checks["refused writes"].told


def test_the_mirakl_connector_passes() -> None:
    connect = find_connect("mirakl")
    assert connect is not None
    checks = check_connector(connect, SMALL, step_hours=36, runs=("all", "broken off", "writes"))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 8


def test_there_is_no_connector_of_another_name() -> None:
    assert find_connect("nobody") is None
    assert {"clean", "all", "broken off", "writes"} < set(RUNS)


def log_of(*events: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {("/lab", str(event["id"])): event for event in events}


def happened(kind: str, at: int, *, other: int | None = None, **data: Any) -> dict[str, Any]:
    event = {"source": "/lab", "id": f"{kind}{at}{data}", "type": f"qos.{kind}", "time": stamp(at), "subject": "O",
             "marketplace": "lab", "shop": "S", "data": data}
    return event if other is None else event | {"other_time": stamp(other)}


DAYS = [day * 86_400 for day in range(20)]
DATED = Claim("order.paid", "O", "", DAYS[3] + 60)
SEEN = Claim("order.refused", "O", "", DAYS[3] + 60, dated=False)


@pytest.mark.parametrize(("claims", "events", "faults"), [
    ([DATED], [happened("order.paid", DAYS[3] + 60)], []),
    ([DATED], [], ["missed"]),
    ([DATED], [happened("order.paid", DAYS[3] + 61)], ["invented", "missed"]),
    ([DATED], [happened("order.paid", DAYS[3], other=DAYS[4])], ["invented", "missed"]),  # it had a date to give
    ([], [happened("order.paid", DAYS[3])], ["invented"]),
    ([SEEN], [happened("order.refused", DAYS[3], other=DAYS[4])], []),
    ([SEEN], [happened("order.refused", DAYS[4], other=DAYS[3])], []),
    ([SEEN], [happened("order.refused", DAYS[4], other=DAYS[5])], ["invented", "missed"]),
    ([SEEN], [happened("order.refused", DAYS[4])], []),  # there was no look before
    ([replace(SEEN, needs=((DAYS[3] + 60, DAYS[3] + 90),))], [], []),  # nobody looked while it was so
    ([replace(SEEN, needs=((DAYS[3] + 60, DAYS[4] + 1),))], [], ["missed"]),
    ([Claim("order.paid", "O", "", DAYS[19])], [], []),  # not yet due to be known
    ([Claim("order.accepted", "O", "", DAYS[3], optional=True)], [], []),
])
def test_events_are_held_against_what_was_so(
    lab: Lab, claims: list[Claim], events: list[Mapping[str, Any]], faults: list[str],
) -> None:
    found = compare_with_truth(lab.world, log_of(*events), claims, DAYS)
    assert [fault.split(":")[0] for fault in found] == faults


@pytest.mark.parametrize(("days_between", "faults"), [(1, ["missed"]), (3, [])])
def test_a_reply_to_a_review_may_wait_for_its_day_of_the_week(lab: Lab, days_between: int, faults: list[str]) -> None:
    replied = Claim("review.replied", "O", "", DAYS[8])
    found = compare_with_truth(lab.world, {}, [replied], DAYS[::days_between])
    assert [fault.split(":")[0] for fault in found] == faults


def test_what_was_taken_back_was_not_said(lab: Lab) -> None:
    said = happened("order.paid", DAYS[3] + 60)
    back = happened("event.retracted", DAYS[5], source="/lab") | {"data": {"source": "/lab", "id": said["id"]}}
    assert compare_with_truth(lab.world, log_of(said, back), [], DAYS) == []


def test_logs_differ_by_what_is_missing_added_or_other_and_some_things_are_set_aside() -> None:
    first, second = happened("order.paid", 5), happened("order.shipped", 6)
    opened = {**happened("case.opened", 7, order="O"), "subject": "C"}
    ended = {**happened("case.closed", 8), "subject": "C"}
    clean = log_of(first, second, opened, ended)
    other = log_of(first | {"time": stamp(9)}, happened("order.placed", 1), opened)
    faults = compare_logs(clean, other)
    assert sorted(fault.split(":")[0] for fault in faults) == ["missing", "missing", "other", "too many"]
    assert compare_logs(clean, other, aside=frozenset({"O"})) == []
    assert compare_logs(clean, clean) == []


def test_a_book_keeps_a_batch_whole_and_the_first_of_two_contents() -> None:
    book, event = Book(), happened("order.paid", 5)
    book.store(Batch("orders", (event,), seen={"O": {"a": 1}, "P": {"b": 2}}, cursor="7"))
    book.store(Batch("orders", (event | {"time": stamp(6)},), seen={"P": None}))
    assert list(book.events.values()) == [event]
    assert book.conflicts == [event["id"]]
    assert book.find_seen("orders", ["O", "P"]) == {"O": {"a": 1}}
    assert (book.find_cursor("orders"), book.find_cursor("shops")) == ("7", None)


def test_moments_of_a_run_are_the_labs(lab: Lab) -> None:
    first = datetime.fromtimestamp(lab.world.first_at, UTC)
    assert first + timedelta(days=40, hours=6) == datetime.fromtimestamp(lab.world.last_at, UTC)
