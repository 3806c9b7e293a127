"""The dates of a standard: windows, how several go together, and when it is evaluated. Frozen and strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Tag, model_validator
from pydantic.dataclasses import dataclass

from scoring.standards.fields import STRICT, ClockTime, Counted, Days, Name, Several, Whole, YesNo, refuse

Period = Literal["iso_week", "month", "quarter", "half_year", "year"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
KINDS = ("days", "days_back", "months", "full", "current", "since")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Window:
    """Which local dates count for an evaluation on date D. Exactly one of the first six fields says so.

    ``days`` up to D, ``days_back: [b, a]`` from D − b through D − a, ``months`` back from D to the same day, ``count``
    ``full`` calendar periods before D's own, the ``current`` period up to D, or ``since: beginning``. ``today: false``
    leaves D out. ``latest`` or ``first`` keep that many units of those dates, ``after_first`` leaves that many out. A
    day that ``ends_at`` 18:00 takes in what came after 18:00 the day before.
    """

    days: Days | None = None
    days_back: Annotated[tuple[Whole, Whole], Several] | None = None
    months: Counted | None = None
    full: Period | None = None
    current: Period | None = None
    since: Literal["beginning"] | None = None
    count: Counted | None = None
    today: YesNo | None = None
    latest: Counted | None = None
    first: Counted | None = None
    after_first: Counted | None = None
    ends_at: ClockTime | None = None

    @property
    def kind(self) -> str:
        """The field that says which dates."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def with_today(self) -> bool:
        """Whether D itself counts."""
        return self.today is not False

    @model_validator(mode="after")
    def _check(self) -> Window:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise refuse(f"give exactly one of {', '.join(KINDS)}; found {', '.join(given) or 'none'}")
        if self.days_back and self.days_back[0] < self.days_back[1]:
            raise refuse(
                f"is empty: it starts {self.days_back[0]} days back and ends {self.days_back[1]} days back; "
                "write the larger number first",
                "days_back",
            )
        if self.count is not None and self.full is None:
            raise refuse("counts full periods only; give full too, or leave it out", "count")
        if self.today is not None and given[0] in {"days_back", "full"}:
            raise refuse(f"says nothing here: {given[0]} already names both ends", "today")
        if sum(part is not None for part in (self.latest, self.first, self.after_first)) > 1:
            raise refuse("give one of latest, first and after_first at most")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ByVolume:
    """The window ``then`` for whoever has ``at_least`` that many units in ``count_in``, else ``otherwise``.

    Units are those of the figure itself, or of the count ``of`` another one.
    """

    count_in: Window
    at_least: Counted
    then: Window
    otherwise: Window
    of: Name | None = None


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Windows:
    """One window of several kinds: chosen ``by_volume``, several judged, one judged beside others shown, or two.

    ``all``: the limit must be kept over each. ``any``: over one is enough. ``one`` is judged and ``shown`` are not.
    ``bad`` and ``base`` count over dates of their own, the base divided by ``divided_by``.
    """

    by_volume: ByVolume | None = None
    all: Annotated[tuple[Window, ...], Several] | None = None
    any: Annotated[tuple[Window, ...], Several] | None = None
    one: Window | None = None
    shown: Annotated[tuple[Window, ...], Several] = ()
    bad: Window | None = None
    base: Window | None = None
    divided_by: Counted = 1

    @property
    def kind(self) -> str:
        """Which of the five it is."""
        return next(kind for kind in ("by_volume", "all", "any", "one", "bad") if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _check(self) -> Windows:
        given = [kind for kind in ("by_volume", "all", "any", "one", "bad") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise refuse(
                f"give exactly one of by_volume, all, any, one, bad with base; found {', '.join(given) or 'none'}"
            )
        if (self.bad is None) != (self.base is None):
            raise refuse("bad and base come together", given[0])
        for kind in ("all", "any"):
            if getattr(self, kind) is not None and len(getattr(self, kind)) < 2:
                raise refuse("names one window; write it without the list, or add another", kind)
        if self.shown and self.one is None:
            raise refuse("shows windows beside the one that is judged; give one too", "shown")
        return self


_SEVERAL = {"by_volume", "all", "any", "one", "shown", "bad", "base", "divided_by"}


def _tell_windows(written: object) -> str:
    several = isinstance(written, Windows) or (isinstance(written, Mapping) and _SEVERAL & set(written))
    return "kind:several" if several else "kind:one"


AnyWindow = Annotated[
    Annotated[Window, Tag("kind:one")] | Annotated[Windows, Tag("kind:several")], Discriminator(_tell_windows)
]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Schedule:
    """The dates of official evaluations. Any other date gives a projected result.

    ``day`` of the month (in the named ``months``), or a ``weekday`` of every, even or odd ISO weeks, or the first one
    of a month or quarter. ``roll_forward`` moves a date that is no working day to the next that is; ``takes_effect``
    says when the result counts: the same day, some days later, or from the first of the next month.
    """

    every: Literal["day", "week", "month", "quarter"]
    day: Whole | None = None
    months: Annotated[tuple[Whole, ...], Several] = ()
    weekday: Weekday | None = None
    weeks: Literal["every", "even", "odd"] = "every"
    roll_forward: YesNo = False
    takes_effect: Literal["same_day", "next_month"] | Whole = "same_day"

    @model_validator(mode="after")
    def _check(self) -> Schedule:
        if self.every in {"month", "quarter"} and (self.day is None) == (self.weekday is None):
            raise refuse(f"every {self.every} needs a day of the month or a first weekday, one of them", "day")
        if self.every == "week" and self.weekday is None:
            raise refuse("every week needs a weekday", "weekday")
        if self.day is not None and not 1 <= self.day <= 28:
            raise refuse(f"{self.day} is not between 1 and 28; later days are not in every month", "day")
        if any(not 1 <= month <= 12 for month in self.months):
            raise refuse("months are numbered 1 to 12", "months")
        return self
