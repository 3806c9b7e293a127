"""A whole standard, and the short questions asked of it. Its parts are in ``parts`` and ``decisions``."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from scoring.schedules import is_evaluated
from scoring.standards.brief import Level, list_levels
from scoring.standards.decisions import (
    Badge,
    Changes,
    Clock,
    Exclusion,
    Points,
    Scope,
    Season,
    Strikes,
    Tier,
    WarningTerms,
)
from scoring.standards.fields import (
    STRICT,
    Counted,
    Day,
    HolidayDates,
    Hours,
    Name,
    Several,
    SourceTexts,
    Text,
    Title,
    Titles,
)
from scoring.standards.parts import Evidence, Figure, Rule
from scoring.standards.windowing import Schedule
from scoring.windows import Dates, resolve_windows


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Standard:
    """One published version of a standard, in force from ``effective_from`` (local date).

    Official runs of a date happen ``settle_hours`` after it ends [h]. ``figures`` are measured and shown, ``rules``
    judged too. ``tiers`` are best first. ``sources`` names what the codes of the parts stand for. ``holidays`` are the
    dates on which clocks stop that name those of the marketplace or of the destination (by country code).
    """

    id: Name
    version: Counted
    title: Titles
    effective_from: Day
    published_on: Day | None = None
    scope: Scope = Scope()
    timezone: Text | None = None
    standing_per: Literal["country", "category", "fulfilment", "channel", "region"] | None = None
    evaluated: Schedule
    settle_hours: Hours = 0
    judged_by: Literal["point", "evidence"] = "point"
    evidence: Evidence = Evidence(20, 3, 2, Decimal("0.005"))
    seasons: Annotated[tuple[Season, ...], Several] = ()
    clocks: Annotated[tuple[Clock, ...], Several] = ()
    holidays: HolidayDates = ()
    exclusions: Annotated[tuple[Exclusion, ...], Several] = ()
    figures: Annotated[tuple[Figure, ...], Several] = ()
    rules: Annotated[tuple[Rule, ...], Several]
    tiers: Annotated[tuple[Tier, ...], Several] = ()
    changes: Changes = Changes()
    warnings: WarningTerms = WarningTerms(end_after_days=30)
    strikes: Annotated[tuple[Strikes, ...], Several] = ()
    points: Points | None = None
    badges: Annotated[tuple[Badge, ...], Several] = ()
    sources: SourceTexts = ()
    notes: Annotated[tuple[Text, ...], Several] = ()

    def __hash__(self) -> int:
        # Much is kept by standard, and looked up once per shop: to go through every rule each time costs more.
        return hash((self.id, self.version))

    @property
    def judged(self) -> str:
        """How often it is judged: daily, weekly, monthly or quarterly."""
        return {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly"}[self.evaluated.every]

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The tiers in the short reading, best first."""
        return list_levels(self)

    def find_rule(self, metric: str) -> Rule | None:
        """The first rule of that id, else the first that judges that metric; None when there is none."""
        by_id = (rule for rule in self.rules if rule.id == metric)
        return next(by_id, None) or next((rule for rule in self.rules if rule.metric == metric), None)

    def get_rule(self, metric: str) -> Rule:
        """The rule of that id or metric. Raises KeyError when the standard has none."""
        rule = self.find_rule(metric)
        if rule is None:
            raise KeyError(f"standard {self.id} version {self.version} does not judge {metric}")
        return rule

    def get_level(self, level_id: str) -> Level:
        """A level by its id. Raises KeyError for an id that is none."""
        return {level.id: level for level in self.levels}[level_id]

    def get_figure(self, name: str) -> Figure:
        """The figure or rule of that id, else the one of that metric. Raises KeyError when there is none."""
        found = next((figure for figure in self.figures if figure.id == name), None) or self.find_rule(name)
        found = found or next((figure for figure in self.figures if figure.metric == name), None)
        if found is None:
            raise KeyError(f"standard {self.id} version {self.version} has no figure {name}")
        return found

    def list_windows(self, metric: str, on: date, volume: int | None = None) -> tuple[Dates, ...]:
        """The windows a figure is judged over on a date: half-open local dates [first, end), one per window.

        ``volume`` chooses where the window depends on it; unknown (None) counts as small. Since the beginning starts at
        ``date.min``. Raises KeyError for an unknown figure, ValueError for one made of others.
        """
        figure = self.get_figure(metric)
        if figure.window is None:
            raise ValueError(f"figure {figure.id} is made of {', '.join(figure.parts)}; ask for theirs")
        return resolve_windows(figure.window, on, volume)

    def window_for(self, metric: str, on: date, volume: int | None = None) -> Dates:
        """The window a figure is judged over on a date, the first where it has several; see ``list_windows``."""
        return self.list_windows(metric, on, volume)[0]

    def is_official(self, on: date, holidays: frozenset[date] = frozenset()) -> bool:
        """Whether a date is one of its evaluation dates; any other gives a projected result."""
        return is_evaluated(self.evaluated, on, holidays)

    def to_mapping(self) -> dict[str, Any]:
        """The standard as plain values, ready for JSON; ``parse_standard`` reads it back as an equal one."""
        plain: dict[str, Any] = ADAPTER.dump_python(self, mode="json", exclude_defaults=True)
        return plain


ADAPTER: TypeAdapter[Standard] = TypeAdapter(Standard)
DEFECT_KINDS = frozenset(
    {
        "case",
        "case_lost",
        "chargeback",
        "low_rating",
        "cancelled_by_seller",
        "not_shipped",
        "late_delivery",
        "seller_refund",
    }
)


def title_in(title: Title, language: str) -> str:
    """The text in a language, else in English, else in the language given first."""
    texts = dict(title)
    return texts.get(language) or texts.get("en") or title[0][1]
