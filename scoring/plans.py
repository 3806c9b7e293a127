"""What shelters a shop from a verdict: an action plan while it runs, and what fell on appeal. Pure.

**A plan** holds from its first day up to its review date, which it no longer covers. On those dates the level is not
lowered, and a breach counts only where the units since its start breach the rule by themselves: what is older judges
nothing, what comes later judges as ever.

**A pardon** names what an appeal took back: ``level``, ``badge:ID`` or ``warning:RULE``. From its date on that stays
as it was before, until the rules give it by themselves: the level until they ask for no lower one, the badge until it
is earned, the warning until the rule is no longer breached. From then on everything counts again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from scoring.ladder import Held, MetricVerdict, Standing, is_lower
from scoring.standards import Standard
from scoring.verdicts import Verdict

LEVEL, BADGE, WARNING = "level", "badge:", "warning:"


@dataclass(frozen=True)
class PlanSpan:
    """The dates of a plan: ``start_on`` is its first, ``end_on`` the first after it."""

    start_on: date
    end_on: date

    def covers(self, on: date) -> bool:
        """Whether it runs on a date."""
        return self.start_on <= on < self.end_on


@dataclass(frozen=True)
class Pardon:
    """What stays as it was from a date on, until the rules give it by themselves."""

    subject: str
    since_on: date


@dataclass(frozen=True)
class Shelter:
    """Everything that shelters one shop."""

    plans: tuple[PlanSpan, ...] = ()
    pardons: tuple[Pardon, ...] = ()

    def find_plan(self, on: date) -> PlanSpan | None:
        """The plan that runs on a date; of several the one that began last."""
        running = [plan for plan in self.plans if plan.covers(on)]
        return max(running, key=lambda plan: plan.start_on, default=None)

    def list_subjects(self, on: date) -> frozenset[str]:
        """What is pardoned on a date."""
        return frozenset(pardon.subject for pardon in self.pardons if pardon.since_on <= on)

    def without(self, subjects: Iterable[str], on: date) -> Shelter:
        """The shelter once these pardons, begun by that date, have ended."""
        ended = set(subjects)
        kept = (one for one in self.pardons if one.subject not in ended or one.since_on > on)
        return replace(self, pardons=tuple(kept))


def soften(
    verdicts: Sequence[MetricVerdict], subjects: frozenset[str], later: Mapping[str, Verdict] | None
) -> list[MetricVerdict]:
    """The verdicts as a sheltered shop is held to them: a breach that does not count is a matter to watch.

    ``later`` holds the verdicts on the units since a plan's start, by metric; None without a plan.
    """
    return [
        replace(one, verdict=Verdict.WATCH)
        if one.verdict == Verdict.BREACHED and is_spared(one.metric, subjects, later) else one
        for one in verdicts
    ]


def is_spared(rule: str, subjects: frozenset[str], later: Mapping[str, Verdict] | None) -> bool:
    """Whether a breach of a rule does not count."""
    return WARNING + rule in subjects or (later is not None and later.get(rule) != Verdict.BREACHED)


def hold(subjects: frozenset[str], *, in_plan: bool) -> Held:
    """What may not be lost."""
    badges = frozenset(name.removeprefix(BADGE) for name in subjects if name.startswith(BADGE))
    return Held(in_plan or LEVEL in subjects, badges)


def list_ended(
    subjects: frozenset[str], *, before: Standing | None, natural: Standing, breached: frozenset[str],
    standard: Standard,
) -> frozenset[str]:
    """The pardons that have ended with a date: ``natural`` is where the rules alone would lead from ``before``.

    ``breached`` are the rules that are breached on it.
    """
    held = before.level if before is not None else natural.level
    return frozenset(
        name for name in subjects
        if (name == LEVEL and not is_lower(natural.level, held, standard))
        or (name.startswith(BADGE) and name.removeprefix(BADGE) in natural.badges)
        or (name.startswith(WARNING) and name.removeprefix(WARNING) not in breached)
    )
