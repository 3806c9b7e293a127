"""Verdicts: the published table row by row, the exact limit, and what room is left."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.intervals import binomial_tail
from scoring.standards import Evidence
from scoring.verdicts import (
    VERDICTS,
    Verdict,
    judge_evidence,
    orders_needed,
    room_left,
    to_bad_limit,
    to_verdicts,
)

TABLE = Path(__file__).parents[1] / "golden" / "verdict-table.json"
ROWS = json.loads(TABLE.read_text(), parse_float=Decimal)["verdicts"]
OURS = Evidence(20, 3, 2, Decimal("0.005"))


def evidence_of(row) -> Evidence:
    return Evidence(row["min_base"], row["min_bad"], row["min_buyers"], Decimal(row["alpha"]))


def judge(bad, base, buyers, *, limit="0.02", higher=False, evidence=OURS):
    codes = judge_evidence(bad, base, buyers, limits=limit, higher_is_better=higher, evidence=evidence)
    return to_verdicts(codes)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['bad']} of {row['base']}: {row['why']}")
def test_every_row_of_the_published_table(row):
    limit, higher = row["limit"], row["higher_is_better"]
    assert judge(
        row["bad"], row["base"], row["buyers"], limit=limit, higher=higher, evidence=evidence_of(row)
    ) == [row["verdict"]]
    tail = binomial_tail(row["bad"], row["base"], float(to_bad_limit(limit, higher)))
    assert float(tail) == pytest.approx(float(row["tail"]), rel=1e-11)


def test_the_table_judged_at_once_says_the_same():
    rows = [row for row in ROWS if evidence_of(row) == OURS]
    codes = judge_evidence(
        *([row[key] for row in rows] for key in ("bad", "base", "buyers")),
        limits=[row["limit"] for row in rows],
        higher_is_better=[row["higher_is_better"] for row in rows],
        evidence=OURS,
    )
    assert codes.dtype == np.int8
    assert to_verdicts(codes) == [row["verdict"] for row in rows]
    assert len(rows) == len(ROWS) - 1


def test_no_limits_for_no_shops_and_a_limit_for_each():
    codes = judge_evidence([], [], [], limits=[], higher_is_better=[], evidence=OURS)
    assert to_verdicts(codes) == []


def test_no_shops_give_no_verdicts_and_shapes_are_kept():
    assert judge([], [], []) == []
    grid = np.array([[0, 2], [3, 30]])
    codes = judge_evidence(grid, 100, grid, limits=0.02, higher_is_better=False, evidence=OURS)
    assert [[VERDICTS[code] for code in line] for line in codes] == [
        ["kept", "kept"],
        ["watch", "breached"],
    ]


def test_a_limit_finer_than_64_bits_is_still_exact():
    base = 10**6
    just_below = Decimal("0.02") - Decimal("1e-20")
    assert judge(20_000, base, 5, limit="0.02") == ["kept"]
    assert judge(20_000, base, 5, limit=just_below) == ["watch"]


def test_a_limit_of_nothing_at_all_is_broken_by_the_evidence_alone():
    assert judge([0, 2, 3], 25, [0, 2, 2], limit=0) == ["kept", "watch", "breached"]


def test_bad_beyond_the_base_is_refused_with_its_place():
    with pytest.raises(ValueError, match="position 1: 6 bad of 5 cannot be"):
        judge([30, 6], [30, 5], [9, 9])


limits = st.integers(1, 99).map(lambda n: Decimal(n) / 100)


@settings(deadline=None)
@given(st.integers(0, 400), limits, st.booleans(), st.data())
def test_the_verdict_is_the_rule_in_exact_fractions(base, limit, higher, data):
    bad = data.draw(st.integers(0, base))
    buyers = data.draw(st.integers(0, bad))
    bound = to_bad_limit(limit, higher)
    beyond = base > 0 and Fraction(bad, base) > bound
    tail = float(binomial_tail(bad, base, float(bound)))
    if beyond and bad >= 3 and buyers >= 2 and tail <= 0.005:
        expected = Verdict.BREACHED
    elif base < 20:
        expected = Verdict.NOT_ENOUGH_DATA
    else:
        expected = Verdict.WATCH if beyond else Verdict.KEPT
    assert judge(bad, base, buyers, limit=limit, higher=higher) == [expected]


@settings(deadline=None)
@given(st.integers(20, 300), limits, st.data())
def test_one_failure_less_is_never_judged_worse(base, limit, data):
    bad = data.draw(st.integers(1, base))
    order = (Verdict.KEPT, Verdict.WATCH, Verdict.BREACHED)
    less, more = judge([bad - 1, bad], base, [bad - 1, bad], limit=limit)
    assert order.index(less) <= order.index(more)


@pytest.mark.parametrize(
    ("bad", "base", "limit", "higher", "more", "room"),
    [
        (1, 100, "0.02", False, 0, 1),
        (2, 100, "0.02", False, 0, 0),
        (2, 100, "0.02", False, 49, 0),
        (2, 100, "0.02", False, 50, 1),
        (5, 100, "0.02", False, 0, 0),
        (0, 20, "0.9", True, 0, 2),
        (0, 0, "0.9", True, 0, 0),
    ],
)
def test_room_left_by_hand(bad, base, limit, higher, more, room):
    assert room_left(bad, base, limit=limit, higher_is_better=higher, expected_more=more) == room


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(1, 300), st.integers(0, 300), limits, st.booleans())
def test_the_room_is_all_that_may_fail_and_not_one_more(bad, base, more, limit, higher):
    room = room_left(bad, base, limit=limit, higher_is_better=higher, expected_more=more)
    bound = to_bad_limit(limit, higher)
    assert Fraction(bad + room + 1, base + more) > bound
    assert room == 0 or Fraction(bad + room, base + more) <= bound


def test_orders_needed_until_a_metric_can_be_judged():
    assert [orders_needed(base, 20) for base in (0, 6, 20, 21)] == [20, 14, 0, 0]


def test_limits_read_the_same_however_written():
    written = ("0.9", 0.9, Decimal("0.9"), Fraction(9, 10))
    assert {to_bad_limit(limit, True) for limit in written} == {Fraction(1, 10)}


def test_thousands_with_the_same_counts_get_the_verdicts_each_gets_alone():
    bad, base = np.repeat(np.mgrid[0:12, 20:120].reshape(2, -1), 3, axis=1)
    at_once = judge_evidence(bad, base, bad, limits="0.03", higher_is_better=False, evidence=OURS)
    alone = [judge_evidence(bad[part], base[part], bad[part], limits="0.03", higher_is_better=False, evidence=OURS)
             for part in np.array_split(np.arange(len(bad)), 100)]
    assert np.array_equal(at_once, np.concatenate(alone))
    assert set(to_verdicts(at_once)) == {"kept", "watch", "breached"}
