"""Frames and moments in great numbers against one look-up at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scoring
from scoring.frames import FEW, FrameTable, clip, cut_out, to_frames, union

YEAR = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
NEXT = round(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000


def table(pairs: list[tuple[int, int]]) -> FrameTable:
    from_at, to_at = (np.array([YEAR + pair[side] * MINUTE for pair in pairs], np.int64) for side in (0, 1))
    frames = to_frames(*clip(*union(from_at, to_at), YEAR, NEXT))
    return FrameTable(2026, 2026, YEAR, NEXT, frames, np.array([], np.int64))


def moments_around(held: FrameTable) -> np.ndarray:
    """Enough of them for the grid: random ones, every edge of the frames, the ends of the year."""
    edges = np.concatenate([held.frames.from_at, held.frames.to_at, [YEAR, NEXT]])
    near = np.concatenate([edges - 1, edges, edges + 1]).clip(YEAR, NEXT)
    return np.concatenate([near, np.random.default_rng(3).integers(YEAR, NEXT + 1, FEW)])


@pytest.mark.parametrize("pairs", [
    [(540, 750), (840, 1080), (1980, 2190)],
    [(0, 365 * 1440)],
    [(0, 1), (2, 3), (70, 71), (525_599, 525_600)],  # frames too close for any grid
    [(10, 20), (90, 100)],
    [(5, 6)],
    [],
])
def test_a_grid_of_moments_is_the_same_as_one_by_one(pairs):
    held = table(pairs)
    moments = moments_around(held)
    assert held.list_worked(moments).tolist() == [held.count_worked(int(at)) for at in moments]
    assert held.list_worked(moments[:6].reshape(2, 3)).shape == (2, 3)
    assert held.list_worked(moments[: FEW + 2].reshape(2, -1)).shape == (2, FEW // 2 + 1)


frames_of_days = st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 3_000)).map(lambda p: (p[0], p[0] + p[1])))


@settings(deadline=None, max_examples=60)
@given(frames_of_days, st.tuples(st.integers(0, 20_000), st.integers(1, 3_000)))
def test_frames_hold_each_minute_once_and_no_minute_cut_out(pairs, cut):
    painted = np.zeros(30_000, bool)
    for since, until in pairs:
        painted[since:until] = True
    since, until = cut[0], cut[0] + cut[1]
    painted[since:until] = False
    from_at, to_at = cut_out(*union(*(np.array([p[side] for p in pairs], np.int64) for side in (0, 1))), since, until)
    found = np.zeros(30_000, int)
    for begin, end in zip(from_at, to_at, strict=True):
        found[begin:end] += 1
    assert (found == painted).all()
    assert (from_at[1:] >= to_at[:-1]).all()
    assert (from_at < to_at).all()


@settings(deadline=None, max_examples=60)
@given(frames_of_days, st.integers(0, 25_000), st.integers(1, 9_000))
def test_a_table_alone_finds_what_paint_finds_or_says_it_cannot(pairs, start, limit):
    held = table(pairs)
    painted = np.zeros(30_000, bool)
    for since, until in pairs:
        painted[since:until] = True
    ahead = np.flatnonzero(painted[start:]) + start
    due, last = (find(YEAR + start * MINUTE, limit * MINUTE) for find in (held.find_due, held.find_last))
    begun = bool(len(held.frames.from_at)) and held.frames.from_at[0] <= YEAR + start * MINUTE
    assert due == (YEAR + (int(ahead[limit - 1]) + 1) * MINUTE if begun and len(ahead) >= limit else None)
    assert last == (YEAR + int(ahead[limit]) * MINUTE if begun and len(ahead) > limit else None)


def test_the_package_offers_its_contract_and_nothing_else():
    for name in scoring.__all__:
        assert getattr(scoring, name).__name__ in {name, "binomial_tail"}
    with pytest.raises(AttributeError, match="module 'scoring' has no attribute 'elapsed'"):
        _ = scoring.elapsed
