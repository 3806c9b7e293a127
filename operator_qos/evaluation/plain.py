"""Judging by a plain standard: shares counted for all shops and dates at once, levels by the ladder. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pandas as pd

from operator_qos.evaluation.judging import Day, Place, ShopRow, Standing
from operator_qos.evaluation.rules import OutcomeTable, ShopEvaluation, ShopResult
from operator_qos.standing.service import Change
from scoring.ladder import Intent, MetricVerdict, parse_standing, step, to_plain
from scoring.ladder import Standing as LadderStanding
from scoring.plans import PlanSpan, Shelter, hold, list_ended, soften
from scoring.standards import Standard
from scoring.verdicts import Verdict


@dataclass
class PlainJudge:
    """Shops under a plain standard, with the rows of the dates at hand and their standings as they go."""

    place: Place
    standard: Standard
    shops: Sequence[ShopRow]
    rows: pd.DataFrame
    before: Mapping[int, Standing]
    shelters: Mapping[int, Shelter] = field(default_factory=dict)
    _sheltered: dict[int, Shelter] = field(default_factory=dict)
    _now: dict[int, LadderStanding] = field(default_factory=dict)
    _since_on: dict[int, date] = field(default_factory=dict)
    _decided_on: dict[int, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        levels = {tier.id for tier in self.standard.tiers}
        self._sheltered.update(self.shelters)
        for shop_id, kept in self.before.items():
            if kept.level in levels:
                self._now[shop_id] = _read(kept, self.standard)
                self._since_on[shop_id] = kept.since_on

    def judge(self, dates: Sequence[date]) -> Iterator[Day]:
        """Each date in turn, with the shops that were open or had something to count."""
        ends_ms = [self.place.end_ms(on) for on in dates]
        return self.judge_at(list(zip(dates, ends_ms, strict=True)))

    def judge_at(self, moments: Sequence[tuple[date, int]]) -> Iterator[Day]:
        """Dates, each as of a moment of its own [epoch ms]."""
        table = OutcomeTable(self.rows, [shop.id for shop in self.shops], self.standard)
        ends_ms = [end_ms for _, end_ms in moments]
        for (on, end_ms), found in zip(moments, table.evaluate(ends_ms, self.place.zone), strict=True):
            opened = {shop.id for shop in self.shops if shop.opened_ms < end_ms}
            there = [shop for shop in found if shop.shop_id in opened or _has_anything(shop)]
            changes = [change for shop in there for change in self._move(shop, on, end_ms)]
            yield Day(on, end_ms, self.standard, there, changes)

    def list_decided(self) -> list[Standing]:
        """The standings that were decided, as they are after the last date."""
        return [
            _keep(shop_id, self._now[shop_id], (self._since_on[shop_id], on), self.standard)
            for shop_id, on in self._decided_on.items()
        ]

    def list_pardons_left(self, shop_id: int) -> frozenset[str]:
        """What is still pardoned of a shop after the last date."""
        shelter = self._sheltered.get(shop_id, Shelter())
        return frozenset(pardon.subject for pardon in shelter.pardons)

    def _move(self, shop: ShopEvaluation, on: date, end_ms: int) -> list[Change]:
        """Take a shop one date further; what changed."""
        before = self._now.get(shop.shop_id)
        verdicts = [self._to_verdict(result) for result in shop.results]
        if shop.shop_id in self._sheltered:
            after, intents = self._step_sheltered(shop, verdicts, on=on, end_ms=end_ms)
        else:
            after, intents = step(before, verdicts, on=on, orders_60d=shop.orders, standard=self.standard)
        self._now[shop.shop_id] = after
        if before is None or before.level != after.level:
            self._since_on[shop.shop_id] = on
        self._decided_on[shop.shop_id] = on
        return [_to_change(shop, intent, on=on, standard=self.standard) for intent in intents]

    def _step_sheltered(
        self, shop: ShopEvaluation, verdicts: Sequence[MetricVerdict], *, on: date, end_ms: int
    ) -> tuple[LadderStanding, tuple[Intent, ...]]:
        """The step of a shop that a plan or a won appeal shelters; what has ended shelters no more."""
        before, shelter = self._now.get(shop.shop_id), self._sheltered[shop.shop_id]
        plan, subjects = shelter.find_plan(on), shelter.list_subjects(on)
        breached = frozenset(one.metric for one in verdicts if one.verdict == Verdict.BREACHED)
        later = self._judge_later(shop.shop_id, plan, end_ms) if plan is not None else None
        spared = soften(verdicts, subjects, later)
        natural, _ = step(before, spared, on=on, orders_60d=shop.orders, standard=self.standard)
        ended = list_ended(subjects, before=before, natural=natural, breached=breached, standard=self.standard)
        self._sheltered[shop.shop_id] = shelter.without(ended, on)
        held = hold(subjects - ended, in_plan=plan is not None)
        return step(before, spared, on=on, orders_60d=shop.orders, standard=self.standard, held=held)

    def _judge_later(self, shop_id: int, plan: PlanSpan, end_ms: int) -> dict[str, Verdict]:
        """The verdicts on what began after the plan did, by metric."""
        start_ms = self.place.end_ms(plan.start_on - timedelta(days=1))
        mine = self.rows[(self.rows["shop_id"] == shop_id) & (self.rows["anchor_ms"] >= start_ms)]
        table = OutcomeTable(mine.reset_index(drop=True), [shop_id], self.standard)
        found = next(iter(table.evaluate([end_ms], self.place.zone)))[0]
        return {result.metric: Verdict(result.verdict) for result in found.results}

    def _to_verdict(self, result: ShopResult) -> MetricVerdict:
        limit = self.standard.get_rule(result.metric).limit
        return MetricVerdict(
            result.metric, Verdict(result.verdict), result.bad, result.base, result.value, limit)


def _has_anything(shop: ShopEvaluation) -> bool:
    return bool(shop.orders) or any(result.raw_base for result in shop.results)


def _read(kept: Standing, standard: Standard) -> LadderStanding:
    """The standing as kept, without episodes of rules the standard does not have."""
    judged = {rule.metric for rule in standard.rules}
    episodes = [episode for episode in kept.episodes if episode["metric"] in judged]
    return parse_standing({"level": kept.level, "badges": kept.badges, "episodes": episodes})


def _keep(shop_id: int, standing: LadderStanding, dates: tuple[date, date], standard: Standard) -> Standing:
    plain = to_plain(standing)
    warning = max((episode.warning for episode in standing.episodes), default=0)
    return Standing(shop_id, standing.level, plain["badges"], plain["episodes"], warning, *dates, standard.id,
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
