"""Plans and pardons on the way through the dates of any standard: what `scoring.plans` says, for arrays. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from scoring.evaluate import BREACHED, WATCH, Evaluation, Result, evaluate
from scoring.measures import Table
from scoring.plans import BADGE, LEVEL, WARNING, PlanSpan, Shelter, is_spared
from scoring.progress import NONE, Progress, advance
from scoring.verdicts import VERDICTS, Verdict
from scoring.windows import day_end_ms

Entry = tuple[int, str]


@dataclass
class Sheltering:
    """The shelters of entries as they stand; `table` holds every entry and all rows."""

    shelters: Mapping[int, Shelter]
    table: Table
    zone: str
    left: dict[Entry, Shelter] = field(default_factory=dict)

    def list_pardons_left(self, shop_id: int) -> frozenset[str]:
        """What is still pardoned of a shop."""
        known = [shelter for (shop, _), shelter in self.left.items() if shop == shop_id]
        found = known or [self.shelters.get(shop_id, Shelter())]
        return frozenset(pardon.subject for shelter in found for pardon in shelter.pardons)

    def advance(self, before: Progress, evaluation: Evaluation, entries: Sequence[Entry]) -> Progress:
        """The progress after an evaluation, with what shelters these entries; what has ended shelters no more."""
        on = evaluation.on
        here = {place: self._find(entry) for place, entry in enumerate(entries) if entry[0] in self.shelters}
        places = {place: shelter for place, shelter in here.items()
                  if shelter.find_plan(on) is not None or shelter.list_subjects(on)}
        if not places:
            return advance(before, evaluation)
        spared = self._spare(evaluation, places, entries)
        natural = advance(before, spared)
        for place, shelter in places.items():
            ended = _list_ended(shelter.list_subjects(on), place, before, natural, evaluation)
            places[place] = self.left[entries[place]] = shelter.without(ended, on)
        return _keep_badges(before, advance(before, _hold(spared, places)), places, on)

    def _find(self, entry: Entry) -> Shelter:
        return self.left.get(entry) or self.shelters[entry[0]]

    def _spare(self, evaluation: Evaluation, places: Mapping[int, Shelter], entries: Sequence[Entry]) -> Evaluation:
        """The evaluation as sheltered entries are held to it."""
        on = evaluation.on
        plans = {place: plan for place, shelter in places.items() if (plan := shelter.find_plan(on)) is not None}
        later = {place: self._judge_later(evaluation, place, entries[place], plan) for place, plan in plans.items()}
        results = dict(evaluation.results)
        for rule, result in evaluation.rules():
            free = [place for place, shelter in places.items()
                    if is_spared(rule.id, shelter.list_subjects(on), later.get(place))]
            results[rule.id] = _soften(result, free)
        return replace(evaluation, results=results)

    def _judge_later(self, evaluation: Evaluation, place: int, entry: Entry, plan: PlanSpan) -> dict[str, Verdict]:
        """The verdicts on what began after the plan did, by rule."""
        start_ms = day_end_ms(plan.start_on - timedelta(days=1), self.zone)
        rows = self.table.rows
        mine = rows[(rows["shop"] == entry[0]) & (rows["anchor_ms"] >= start_ms)]
        shops = evaluation.table.shops.iloc[[place]].reset_index(drop=True)
        found = evaluate(Table(mine.reset_index(drop=True), shops, self.table.standard, self.table.zone), evaluation.on)
        return {rule.id: Verdict(VERDICTS[found.verdicts(rule.id)[0]]) for rule, _ in found.rules()}


def _soften(result: Result, places: Sequence[int]) -> Result:
    """A result whose breaches by these places are a matter to watch."""
    spared = np.isin(result.shop, places) & (result.verdict == BREACHED)
    return replace(result, verdict=np.where(spared, WATCH, result.verdict).astype(np.int8)) if spared.any() else result


def _list_ended(  # of which place, from what to what
    subjects: frozenset[str], place: int, before: Progress, natural: Progress, evaluation: Evaluation
) -> frozenset[str]:
    """The pardons that the rules no longer need: `natural` is where they alone lead."""
    tier = int(before.tier[place]) if len(before.tier) else NONE
    level_stays = tier == NONE or (int(natural.tier[place]) <= tier and not int(natural.falling[place]))
    rules = {rule.id for rule, _ in evaluation.rules()}
    return frozenset(
        name for name in subjects
        if (name == LEVEL and level_stays)
        or (name.startswith(BADGE) and _has_badge(natural, name.removeprefix(BADGE), place))
        or (name.startswith(WARNING) and (
            (rule := name.removeprefix(WARNING)) not in rules or evaluation.verdicts(rule)[place] != BREACHED))
    )


def _has_badge(progress: Progress, badge: str, place: int) -> bool:
    return badge in progress.badges and bool(progress.badges[badge][place])


def _hold(evaluation: Evaluation, places: Mapping[int, Shelter]) -> Evaluation:
    """The evaluation with immunity for those whose level may not fall."""
    shops, on = evaluation.table.shops, evaluation.on
    until = shops["immune_until"].tolist() if "immune_until" in shops else [None] * len(shops)
    for place, shelter in places.items():
        if shelter.find_plan(on) is not None or LEVEL in shelter.list_subjects(on):
            until[place] = on + timedelta(days=1)
    held = shops.assign(immune_until=pd.Series(until, dtype="object", index=shops.index))
    return replace(evaluation, table=replace(evaluation.table, shops=held))


def _keep_badges(before: Progress, after: Progress, places: Mapping[int, Shelter], on: date) -> Progress:
    """The progress with the badges that may not be lost."""
    kept = dict(after.badges)
    for place, shelter in places.items():
        for name in (n.removeprefix(BADGE) for n in shelter.list_subjects(on) if n.startswith(BADGE)):
            if name in kept and _has_badge(before, name, place):
                kept[name] = kept[name] | (np.arange(len(kept[name])) == place)
    return replace(after, badges=kept)
