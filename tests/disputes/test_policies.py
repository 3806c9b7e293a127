"""Policies: read with clear refusals; and for each one shipped, deadlines worked out by hand against the engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from operator_qos.disputes.clocks import Anchors, Clocks, find_opening
from operator_qos.disputes.policies import (
    PRESETS,
    Limit,
    PolicyError,
    load_preset_policy,
    read_limit,
    read_policy,
    read_yaml,
)
from scoring.calendars import CalendarVersion, WorkingCalendar

PARIS = ZoneInfo("Europe/Paris")
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), (("09:00", "18:00"),))
# Labour Day and Ascension Day 2026 in France.
SHOP = WorkingCalendar(
    "Europe/Paris",
    (CalendarVersion(WEEK, frozenset({date(2026, 5, 1), date(2026, 5, 14)}), date(2026, 1, 1), 0),),
)
FRANCE = frozenset({"2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25", "2026-07-14"})


def at(text: str) -> datetime:
    """A wall time in Paris: "29 03 10:00"."""
    day, month, clock = text.split()
    hour, minute = clock.split(":")
    return datetime(2026, int(month), int(day), int(hour), int(minute), tzinfo=PARIS)


def clocks(preset: str) -> Clocks:
    policy = replace(load_preset_policy(preset), holidays={"mediators": FRANCE, "FR": FRANCE})
    return Clocks(policy=policy, zone="Europe/Paris", seller_zone="Europe/Paris", buyer_country="FR", shop=SHOP)


# preset, field, from, until. Summer time begins on Sunday 29 March 2026 at 2:00 and ends on Sunday 25 October.
# The shop opens Monday to Friday 9 to 18, not on 1 and 14 May; mediators and buyers keep the French holidays.
TABLE = (
    # 48 hours are 48 hours: over the clock change they end an hour later by the clock on the wall.
    ("amazon", "seller_first_response", "27 03 10:00", "29 03 11:00"),
    ("amazon", "seller_first_response", "04 05 10:00", "06 05 10:00"),
    ("amazon", "escalation_earliest", "24 10 10:00", "26 10 09:00"),
    ("amazon", "evidence_deadline", "01 05 08:15", "03 05 08:15"),
    # Days keep the time of day.
    ("amazon", "decision_target", "25 03 10:00", "01 04 10:00"),
    ("amazon", "appeal_window", "15 03 10:00", "14 04 10:00"),
    # Friday 1 May is a holiday of the shop: Thursday + 2 = Mon 4, Tue 5.
    ("amazon", "perform_within", "30 04 16:00", "05 05 16:00"),
    # Three working days of the seller from Wednesday 29 April: Thu 30, (Fri 1 closed), Mon 4, Tue 5.
    ("ebay", "seller_first_response", "29 04 10:00", "05 05 10:00"),
    ("ebay", "seller_first_response", "02 03 10:00", "05 03 10:00"),
    # Friday afternoon over the change to summer time: Mon 30, Tue 31, Wed 1.
    ("ebay", "seller_first_response", "27 03 16:00", "01 04 16:00"),
    # 21 French working days from Monday 27 April: 28-30 (3), 4-7 (7), 11-13 (10), 15 (11), 18-22 (16), 26-29 (20),
    # 1 June (21); 1, 8, 14 and 25 May are holidays.
    ("ebay", "auto_close_after", "27 04 09:00", "01 06 09:00"),
    ("ebay", "decision_target", "24 10 12:00", "26 10 11:00"),
    ("ebay", "appeal_window", "01 10 09:00", "31 10 09:00"),
    # Wednesday 13 May: Thursday 14 closed, Fri 15, Mon 18.
    ("ebay", "perform_within", "13 05 17:00", "18 05 17:00"),
    ("etsy", "seller_first_response", "12 06 23:30", "14 06 23:30"),
    ("etsy", "decision_target", "24 10 10:00", "31 10 10:00"),
    ("etsy", "perform_within", "30 04 09:00", "06 05 09:00"),
    ("etsy", "offer_expires", "28 03 12:00", "30 03 13:00"),
    # Days keep the time of day; hours do not.
    ("mirakl", "seller_first_response", "27 03 10:00", "31 03 10:00"),
    ("mirakl", "escalate_automatically", "27 03 10:00", "31 03 10:00"),
    # Five days of the mediators from Thursday 30 April: Mon 4 to Thu 7 (4), Fri 8 holiday, Mon 11.
    ("mirakl", "decision_target", "30 04 14:00", "11 05 14:00"),
    # The buyer's five working days from Thursday 21 May: 22, (25 holiday), 26, 27, 28, 29.
    ("mirakl", "auto_close_after", "21 05 08:00", "29 05 08:00"),
    # The shop works on 8 May, the mediators do not: Wed 6 + 3 = Thu 7, Fri 8, Mon 11.
    ("mirakl", "evidence_deadline", "06 05 09:00", "11 05 09:00"),
    ("paypal", "seller_first_response", "20 03 10:00", "09 04 10:00"),
    ("paypal", "evidence_deadline", "20 10 10:00", "30 10 10:00"),
    ("paypal", "auto_close_after", "01 02 10:00", "21 02 10:00"),
    ("paypal", "decision_target", "20 03 10:00", "03 04 10:00"),
    ("paypal", "offer_expires", "27 03 09:00", "06 04 09:00"),
    ("ours", "decision_target", "27 03 10:00", "03 04 10:00"),
    # Five mediators' days over Bastille Day, a Tuesday: 13, (14), 15, 16, 17, 20.
    ("ours", "decision_target", "10 07 10:00", "20 07 10:00"),
    ("ours", "evidence_deadline", "24 10 10:00", "26 10 09:00"),
    ("ours", "auto_close_after", "20 10 18:00", "30 10 18:00"),
    ("ours", "perform_within", "29 04 12:00", "07 05 12:00"),
)


@pytest.mark.parametrize(("preset", "field", "start", "end"), TABLE)
def test_deadlines_worked_out_by_hand(preset: str, field: str, start: str, end: str) -> None:
    mine = clocks(preset)
    limit = getattr(mine.policy.of("damaged"), field)
    found = mine.end(limit, at(start).astimezone(UTC))
    assert found == at(end), f"{limit}: {found.astimezone(PARIS)}"


def test_every_shipped_policy_stands_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(PRESETS)
    assert {load_preset_policy(name).id for name in PRESETS} == set(PRESETS)


# (preset, kind, anchors, may open from, may open until)
ORDERED, PROMISED = at("02 03 12:00"), at("09 03 23:59")
ASKED = at("10 03 09:00")
OPENINGS = (
    ("amazon", "not_received", at("12 03 09:00"), at("07 06 23:59")),
    ("ebay", "not_received", at("10 03 23:59"), at("08 04 23:59")),
    ("ebay", "damaged", None, at("08 04 23:59")),
    ("etsy", "not_received", at("10 03 23:59"), at("17 06 23:59")),
    ("paypal", "not_received", at("09 03 12:00"), at("29 08 12:00")),
    ("mirakl", "late", None, None),
    ("ours", "damaged", None, None),
)


@pytest.mark.parametrize(("preset", "kind", "since", "until"), OPENINGS)
def test_when_a_dispute_may_be_opened(preset: str, kind: str, since: datetime | None, until: datetime | None) -> None:
    mine = clocks(preset)
    anchors = Anchors(ordered=ORDERED, deliver_due=PROMISED, contacted=ASKED)
    found = find_opening(mine.policy.of(kind), mine, anchors)
    assert (found.from_at, found.until_at) == (since, until)


def test_hours_of_the_seller_run_while_the_shop_is_open() -> None:
    # Thursday 30 April 15:00, three hours left that day; Friday is a holiday; the fourth hour ends on Monday at 10.
    end = clocks("ours").end(Limit(4, "working hours", "seller"), at("30 04 15:00").astimezone(UTC))
    assert end == at("04 05 10:00")


def test_a_limit_whose_moment_is_not_known_does_not_bind() -> None:
    mine = clocks("paypal")
    found = find_opening(mine.policy.of("not_received"), mine, Anchors())
    assert (found.from_at, found.until_at) == (None, None)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("48 hours", Limit(48, "hours", "wall")),
        ("1 day", Limit(1, "days", "wall")),
        ("3 working days", Limit(3, "working days", "seller")),
        ("5 working days of the mediators", Limit(5, "working days", "mediators")),
        ("21 working days of the buyer", Limit(21, "working days", "buyer")),
        ("72 working hours of the seller", Limit(72, "working hours", "seller")),
    ],
)
def test_limits_are_read_as_people_write_them(text: str, limit: Limit) -> None:
    assert read_limit(text, "here") == limit
    assert read_limit(str(limit), "here") == limit


@pytest.mark.parametrize(
    "text",
    ["", "soon", "48", "-1 days", "0 hours", "9999 days", "2 days of the seller", "3 working hours of the buyer",
     "1.5 hours", None, 48],
)
def test_what_is_no_limit_is_refused_with_its_place(text: object) -> None:
    with pytest.raises(PolicyError, match=r"limits\.x"):
        read_limit(text, "limits.x")


def _document(**changes: Any) -> dict[str, Any]:
    return {"id": "x", "version": 1, "title": {"en": "X"}, "effective_from": "2026-03-01", **changes}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (_document(limit={}), "limit"),
        ({"id": "x"}, "version"),
        (_document(limits={"evidence_dedline": "48 hours"}), "limits.evidence_dedline"),
        (_document(kinds={"damaged": {"decision_target": "soon"}}), "kinds.damaged.decision_target"),
        (_document(kinds={"lost": {}}), "kinds.lost"),
        (_document(limits={"decision_target": None}), "limits.decision_target"),
        (_document(limits={"seller_silent": "wait"}), "limits.seller_silent"),
        (_document(limits={"remedies": {"refund": [1, 0.5]}}), "limits.remedies.refund"),
        (_document(limits={"appeal_window": None}), "limits.appeal_window"),
        (_document(limits={"max_appeals": 9}), "limits.max_appeals"),
        (_document(limits={"open_until": {"limit": "3 days", "since": "yesterday"}}), "limits.open_until.since"),
        (_document(effective_from="1 May"), "effective_from"),
        (_document(holidays={"mediators": ["May Day"]}), "holidays.mediators"),
    ],
)
def test_a_wrong_policy_names_the_place(document: dict[str, Any], place: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_policy(document)
    assert refused.value.path == place


def test_what_is_no_yaml_names_the_line() -> None:
    with pytest.raises(PolicyError, match="line 4: is no YAML"):
        read_yaml("id: x\nlimits:\n  a: [1\n  b: 2\n")


def test_a_kind_overrides_the_limits_of_all() -> None:
    policy = read_policy(_document(limits={"offer_expires": "2 days"}, kinds={"late": {"offer_expires": "1 day"}}))
    assert (str(policy.of("late").offer_expires), str(policy.of("damaged").offer_expires)) == ("1 day", "2 days")
    assert policy.of("unheard of") == policy.of("other")
