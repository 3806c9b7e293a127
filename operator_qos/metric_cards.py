"""One metric of one shop, ready to be shown: figures as text, chart geometry, the room left in orders."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from operator_qos import words
from operator_qos.charts import (
    Numbers,
    Spark,
    Squares,
    Tick,
    Whisker,
    draw_spark,
    draw_squares,
    draw_whisker,
    list_ticks,
)
from operator_qos.i18n import gettext, ngettext
from operator_qos.ledger.queries import ScorecardRow
from scoring.metrics import METRICS
from scoring.standards import Evidence, MetricRule
from scoring.verdicts import orders_needed, to_bad_limit


@dataclass(frozen=True)
class MetricCard:
    """What pages show of a metric, texts in the reader's language; `limit` is "" where none is set."""

    metric: str
    name: str
    short: str
    explanation: str
    failures: str
    verdict: str | None
    value: str
    counted: str
    raw_value: str
    raw_counted: str
    is_same: bool
    limit: str
    whisker: Whisker | None
    whisker_label: str
    ticks: tuple[Tick, ...]
    limit_value: float | None
    spark: Spark
    spark_label: str
    squares: Squares
    room: str
    bad: int
    raw_bad: int
    base: int
    raw_base: int
    window_days: int | None


def _whisker(score: ScorecardRow, rule: MetricRule) -> Whisker:
    numbers = Numbers(score.value, score.raw_value, score.lower, score.upper)
    return draw_whisker(
        numbers, limit=float(rule.limit), higher_is_better=rule.higher_is_better, verdict=score.verdict
    )


def _whisker_label(score: ScorecardRow, rule: MetricRule) -> str:
    limit = words.limit_phrase(float(rule.limit), rule.higher_is_better)
    if score.value is None:
        return str(gettext("no value yet, %(limit)s asked", limit=limit))
    return str(
        gettext(
            "%(value)s official, likely between %(lower)s and %(upper)s, %(limit)s asked",
            value=words.format_metric(rule.metric, score.value),
            lower=words.format_metric(rule.metric, score.lower),
            upper=words.format_metric(rule.metric, score.upper),
            limit=limit,
        )
    )


def _spark_label(metric: str, spark: Spark) -> str:
    name = words.metric_name(metric)
    if METRICS[metric].kind in {"streak", "repeat"}:
        return str(gettext("%(metric)s: not counted by week", metric=name))
    if spark.last is None:
        return str(gettext("%(metric)s per week, nothing in 12 weeks", metric=name))
    last = words.format_metric(metric, spark.last)
    return str(gettext("%(metric)s per week, 12 weeks, last %(last)s", metric=name, last=last))


def allowed_failures(base: int, rule: MetricRule) -> int:
    """How many failures a base may hold with the limit still kept."""
    return floor(to_bad_limit(rule.limit, rule.higher_is_better) * base)


def room_sentence(score: ScorecardRow, rule: MetricRule, evidence: Evidence) -> str:
    """What is still allowed, counted in orders: never a statistic."""
    missing = orders_needed(score.base, evidence.min_base)
    if score.verdict == "not_enough_data" and missing:
        return str(
            ngettext(
                "%(n)s more needed before this is judged",
                "%(n)s more needed before this is judged",
                missing,
                n=words.count(missing),
            )
        )
    failures = words.metric_failures(rule.metric)
    left = allowed_failures(score.base, rule) - score.bad
    if left >= 0:
        return str(
            gettext("%(n)s more allowed: %(failures)s", n=words.count(left), failures=failures)
            if left
            else gettext("No more allowed: %(failures)s", failures=failures)
        )
    return str(gettext("%(n)s too many: %(failures)s", n=words.count(-left), failures=failures))


def build_card(score: ScorecardRow, rule: MetricRule | None, evidence: Evidence) -> MetricCard:
    """A metric with its limit, or without one where the standard does not judge it."""
    metric = METRICS[score.metric]
    limit = float(rule.limit) if rule else None
    spark = draw_spark(score.trend, limit=limit, higher_is_better=metric.higher_is_better)
    allowed = allowed_failures(score.base, rule) if rule else 0
    return MetricCard(
        metric=metric.id,
        name=str(words.metric_name(metric.id)),
        short=str(words.metric_short(metric.id)),
        explanation=str(words.metric_explanation(metric.id)),
        failures=str(words.metric_failures(metric.id)),
        verdict=score.verdict,
        value=words.format_metric(metric.id, score.value),
        counted=words.counted_phrase(metric.id, bad=score.bad, base=score.base),
        raw_value=words.format_metric(metric.id, score.raw_value),
        raw_counted=words.counted_phrase(metric.id, bad=score.raw_bad, base=score.raw_base),
        is_same=(score.bad, score.base) == (score.raw_bad, score.raw_base),
        limit=words.limit_phrase(float(rule.limit), rule.higher_is_better) if rule else "",
        whisker=_whisker(score, rule) if rule else None,
        whisker_label=_whisker_label(score, rule) if rule else "",
        ticks=list_ticks(float(rule.limit), higher_is_better=rule.higher_is_better) if rule else (),
        limit_value=limit,
        spark=spark,
        spark_label=_spark_label(metric.id, spark),
        squares=draw_squares(used=min(score.bad, allowed), allowed=allowed),
        room=room_sentence(score, rule, evidence) if rule else "",
        bad=score.bad,
        raw_bad=score.raw_bad,
        base=score.base,
        raw_base=score.raw_base,
        window_days=rule.window_days if rule else None,
    )


def build_cards(
    scores: dict[str, ScorecardRow], rules: tuple[MetricRule, ...], evidence: Evidence
) -> list[MetricCard]:
    """The judged metrics first, in the standard's order, then the rest in the catalogue's."""
    judged = {rule.metric: rule for rule in rules}
    order = [*judged, *(name for name in METRICS if name not in judged)]
    return [build_card(scores[name], judged.get(name), evidence) for name in order if name in scores]
