"""What shelters a shop: plans and pardons, by hand and for any history of breaches."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.ladder import MetricVerdict, Standing, is_lower, step
from scoring.plans import Pardon, PlanSpan, Shelter, hold, list_ended, soften
from scoring.standards import load_preset
from scoring.verdicts import Verdict

STANDARD = load_preset("ours")
LATE, ODR = "late_shipment_rate", "order_defect_rate"
DAY = date(2026, 3, 1)


def say(metric: str, verdict: Verdict) -> MetricVerdict:
    return MetricVerdict(metric, verdict, 5, 100, 0.05, STANDARD.get_rule(metric).limit)


@pytest.mark.parametrize(("on", "covered"), [
    (DAY - timedelta(days=1), False), (DAY, True), (DAY + timedelta(days=29), True), (DAY + timedelta(days=30), False)])
def test_a_plan_holds_from_its_first_day_up_to_its_review(on: date, covered: bool) -> None:
    shelter = Shelter((PlanSpan(DAY, DAY + timedelta(days=30)),))
    assert (shelter.find_plan(on) is not None) is covered


@pytest.mark.parametrize(("subjects", "later", "counts"), [
    (frozenset(), None, True),
    (frozenset(), {LATE: Verdict.BREACHED}, True),  # what came after the start breaches by itself
    (frozenset(), {LATE: Verdict.KEPT}, False),
    (frozenset(), {}, False),  # nothing came after the start
    (frozenset({f"warning:{LATE}"}), None, False),
    (frozenset({f"warning:{ODR}"}), None, True),
    (frozenset({"level", "badge:top_seller"}), None, True),
])
def test_a_breach_counts_unless_a_plan_or_a_pardon_spares_it(
    subjects: frozenset[str], later: dict[str, Verdict] | None, counts: bool
) -> None:
    [found] = soften([say(LATE, Verdict.BREACHED)], subjects, later)
    assert found.verdict == (Verdict.BREACHED if counts else Verdict.WATCH)
    assert soften([say(LATE, Verdict.KEPT)], subjects, later) == [say(LATE, Verdict.KEPT)]


@pytest.mark.parametrize(("subject", "held", "natural", "breached", "ended"), [
    ("level", "in_standard", "below", (), False),
    ("level", "in_standard", "in_standard", (), True),
    ("level", "in_standard", "top", (), True),
    (f"warning:{LATE}", "top", "top", (LATE,), False),
    (f"warning:{LATE}", "top", "top", (ODR,), True),
    ("badge:top_seller", "top", "in_standard", (), False),
    ("badge:top_seller", "top", "top", (), True),
])
def test_a_pardon_ends_once_the_rules_give_it_by_themselves(
    subject: str, held: str, natural: str, breached: tuple[str, ...], ended: bool
) -> None:
    badges = frozenset({"top_seller"}) if natural == "top" else frozenset()
    found = list_ended(
        frozenset({subject}), before=Standing(held, frozenset(), ()), natural=Standing(natural, badges, ()),
        breached=frozenset(breached), standard=STANDARD)
    assert found == (frozenset({subject}) if ended else frozenset())


def test_an_ended_pardon_leaves_those_that_begin_later() -> None:
    later = Pardon("level", DAY + timedelta(days=9))
    shelter = Shelter((), (Pardon("level", DAY), later))
    assert shelter.without(["level"], DAY).pardons == (later,)


HISTORY = st.lists(st.sampled_from([Verdict.KEPT, Verdict.WATCH, Verdict.BREACHED]), min_size=1, max_size=60)


def walk(history: list[Verdict], shelter: Shelter, later: Verdict) -> list[Standing]:
    """The standings of a shop day by day, by the pure rules alone."""
    at: Standing | None = None
    found = []
    for number, verdict in enumerate(history):
        on = DAY + timedelta(days=number)
        plan, subjects = shelter.find_plan(on), shelter.list_subjects(on)
        spared = soften([say(LATE, verdict)], subjects, {LATE: later} if plan else None)
        natural, _ = step(at, spared, on=on, orders_60d=100, standard=STANDARD)
        breached = frozenset({LATE} if verdict == Verdict.BREACHED else ())
        ended = list_ended(subjects, before=at, natural=natural, breached=breached, standard=STANDARD)
        shelter = shelter.without(ended, on)
        held = hold(subjects - ended, in_plan=plan is not None)
        at, _ = step(at, spared, on=on, orders_60d=100, standard=STANDARD, held=held)
        found.append(at)
    return found


@given(HISTORY, st.integers(0, 40), st.integers(1, 40))
def test_no_level_falls_and_no_warning_comes_of_old_breaches_while_a_plan_runs(
    history: list[Verdict], start: int, days: int
) -> None:
    span = PlanSpan(DAY + timedelta(days=start), DAY + timedelta(days=start + days))
    found = walk(history, Shelter((span,)), Verdict.KEPT)
    for number in range(max(start, 1), min(start + days, len(found))):
        before, after = found[number - 1], found[number]
        assert not is_lower(after.level, before.level, STANDARD)
        assert max((e.warning for e in after.episodes), default=0) <= max(
            (e.warning for e in before.episodes), default=0)
    assert found[:start] == walk(history[:start], Shelter(), Verdict.KEPT)


@given(HISTORY, st.integers(0, 40), st.integers(1, 40))
def test_later_orders_warn_in_a_plan_as_without_one(history: list[Verdict], start: int, days: int) -> None:
    span = PlanSpan(DAY + timedelta(days=start), DAY + timedelta(days=start + days))
    judged, free = walk(history, Shelter((span,)), Verdict.BREACHED), walk(history, Shelter(), Verdict.KEPT)
    assert [one.episodes for one in judged] == [one.episodes for one in free]


@given(HISTORY, st.integers(0, 59))
def test_a_pardon_never_makes_a_standing_worse(history: list[Verdict], since: int) -> None:
    pardons = tuple(Pardon(name, DAY + timedelta(days=since)) for name in ("level", f"warning:{LATE}"))
    sheltered, free = walk(history, Shelter((), pardons), Verdict.KEPT), walk(history, Shelter(), Verdict.KEPT)
    for with_it, without in zip(sheltered, free, strict=True):
        assert not is_lower(with_it.level, without.level, STANDARD)
        assert len(with_it.episodes) <= len(without.episodes)
    assert sheltered[:since] == free[:since]


@given(st.lists(st.sampled_from([Verdict.KEPT, Verdict.WATCH, Verdict.BREACHED]), min_size=1, max_size=40))
def test_every_breach_pardoned_is_as_if_it_had_been_a_matter_to_watch(history: list[Verdict]) -> None:
    always = [Verdict.WATCH if verdict == Verdict.BREACHED else verdict for verdict in history]
    if Verdict.BREACHED in history:
        first = history.index(Verdict.BREACHED)
        last = len(history) - history[::-1].index(Verdict.BREACHED)
        if any(verdict != Verdict.BREACHED for verdict in history[first:last]):
            return  # what is kept between ends the pardon, and a new breach counts
        pardon = Pardon(f"warning:{LATE}", DAY + timedelta(days=first))
        assert walk(history, Shelter((), (pardon,)), Verdict.KEPT) == walk(always, Shelter(), Verdict.KEPT)
