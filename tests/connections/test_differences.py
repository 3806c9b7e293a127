"""Snapshots of a platform by hand, and the events each one adds to those before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.connectors.contract import Access, Unreadable
from operator_qos.connectors.mirakl import aftercare, orders, shops, threads
from operator_qos.connectors.mirakl.differences import Claim, Difference, Looked, Thing
from operator_qos.connectors.mirakl.fields import Fields
from operator_qos.connectors.mirakl.reasons import read_reasons
from scoring.events import read_event

THING = Thing("/connections/m", "fr", "2001", "order:O1")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
REASONS = read_reasons([
    {"code": "41", "type": "CANCELATION", "is_shop_right": True},
    {"code": "31", "type": "INCIDENT_CLOSE", "is_shop_right": True, "is_operator_right": True},
    {"code": "32", "type": "INCIDENT_CLOSE", "is_customer_right": True, "is_operator_right": True},
    {"code": "33", "type": "INCIDENT_CLOSE", "is_operator_right": True},
], {"CANCELATION:42": "buyer/buyer_request", "REFUND:21": "/not_received/carrier"})
Event = Mapping[str, Any]


def line(state: str, **more: Any) -> dict[str, Any]:
    return {"order_line_id": "1", "order_line_state": state, "quantity": 2, "total_price": 12.5, "offer_sku": "S",
            **more}


def order(state: str, *lines: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"order_id": "O1", "shop_id": 2001, "order_state": state, "created_date": "2026-03-06T10:00:00Z",
            "currency_iso_code": "EUR", "order_lines": list(lines or [line(state)]),
            "shipping_deadline": "2026-03-09T17:00:00Z", "customer": {"customer_id": "c-1"}, **more}


class Reader:
    """Reads snapshots of one order after another, as a connector does."""

    def __init__(self) -> None:
        self.known: Mapping[str, Sequence[Any]] = {}
        self.promises: Mapping[str, str] = {}
        self.bad: list[Unreadable] = []
        self.log: dict[str, Event] = {}
        self.last: datetime | None = None

    def read(self, raw: Mapping[str, Any], now: datetime = NOW) -> list[Event]:
        fields = Fields("orders", "O1", raw)
        look = orders.read_order(fields, REASONS)
        self.bad += fields.bad
        if look is None:
            return []
        difference = Difference(THING, look.id, self.known)
        self.promises = orders.tell_order(look, difference, self.promises, "/connections/m")
        self.bad += fields.bad
        events, known = difference.finish(Looked.between(self.last, now))
        self.known, self.last = {key: list(entry) for key, entry in known.items()}, now
        for event in events:
            assert event["id"] not in self.log, "an id is given once"
            read_event(event, now_ms=int(NOW.timestamp() * 1000))  # our own contract takes it
            self.log[str(event["id"])] = event
        return events

    def told(self, raw: Mapping[str, Any], now: datetime = NOW) -> list[tuple[str, str, str | None]]:
        return [(event["type"].removeprefix("qos."), event["time"][5:16], _short(event.get("other_time")))
                for event in self.read(raw, now)]


def _short(text: str | None) -> str | None:
    return text[5:16] if text else None


AT, LATER, LAST = (datetime(2026, 3, day, 12, tzinfo=UTC) for day in (7, 8, 9))


def test_an_order_is_told_with_the_platforms_dates_and_never_twice() -> None:
    reader = Reader()
    accepted = {"acceptance_decision_date": "2026-03-06T12:00:00Z", "customer_debited_date": "2026-03-06T12:05:00Z"}
    assert reader.told(order("WAITING_ACCEPTANCE"), AT) == [("order.placed", "03-06T10:00", None)]
    assert reader.told(order("SHIPPING", **accepted), LATER) == [
        ("order.accepted", "03-06T12:00", None), ("order.paid", "03-06T12:05", None)]
    shipped = order("RECEIVED", line("RECEIVED", shipped_date="2026-03-07T09:00:00Z",
                                     received_date="2026-03-08T09:00:00Z",
                                     refunds=[{"id": "R", "amount": 3.1, "reason_code": "21",
                                               "created_date": "2026-03-08T10:00:00Z"}]),
                    shipping_tracking="T9", shipping_carrier_code="dhl", **accepted)
    assert sorted(reader.told(shipped, LAST)) == [
        ("order.delivered", "03-08T09:00", None), ("order.refunded", "03-08T10:00", None),
        ("order.shipped", "03-07T09:00", None)]
    assert reader.read(shipped) == reader.read(shipped) == []
    assert reader.log["order:O1/placed"]["data"] == {
        "lines": [{"line": "1", "sku": "S", "quantity": 2, "amount_minor": 1250}], "currency": "EUR",
        "ship_by": "2026-03-09T17:00:00Z", "buyer": reader.log["order:O1/placed"]["data"]["buyer"]}
    assert reader.log["order:O1/shipped:1"]["data"] == {
        "lines": ["1"], "trackable": True, "carrier": "dhl", "tracking": "T9"}
    assert reader.log["order:O1/refund:1:R"]["data"] == {
        "amount_minor": 310, "reason": "not_received", "fault": "carrier"}
    assert "c-1" not in str(reader.log)


@pytest.mark.parametrize(("state", "date", "kind", "data", "times"), [
    ("REFUSED", "2026-03-06T12:00:00Z", "order.refused", {"by": "seller"}, ("03-06T12:00", None)),
    ("REFUSED", None, "order.refused", {"by": "automatic"}, ("03-08T12:00", "03-07T12:00")),
    ("CANCELED", None, "order.cancelled", {"by": "unknown", "lines": ["1"]}, ("03-08T12:00", "03-07T12:00")),
])
def test_what_has_no_date_lies_between_two_looks(
    state: str, date: str | None, kind: str, data: Event, times: tuple[str, str | None]
) -> None:
    reader = Reader()
    reader.read(order("WAITING_ACCEPTANCE"), AT)
    assert reader.told(order(state, acceptance_decision_date=date), LATER) == [(kind, *times)]
    assert list(reader.log.values())[-1]["data"] == data


def test_an_incident_opens_by_the_later_look_and_is_resolved_by_the_earlier() -> None:
    reader = Reader()
    shipped = {"shipped_date": "2026-03-07T09:00:00Z"}
    reader.read(order("SHIPPED", line("SHIPPED", **shipped)), AT)
    opened = order("SHIPPED", line("INCIDENT_OPEN", order_line_state_reason_code="12", **shipped))
    assert reader.told(opened, LATER) == [("case.opened", "03-08T12:00", "03-07T12:00")]
    closed = order("SHIPPED", line("SHIPPED", order_line_state_reason_code="31", **shipped))
    assert reader.told(closed, LAST) == [("case.resolved", "03-08T12:00", "03-09T12:00")]
    assert reader.told(opened, NOW) == [("case.opened", "03-10T12:00", "03-09T12:00")]
    assert {event["subject"] for event in reader.log.values() if "case" in event["type"]} == {
        "O1:1:incident:1", "O1:1:incident:2"}


@pytest.mark.parametrize(("code", "kind", "by"), [
    ("31", "case.resolved", "seller"), ("33", "case.closed", "operator"), ("32", "case.closed", "buyer"),
    ("99", "case.resolved", "seller")])
def test_who_ended_an_incident_follows_from_who_may_give_its_reason(code: str, kind: str, by: str) -> None:
    reader = Reader()
    reader.read(order("SHIPPED", line("INCIDENT_OPEN")), AT)
    (event,) = reader.read(order("SHIPPED", line("SHIPPED", order_line_state_reason_code=code)), LATER)
    assert (event["type"], event["data"]["by"]) == (f"qos.{kind}", by)


@pytest.mark.parametrize(("code", "expected"), [
    ("41", {"by": "seller"}), ("42", {"by": "buyer", "reason": "buyer_request"}), ("77", {"by": "unknown"})])
def test_who_cancelled_follows_from_the_reason(code: str, expected: Event) -> None:
    part = {"id": "C", "quantity": 2, "reason_code": code, "created_date": "2026-03-07T08:00:00Z"}
    reader = Reader()
    reader.read(order("CANCELED", line("CANCELED", cancelations=[part])), LATER)
    assert reader.log["order:O1/cancelled:1"]["data"] == {**expected, "lines": ["1"]}
    assert reader.log["order:O1/cancelled:1"]["time"] == "2026-03-07T08:00:00Z"


def test_a_part_of_a_quantity_cancelled_cancels_no_line_until_all_of_it_is() -> None:
    half = {"id": "C", "quantity": 1, "reason_code": "41", "created_date": "2026-03-07T08:00:00Z"}
    reader = Reader()
    assert reader.told(order("SHIPPING", line("SHIPPING", cancelations=[half])), LATER) == [
        ("order.placed", "03-06T10:00", None)]
    rest = {**half, "id": "D", "created_date": "2026-03-08T08:00:00Z"}
    assert reader.told(order("SHIPPING", line("SHIPPING", cancelations=[half, rest])), LAST) == [
        ("order.cancelled", "03-08T08:00", None)]


def test_what_a_snapshot_takes_back_is_retracted_and_told_again_under_a_new_id() -> None:
    reader = Reader()
    shipped = order("SHIPPED", line("SHIPPED", shipped_date="2026-03-07T09:00:00Z"))
    reader.read(shipped, AT)
    (gone,) = reader.read(order("SHIPPING", line("SHIPPING")), LATER)
    assert (gone["type"], gone["data"]["id"]) == ("qos.event.retracted", "order:O1/shipped:1")
    (again,) = reader.read(shipped, LAST)
    assert (again["id"], again["time"]) == ("order:O1/shipped:1~1", "2026-03-07T09:00:00Z")
    corrected = order("SHIPPED", line("SHIPPED", shipped_date="2026-03-07T18:00:00Z"))
    assert [event["id"] for event in reader.read(corrected, NOW)] == [
        "order:O1/shipped:1~1/retracted", "order:O1/shipped:1~2"]


def test_a_promise_made_late_is_put_in_and_one_that_changes_was_moved() -> None:
    reader = Reader()
    reader.read(order("WAITING_DEBIT", shipping_deadline=None), AT)
    debited = {"customer_debited_date": "2026-03-07T15:00:00Z"}
    first = [event for event in reader.read(order("SHIPPING", **debited), LATER) if "paid" not in event["type"]]
    assert [(event["type"], event["time"], event["data"]) for event in first] == [
        ("qos.order.corrected", "2026-03-07T15:00:00Z", {"field": "ship_by", "value": "2026-03-09T17:00:00Z"})]
    (moved,) = reader.read(order("SHIPPING", shipping_deadline="2026-03-11T17:00:00Z", **debited), LAST)
    assert (moved["type"], moved["time"], moved["data"]) == (
        "qos.order.promise_moved", "2026-03-08T12:00:00Z",
        {"kind": "ship", "to": "2026-03-11T17:00:00Z", "agreed_by": "operator"})


def test_an_unknown_state_is_named_takes_nothing_back_and_lets_the_rest_be_told() -> None:
    reader = Reader()
    reader.read(order("REFUSED"), AT)
    raw = order("TELEPORTED", line("BEAMED", shipped_date="2026-03-08T09:00:00Z"))
    assert reader.told(raw, LATER) == [("order.shipped", "03-08T09:00", None)]
    assert {(bad.field, bad.raw) for bad in reader.bad} == {
        ("order_state", "TELEPORTED"), ("order_lines.0.order_line_state", "BEAMED")}


@pytest.mark.parametrize(("change", "field"), [
    ({"created_date": "yesterday"}, "created_date"), ({"order_lines": "none"}, "order_lines"),
    ({"customer": []}, "customer"), ({"shop_id": None}, "shop_id"), ({"order_lines": [3]}, "order_lines.0"),
    ({"shipping_deadline": "2026-03-09T17:00:00"}, "shipping_deadline"), ({"order_id": True}, "order_id")])
def test_a_field_that_cannot_be_read_is_named(change: Mapping[str, Any], field: str) -> None:
    reader = Reader()
    reader.read({**order("SHIPPING"), **change})
    assert field in {bad.field for bad in reader.bad}


def test_an_order_held_back_by_the_operator_is_not_told() -> None:
    reader = Reader()
    assert reader.read(order("STAGING")) == []


STEPS = (
    order("WAITING_ACCEPTANCE"), order("SHIPPING", acceptance_decision_date="2026-03-06T12:00:00Z"),
    order("SHIPPED", line("SHIPPED", shipped_date="2026-03-07T09:00:00Z"),
          acceptance_decision_date="2026-03-06T12:00:00Z"),
    order("RECEIVED", line("RECEIVED", shipped_date="2026-03-07T09:00:00Z", received_date="2026-03-08T09:00:00Z"),
          acceptance_decision_date="2026-03-06T12:00:00Z"))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_however_snapshots_come_what_stands_is_what_the_last_one_shows(seen: list[int]) -> None:
    """Snapshots come again, skip steps and go back: the log without what was retracted is the last one's alone."""
    reader, alone = Reader(), Reader()
    for number, step in enumerate(seen):
        reader.read(STEPS[step], NOW - timedelta(hours=20 - number))
    alone.read(STEPS[seen[-1]], NOW)
    gone = {event["data"]["id"] for event in reader.log.values() if event["type"] == "qos.event.retracted"}
    standing = [(event["type"], event["time"], str(event.get("data"))) for event in reader.log.values()
                if event["id"] not in gone and event["type"] != "qos.event.retracted"]
    expected = [(event["type"], event["time"], str(event.get("data"))) for event in alone.log.values()]
    if max(seen) > 0 and seen[-1] == 0:
        expected.append(("qos.order.accepted", "2026-03-06T12:00:00Z", "None"))  # a yes is not unsaid
    assert sorted(standing) == sorted(expected)


def fields(raw: Mapping[str, Any]) -> Fields:
    return Fields("x", "K", raw)


def test_a_thread_tells_who_wrote_to_whom_without_what_was_written() -> None:
    raw = {"id": "T", "entities": [{"type": "MMP_ORDER", "id": "O1"}],
           "messages": [
               {"id": "m1", "body": "Where is it?", "date_created": "2026-03-07T09:00:00Z",
                "from": {"type": "CUSTOMER_USER"}, "to": [{"type": "SHOP"}]},
               {"id": "m2", "body": "On its way", "date_created": "2026-03-07T10:00:00Z",
                "from": {"type": "SHOP_USER"}, "to": [{"type": "CUSTOMER"}, {"type": "OPERATOR"}]},
               {"id": "m3", "date_created": "2026-03-07T11:00:00Z", "from": {"type": "ROBOT"}, "to": []}],
           "no_store_reply_needed": [{"date": "2026-03-07T12:00:00Z", "user_type": "OPERATOR"}]}
    thread = fields(raw)
    difference = Difference(Thing("/s", "fr", "1", "thread:T"), "T", {})
    threads.tell_thread(thread, difference, [])
    events, _ = difference.finish(Looked.between(None, NOW))
    assert [(event["type"], event.get("data")) for event in events] == [
        ("qos.message.sent", {"order": "O1", "author": "buyer", "to": ["seller"]}),
        ("qos.message.sent", {"order": "O1", "author": "seller", "to": ["buyer", "operator"]}),
        ("qos.conversation.no_reply_needed", {"by": "operator"})]
    assert [bad.field for bad in thread.bad] == ["messages.2.from.type"]
    again = Difference(Thing("/s", "fr", "1", "thread:T"), "T", {})
    threads.tell_thread(fields(raw), again, threads.list_told_marks(difference))
    assert [claim.type for claim in again.claims.values()] == ["conversation.no_reply_needed"]


@pytest.mark.parametrize(("date", "time", "offset", "expected"), [
    ("2026-03-29", "01:30:00", "+01:00", "2026-03-29T00:30:00+00:00"),  # before the clocks change
    ("2026-03-29", "03:30:00", "+02:00", "2026-03-29T01:30:00+00:00"),  # after
    ("2026-03-29", "10:00:00", "", "2026-03-29T10:00:00+00:00"),
    ("2026-03-29", "", "Z", "2026-03-29T00:00:00+00:00"), ("2026-13-29", "10:00:00", "Z", None)])
def test_a_milestones_moment_stands_in_three_pieces(date: str, time: str, offset: str, expected: str | None) -> None:
    found = aftercare.read_split_moment(fields({"date": date, "time": time, "offset": offset}))
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize("keys", [("tracking_number", "occurrence_date"), ("trackingNumber", "occurrenceDate")])
def test_a_parcel_tells_each_milestone_once(keys: tuple[str, str]) -> None:
    at = {"date": "2026-03-07", "time": "10:00:00", "offset": "+01:00"}
    milestones = [{"type": kind, keys[1]: at} for kind in ("TO_COLLECT", "DRONE")]
    raw = {"tracking": {keys[0]: "T9", "milestones": milestones}}
    given_fields, difference = fields(raw), Difference(Thing("/s", "fr", "1", "shipment:S"), "O1", {})
    aftercare.tell_shipment(given_fields, difference, "O1")
    events, _ = difference.finish(Looked.between(None, NOW))
    assert [(event["time"], event["data"]) for event in events] == [
        ("2026-03-07T09:00:00Z", {"order": "O1", "tracking": "T9", "milestone": "attempted"})]
    assert [bad.raw for bad in given_fields.bad] == ["DRONE"]


def test_a_return_is_received_by_the_later_look_and_refused_by_the_earlier() -> None:
    raw = {"id": "R", "state": "IN_PROGRESS", "date_created": "2026-03-06T10:00:00Z",
           "reason_code": "RETURN_DEFECTIVE_ITEM", "return_lines": [{"order_line_id": "1"}]}
    for state, kind, at, other in (("RECEIVED", "return.received", "03-08", "03-07"),
                                   ("REFUSED", "return.refused", "03-07", "03-08"),
                                   ("CLOSED", "return.refunded", "03-07", "03-08")):
        first = Difference(Thing("/s", "fr", "1", "return:R"), "R", {})
        aftercare.tell_return(fields(raw), first, "O1")
        (asked,), known = first.finish(Looked.between(None, AT))
        assert asked["data"] == {"order": "O1", "reason": "not_as_described", "lines": ["1"]}
        second = Difference(Thing("/s", "fr", "1", "return:R"), "R", known)
        aftercare.tell_return(fields({**raw, "state": state}), second, "O1")
        (event,), _ = second.finish(Looked.between(AT, LATER))
        assert (event["type"], event["time"][5:10], event["other_time"][5:10]) == (f"qos.{kind}", at, other)


def test_a_review_is_changed_when_its_stars_are_others() -> None:
    known: Mapping[str, Sequence[Any]] = {}
    stars: int | None = None
    told = []
    for grade in (5, 5, 2, 5, "good"):
        difference = Difference(Thing("/s", "fr", "1", "review:O1"), "O1", known)
        stars = aftercare.tell_review(fields({"order_id": "O1", "grade": grade, "date": "2026-03-06T10:00:00Z"}),
                                      difference, stars)
        events, known = difference.finish(Looked.between(AT, LATER))
        told += [(event["id"], event["data"]["rating"]) for event in events]
    assert told == [("review:O1/posted", 5), ("review:O1/changed:1", 2), ("review:O1/changed:2", 5)]


def _closed(before: Mapping[str, str], known: Mapping[str, Sequence[Any]], now: datetime, **closure: Any) -> tuple[
        list[tuple[str, str]], Mapping[str, Sequence[Any]], Mapping[str, str]]:
    difference = Difference(Thing("/s", "fr", "2001", "shop:2001"), "2001", known)
    shop = fields({"shop_id": 2001, **closure})
    shops.tell_shop(shop, difference, Access("https://x", "/s", "fr"), before, now)
    events, after = difference.finish(Looked.between(now - timedelta(hours=1), now))
    told = [(event["type"].removeprefix("qos."), str(event["data"].get("until", "")))
            for event in events if event["type"] != "qos.shop.opened"]
    return told, after, shops.read_closure(shop)


def test_a_closure_called_off_is_taken_back_and_what_was_closed_of_it_stays() -> None:
    dates = {"closed_from": "2026-03-08T00:00:00Z", "closed_to": "2026-03-20T00:00:00Z"}
    told, known, closures = _closed({}, {}, AT, **dates)
    assert told == [("shop.closed_for", "2026-03-20T00:00:00Z")]
    assert _closed(closures, known, LATER, **dates)[0] == []
    assert _closed(closures, known, AT)[0] == [("event.retracted", "")]  # before it began: all of it
    assert _closed(closures, known, LAST)[0] == [("event.retracted", ""), ("shop.closed_for", "2026-03-09T12:00:00Z")]
    assert _closed(closures, known, NOW + timedelta(days=30))[0] == []  # over: the platform only tidies up


def test_opening_hours_are_told_anew_only_when_they_are_others() -> None:
    raw = {"shop_id": 2001, "date_created": "2025-01-02T00:00:00Z",
           "business_days": [{"day": "MONDAY", "business_hours": [{"from": "14:00", "to": "00:00"},
                                                                  {"from": "09:00:00", "to": "12:00:00"}]}],
           "business_closing_days": [{"date": "2020-12-25", "recurring": True}, {"date": "2026-04-06"}]}
    known: Mapping[str, Sequence[Any]] = {}
    mark, told = "", []
    for days in (raw["business_days"], raw["business_days"], [], [{"day": "FRIDAY", "business_hours": {
            "from": "10:00", "to": "11:00"}}]):
        difference = Difference(Thing("/s", "fr", "2001", "hours:2001"), "2001", known)
        mark = shops.tell_hours(fields({**raw, "business_days": days}), difference, NOW, mark)
        events, known = difference.finish(Looked.between(AT, LATER))
        told += [event["data"] for event in events]
    holidays = ["2026-04-06", "2026-12-25", "2027-12-25"]
    assert told == [
        {"hours": {"mon": [["09:00", "12:00"], ["14:00", "24:00"]]}, "holidays": holidays, "by": "operator",
         "effective_from": "2025-01-02"},
        {"hours": {"fri": [["10:00", "11:00"]]}, "holidays": holidays, "by": "seller"}]


def test_a_retraction_is_never_earlier_than_what_it_takes_back() -> None:
    thing = Thing("/s", "fr", "1", "order:O1")
    first = Difference(thing, "O1", {})
    first.tell(Claim("paid", "order.paid", "O1", NOW + timedelta(minutes=5)))  # a clock that is ahead
    (_,), known = first.finish(Looked.between(None, NOW))
    (gone,), _ = Difference(thing, "O1", known).finish(Looked.between(NOW, NOW + timedelta(minutes=1)))
    assert gone["time"] == "2026-03-10T12:05:00Z"
