"""What a standard measures: windows, figures, rules. Each class is one construct of the language, frozen and strict."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from scoring.standards.conditions import Compare, list_leaves
from scoring.standards.fields import (
    STRICT,
    Counted,
    Day,
    Days,
    Name,
    Number,
    Several,
    Share,
    Sources,
    Text,
    Texts,
    Titles,
    Weights,
    When,
    Whole,
    YesNo,
    refuse,
)
from scoring.standards.windowing import AnyWindow, Schedule, Window

Unit = Literal[
    "order",
    "line",
    "item",
    "parcel",
    "first_message",
    "message",
    "case",
    "return",
    "call",
    "review",
    "listing",
    "violation",
]
Measure = Literal[
    "share",
    "share_of_good",
    "mean",
    "median",
    "percentile",
    "count",
    "count_bad",
    "total_amount",
    "total_value",
    "streak",
    "longest_streak",
    "distinct_buyers",
]
Anchor = Literal[
    "own",
    "ordered",
    "paid",
    "ship_by",
    "deliver_by",
    "answer_by",
    "parcel_due",
    "opened",
    "reviewed",
    "violated",
    "received",
    "shipped",
]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Recency:
    """Units of the last ``days`` count ``weight`` times; the first line that fits holds, other units count nothing."""

    days: Days
    weight: Counted


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Rounding:
    """The value is cut (``down``) or rounded (``half_up``) to ``digits`` after the point: 2 for whole per cents.

    ``judged`` says which value the limit looks at; the shown one is always the rounded.
    """

    how: Literal["down", "half_up"]
    digits: Whole
    judged: Literal["rounded", "exact"]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Score:
    """Points for a figure's value: a line through ``points`` [value, points], values rising; flat beyond its ends.

    ``between: step`` keeps the points of the last value reached instead of drawing a line.
    """

    of: Name
    points: Annotated[tuple[tuple[Number, Number], ...], Several]
    between: Literal["line", "step"] = "line"

    @model_validator(mode="after")
    def _check(self) -> Score:
        values = [value for value, _ in self.points]
        if len(values) < 2 or values != sorted(set(values)):
            raise refuse("give two points at least, their values rising", "points")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class WeightCase:
    """Other weights for the shops of whom ``where`` is true."""

    where: When
    weights: Weights


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Weighted:
    """The sum of figures times ``weights``; the first of ``cases`` whose condition holds gives others.

    A missing part makes the whole missing, or is left out and the rest scaled up to the full weight.
    """

    weights: Weights
    cases: Annotated[tuple[WeightCase, ...], Several] = ()
    missing_part: Literal["missing", "left_out"] = "left_out"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class AgainstPeers:
    """A figure divided by that of all shops alike in ``peers``, taken together, itself included.

    Missing where fewer than ``least`` shops of the group have the figure.
    """

    of: Name
    peers: Texts
    least: Counted = 5


@dataclass(frozen=True, config=STRICT, kw_only=True)
class AgainstOwn:
    """A figure divided by the shop's own over a longer window: its personal norm."""

    of: Name
    over: Window


@dataclass(frozen=True, config=STRICT)
class Evidence:
    """What a breach must rest on: least base, bad units and distinct buyers; ``alpha`` bounds the tail."""

    min_base: Counted
    min_bad: Counted
    min_buyers: Counted
    alpha: Share


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Act:
    """A consequence. ``share`` is a fee's or penalty's part, ``cap`` a number of orders, ``days`` how long it lasts."""

    kind: Literal[
        "notice",
        "warning",
        "badge",
        "ranking",
        "fee",
        "penalty",
        "order_cap",
        "listing_cap",
        "listing_hidden",
        "payment_hold",
        "payout_delay",
        "feature_lost",
        "suspension",
        "termination",
        "plan_required",
        "quiz",
        "manual_reopening",
        "review",
    ]
    scope: Literal["shop", "country", "category", "listing", "fulfilment", "channel"] = "shop"
    share: Share | None = None
    cap: Counted | None = None
    cap_share: Share | None = None
    days: Days | None = None
    note: Text | None = None


Acts = Annotated[tuple[Act, ...], Several]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Grade:
    """A letter, colour or band: the first of a rule's grades whose condition holds; the last may go without one."""

    id: Text
    when: When | None = None
    acts: Acts = ()


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LimitCase:
    """The limits for whom ``where`` is true; without it for all others."""

    where: When | None = None
    kept_when: When | None = None
    watch_when: When | None = None


COMPOSED = ("score", "weighted", "least_of", "greatest_of", "against_peers", "against_own")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Figure:
    """One number per shop: which units, dated by which anchor, over which window, put together how.

    Rows are those of ``metric`` and ``unit``; ``join`` makes one unit of rows that share a reference. ``bad_when``
    decides what is bad instead of the row itself, ``count_when`` what counts at all. A composed figure names others.
    """

    id: Name
    title: Titles | None = None
    metric: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]*)?$", strict=True)] = ""
    unit: Unit | None = None
    anchor: Anchor = "own"
    window: AnyWindow | None = None
    measure: Measure = "share"
    percent: Whole | None = None
    join: Literal["any_bad", "last", "worst"] | None = None
    weigh_by: Literal["quantity", "value"] | None = None
    recency: Annotated[tuple[Recency, ...], Several] = ()
    count_when: When | None = None
    bad_when: When | None = None
    unknown_is: Literal["bad", "good", "left_out"] = "bad"
    defect_kinds: Texts = ()
    clock: Name | None = None
    within_hours: Number | None = None
    maturity_days: Whole = 0
    round: Rounding | None = None
    per: Literal["country", "category", "fulfilment", "channel", "listing", "region"] | None = None
    score: Score | None = None
    weighted: Weighted | None = None
    least_of: Annotated[tuple[Name, ...], Several] | None = None
    greatest_of: Annotated[tuple[Name, ...], Several] | None = None
    against_peers: AgainstPeers | None = None
    against_own: AgainstOwn | None = None
    source: Sources | None = None
    confirmed: YesNo = True
    active: YesNo | None = None
    note: Text | None = None

    @property
    def composed(self) -> str | None:
        """The field that makes it out of other figures; None when it is counted from rows."""
        return next((kind for kind in COMPOSED if getattr(self, kind) is not None), None)

    @property
    def is_active(self) -> bool:
        """Whether it is used: an unconfirmed one only when somebody said so."""
        return self.confirmed if self.active is None else self.active

    @property
    def parts(self) -> tuple[str, ...]:
        """The figures it is made of."""
        if self.weighted is not None:
            cases = (case.weights for case in self.weighted.cases)
            return tuple(dict.fromkeys(name for weights in (self.weighted.weights, *cases) for name, _ in weights))
        single = self.score or self.against_peers or self.against_own
        return (single.of,) if single is not None else self.least_of or self.greatest_of or ()

    @model_validator(mode="after")
    def _check_figure(self) -> Figure:
        composed = [kind for kind in COMPOSED if getattr(self, kind) is not None]
        if len(composed) > 1:
            raise refuse(f"is made in {len(composed)} ways at once; keep one of {', '.join(composed)}")
        if composed and (self.window is not None or self.metric):
            raise refuse(f"{composed[0]} takes its units from other figures; leave metric and window out", composed[0])
        if not composed and (self.window is None or not self.metric):
            raise refuse("missing", "window" if self.metric else "metric")
        if (self.measure == "percentile") != (self.percent is not None):
            raise refuse("percentile and percent come together, like {measure: percentile, percent: 90}", "measure")
        if self.percent is not None and not 1 <= self.percent <= 100:
            raise refuse(f"{self.percent} is not between 1 and 100", "percent")
        if self.metric == "order_defect_rate" and not self.defect_kinds and self.bad_when is None:
            raise refuse("name at least one kind, else nothing is a defect", "defect_kinds")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Rule(Figure):
    """A figure that is judged: breached unless ``kept_when`` holds, else watch when ``watch_when`` does, else kept.

    ``limits`` choose both by condition. ``judged_when`` is the least that must be known, with ``sticky`` for ever once
    it was; ``missing`` says what a level makes of a rule that is not judged. ``aim`` is shown and decides nothing.
    Until ``trial_until`` the verdict is for staff alone and decides nothing. ``evaluated`` names rarer dates of its
    own, on which alone its breaches are counted.
    """

    kept_when: When | None = None
    watch_when: When | None = None
    limits: Annotated[tuple[LimitCase, ...], Several] = ()
    aim: When | None = None
    judged_by: Literal["point", "evidence"] | None = None
    evidence: Evidence | None = None
    judged_when: When | None = None
    sticky: YesNo = False
    missing: Literal["skip", "pass", "fail"] = "skip"
    exempt_when: When | None = None
    trial_until: Day | None = None
    grades: Annotated[tuple[Grade, ...], Several] = ()
    evaluated: Schedule | None = None
    acts: Acts = ()

    @cached_property
    def cases(self) -> tuple[LimitCase, ...]:
        """The limits in the order in which they are tried."""
        return self.limits or (LimitCase(kept_when=self.kept_when, watch_when=self.watch_when),)

    @property
    def bound(self) -> Compare:
        """The one limit on its value. Raises ValueError when its limit is another condition or there are several."""
        if not isinstance(self.kept_when, Compare) or self.kept_when.key != "value":
            raise ValueError(f"rule {self.id}: its limit is no single comparison of its value; read its cases")
        return self.kept_when

    @cached_property
    def limit(self) -> Decimal:
        """The one limit on its value, as a decimal. Raises ValueError like ``bound``."""
        return Decimal(self.bound.bound.numerator) / Decimal(self.bound.bound.denominator)

    @cached_property
    def higher_is_better(self) -> bool:
        """Whether its limit is one to stay above; by its measure where conditions name no bound of the value."""
        found = [leaf for case in self.cases for leaf, _ in list_leaves(case.kept_when) if leaf.key == "value"]
        return self.measure == "share_of_good" or any(
            isinstance(leaf, Compare) and leaf.operator in {">", ">="} for leaf in found
        )

    @property
    def bad_limit(self) -> Fraction:
        """The limit on bad ÷ base, exact: the limit, or 1 − limit where higher is better."""
        return 1 - self.bound.bound if self.measure == "share_of_good" else self.bound.bound

    @property
    def working_hours(self) -> int | None:
        """The promise of a rule with a clock [h]."""
        return None if self.within_hours is None else int(self.within_hours)

    @property
    def window_days(self) -> int:
        """The length of its window [local days]. Raises ValueError when it is no plain window of days."""
        if not isinstance(self.window, Window) or self.window.days is None:
            raise ValueError(f"rule {self.id}: its window is no plain number of days; ask window_for")
        return self.window.days

    @model_validator(mode="after")
    def _check_rule(self) -> Rule:
        if self.limits and (self.kept_when is not None or self.watch_when is not None):
            raise refuse("limits say it already; keep limits, or kept_when and watch_when alone", "kept_when")
        if any(case.kept_when is None and case.watch_when is not None for case in self.cases):
            raise refuse("watch comes before a breach; give kept_when too", "watch_when")
        open_case = next((place for place, case in enumerate(self.limits[:-1]) if case.where is None), None)
        if open_case is not None:
            raise refuse("is for everybody, so no later line is ever reached", f"limits[{open_case}]")
        if self.sticky and self.judged_when is None:
            raise refuse("keeps judged_when fulfilled; give judged_when too", "sticky")
        return self
