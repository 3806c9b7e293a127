"""What can still change by the next official date: the standing if every open promise is kept, and if all are missed.

A promise that ends by then joins the base of its metrics kept or missed, so only the failures are open. One *decides*
when, for some way the others may end, keeping or missing it changes a verdict; whatever the others do changes none,
and as levels follow from verdicts it changes no level either.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from scoring.ladder import MetricVerdict, Standing, step
from scoring.plain import is_plain
from scoring.standards import Rule, Standard
from scoring.verdicts import VERDICTS, Codes, judge_evidence

_EVERYBODY = 10**9  # as many buyers as any standard asks for


@dataclass(frozen=True)
class KnownCounts:
    """What counts officially, by now, in the window a rule will have on the date: units and distinct ``buyers``.

    ``buyers`` are those behind the ``bad`` units; a unit of an unknown buyer stands for one of its own.
    """

    rule: Rule
    bad: int
    base: int
    buyers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OpenPromise:
    """A promise that ends by the date, with the metrics in which it is bad when missed.

    ``joins`` are the metrics whose base it joins, kept or missed; those of ``hurts`` that it does not join count its
    unit already. ``due_ms`` is its deadline [epoch ms], ``key`` names it, ``buyer`` as in ``KnownCounts``.
    """

    key: str
    due_ms: int
    hurts: frozenset[str]
    joins: frozenset[str]
    buyer: str


@dataclass(frozen=True)
class OutlookCase:
    """The verdicts of the rules in their order and the level that follows; None where no level follows from them."""

    verdicts: tuple[MetricVerdict, ...]
    level: str | None


@dataclass(frozen=True)
class RuleOutlook:
    """One rule: its verdict now, with all open promises kept and with all missed; ``open_count`` [promises].

    ``spare_count`` may be missed, whichever they are, before a verdict other than the best is possible; None when no
    number of them changes it.
    """

    metric: str
    now: MetricVerdict
    best: MetricVerdict
    worst: MetricVerdict
    open_count: int
    spare_count: int | None


@dataclass(frozen=True)
class Outlook:
    """What can still change by a date. ``deciding`` is by deadline, ties by key; empty when nothing can."""

    on: date
    now: OutlookCase
    best: OutlookCase
    worst: OutlookCase
    rules: tuple[RuleOutlook, ...]
    deciding: tuple[OpenPromise, ...]


def look_ahead(
    counts: Sequence[KnownCounts], promises: Sequence[OpenPromise], *, on: date, standard: Standard,
    standing: Standing | None, orders: int,
) -> Outlook:
    """The outlook of one shop for the official date ``on``.

    ``counts`` are of plain rules, one for each metric; ``standing`` is the one before (None: never judged) and
    ``orders`` those placed in the top level's window. Levels are told for plain standards alone. A rule without units
    has not enough data, as officially. Raises ValueError where a metric is counted twice, and when base < bad.
    Source: the ladder's own step, on the counts as they would be.
    """
    plans = [_Plan(known, tuple(p for p in promises if _touches(p, known.rule.metric)), standard) for known in counts]
    now, best, worst = (
        _settle(verdicts, on=on, standard=standard, standing=standing, orders=orders)
        for verdicts in ([plan.now for plan in plans], [plan.best for plan in plans], [plan.worst for plan in plans]))
    deciding = {promise.key: promise for plan in plans for promise in plan.list_deciding()}
    rules = tuple(
        RuleOutlook(plan.metric, plan.now, plan.best, plan.worst, len(plan.hurting), plan.count_spare())
        for plan in plans)
    return Outlook(on, now, best, worst, rules, tuple(sorted(deciding.values(), key=lambda p: (p.due_ms, p.key))))


def _settle(
    verdicts: Sequence[MetricVerdict], *, on: date, standard: Standard, standing: Standing | None, orders: int
) -> OutlookCase:
    level = None
    if is_plain(standard):
        level = step(standing, verdicts, on=on, orders_60d=orders, standard=standard)[0].level
    return OutlookCase(tuple(verdicts), level)


def _touches(promise: OpenPromise, metric: str) -> bool:
    return metric in promise.hurts or metric in promise.joins


@dataclass(frozen=True)
class _Plan:
    """One rule with the promises that touch it."""

    known: KnownCounts
    promises: tuple[OpenPromise, ...]
    standard: Standard

    @property
    def metric(self) -> str:
        return self.known.rule.metric

    @cached_property
    def hurting(self) -> tuple[OpenPromise, ...]:
        """The promises whose end is open for this rule."""
        return tuple(promise for promise in self.promises if self.metric in promise.hurts)

    @property
    def base(self) -> int:
        return self.known.base + sum(self.metric in promise.joins for promise in self.promises)

    @property
    def now(self) -> MetricVerdict:
        known = self.known
        return MetricVerdict.from_counts(known.rule, VERDICTS[self.codes[0]], bad=known.bad, base=known.base)

    @property
    def best(self) -> MetricVerdict:
        return self._end(0, self.known.buyers)

    @property
    def worst(self) -> MetricVerdict:
        return self._end(len(self.hurting), self.known.buyers | {promise.buyer for promise in self.hurting})

    def _end(self, missed: int, buyers: frozenset[str]) -> MetricVerdict:
        codes = self.with_many if len(buyers) >= self.standard.evidence.min_buyers else self.with_few
        bad = self.known.bad + missed
        return MetricVerdict.from_counts(self.known.rule, VERDICTS[codes[missed]], bad=bad, base=self.base)

    @cached_property
    def codes(self) -> Codes:
        """The verdict now, then by the number missed with enough buyers behind the failures, then with too few."""
        known, missed = self.known, np.arange(len(self.hurting) + 1)
        base = np.full(2 * len(missed) + 1, self.base)
        base[0] = known.base
        buyers = np.repeat((len(known.buyers), _EVERYBODY, -1), (1, len(missed), len(missed)))
        return judge_evidence(
            known.bad + np.concatenate(([0], missed, missed)), base, buyers, limits=known.rule.limit,
            higher_is_better=known.rule.higher_is_better, evidence=self.standard.evidence)

    @property
    def with_many(self) -> Codes:
        return self.codes[1 : len(self.hurting) + 2]

    @property
    def with_few(self) -> Codes:
        return self.codes[len(self.hurting) + 2 :]

    @cached_property
    def crowd(self) -> _Crowd:
        """The buyers of the promises that may be missed."""
        return _Crowd.of(self.hurting, self.known.buyers)

    def count_spare(self) -> int | None:
        """How many may be missed, whichever they are, with the best verdict certain; None: all of them."""
        least, best = self.standard.evidence.min_buyers, self.best.verdict
        for missed in range(1, len(self.hurting) + 1):
            reach = self.crowd.reach(missed)
            if reach[1] >= least and VERDICTS[self.with_many[missed]] != best:
                return missed - 1
            if reach[0] < least and VERDICTS[self.with_few[missed]] != best:
                return missed - 1
        return None

    def list_deciding(self) -> Iterator[OpenPromise]:
        """The promises whose end changes the verdict, for some way the others end."""
        if (self.with_many == self.with_many[0]).all() and (self.with_few == self.with_many[0]).all():
            return
        found: dict[tuple[bool, int], bool] = {}
        for promise in self.hurting:
            kind = self.crowd.kind_of(promise.buyer)
            if kind not in found:
                found[kind] = self._decides(promise.buyer)
            if found[kind]:
                yield promise

    def _decides(self, buyer: str) -> bool:
        least = self.standard.evidence.min_buyers
        others, apart = self.crowd.without(buyer), self.crowd.without_all(buyer)
        along = others.knowing(buyer)
        is_new = buyer not in self.crowd.known
        for missed in range(len(self.hurting)):
            few, many = self.with_few[missed : missed + 2], self.with_many[missed : missed + 2]
            if few[0] != few[1] and along.reach(missed)[0] < least:
                return True
            if many[0] != many[1] and others.reach(missed)[1] >= least:
                return True
            if is_new and few[0] != many[1] and apart.can_be(missed, least - 1):
                return True
        return False


@dataclass(frozen=True)
class _Crowd:
    """Promises by buyer: how many distinct buyers can stand behind so many missed ones.

    ``counts`` are the numbers of promises of each buyer who is not ``known`` to stand behind a failure already;
    ``free`` is that of all buyers who are.
    """

    known: frozenset[str]
    free: int
    counts: Mapping[str, int]

    @classmethod
    def of(cls, promises: Sequence[OpenPromise], known: frozenset[str]) -> _Crowd:
        """The crowd of some promises."""
        return cls(known, 0, Counter(promise.buyer for promise in promises))._settled()

    def _settled(self) -> _Crowd:
        mine = {buyer: count for buyer, count in self.counts.items() if buyer not in self.known and count}
        known = sum(count for buyer, count in self.counts.items() if buyer in self.known)
        return _Crowd(self.known, self.free + known, mine)

    @cached_property
    def sums(self) -> list[int]:
        """How many promises 0, 1, 2 … new buyers can stand behind at most."""
        return [0, *np.cumsum(sorted(self.counts.values(), reverse=True)).tolist()]

    def kind_of(self, buyer: str) -> tuple[bool, int]:
        """What tells one buyer from another here."""
        return buyer in self.known, self.counts.get(buyer, 0)

    def without(self, buyer: str) -> _Crowd:
        """All but one promise of a buyer."""
        if buyer in self.known:
            return _Crowd(self.known, self.free - 1, self.counts)
        return _Crowd(self.known, self.free, {**self.counts, buyer: self.counts[buyer] - 1})._settled()

    def without_all(self, buyer: str) -> _Crowd:
        """All but the promises of a buyer."""
        return _Crowd(self.known, self.free, {name: count for name, count in self.counts.items() if name != buyer})

    def knowing(self, buyer: str) -> _Crowd:
        """With a buyer who stands behind a failure whatever happens."""
        return _Crowd(self.known | {buyer}, self.free, self.counts)._settled()

    def reach(self, missed: int) -> tuple[int, int]:
        """The fewest and the most distinct buyers behind so many missed promises, those known included."""
        fewest = bisect_left(self.sums, missed - self.free)
        return len(self.known) + fewest, len(self.known) + min(missed, len(self.counts))

    def can_be(self, missed: int, buyers: int) -> bool:
        """Whether so many missed promises can have exactly so many distinct buyers behind them."""
        if missed > self.free + self.sums[-1]:
            return False
        fewest, most = self.reach(missed)
        return fewest <= buyers <= most
