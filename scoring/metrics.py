"""The catalogue of metrics: which unit, anchored at which moment, which way is better.

A *group* holds the metrics that share a unit and its anchor, the moment that decides in whose window the unit
falls. Each metric has one bit in its group's masks (see scoring.outcomes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["placed", "ship", "deliver", "shipped", "review", "turn", "case", "resolved"]
Kind = Literal["share", "mean", "time"]
GROUPS: tuple[Group, ...] = ("placed", "ship", "deliver", "shipped", "review", "turn", "case", "resolved")
GROUP_CODES: dict[str, int] = {group: code for code, group in enumerate(GROUPS)}


@dataclass(frozen=True)
class Metric:
    """One metric of the catalogue. `code` is its stable number in the database, `bit` its flag in the masks."""

    id: str
    code: int
    group: Group
    bit: int
    kind: Kind = "share"
    higher_is_better: bool = False

    @property
    def flag(self) -> int:
        """The mask value of the metric."""
        return 1 << self.bit


def _group(group: Group, first_code: int, *names: str, higher: tuple[str, ...] = ()) -> list[Metric]:
    return [
        Metric(name, first_code + bit, group, bit, higher_is_better=name in higher) for bit, name in enumerate(names)
    ]


CATALOGUE: tuple[Metric, ...] = (
    *_group(
        "placed", 1, "order_defect_rate", "cancellation_rate", "out_of_stock_rate", "acceptance_rate",
        "auto_refusal_rate", "case_rate", "cases_lost_rate", "refund_rate", "chargeback_rate", "contact_rate",
        higher=("acceptance_rate",),
    ),
    *_group("ship", 20, "late_shipment_rate"),
    *_group("deliver", 25, "on_time_delivery_rate", higher=("on_time_delivery_rate",)),
    *_group("shipped", 30, "return_rate", "valid_tracking_rate", higher=("valid_tracking_rate",)),
    Metric("negative_review_rate", 35, "review", 0),
    Metric("average_rating", 36, "review", 1, kind="mean", higher_is_better=True),
    Metric("first_response_time", 40, "turn", 0, kind="time"),
    Metric("response_time", 41, "turn", 1, kind="time"),
    Metric("response_within_rate", 42, "turn", 2, higher_is_better=True),
    Metric("no_response_rate", 43, "turn", 3),
    Metric("resolution_time", 50, "case", 0, kind="time"),
    Metric("resolution_within_rate", 51, "case", 1, higher_is_better=True),
    Metric("reopen_rate", 55, "resolved", 0),
)
METRICS: dict[str, Metric] = {metric.id: metric for metric in CATALOGUE}
METRICS_BY_CODE: dict[int, Metric] = {metric.code: metric for metric in CATALOGUE}
FLAGS: dict[str, int] = {metric.id: metric.flag for metric in CATALOGUE}

# Defect kind -> its own metric, whose bad an excluded defect leaves (the base it never leaves).
OWN_METRICS: dict[str, tuple[str, ...]] = {
    "cancelled_by_seller": ("cancellation_rate", "out_of_stock_rate"),
    "low_rating": ("negative_review_rate",),
    "case_lost": ("cases_lost_rate",),
    "chargeback": ("chargeback_rate",),
}


def get_metric(name: str) -> Metric:
    """The metric of that id. Raises KeyError naming the known ones."""
    try:
        return METRICS[name]
    except KeyError:
        raise KeyError(f"unknown metric {name!r}; known are {', '.join(METRICS)}") from None
