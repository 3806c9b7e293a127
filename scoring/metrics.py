"""The catalogue of metrics: which unit, anchored at which moment, which way is better.

A *group* holds the metrics that share a unit and its anchor, the moment that decides in whose window the unit
falls. Each metric has one bit in its group's masks (see scoring.outcomes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["placed", "ship", "deliver", "shipped", "review", "turn", "case", "resolved", "return", "arrived",
                "survey", "mediation", "perfect"]
# share: bad ÷ base · mean: sum ÷ base · time: median of seconds · percentile: p90 of the amounts · streak: failures
# since the last success · repeat: a share of buyers, over the orders of each (scoring.runs).
Kind = Literal["share", "mean", "time", "percentile", "streak", "repeat"]
GROUPS: tuple[Group, ...] = (
    "placed", "ship", "deliver", "shipped", "review", "turn", "case", "resolved", "return", "arrived", "survey",
    "mediation", "perfect")
GROUP_CODES: dict[str, int] = {group: code for code, group in enumerate(GROUPS)}


@dataclass(frozen=True)
class Metric:
    """One metric of the catalogue. `code` is its stable number in the database, `bit` its flag in the masks.

    `owner` is whose service it measures: what is the operator's own is in no shop's scorecard.
    """

    id: str
    code: int
    group: Group
    bit: int
    kind: Kind = "share"
    higher_is_better: bool = False
    owner: Literal["seller", "operator"] = "seller"

    @property
    def counts_failures(self) -> bool:
        """Its rows are in order or not; those of a time, a mean or a percentile only measure something."""
        return self.kind in {"share", "streak", "repeat"}

    @property
    def is_slow(self) -> bool:
        """Its number looks at every unit of a large window: kept up by the clock, not with each event."""
        return self.kind in {"percentile", "streak", "repeat"} or self.id == "acceptance_time"

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
    Metric("acceptance_time", 11, "placed", 10, kind="time"),
    Metric("refusal_streak", 12, "placed", 11, kind="streak"),
    Metric("not_as_described_rate", 13, "placed", 12),
    Metric("perfect_order_rate", 14, "perfect", 0, higher_is_better=True),
    Metric("repeat_purchase_rate", 15, "placed", 13, kind="repeat", higher_is_better=True),
    *_group("ship", 20, "late_shipment_rate"),
    *_group("deliver", 25, "on_time_delivery_rate", higher=("on_time_delivery_rate",)),
    *_group("shipped", 30, "return_rate", "valid_tracking_rate", higher=("valid_tracking_rate",)),
    Metric("invoice_defect_rate", 32, "shipped", 2),
    Metric("negative_review_rate", 35, "review", 0),
    Metric("average_rating", 36, "review", 1, kind="mean", higher_is_better=True),
    Metric("review_reply_rate", 37, "review", 2, higher_is_better=True),
    Metric("first_response_time", 40, "turn", 0, kind="time"),
    Metric("response_time", 41, "turn", 1, kind="time"),
    Metric("response_within_rate", 42, "turn", 2, higher_is_better=True),
    Metric("no_response_rate", 43, "turn", 3),
    Metric("resolution_time", 50, "case", 0, kind="time"),
    Metric("resolution_within_rate", 51, "case", 1, higher_is_better=True),
    Metric("reopen_rate", 55, "resolved", 0),
    Metric("refund_time", 60, "return", 0, kind="time"),
    Metric("return_handling_within_rate", 61, "return", 1, higher_is_better=True),
    Metric("promise_gap", 65, "arrived", 0, kind="percentile"),
    Metric("csat", 70, "survey", 0, higher_is_better=True),
    Metric("mediation_time", 75, "mediation", 0, kind="time", owner="operator"),
    Metric("decision_within_rate", 76, "mediation", 1, higher_is_better=True, owner="operator"),
    Metric("overturn_rate", 77, "mediation", 2, owner="operator"),
)
METRICS: dict[str, Metric] = {metric.id: metric for metric in CATALOGUE}
METRICS_BY_CODE: dict[int, Metric] = {metric.code: metric for metric in CATALOGUE}
SELLER_METRICS: dict[str, Metric] = {metric.id: metric for metric in CATALOGUE if metric.owner == "seller"}
SLOW_CODES: tuple[int, ...] = tuple(metric.code for metric in CATALOGUE if metric.is_slow)
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
