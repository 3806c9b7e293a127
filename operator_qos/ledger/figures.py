"""The trend of a metric as a Plotly figure: the official results day by day, with the limit as a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from operator_qos import words
from operator_qos.formats import format_day
from operator_qos.sellers.shop_queries import Point
from scoring.metrics import METRICS
from scoring.standards import MetricRule

# Plotly knows English months only; French reads days as numbers.
_TICKS = {"fr": "%d/%m", "en": "%-d %b"}
_SEPARATORS = {"fr": ",\u202f", "en": ".,"}
_MARGIN = {"l": 48, "r": 12, "t": 8, "b": 32}


def _limit_shape(limit: float) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": limit,
        "y1": limit,
        "line": {"width": 1.5, "dash": "dash"},
    }


def _axis(metric: str) -> dict[str, Any]:
    share = METRICS[metric].kind in {"share", "repeat"}
    return {"tickformat": ".1%" if share else "", "fixedrange": True, "automargin": True}


def build_figure(
    metric: str, points: Sequence[Point], rule: MetricRule | None, *, language: str
) -> dict[str, Any]:
    """The figure as plain values for Plotly; without any result `data` is empty. Told in `language`."""
    told = [
        f"{format_day(p.on, language, year=True)}<br>{words.format_metric(metric, p.value)}, "
        f"{words.counted_phrase(metric, bad=p.bad, base=p.base)}"
        for p in points
    ]
    trace = {
        "type": "scatter",
        "mode": "lines",
        "name": str(words.metric_name(metric)),
        "x": [point.on.isoformat() for point in points],
        "y": [point.value for point in points],
        "text": told,
        "hovertemplate": "%{text}<extra></extra>",
        "connectgaps": False,
        "line": {"width": 2},
    }
    layout = {
        "height": 240,
        "margin": _MARGIN,
        "showlegend": False,
        "separators": _SEPARATORS.get(language, ".,"),
        "hovermode": "closest",
        "xaxis": {"type": "date", "fixedrange": True, "tickformat": _TICKS.get(language, "%-d %b")},
        "yaxis": _axis(metric),
        "shapes": [_limit_shape(float(rule.limit))] if rule else [],
    }
    return {"data": [trace] if points else [], "layout": layout}
