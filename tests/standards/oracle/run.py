"""A run of evaluations a second time, in plain Python, from docs/standards.md: one shop's story at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.standards.oracle.conditions import Look, holds
from tests.standards.oracle.dates import is_official, name_of
from tests.standards.oracle.judging import NOT_JUDGED, Day, Oracle, Plain, RuleLook, ShopLook, is_active, to_fraction

DAY = timedelta(days=1)


@dataclass
class Story:
    """All that is remembered of a shop."""

    tier: str | None
    tier_since: date | None = None
    rising: int = 0
    falling: int = 0
    in_a_row: dict[str, int] = field(default_factory=dict)
    episode: dict[str, tuple[date, date, int]] = field(default_factory=dict)
    strikes: dict[str, list[date]] = field(default_factory=dict)
    events: dict[str, list[date]] = field(default_factory=dict)
    balance: Fraction | None = None
    steps: dict[str, list[tuple[date | None, bool]]] = field(default_factory=dict)
    badges: dict[str, bool] = field(default_factory=dict)


@dataclass
class StoryLook(ShopLook):
    """A shop with its history."""

    story: Story

    def find(self, key: str) -> Any:  # noqa: PLR0911 - one answer per name
        name, _, part = key.partition(".")
        story, on = self.story, self.day.on
        if key == "points":
            return story.balance
        if key == "tier":
            return story.tier
        if key == "tier_days":
            return None if story.tier_since is None else (on - story.tier_since).days
        if name == "badge":
            return story.badges.get(part)
        if name == "strikes":
            terms = next(s for s in self.day.standard["strikes"] if s["id"] == part)
            return sum((on - day).days < terms["last_days"] for day in story.strikes.get(part, []))
        if part in ("in_a_row", "breach_span_days", "warning"):
            return self._run(name, part)
        return super().find(key)

    def _run(self, name: str, part: str) -> int | None:
        if name not in {rule["id"] for rule in self.day.get_rules()} and name not in self.story.in_a_row:
            return None
        if part == "in_a_row":
            return self.story.in_a_row.get(name, 0)
        first, last, warning = self.story.episode.get(name, (date.min, date.min, 0))
        return (last - first).days if part == "breach_span_days" else warning

    def rules(self) -> Iterable[Look]:
        return [RuleLook(self, rule["id"]) for rule in self.day.get_rules()]


class Run:
    """The stories of all shops, date by date."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle, self.standard = oracle, oracle.standard
        start = self.standard.get("changes", {}).get("start_tier")
        self.stories = {shop: Story(start) for shop in oracle.shops}
        self.ever: dict[str, set[str]] = {}

    def evaluate(self, on: date) -> Day:
        """One more date for everybody."""
        day = self.oracle.evaluate(on, self.ever)
        for shop, story in self.stories.items():
            look = StoryLook(day, shop, story)
            for rule in day.get_rules():
                self._move_run(rule, day.verdict_of(rule["id"], shop), shop, on)
            for strikes in self.standard.get("strikes", []):
                if is_active(strikes):
                    self._strike(strikes, look)
            if "points" in self.standard:
                self._settle(self.standard["points"], look)
            if self.standard.get("tiers"):
                self._move_tier(look)
            for badge in self.standard.get("badges", []):
                asked = badge.get("keeps", badge["needs"]) if story.badges.get(badge["id"]) else badge["needs"]
                story.badges[badge["id"]] = is_active(badge) and holds(asked, look) is True
        return day

    def _move_run(self, rule: Plain, verdict: str, shop: str, on: date) -> None:
        name, story = rule["id"], self.stories[shop]
        story.in_a_row.setdefault(name, 0)
        if "evaluated" in rule and not is_official(rule["evaluated"], on):
            return
        terms = {"after_days": [0], "end_after_days": 30, **self.standard.get("warnings", {})}
        if verdict not in NOT_JUDGED:
            self.ever.setdefault(name, set()).add(shop)
            story.in_a_row[name] = story.in_a_row[name] + 1 if verdict == "breached" else 0
        if name in story.episode and (on - story.episode[name][1]).days >= terms["end_after_days"]:
            del story.episode[name]
        if verdict == "breached":
            first, _, warning = story.episode.get(name, (on, on, 0))
            reached = sum((on - first).days >= days for days in terms["after_days"])
            story.episode[name] = (first, on, max(warning, reached))

    def _strike(self, strikes: Plain, look: StoryLook) -> None:
        views: list[Any] = list(look.rules()) if strikes.get("each_rule") else [look]
        story, name = look.story, strikes["id"]
        story.strikes.setdefault(name, []).extend(look.day.on for view in views if holds(strikes["when"], view) is True)
        self._step(look, f"strikes.{name}", strikes.get("steps", []), look.find(f"strikes.{name}"))

    def _step(self, look: StoryLook, name: str, steps: list[Plain], value: Any) -> None:
        before = look.story.steps.get(name, [(None, False)] * len(steps))
        after = []
        for step, (since, held) in zip(steps, before, strict=True):
            now = holds(step["when"], _Balance(value)) is True
            after.append((look.day.on if now and not held else since, now))
        look.story.steps[name] = after

    def _settle(self, points: Plain, look: StoryLook) -> None:
        total, on = to_fraction(points["start"]), look.day.on
        for line in points["lines"]:
            if not is_active(line):
                continue
            worth = to_fraction(line["points"])
            if "figure" in line:
                value = look.find(line["figure"])
                total += worth * (0 if value is None else value // line.get("per", 1))
                continue
            events = look.story.events.setdefault(line["id"], [])
            if holds(line["when"], look) is True:
                events.append(on)
            total += worth * sum(counts(day, on, line.get("last_days"), points.get("reset")) for day in events)
        if "floor" in points:
            total = max(total, to_fraction(points["floor"]))
        if "ceiling" in points:
            total = min(total, to_fraction(points["ceiling"]))
        look.story.balance = total
        self._step(look, "points", points.get("steps", []), look.story.balance)

    def _move_tier(self, look: StoryLook) -> None:
        story, on, tiers = look.story, look.day.on, self.standard["tiers"]
        places = {tier["id"]: place for place, tier in enumerate(tiers)}
        here = None if story.tier is None else places[story.tier]
        to = next(place for place, tier in enumerate(tiers) if self._has_right(tier, place, here, look))
        changes = self.standard.get("changes", {})
        story.rising = story.rising + 1 if here is not None and to < here else 0
        story.falling = story.falling + 1 if here is not None and to > here else 0
        moves = here is None
        if here is not None and to != here:
            enough = (story.rising >= changes.get("rise_after", 1) if to < here
                      else story.falling >= changes.get("fall_after", 1))
            stay = tiers[here].get("stay_days", 0)
            staying = story.tier_since is not None and (on - story.tier_since).days < stay
            moves = enough and not staying and not self._is_held(look, falling=to > here)
        if moves:
            story.tier, story.rising, story.falling = tiers[to]["id"], 0, 0
        if moves or story.tier_since is None:
            story.tier_since = on

    def _has_right(self, tier: Plain, place: int, here: int | None, look: StoryLook) -> bool:
        if "needs" not in tier:
            return True
        keeps = "keeps" in tier and here is not None and here <= place
        return tier.get("confirmed", True) and holds(tier["keeps" if keeps else "needs"], look) is True

    def _is_held(self, look: StoryLook, *, falling: bool) -> bool:
        on = look.day.on
        frozen = {freeze.get("what", "downgrades") for freeze in self.standard.get("changes", {}).get("freezes", [])
                  if freeze["start"] <= on <= freeze["end"]}
        until = look.day.shops[look.shop].get("immune_until")
        immune = until is not None and on < until
        return "changes" in frozen or (falling and (immune or "downgrades" in frozen))


@dataclass
class _Balance:
    value: Any

    def find(self, key: str) -> Any:
        return self.value

    def instead(self, key: str) -> bool | None:
        return None

    def rules(self) -> Iterable[Look]:
        return ()


def counts(day: date, on: date, last_days: int | None, reset: str | None) -> bool:
    """Whether points given on a day still count: by their own time, and by no reset since."""
    if last_days is not None and (on - day).days >= last_days:
        return False
    return not any(_resets(day + DAY * number, reset) for number in range(1, (on - day).days + 1))


def _resets(day: date, reset: str | None) -> bool:
    if reset == "year":
        return (day.month, day.day) == (1, 1)
    if reset == "quarter":
        return name_of("quarter", day) != name_of("quarter", day - DAY)
    return reset == "quarter_first_monday" and day.weekday() == 0 and day.day <= 7 and day.month in (1, 4, 7, 10)
