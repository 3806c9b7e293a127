"""The independent counters against tables worked out by hand, and against what the data sets' papers say."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from tests.connectors.olist_count import count_olist
from tests.connectors.olist_fixture import write_olist_fixture
from tests.connectors.replies_count import Share, Times, count_replies
from tests.connectors.replies_fixture import write_helpdesk_fixture, write_twitter_fixture
from tests.connectors.samples import HELPDESK_HEADER, TWITTER_HEADER, write_lines, write_olist

HOUR = 3600
DATA = os.environ.get("OPERATOR_QOS_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="set OPERATOR_QOS_DATA to the folder of the public data sets"
)

# Placed 1 January, to be shipped by the 5th, delivered by the 10th, unless the row says otherwise.
ORDERS = [
    # shipped and delivered at their last moments: nothing wrong
    "k1,c,delivered,2018-01-01 10:00:00,,2018-01-05 12:00:00,2018-01-10 23:59:59,2018-01-10 00:00:00",
    # a second late each, and one star
    "l1,c,delivered,2018-01-01 10:00:00,,2018-01-05 12:00:01,2018-01-11 00:00:00,2018-01-10 00:00:00",
    # cancelled by the seller before its promises: in neither of their bases, a defect
    "u1,c,unavailable,2018-01-01 10:00:00,2018-01-02 10:00:00,,,2018-01-10 00:00:00",
    # cancelled by nobody known: no defect
    "x1,c,canceled,2018-01-01 10:00:00,2018-01-02 10:00:00,,,2018-01-10 00:00:00",
    # cancelled by the seller after the hand-over: a defect, but no cancellation before shipping
    "u2,c,unavailable,2018-01-01 10:00:00,2018-01-06 10:00:00,2018-01-04 10:00:00,,2018-01-10 00:00:00",
    # never shipped: late at once, a defect after fourteen days
    "n1,c,processing,2018-01-01 10:00:00,2018-01-02 10:00:00,,,2018-01-10 00:00:00",
]


def olist(tmp_path: Path) -> Path:
    orders = [row.split(",")[0] for row in ORDERS]
    return write_olist(
        tmp_path,
        orders=ORDERS,
        items=[f"{order},1,p1,s2,2018-01-05 12:00:00,1,1" for order in orders],
        reviews=["r1,l1,1,2018-01-12 10:00:00", "r2,k1,2,2018-01-12 10:00:00", "r3,k1,4,2018-01-20 10:00:00"],
    )


@pytest.mark.parametrize(
    ("as_of", "days", "expected"),
    [
        (date(2018, 1, 31), 60, {
            "order_defect_rate": (4, 6), "cancellation_rate": (1, 6), "late_shipment_rate": (2, 4),
            "on_time_delivery_rate": (2, 3), "negative_review_rate": (1, 2), "average_rating": (5, 2)}),
        # The second answer of k1 is not there yet, and the fourteen days of n1 end on the 19th.
        (date(2018, 1, 18), 60, {
            "order_defect_rate": (4, 6), "cancellation_rate": (1, 6), "late_shipment_rate": (2, 4),
            "on_time_delivery_rate": (2, 3), "negative_review_rate": (2, 2), "average_rating": (3, 2)}),
        # Neither cancellation after the 4th, nor any review is known; the ship-by lies ahead.
        (date(2018, 1, 4), 30, {"order_defect_rate": (1, 6), "cancellation_rate": (1, 6)}),
        # The last day of the promise to deliver is in the window, the first ones are not.
        (date(2018, 1, 10), 1, {"on_time_delivery_rate": (2, 3)}),
        (date(2017, 12, 31), 30, {}),
    ],
)  # fmt: skip
def test_order_metrics_match_the_table(
    tmp_path: Path, as_of: date, days: int, expected: dict[str, tuple[int, int]]
) -> None:
    counts = count_olist(olist(tmp_path), as_of, days)
    assert {metric: count for (shop, metric), count in counts.items() if shop == "s2"} == expected


def test_an_order_of_two_sellers_counts_for_each_and_one_without_items_for_none(tmp_path: Path) -> None:
    items = ["o1,2,p1,s2,2018-01-03 10:00:00,1,1"]
    write_olist(tmp_path, items=items, orders=["o2,c,created,2018-01-02 10:00:00,,,,"])
    counts = count_olist(tmp_path, date(2018, 1, 31), 60)
    assert {key: count for key, count in counts.items() if "rate" in key[1] and "ship" in key[1]} == {
        ("s1", "late_shipment_rate"): (0, 1),
        ("s2", "late_shipment_rate"): (1, 1),
    }
    assert counts["s1", "order_defect_rate"] == counts["s2", "order_defect_rate"] == (0, 1)


TICKETS = [
    "A,0,2013-03-01T08:00:00+00:00,Assign seriousness,V",
    "A,1,2013-03-02T08:00:00+00:00,Take in charge ticket,W",  # 24 hours: in time
    "A,2,2013-03-02T08:00:00+00:00,Wait,V",
    "A,3,2013-03-09T08:00:00+00:00,Resolve ticket,V",  # 24 hours with the seller
    "B,0,2013-03-01T08:00:00+00:00,Assign seriousness,V",
    "B,1,2013-03-02T08:00:01+00:00,Take in charge ticket,V",  # a second late
    "B,2,2013-03-04T08:00:00+00:00,Resolve ticket,V",  # 72 hours: exactly the limit
    "B,3,2013-03-11T08:00:00+00:00,Require upgrade,V",  # seven days later, the last instant: reopened
    "B,4,2013-03-11T09:00:00+00:00,Resolve ticket,V",  # 73 hours in all
    "C,0,2013-03-01T08:00:00+00:00,Assign seriousness,V",
    "C,1,2013-03-01T20:00:00+00:00,Closed,V",  # waived within 24 hours, never resolved
    "D,0,2013-03-01T08:00:00+00:00,Assign seriousness,V",
    "D,1,2013-03-12T08:00:00+00:00,Closed,V",  # waived too late, 264 hours used
]  # fmt: skip


def test_reply_and_resolution_metrics_match_the_table(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "log.csv", [HELPDESK_HEADER, *TICKETS])
    times = Times(24 * HOUR, 24 * HOUR + 1, 24 * HOUR + 0.5, 2, 1)
    assert count_replies(file, date(2013, 3, 31), 60) == {
        ("V", "response_within_rate"): Share(2, 4),
        ("V", "no_response_rate"): Share(1, 4),
        ("V", "response_time"): times,
        ("V", "first_response_time"): times,
        ("V", "resolution_within_rate"): Share(2, 3),
        ("V", "resolution_time"): Times(24 * HOUR, 73 * HOUR, 48.5 * HOUR, 2, 2),
    }


def test_what_happens_later_is_not_known_yet(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "log.csv", [HELPDESK_HEADER, *TICKETS])
    # At the end of 4 March B is resolved in 72 hours, A waits, C is closed, D has used 88 hours.
    assert count_replies(file, date(2013, 3, 4), 60)["V", "resolution_within_rate"] == Share(1, 2)
    assert count_replies(file, date(2013, 3, 1), 60) == {
        ("V", "response_within_rate"): Share(0, 1),
        ("V", "no_response_rate"): Share(0, 1),
    }


POSTS = [
    "1,5,True,2017-10-30T10:00:00Z,,",
    "2,5,True,2017-10-30T10:05:00Z,,1",  # joins the open turn
    "3,acme,False,2017-10-30T11:00:00Z,,2",  # answers after an hour
    "4,acme,False,2017-10-30T11:30:00Z,,2",
    "5,5,True,2017-10-30T12:00:00Z,,3",
    "6,acme,False,2017-10-30T12:00:00Z,,5",  # the same second: the buyer comes first, answered after 0 s
    "7,5,True,2017-10-30T13:00:00Z,,6",  # never answered
    "8,6,True,2017-10-30T10:00:00Z,,",
    "9,Acme2,False,Wed Nov 01 10:00:00 +0000 2017,,8",  # 48 hours
]  # fmt: skip


def test_turns_of_posts_match_the_table(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "posts.csv", [TWITTER_HEADER, *POSTS])
    assert count_replies(file, date(2017, 11, 5), 30) == {
        ("acme", "response_within_rate"): Share(1, 3),
        ("acme", "no_response_rate"): Share(1, 3),
        ("acme", "response_time"): Times(0, HOUR, HOUR / 2, 2, 1),
        ("acme", "first_response_time"): Times(HOUR, HOUR, HOUR, 1, 0),
        ("Acme2", "response_within_rate"): Share(1, 1),
        ("Acme2", "no_response_rate"): Share(0, 1),
        ("Acme2", "response_time"): Times(48 * HOUR, 48 * HOUR, 48 * HOUR, 1, 0),
        ("Acme2", "first_response_time"): Times(48 * HOUR, 48 * HOUR, 48 * HOUR, 1, 0),
    }


def test_the_fixtures_give_every_metric_a_base_and_failures(tmp_path: Path) -> None:
    orders = count_olist(write_olist_fixture(tmp_path), date(2018, 1, 31), 120)
    for metric in {metric for _, metric in orders}:
        bad, base = (
            sum(pair) for pair in zip(*(c for (_, m), c in orders.items() if m == metric), strict=True)
        )
        assert bad > 0, metric
        assert base > 100, metric
    assert len({metric for _, metric in orders}) == 6
    tickets = count_replies(write_helpdesk_fixture(tmp_path / "h.csv.gz"), date(2013, 4, 30), 90)
    posts = count_replies(write_twitter_fixture(tmp_path / "t.csv.gz"), date(2017, 10, 31), 30)
    assert len({metric for _, metric in tickets}) == 6
    assert len({metric for _, metric in posts}) == 4
    shares = [count for count in [*tickets.values(), *posts.values()] if isinstance(count, Share)]
    assert all(0 < count.bad < count.base for count in shares)


@needs_data
@pytest.mark.slow
def test_counters_agree_with_the_known_figures_of_the_public_data_sets() -> None:
    root = Path(DATA or "")
    tickets = count_replies(root / "helpdesk/helpdesk_events.csv.gz", date(2014, 12, 31), 3000)
    first = [count for (_, metric), count in tickets.items() if metric == "first_response_time"]
    # 4,285 tickets were ever taken in charge, one of them only after it was closed.
    assert sum(count.base for count in first) == 4284
    resolved = [count for (_, metric), count in tickets.items() if metric == "resolution_time"]
    # 4,569 were ever resolved, two of them only until they were reopened within seven days.
    assert sum(count.base for count in resolved) == 4567
    posts = count_replies(root / "twitter_support/twcs_first5000_no_text.csv.gz", date(2018, 12, 31), 4000)
    chipotle = posts["ChipotleTweets", "first_response_time"]
    assert isinstance(chipotle, Times)
    assert round(chipotle.median / 60, 1) == 9.8
    orders = count_olist(root / "olist", date(2018, 12, 31), 1000)
    assert sum(base for (_, metric), (_, base) in orders.items() if metric == "order_defect_rate") == 22_652
