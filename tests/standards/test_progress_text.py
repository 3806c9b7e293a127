"""What is kept of a progress between two evaluations: whole, by name, and read by the next version of a standard."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.evaluate import evaluate
from scoring.measures import Table
from scoring.progress import Lasting, Progress, RuleRun, advance, begin
from scoring.progress_text import drop_days, read_progress, write_progress
from scoring.standards import parse_standard
from tests.standards.small import ON, build_standard, build_table, run, unit
from tests.standards.worlds import START, build_world

EVERY = parse_standard((Path(__file__).parent / "every_construct.yaml").read_text("utf-8"))
DAYS = st.integers(1, 30_000)
SINCE = st.just(-1) | DAYS


def arrays(size: int, each: st.SearchStrategy[Any], kind: type = np.int64) -> st.SearchStrategy[Any]:
    return st.lists(each, min_size=size, max_size=size).map(lambda values: np.array(values, kind))


def runs(size: int) -> st.SearchStrategy[RuleRun]:
    numbers, flags = arrays(size, st.integers(0, 50)), arrays(size, st.booleans(), np.bool_)
    return st.builds(RuleRun, numbers, arrays(size, SINCE), arrays(size, SINCE), numbers, flags)


def dated(size: int, each: st.SearchStrategy[Any], kind: type) -> st.SearchStrategy[Any]:
    """Some days, each with a value per shop of whom one at least says something; repeated days are no days."""
    told = arrays(size, each, kind).filter(lambda values: values.any())
    return st.dictionaries(DAYS, told, max_size=3).map(lambda days: tuple(sorted(days.items(), key=lambda d: d[0])))


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    """A progress of some shops under the standard that uses every construct, as it may be after any evaluation."""
    size = draw(st.integers(1, 4))
    points = EVERY.points
    assert points is not None
    flags = arrays(size, st.booleans(), np.bool_)
    tier = draw(arrays(size, st.integers(-1, len(EVERY.tiers) - 1)))
    stepped = {**{f"strikes.{s.id}": s.steps for s in EVERY.strikes}, "points": points.steps}
    return Progress(
        draw(st.dates(date(2020, 1, 1))), tier, np.where(tier == -1, -1, draw(arrays(size, DAYS))),
        draw(arrays(size, st.integers(0, 9))), draw(arrays(size, st.integers(0, 9))),
        {rule.id: draw(runs(size)) for rule in EVERY.rules},
        {s.id: draw(dated(size, st.integers(0, 3), np.int64)) for s in EVERY.strikes},
        {line.id: draw(dated(size, st.booleans(), np.bool_)) for line in points.lines},
        {name: tuple(Lasting(draw(arrays(size, SINCE)), draw(flags)) for _ in steps)
         for name, steps in stepped.items()},
        {badge.id: draw(flags) for badge in EVERY.badges}, draw(arrays(size, st.integers(-10**9, 10**9))))


def plain(value: Any) -> Any:
    """A progress as nested lists, to be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return plain(vars(value)) if isinstance(value, (RuleRun, Lasting, Progress)) else value


@settings(max_examples=15, deadline=None)
@given(progresses())
def test_what_is_written_is_read_back_whole(progress: Progress) -> None:
    documents = json.loads(json.dumps(write_progress(progress, EVERY)))
    assert plain(read_progress(documents, EVERY)) == plain(progress)


def test_a_history_told_in_stretches_is_the_history_told_at_once() -> None:
    rows, shops = build_world(EVERY, shops=4, per_day=0.3).frames()
    table = Table(rows, shops, EVERY, "Europe/Paris")
    at_once, kept = begin(EVERY, 4), begin(EVERY, 4)
    for number in range(60, 400, 14):
        evaluation = evaluate(table, START + timedelta(days=number), ever_judged=at_once.ever_judged)
        at_once, after = advance(at_once, evaluation), advance(kept, evaluation)
        assert write_progress(after, EVERY) == write_progress(at_once, EVERY)
        kept = read_progress(write_progress(after, EVERY), EVERY)


def test_shops_never_evaluated_begin_beside_those_that_were() -> None:
    standard = build_standard(
        {"window": {"days": 1}}, tiers=[{"id": "a", "title": {"en": "A"}, "needs": {"age_days": ">= 900"}},
                                        {"id": "b", "title": {"en": "B"}}], changes={"start_tier": "a"})
    (progress,) = run(build_table(standard, [unit()]), [ON])
    (document,) = write_progress(progress, standard)
    found = read_progress([None, document, {}], standard)
    assert found.tier_ids(standard) == ["a", "b", "a"]
    assert (found.on, found.tier_since.tolist()) == (ON, [-1, progress.tier_since[0], -1])
    assert found.rules["rule_0"].ever.tolist() == [False, True, False]
    assert read_progress([], standard).on is None


def test_the_next_version_goes_on_with_what_it_names_and_forgets_the_rest() -> None:
    strikes = {"id": "s", "when": {"rule_0.verdict": "kept"}, "last_days": 9,
               "steps": [{"when": ">= 1", "acts": []}]}
    tiers = [{"id": "good", "title": {"en": "Good"}, "needs": {"rule_0.verdict": "kept"}},
             {"id": "other", "title": {"en": "Other"}}]
    badge = {"id": "b", "title": {"en": "B"}, "needs": {"tier": "good"}}
    points = {"start": 5, "lines": [{"id": "l", "when": {"rule_0.verdict": "kept"}, "points": 2}]}
    first = build_standard({"kept_when": "<= 50 %"}, strikes=[strikes], tiers=tiers, badges=[badge], points=points)
    (progress,) = run(build_table(first, [unit()]), [ON])
    documents = write_progress(progress, first)
    assert documents[0]["events"] == {"l": ["2026-03-31"]} and documents[0]["points_micro"] == 7_000_000
    more = {**strikes, "steps": [{"when": ">= 1", "acts": []}, {"when": ">= 2", "acts": []}]}
    middle = {"id": "middle", "title": {"en": "Middle"}, "needs": {"rule_1.verdict": "kept"}}
    second = build_standard({"kept_when": "<= 40 %"}, {}, strikes=[more], tiers=[middle, *tiers])
    found = read_progress(documents, second)
    assert (found.tier_ids(second), list(found.rules), found.badges, found.balance) == (["good"], ["rule_0"], {}, None)
    assert [[step.held.tolist(), step.since.tolist()] for step in found.steps["strikes.s"]] == [[[False], [-1]]] * 2
    assert found.strikes["s"][0][1].tolist() == [1]
    assert read_progress([], second).steps == {}
    gone = build_standard({}, tiers=tiers[1:])
    assert read_progress(documents, gone).tier_ids(gone) == [None]


def test_another_form_is_refused() -> None:
    standard = build_standard({})
    with pytest.raises(ValueError, match="form 2 of a progress is not known; this version reads form 1"):
        read_progress([{"form": 2}], standard)


def test_points_are_unknown_to_what_is_asked_before_the_first_account() -> None:
    strikes = [{"id": "s", "when": {"points": "< 5"}, "last_days": 9}]
    standard = build_standard({}, strikes=strikes, points={"start": 1, "lines": []})
    found = run(build_table(standard, [unit()]), [ON, ON + timedelta(days=1)])
    assert [int(sum(n[0] for _, n in progress.strikes["s"])) for progress in found] == [0, 1]


@pytest.mark.parametrize(("subject", "days", "strikes", "events"), [
    ("strikes.late", [1], [["2026-03-02", 2]], ["2026-03-01", "2026-03-02"]),
    ("strikes.late", [1, 2, 9], [], ["2026-03-01", "2026-03-02"]),
    ("strikes.other", [1], [["2026-03-01", 1], ["2026-03-02", 2]], ["2026-03-01", "2026-03-02"]),
    ("step:points:2", [2], [["2026-03-01", 1], ["2026-03-02", 2]], ["2026-03-01"]),
    ("step:strikes.late:1", [1], [["2026-03-01", 1], ["2026-03-02", 2]], ["2026-03-01", "2026-03-02"]),
    ("level", [1], [["2026-03-01", 1], ["2026-03-02", 2]], ["2026-03-01", "2026-03-02"]),
])
def test_only_the_days_of_what_is_taken_back_are_forgotten(
    subject: str, days: list[int], strikes: list[list[object]], events: list[str]
) -> None:
    kept = {"form": 1, "strikes": {"late": [["2026-03-01", 1], ["2026-03-02", 2]]},
            "events": {"cancelled": ["2026-03-01", "2026-03-02"]}}
    before = json.dumps(kept)
    found = drop_days(kept, subject, [date(2026, 3, day) for day in days])
    assert (found["strikes"]["late"], found["events"]["cancelled"]) == (strikes, events)
    assert json.dumps(kept) == before
