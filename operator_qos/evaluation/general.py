"""Judging by any standard: its official dates one after the other, as `scoring.evaluate` and `progress` say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from operator_qos.clock import end_of_day_ms
from operator_qos.evaluation.course import Course, CourseDay, CourseShop, Entry, list_counted, list_metrics
from operator_qos.evaluation.judging import Day, Place, ShopRow, Standing
from operator_qos.evaluation.rules import ShopEvaluation, ShopResult
from operator_qos.standing.service import Change
from scoring.behind import list_bad_refs
from scoring.evaluate import Result, sum_by_shop
from scoring.ladder import Intent, to_plain
from scoring.measures import EPOCH
from scoring.outcome_rows import SOURCES, list_stand_ins, to_unit_rows
from scoring.plans import Shelter
from scoring.schedules import effective_on
from scoring.standards import Standard
from scoring.verdicts import VERDICTS

UNRANKED = "unranked"
_COUNTS = ("bad", "base", "raw_bad", "raw_base", "buyers")
_DAY = pd.Timedelta(days=1).to_pytimedelta()


@dataclass
class CourseJudge:
    """Shops under a standard, with the rows its windows reach, their attributes and what was kept of them."""

    place: Place
    standard: Standard
    shops: Sequence[ShopRow]
    rows: pd.DataFrame
    before: Mapping[int, Standing]
    attributes: Mapping[int, Mapping[str, str]]
    shelters: Mapping[int, Shelter] = field(default_factory=dict)
    _course: Course | None = field(default=None, init=False)
    _on: date | None = field(default=None, init=False)

    def judge(self, dates: Sequence[date]) -> Iterator[Day]:
        """Each date in turn."""
        rows = complete_rows(self.rows, self.standard)
        self._course = Course(self.standard, self._list_shops(), rows, zone=self.place.zone, kept=self._list_kept(),
                              shelters=self.shelters)
        for day in self._course.walk(dates):
            self._on = day.on
            changes = [_to_change(entry, intent, day) for entry, intents in day.list_changes().items()
                       for intent in intents]
            yield Day(day.on, self.place.end_ms(day.on), self.standard, list_results(day), changes)

    def judge_at(self, moments: Sequence[tuple[date, int]]) -> Iterator[Day]:
        """Dates as of their ends: rows that came later than the moment are not there yet."""
        return self.judge([on for on, _ in moments])

    def list_decided(self) -> list[Standing]:
        """The standings that were decided, as they are after the last date."""
        if self._course is None or self._on is None:
            return []
        documents: dict[int, dict[str, dict[str, Any]]] = {}
        for (shop_id, part), document in self._course.write().items():
            documents.setdefault(shop_id, {})[part] = document
        return [self._keep(shop_id, parts, self._on) for shop_id, parts in documents.items()]

    def list_pardons_left(self, shop_id: int) -> frozenset[str]:
        """What is still pardoned of a shop after the last date."""
        return self._course.list_pardons_left(shop_id) if self._course is not None else frozenset()

    def _keep(self, shop_id: int, parts: Mapping[str, Mapping[str, Any]], on: date) -> Standing:
        """The standing of a shop: of one judged in parts the lowest level, and the badges that every part has."""
        tiers = [tier.id for tier in self.standard.tiers]
        lowest = max(parts.values(), key=lambda d: tiers.index(d["tier"]) if d["tier"] in tiers else -1)
        badges = set.intersection(*({name for name, held in d["badges"].items() if held} for d in parts.values()))
        episodes = [episode for document in parts.values() for episode in _list_episodes(document)]
        warning = max((episode["warning"] for episode in episodes), default=0)
        since_on = date.fromisoformat(lowest["tier_since"]) if lowest["tier_since"] else on
        return Standing(shop_id, lowest["tier"] or UNRANKED, sorted(badges), episodes, warning, since_on, on,
                        self.standard.id, self.standard.version, {"parts": dict(parts)})

    def _list_shops(self) -> list[CourseShop]:
        return [CourseShop(shop.id, shop.opened_ms, self.attributes[shop.id]) for shop in self.shops]

    def _list_kept(self) -> dict[Entry, Mapping[str, Any]]:
        """What was kept under this standard, of whatever version."""
        return {
            (shop_id, part): document
            for shop_id, kept in self.before.items() if kept.standard_id == self.standard.id and kept.progress
            for part, document in kept.progress["parts"].items()
        }


def complete_rows(outcomes: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    """Outcome rows as the unit rows of a standard, with every moment its figures are dated by."""
    known = [name for name in list_metrics(standard) if name in SOURCES]
    rows = to_unit_rows(outcomes, known, stand_ins=list_stand_ins(standard))
    anchors = {f"{figure.anchor}_ms" for figure in list_counted(standard) if figure.anchor != "own"}
    for name in anchors if len(rows) else ():
        # What no fact dates otherwise is dated by its own moment rather than left out.
        rows[name] = rows[name].fillna(rows["anchor_ms"]) if name in rows else rows["anchor_ms"]
    return rows


def list_results(day: CourseDay) -> list[ShopEvaluation]:
    """What each shop got under each rule, its parts taken together."""
    found: dict[int, list[ShopResult]] = {shop_id: [] for shop_id, _ in day.entries}
    for rule, result in day.evaluation.rules():
        for (shop_id, _), judged in zip(day.entries, _list_judged(day, rule.id, result), strict=True):
            found[shop_id].append(judged)
    return [ShopEvaluation(shop_id, 0, tuple(results)) for shop_id, results in found.items()]


def _list_judged(day: CourseDay, rule_id: str, result: Result) -> Iterator[ShopResult]:
    """The result of each entry under one rule; without a value of its own where it has several groups."""
    size, verdicts = len(day.entries), day.evaluation.verdicts(rule_id)
    groups = np.bincount(result.shop, minlength=size)
    first = np.zeros(size, np.int64)
    first[result.shop[::-1]] = np.arange(len(result.shop))[::-1]
    values, starts = result.value.floats(), _list_starts(day, result)
    sums = {name: sum_by_shop(result, name, size).tolist() for name in _COUNTS}
    units = list_bad_refs(day.evaluation, rule_id)
    for place, (_, part) in enumerate(day.entries):
        value = float(values[first[place]]) if groups[place] == 1 else float("nan")
        bad, base, raw_bad, raw_base, buyers = (sums[name][place] for name in _COUNTS)
        yield ShopResult(
            name_result(rule_id, part), starts[int(first[place])] if groups[place] else 0, bad, base, raw_bad, raw_base,
            buyers, None if np.isnan(value) else value, str(VERDICTS[verdicts[place]]), units.get(place, ()))


def name_result(rule_id: str, part: str) -> str:
    """What a result is kept under: the rule, of a shop judged in parts with the part."""
    return f"{rule_id}|{part}" if part else rule_id


def _list_starts(day: CourseDay, result: Result) -> dict[int, int]:
    """Where the first window of each group begins [epoch ms]; 0 since the beginning, or of what others make."""
    table = day.evaluation.table
    zone = table.standard.timezone or table.zone
    days = result.tallies[0].first.tolist() if result.tallies else [0] * len(result.groups)
    known = {first: end_of_day_ms(EPOCH + _DAY * (first - 1), zone) if first > 0 else 0 for first in set(days)}
    return {place: known[first] for place, first in enumerate(days)}


def _list_episodes(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The breaches going on, in the form the ladder keeps them."""
    return [
        {"metric": rule, "first_breach_on": run["first_breach"], "last_breach_on": run["last_breach"],
         "warning": run["warning"], "breached_count": max(1, run["in_a_row"])}
        for rule, run in sorted(document["rules"].items()) if run["first_breach"] is not None
    ]


def _to_change(entry: Entry, intent: Intent, day: CourseDay) -> Change:
    """An intent as a row; of a shop judged in parts each reason names its part."""
    shop_id, part = entry
    plain = to_plain(intent)
    said = [{key: value for key, value in reason.items() if value is not None} for reason in plain["reasons"]]
    standard = day.evaluation.standard
    zone = standard.timezone or day.evaluation.table.zone
    before, after = (None if value is None else str(value) for value in (plain["before"], plain["after"]))
    return Change(
        shop_id, day.on, str(plain["kind"]), plain["metric"], before, after,
        [{**reason, **({"part": part} if part else {})} for reason in said],
        end_of_day_ms(effective_on(standard.evaluated, day.on), zone),
    )
