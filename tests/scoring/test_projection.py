"""What can still change: worked out by hand, and held to trying every way the open promises may end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.ladder import Episode, MetricVerdict, Standing, step
from scoring.projection import KnownCounts, OpenPromise, look_ahead
from scoring.standards import load_preset
from scoring.verdicts import VERDICTS, judge_evidence

OURS = load_preset("ours")
AMAZON = load_preset("amazon")
ON = date(2026, 6, 18)
LATE, REPLIES = "late_shipment_rate", "response_within_rate"
IN_STANDARD = Standing("in_standard", frozenset(), ())


def known(metric, bad, base, buyers=None):
    names = frozenset(f"old-{number}" for number in range(bad if buyers is None else buyers))
    return KnownCounts(OURS.get_rule(metric), bad, base, names)


def promise(number, metric=LATE, *, due=None, buyer=None, joins=True):
    hurts = frozenset({metric})
    return OpenPromise(f"{metric}-{number}", number if due is None else due, hurts, hurts if joins else frozenset(),
                       buyer or f"b-{number}")


def look(counts, promises, *, standing=IN_STANDARD, orders=50, standard=OURS):
    return look_ahead(counts, promises, on=ON, standard=standard, standing=standing, orders=orders)


@pytest.mark.parametrize(
    ("bad", "base", "open_count", "words", "spare", "deciding"),
    [
        # 4 of 100 may be late. With 2 more the base is 100: 3 now, 4 with one missed, 5 with both.
        (3, 98, 2, ("kept", "kept", "watch"), 1, 2),
        # One more late order of 100 is the fourth: still kept.
        (3, 99, 1, ("kept", "kept", "kept"), None, 0),
        # 5 of 124 are too many, 5 of 125 are 4 %: one order in order brings it back.
        (5, 124, 1, ("watch", "kept", "watch"), 0, 1),
        # Nothing to judge by below twenty; the twentieth is judged, kept or missed: 0 or 1 of 20 (5 %).
        (0, 19, 1, ("not_enough_data", "kept", "watch"), 0, 1),
        # P(X >= 11 | 106, 4 %) = 0.0035 breaches, P(X >= 10 | 106, 4 %) = 0.010 does not.
        (9, 104, 2, ("watch", "watch", "breached"), 1, 2),
        (0, 0, 0, ("not_enough_data", "not_enough_data", "not_enough_data"), None, 0),
    ],
)
def test_the_outlook_of_late_orders_is_as_worked_out_by_hand(bad, base, open_count, words, spare, deciding):
    found = look([known(LATE, bad, base)], [promise(number) for number in range(open_count)])
    (rule,) = found.rules
    assert (str(rule.now.verdict), str(rule.best.verdict), str(rule.worst.verdict)) == words
    assert (rule.spare_count, rule.open_count, len(found.deciding)) == (spare, open_count, deciding)
    assert (rule.best.base, rule.worst.base) == (base + open_count,) * 2


def test_a_shop_one_late_order_away_sees_both_its_levels_and_the_order_that_decides():
    counts = [known(LATE, 4, 99), known(REPLIES, 0, 40)]
    promises = [promise(1, due=30), promise(2, REPLIES, due=10)]
    found = look(counts, promises)
    assert (found.now.level, found.best.level, found.worst.level) == ("in_standard", "top", "in_standard")
    assert [one.key for one in found.deciding] == ["late_shipment_rate-1"]  # 1 reply late of 41 changes nothing


def test_what_decides_comes_by_deadline():
    promises = [promise(1, due=30), promise(2, due=10), promise(3, due=10)]
    found = look([known(LATE, 4, 97)], promises)
    assert [one.key for one in found.deciding] == [f"{LATE}-2", f"{LATE}-3", f"{LATE}-1"]


def test_a_second_breach_far_enough_from_the_first_costs_the_level():
    first = ON - timedelta(days=14)
    standing = Standing("in_standard", frozenset(), (Episode(LATE, first, first, 1, 1),))
    found = look([known(LATE, 10, 104)], [promise(1)], standing=standing)
    assert (found.best.level, found.worst.level) == ("in_standard", "below")
    assert found.rules[0].worst.verdict == "breached"


def test_five_late_orders_of_one_buyer_do_not_breach_and_a_sixth_of_another_does():
    by_one = [promise(number, buyer="old-0") for number in range(2)]
    found = look([known(LATE, 3, 23, buyers=1)], by_one)
    assert (found.worst.verdicts[0].verdict, found.deciding) == ("watch", ())  # P(X >= 5 | 25, 4 %) = 0.0028
    found = look([known(LATE, 3, 23, buyers=1)], [*by_one, promise(9, buyer="b")])
    assert found.worst.verdicts[0].verdict == "breached"
    assert len(found.deciding) == 3


def test_a_unit_counted_already_turns_bad_without_a_larger_base():
    found = look([known("order_defect_rate", 1, 50)], [promise(1, "order_defect_rate", joins=False)])
    rule = found.rules[0]
    assert (rule.now.base, rule.best.base, rule.worst.base, rule.worst.bad) == (50, 50, 50, 2)
    assert (str(rule.best.verdict), str(rule.worst.verdict)) == ("kept", "watch")


def test_a_forgiven_promise_joins_the_base_and_decides_nothing():
    forgiven = OpenPromise("x", 1, frozenset(), frozenset({LATE}), "b")
    found = look([known(LATE, 0, 19)], [forgiven])
    assert found.best.verdicts == found.worst.verdicts
    assert (found.best.verdicts[0].base, found.deciding) == (20, ())


def test_of_a_standard_that_is_not_plain_only_the_rules_are_told():
    found = look([known(LATE, 3, 98)], [promise(1), promise(2)], standard=replace(OURS, points=AMAZON.points))
    assert (found.best.level, found.worst.level) == (None, None)
    assert len(found.deciding) == 2


def test_a_metric_counted_twice_is_refused():
    with pytest.raises(ValueError, match="late_shipment_rate is judged twice"):
        look([known(LATE, 0, 50), known(LATE, 0, 50)], [])


METRICS = (LATE, REPLIES)


def promises_of(kinds):
    """Promises from (metrics hurt, joins, buyer)."""
    return [
        OpenPromise(str(number), number % 3, frozenset(hurts), frozenset(hurts if joins else ()), f"b-{buyer}")
        for number, (hurts, joins, buyer) in enumerate(kinds)
    ]


def end(counts, promises, missed, standing=IN_STANDARD):
    """The slow way: verdicts and level if exactly these promises are missed."""
    verdicts = []
    for each in counts:
        metric = each.rule.metric
        bad = [one for one in promises if one.key in missed and metric in one.hurts]
        base = each.base + sum(metric in one.joins for one in promises)
        buyers = each.buyers | {one.buyer for one in bad}
        code = judge_evidence(each.bad + len(bad), base, len(buyers), limits=each.rule.limit,
                              higher_is_better=each.rule.higher_is_better, evidence=OURS.evidence)
        verdicts.append(MetricVerdict.from_counts(each.rule, VERDICTS[int(code)], bad=each.bad + len(bad), base=base))
    return verdicts, step(standing, verdicts, on=ON, orders_60d=50, standard=OURS)[0].level


def subsets(promises):
    keys = [one.key for one in promises]
    return [frozenset(some) for size in range(len(keys) + 1) for some in combinations(keys, size)]


hurt = st.sampled_from([(LATE,), (LATE,), (REPLIES,), METRICS])
worlds = st.tuples(
    st.lists(st.tuples(hurt, st.booleans(), st.integers(0, 3)), max_size=6),
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([12, 15, 19, 20, 25, 40, 60]), st.integers(0, 3)),
             min_size=2, max_size=2),
    st.booleans(),
)


def build(world):
    kinds, numbers, was_breached = world
    # Old failures may be those of buyers who have open promises, too.
    counts = [
        KnownCounts(OURS.get_rule(metric), bad, base + 7, frozenset(f"b-{n}" for n in range(min(bad, buyers))))
        for metric, (bad, base, buyers) in zip(METRICS, numbers, strict=True)
    ]
    first = ON - timedelta(days=20)
    episodes = (Episode(LATE, first, first, 1, 1),) if was_breached else ()
    return counts, promises_of(kinds), Standing("in_standard", frozenset(), episodes)


WORSE = ("kept", "watch", "breached")


def is_worse(verdict, than):
    """Whether a verdict is worse where both are judged; one that is not judged is worse only once breached."""
    pair = [str(than), str(verdict)]
    if "not_enough_data" in pair:
        return pair == ["not_enough_data", "breached"]
    return WORSE.index(pair[1]) > WORSE.index(pair[0])


@settings(max_examples=60)
@given(worlds)
def test_exactly_what_decides_is_listed_and_nothing_kept_makes_it_worse(world):
    counts, promises, standing = build(world)
    found = look(counts, promises, standing=standing)
    ends = {missed: end(counts, promises, missed, standing) for missed in subsets(promises)}
    words = {missed: [each.verdict for each in verdicts] for missed, (verdicts, _) in ends.items()}
    decides = {
        one.key for one in promises for missed in ends
        if one.key not in missed and words[missed] != words[missed | {one.key}]
    }
    assert {one.key for one in found.deciding} == decides
    ladder = [tier.id for tier in OURS.tiers]
    for missed in ends:
        for key in missed:
            for after, before in zip(words[missed], words[missed - {key}], strict=True):
                assert after == before or is_worse(after, before)
            assert ladder.index(ends[missed][1]) >= ladder.index(ends[missed - {key}][1])


@settings(max_examples=60)
@given(worlds)
def test_the_best_and_the_worst_are_the_ends_of_everything_possible(world):
    counts, promises, standing = build(world)
    found = look(counts, promises, standing=standing)
    every = frozenset(one.key for one in promises)
    assert (list(found.best.verdicts), found.best.level) == end(counts, promises, frozenset(), standing)
    assert (list(found.worst.verdicts), found.worst.level) == end(counts, promises, every, standing)
    for rule, each in zip(found.rules, counts, strict=True):
        shares = [one.bad / one.base for one in (rule.best, rule.now, rule.worst)]
        if all(rule.metric in one.joins or rule.metric not in one.hurts for one in promises):
            assert shares == sorted(shares)
        flips = [len([key for key in missed if rule.metric in promises[int(key)].hurts]) for missed in subsets(promises)
                 if end([each], promises, missed)[0][0].verdict != rule.best.verdict]
        assert rule.spare_count == (min(flips) - 1 if flips else None)


def test_many_open_promises_are_looked_at_at_once():
    promises = [promise(number, due=number % 7) for number in range(2_000)]
    found = look([known(LATE, 20, 3_000)], promises)
    assert found.rules[0].spare_count == 180  # 4 % of 5,000 are 200
    assert len(found.deciding) == 2_000
