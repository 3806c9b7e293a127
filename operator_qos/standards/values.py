"""Values of figures as people read them."""

from __future__ import annotations

from operator_qos.formats import format_count, format_duration, format_number, format_rate
from operator_qos.standards.phrases import read_language
from scoring.metrics import METRICS
from scoring.standards import Figure


def say_value(figure: Figure, value: float | None) -> str:
    """A figure's value as people read it: shares in per cent, times as such, everything else as a number."""
    language, metric = read_language(), METRICS.get(figure.metric)
    if value is None:
        return "–"
    if figure.measure in {"share", "share_of_good"} and figure.composed is None:
        return format_rate(value, language)
    if metric is not None and metric.kind == "time" and figure.measure in {"mean", "median", "percentile"}:
        return format_duration(value, language)
    return format_count(int(value), language) if float(value).is_integer() else format_number(value, language, digits=2)
