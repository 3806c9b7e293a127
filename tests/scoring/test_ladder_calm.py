"""Who can have moved at all: whoever is left out stands, step by step, exactly where the ladder puts him."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.ladder import Episode, MetricVerdict, Standing, step
from scoring.ladder_calm import Standings, find_calm
from scoring.standards import load_preset
from scoring.verdicts import VERDICTS, Verdict

OURS = load_preset("ours")
START = date(2026, 1, 1)
CODES = [VERDICTS.index(word) for word in ("kept", "kept", "kept", "watch", "breached", "not_enough_data")]
SHOPS, RULES = 4, len(OURS.rules)


def verdicts_of(codes, bases):
    return [MetricVerdict.from_counts(rule, VERDICTS[code], bad=0, base=int(base))
            for rule, code, base in zip(OURS.rules, codes, bases, strict=True)]


def grid(values, size):
    return st.lists(st.sampled_from(values), min_size=size, max_size=size)


dates = st.tuples(grid(CODES, SHOPS * RULES), grid([0, 19, 20, 29, 30], SHOPS * RULES), grid([49, 50], SHOPS),
                  st.sampled_from([1, 1, 14, 31]))


@settings(max_examples=120, deadline=None)
@given(st.lists(dates, min_size=1, max_size=6))
def test_whoever_is_left_out_would_not_have_moved(history):
    on, known, moved = START, Standings(OURS, [None] * SHOPS), [None] * SHOPS
    for codes, bases, orders, days in history:
        on += timedelta(days=days)
        code, base = (np.array(each).reshape(RULES, SHOPS) for each in (codes, bases))
        moving = known.find_moving(find_calm(code.astype(np.int8), base, orders, standard=OURS))
        for shop in range(SHOPS):
            moved[shop], intents = step(moved[shop], verdicts_of(code[:, shop], base[:, shop]), on=on,
                                        orders_60d=orders[shop], standard=OURS)
            if moving[shop]:
                known[shop] = moved[shop]
            assert known[shop] == moved[shop]
            assert moving[shop] or not intents


def test_shops_where_nothing_changes_are_left_out():
    calm = np.zeros((RULES, 3), np.int8), np.full((RULES, 3), 100), [60, 60, 49]
    after, _ = step(None, verdicts_of(calm[0][:, 0], calm[1][:, 0]), on=START, orders_60d=60, standard=OURS)
    known = Standings(OURS, [after, None, Standing("in_standard", frozenset({"fast_replies"}), ())])
    assert known.find_moving(find_calm(*calm, standard=OURS)).tolist() == [False, True, False]


def test_an_episode_or_a_badge_of_an_older_standard_is_always_looked_at():
    episode = Episode(OURS.rules[0].metric, START, START, 1, 1)
    badges = frozenset({"fast_replies"})
    known = Standings(OURS, [Standing("in_standard", badges, (episode,)),
                             Standing("in_standard", badges | {"gone"}, ())])
    codes = np.full((RULES, 2), VERDICTS.index(Verdict.KEPT), np.int8)
    calm = find_calm(codes, np.full((RULES, 2), 100), [0, 0], standard=OURS)
    assert (calm.is_calm.all(), known.find_moving(calm).tolist()) == (True, [True, True])
