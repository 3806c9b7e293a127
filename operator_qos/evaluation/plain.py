"""Judging by a plain standard: shares counted for all shops and dates at once, levels by the ladder. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from operator_qos.evaluation.judging import Day, Place, ShopRow, Standing
from operator_qos.evaluation.rules import OutcomeTable, ShopEvaluation, ShopEvaluations, ShopResult
from operator_qos.standing.service import Change
from scoring.ladder import Intent, parse_standing, step, to_plain
from scoring.ladder import Standing as LadderStanding
from scoring.ladder_calm import Standings, find_calm
from scoring.plans import PlanSpan, Shelter, hold, list_ended, soften
from scoring.standards import Standard
from scoring.verdicts import Verdict


class PlainJudge:
    """Shops under a plain standard, with the rows of the dates at hand and their standings as they go."""

    def __init__(  # where, by what, whom, from what
        self, place: Place, standard: Standard, shops: Sequence[ShopRow], rows: pd.DataFrame,
        before: Mapping[int, Standing], shelters: Mapping[int, Shelter] | None = None,
    ) -> None:
        self.place, self.standard, self.shops, self.rows = place, standard, shops, rows
        self._limits = {rule.metric: rule.limit for rule in standard.rules}
        self._sheltered = dict(shelters or {})
        levels = {tier.id for tier in standard.tiers}
        known = {shop_id: kept for shop_id, kept in before.items() if kept.level in levels}
        kept_each = [known.get(shop.id) for shop in shops]
        self._now = Standings(standard, _read_all(kept_each, self._limits))
        self._since_on = [None if kept is None else kept.since_on for kept in kept_each]
        self._decided_on: list[date | None] = [None] * len(shops)

    def judge(self, dates: Sequence[date]) -> Iterator[Day]:
        """Each date in turn, with the shops that were open or had something to count."""
        ends_ms = [self.place.end_ms(on) for on in dates]
        return self.judge_at(list(zip(dates, ends_ms, strict=True)))

    def judge_at(self, moments: Sequence[tuple[date, int]]) -> Iterator[Day]:
        """Dates, each as of a moment of its own [epoch ms]."""
        table = OutcomeTable(self.rows, [shop.id for shop in self.shops], self.standard)
        opened_ms = np.array([shop.opened_ms for shop in self.shops], np.int64)
        ends_ms = [end_ms for _, end_ms in moments]
        for (on, end_ms), found in zip(moments, table.evaluate(ends_ms, self.place.zone), strict=True):
            there = found.narrow((opened_ms < end_ms) | found.has_anything())
            yield Day(on, end_ms, self.standard, there, self._move_all(there, on, end_ms))

    def list_decided(self) -> list[Standing]:
        """The standings that were decided, as they are after the last date."""
        return [
            _keep(shop.id, self._now[number], (since_on, decided_on), self.standard)
            for number, (shop, since_on, decided_on)
            in enumerate(zip(self.shops, self._since_on, self._decided_on, strict=True))
            if since_on is not None and decided_on is not None
        ]

    def list_pardons_left(self, shop_id: int) -> frozenset[str]:
        """What is still pardoned of a shop after the last date."""
        shelter = self._sheltered.get(shop_id, Shelter())
        return frozenset(pardon.subject for pardon in shelter.pardons)

    def _move_all(self, there: ShopEvaluations, on: date, end_ms: int) -> list[Change]:
        """Take the shops one date further; what changed. Only those that may have moved are looked at singly."""
        verdicts = np.stack([judged.verdict for judged in there.rules])
        bases = np.stack([judged.numbers.base for judged in there.rules])
        moving = self._now.find_moving(find_calm(verdicts, bases, there.orders, standard=self.standard))
        places = there.places.tolist()
        changes = [change for place in places if moving[place] or self.shops[place].id in self._sheltered
                   for change in self._move(place, there, on, end_ms)]
        for place in places:
            self._decided_on[place] = on
            self._since_on[place] = self._since_on[place] or on
        return changes

    def _move(self, place: int, there: ShopEvaluations, on: date, end_ms: int) -> list[Change]:
        """Take a shop one date further; what changed."""
        before = self._now[place]
        if self.shops[place].id in self._sheltered:
            known = before if self._since_on[place] else None
            after, intents = self._step_sheltered(known, there, place, on=on, end_ms=end_ms)
        else:
            orders = int(there.orders[place])
            after, intents = step(before, there.list_verdicts(place), on=on, orders_60d=orders, standard=self.standard)
        self._now[place] = after
        if before.level != after.level:
            self._since_on[place] = on
        shop = there.get(place) if intents else None
        return [_to_change(shop, intent, on=on, standard=self.standard) for intent in intents if shop is not None]

    def _step_sheltered(
        self, before: LadderStanding | None, there: ShopEvaluations, place: int, *, on: date, end_ms: int
    ) -> tuple[LadderStanding, tuple[Intent, ...]]:
        """The step of a shop that a plan or a won appeal shelters; what has ended shelters no more."""
        shop_id, verdicts, orders = self.shops[place].id, there.list_verdicts(place), int(there.orders[place])
        shelter = self._sheltered[shop_id]
        plan, subjects = shelter.find_plan(on), shelter.list_subjects(on)
        breached = frozenset(one.metric for one in verdicts if one.verdict == Verdict.BREACHED)
        later = self._judge_later(shop_id, plan, end_ms) if plan is not None else None
        spared = soften(verdicts, subjects, later)
        natural, _ = step(before, spared, on=on, orders_60d=orders, standard=self.standard)
        ended = list_ended(subjects, before=before, natural=natural, breached=breached, standard=self.standard)
        self._sheltered[shop_id] = shelter.without(ended, on)
        held = hold(subjects - ended, in_plan=plan is not None)
        return step(before, spared, on=on, orders_60d=orders, standard=self.standard, held=held)

    def _judge_later(self, shop_id: int, plan: PlanSpan, end_ms: int) -> dict[str, Verdict]:
        """The verdicts on what began after the plan did, by metric."""
        start_ms = self.place.end_ms(plan.start_on - timedelta(days=1))
        mine = self.rows[(self.rows["shop_id"] == shop_id) & (self.rows["anchor_ms"] >= start_ms)]
        table = OutcomeTable(mine.reset_index(drop=True), [shop_id], self.standard)
        found = next(iter(table.evaluate([end_ms], self.place.zone)))
        return {one.metric: one.verdict for one in found.list_verdicts(0)}


def _read_all(each: Sequence[Standing | None], judged: Container[str]) -> list[LadderStanding | None]:
    """The standings as kept; those without an episode are few different ones, and shops share them."""
    shared: dict[tuple[str, ...], LadderStanding] = {}

    def read(kept: Standing) -> LadderStanding:
        if kept.episodes:
            return _read(kept, judged)
        said = kept.level, *kept.badges
        found = shared.get(said)
        return found or shared.setdefault(said, LadderStanding(kept.level, frozenset(kept.badges), ()))

    return [None if kept is None else read(kept) for kept in each]


def _read(kept: Standing, judged: Container[str]) -> LadderStanding:
    """The standing as kept, without episodes of rules the standard does not have."""
    episodes = [episode for episode in kept.episodes if episode["metric"] in judged]
    return parse_standing({"level": kept.level, "badges": kept.badges, "episodes": episodes})


def _keep(shop_id: int, standing: LadderStanding, dates: tuple[date, date], standard: Standard) -> Standing:
    episodes = [to_plain(episode) for episode in standing.episodes]
    warning = max((episode.warning for episode in standing.episodes), default=0)
    return Standing(shop_id, standing.level, sorted(standing.badges), episodes, warning, *dates, standard.id,
                    standard.version)


def _to_change(shop: ShopEvaluation, intent: Intent, *, on: date, standard: Standard) -> Change:
    """An intent as a row: each reason with the rule, the numbers and the units of its metric."""
    plain = to_plain(intent)
    results = {result.metric: result for result in shop.results}
    reasons = [_explain(reason, results, standard) for reason in plain["reasons"]]
    before, after = (None if value is None else str(value) for value in (plain["before"], plain["after"]))
    return Change(shop.shop_id, on, str(plain["kind"]), plain["metric"], before, after, reasons)


def _explain(
    reason: Mapping[str, Any], results: Mapping[str, ShopResult], standard: Standard
) -> dict[str, Any]:
    said = {key: value for key, value in reason.items() if value is not None}
    result = results.get(str(said.get("metric")))
    if result is None:
        return said
    rule = standard.get_rule(result.metric)
    numbers = {
        "window_days": rule.window_days,
        "window_start_ms": result.window_start_ms,
        "limit": str(rule.limit),
        "higher_is_better": rule.higher_is_better,
        "verdict": result.verdict,
        "bad": result.bad,
        "base": result.base,
        "raw_bad": result.raw_bad,
        "raw_base": result.raw_base,
        "buyers": result.buyers,
        "value": result.value,
        "units": list(result.units),
    }
    return {**said, **numbers}
