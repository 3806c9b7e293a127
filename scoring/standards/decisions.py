"""Whom a standard binds, when it is evaluated and what follows: clocks, exclusions, levels, strikes, points, badges."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from scoring.standards.brief import find_bound
from scoring.standards.conditions import Among, list_leaves
from scoring.standards.fields import (
    STRICT,
    ClockTime,
    Counted,
    Day,
    Days,
    MonthDay,
    Name,
    Names,
    Number,
    Several,
    Sources,
    Text,
    Texts,
    Titles,
    When,
    Whole,
    YesNo,
    refuse,
)
from scoring.standards.parts import Acts
from scoring.standards.windowing import Weekday


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Scope:
    """Whom a standard binds: every list that is given must hold the shop's own. Among several, the highest priority."""

    priority: Whole = 0
    marketplace: Texts = ()
    country: Texts = ()
    category: Texts = ()
    fulfilment: Texts = ()
    channel: Texts = ()
    seller_tier: Texts = ()


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Season:
    """Days of every year, both ends included; from a later day to an earlier one it runs over New Year."""

    id: Name
    start: MonthDay
    end: MonthDay


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Clock:
    """How the time of a promise runs: which days and hours count, whose holidays stop it, and when the day ends.

    Without ``hours`` it runs around the clock on its ``weekdays``. ``due_at`` moves a deadline to that time of its day;
    ``starts_on`` says whether the first day is day one; ``roll_forward`` moves a deadline off days that do not count.
    """

    id: Name
    weekdays: Annotated[tuple[Weekday, ...], Several] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    hours: Annotated[tuple[Annotated[tuple[ClockTime, ClockTime], Several], ...], Several] = ()
    holidays: Literal["none", "seller", "destination", "marketplace"] = "none"
    zone: Literal["marketplace", "shop", "destination"] | Text = "marketplace"
    stops_for: Annotated[tuple[Literal["shop_closed", "out_of_office", "platform_closed"], ...], Several] = ()
    due_at: ClockTime | None = None
    due_in_days: Whole | None = None
    order_cut_off: ClockTime | None = None
    starts_on: Literal["same_day", "next_day"] = "next_day"
    roll_forward: YesNo = False
    source: Sources | None = None

    @model_validator(mode="after")
    def _check(self) -> Clock:
        if not self.weekdays:
            raise refuse("names no day, so the clock never runs", "weekdays")
        if self.hours and self.due_in_days is not None:
            raise refuse("is due on a day, so hours decide nothing; leave one of the two out", "due_in_days")
        for place, (start, end) in enumerate(self.hours):
            if start >= end:
                raise refuse(f"{start} is not before {end}; write a night as two frames", f"hours[{place}]")
            if place and start < self.hours[place - 1][1]:
                raise refuse(
                    f"overlaps the frame before it, which ends at {self.hours[place - 1][1]}", f"hours[{place}]"
                )
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Exclusion:
    """Units that leave the bad, the base or both by themselves; ``on_request`` ones only when granted for that cause.

    A request is heard for the ``causes`` listed, with ``after_close`` only once the case is closed.
    """

    id: Name
    takes: Literal["bad", "base", "both"]
    where: When | None = None
    rules: Names = ()
    start: Day | None = None
    end: Day | None = None
    on_request: YesNo = False
    after_close: YesNo = False
    causes: Texts = ()
    source: Sources | None = None
    confirmed: YesNo = True
    note: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> Exclusion:
        if self.where is None and not self.on_request and self.start is None:
            raise refuse("takes out everything; say where, from when, or on_request")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise refuse(f"{self.end} lies before {self.start}", "end")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Tier:
    """A level. A shop has the best one whose ``needs`` hold; what it has, or has passed, it keeps while ``keeps`` does.

    ``stay_days`` is how long it is held before any change.
    """

    id: Name
    title: Titles
    needs: When | None = None
    keeps: When | None = None
    stay_days: Whole = 0
    acts: Acts = ()
    source: Sources | None = None
    confirmed: YesNo = True
    note: Text | None = None


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Freeze:
    """Dates, both included, on which levels do not fall, or do not change at all."""

    start: Day
    end: Day
    what: Literal["downgrades", "changes"] = "downgrades"

    @model_validator(mode="after")
    def _check(self) -> Freeze:
        if self.end < self.start:
            raise refuse(f"{self.end} lies before {self.start}", "end")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Changes:
    """How levels move: after how many evaluations in a row that say so, from which start, and when not."""

    rise_after: Counted = 1
    fall_after: Counted = 1
    start_tier: Name | None = None
    freezes: Annotated[tuple[Freeze, ...], Several] = ()
    source: Sources | None = None


@dataclass(frozen=True, config=STRICT, kw_only=True)
class WarningTerms:
    """Warnings of a rule: one at its first breach, further ones when still breached ``after_days`` [days] from it.

    All end once ``end_after_days`` [days] passed without a breach.
    """

    after_days: Annotated[tuple[Whole, ...], Several] = (0,)
    end_after_days: Days
    source: Sources | None = None

    @property
    def second_after_days(self) -> int:
        """When the second warning comes [days after the first breach]. Raises ValueError when there is none."""
        if len(self.after_days) < 2:
            raise ValueError("warnings: this standard gives one warning only")
        return self.after_days[1]

    @model_validator(mode="after")
    def _check(self) -> WarningTerms:
        if not self.after_days or self.after_days[0] != 0 or list(self.after_days) != sorted(set(self.after_days)):
            raise refuse("start at 0, the first breach, and rise from there, like [0, 30]", "after_days")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Step:
    """What follows while ``when`` holds of the count or balance; with ``for_days`` that long from when it began to."""

    when: When
    acts: Acts
    for_days: Days | None = None


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Strikes:
    """A strike at each evaluation at which ``when`` holds, or one for ``each_rule`` of which it does.

    They count ``last_days``. ``{strikes.ID: ">= 5"}`` asks for their number.
    """

    id: Name
    when: When
    last_days: Days
    each_rule: YesNo = False
    steps: Annotated[tuple[Step, ...], Several] = ()
    source: Sources | None = None
    confirmed: YesNo = True
    active: YesNo | None = None
    note: Text | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is used: an unconfirmed one only when somebody said so."""
        return self.confirmed if self.active is None else self.active


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PointLine:
    """``points`` for every ``per`` units that a ``figure`` counts, or at each evaluation at which ``when`` holds.

    Those of a figure last as long as its window; those of an evaluation ``last_days``, or until the account is reset.
    """

    id: Name
    points: Number
    figure: Name | None = None
    per: Counted = 1
    when: When | None = None
    last_days: Days | None = None
    source: Sources | None = None
    confirmed: YesNo = True
    active: YesNo | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is used: an unconfirmed one only when somebody said so."""
        return self.confirmed if self.active is None else self.active

    @model_validator(mode="after")
    def _check(self) -> PointLine:
        if (self.figure is None) == (self.when is None):
            raise refuse("needs a figure that is counted, or when an evaluation gives them; one of the two")
        if self.figure is not None and self.last_days is not None:
            raise refuse("lasts as long as its figure's window; leave it out", "last_days")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Points:
    """An account: ``start`` plus what its lines say, kept between ``floor`` and ``ceiling``."""

    start: Number
    lines: Annotated[tuple[PointLine, ...], Several]
    floor: Number | None = None
    ceiling: Number | None = None
    reset: Literal["quarter", "quarter_first_monday", "year"] | None = None
    steps: Annotated[tuple[Step, ...], Several] = ()
    source: Sources | None = None

    @model_validator(mode="after")
    def _check(self) -> Points:
        lower, upper = self.floor, self.ceiling
        if lower is not None and upper is not None and lower >= upper:
            raise refuse(f"{upper} does not lie above the floor, {lower}", "ceiling")
        if (lower is not None and self.start < lower) or (upper is not None and self.start > upper):
            raise refuse(f"{self.start} lies outside floor and ceiling", "start")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Badge:
    """A mark beside the level, held while ``needs`` does: of a level, of one rule, of anything a condition can say.

    Where ``keeps`` is given, who has the mark keeps it while that does, so that it does not come and go at the edge.
    """

    id: Name
    title: Titles
    needs: When
    keeps: When | None = None
    source: Sources | None = None
    confirmed: YesNo = True
    active: YesNo | None = None
    note: Text | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is given: an unconfirmed one only when somebody said so."""
        return self.confirmed if self.active is None else self.active

    @property
    def level(self) -> str | None:
        """The level it goes with, None when it goes with none."""
        if isinstance(self.needs, Among) and self.needs.key == "tier" and len(self.needs.values) == 1:
            return self.needs.values[0]
        return None

    @cached_property
    def metric(self) -> str | None:
        """The rule whose keeping it goes with, None when it goes with a level."""
        verdicts = (leaf.key for leaf, _ in list_leaves(self.needs) if leaf.key.endswith(".verdict"))
        return next((key.removesuffix(".verdict") for key in verdicts), None)

    @property
    def min_base(self) -> int | None:
        """The base that its rule must have."""
        return None if self.metric is None else find_bound(self.needs, f"{self.metric}.base")

    @property
    def kept_base(self) -> int | None:
        """The base with which it is kept."""
        return self.min_base if self.keeps is None else find_bound(self.keeps, f"{self.metric}.base")
