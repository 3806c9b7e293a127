"""The plain part of a standard: shares over a number of days against one limit, judged by evidence.

Plain rules can be counted from day cells and judged for all shops and dates at once; every other rule goes through
``scoring.evaluate``. A standard is plain when nothing in it needs more than that.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

from scoring.metrics import METRICS
from scoring.standards.brief import LEVEL_IDS
from scoring.standards.conditions import Among, Compare, Group
from scoring.standards.decisions import Badge, Changes
from scoring.standards.model import Standard
from scoring.standards.parts import Figure, Rule
from scoring.standards.reading import load_preset
from scoring.standards.windowing import Schedule, Window

# Whatever a plain rule may not say: each changes what is counted or how it is judged.
_UNSAID = (
    "join", "weigh_by", "recency", "count_when", "bad_when", "maturity_days", "per", "round", "watch_when", "limits",
    "judged_when", "sticky", "exempt_when", "trial_until", "evaluated", "evidence", "grades",
)


@lru_cache(maxsize=64)
def list_plain_rules(standard: Standard) -> tuple[Rule, ...]:
    """The active rules that are plain, in their order, the first of each metric."""
    found: dict[str, Rule] = {}
    for rule in standard.rules:
        if is_plain_rule(rule, standard):
            found.setdefault(rule.metric, rule)
    return tuple(found.values())


def find_plain_rule(standard: Standard, metric: str) -> Rule | None:
    """The plain rule that judges a metric."""
    return next((rule for rule in list_plain_rules(standard) if rule.metric == metric), None)


def is_plain_rule(rule: Rule, standard: Standard) -> bool:
    """Whether a rule is plain: a share kept from outcomes, over days up to the date, with one limit on it."""
    metric = METRICS.get(rule.metric)
    if metric is None or metric.kind != "share" or not rule.is_active or rule.composed is not None:
        return False
    if any(getattr(rule, name) for name in _UNSAID) or (rule.anchor, rule.missing) != ("own", "skip"):
        return False
    if (rule.judged_by or standard.judged_by) != "evidence" or standard.exclusions or standard.standing_per:
        return False
    way = ("share_of_good", ">=") if metric.higher_is_better else ("share", "<=")
    limit = rule.kept_when
    bound = limit.operator if isinstance(limit, Compare) and limit.key == "value" else None
    return _is_days(rule.window) and (rule.measure, bound) == way


@lru_cache(maxsize=64)
def is_plain(standard: Standard) -> bool:
    """Whether the whole standard is: judged every day, three levels, nothing but plain rules.

    Levels as those of our own: the top one asks for every judged rule kept and a number of orders, the lowest comes
    with breaches of one rule far enough apart.
    """
    active = [rule for rule in standard.rules if rule.is_active]
    if not active or tuple(active) != list_plain_rules(standard):
        return False
    return standard.evaluated == Schedule(every="day") and _has_plain_levels(standard) and _has_no_extras(standard)


def _has_no_extras(standard: Standard) -> bool:
    plain = Changes(start_tier="in_standard", source=standard.changes.source)
    extras: tuple[Any, ...] = (standard.strikes, standard.points, standard.seasons)
    warned_twice = len(standard.warnings.after_days) == 2
    return not any(extras) and standard.changes == plain and warned_twice and all(map(_is_orders, standard.figures))


def _is_orders(figure: Figure) -> bool:
    """The number of orders placed, which the top level asks for."""
    return figure.id == "orders" and figure.measure == "count" and _is_days(figure.window)


def _has_plain_levels(standard: Standard) -> bool:
    if tuple(tier.id for tier in standard.tiers) != LEVEL_IDS:
        return False
    top, kept, below = standard.tiers
    if any(tier.keeps is not None or tier.stay_days or not tier.confirmed for tier in standard.tiers):
        return False
    if below.needs is not None or not all(_is_plain_badge(badge) for badge in standard.badges):
        return False
    return (_shape(top.needs), _shape(kept.needs)) == _read_shapes()


def _is_plain_badge(badge: Badge) -> bool:
    """One that goes with a level, or with one rule kept over a least base; kept alike, over another."""
    if not badge.is_active or badge.level is not None:
        return badge.is_active and badge.keeps is None
    kept = Group("all", (Among(f"{badge.metric}.verdict", ("kept",)), _at_least(f"{badge.metric}.base", badge)))
    asked = (badge.needs, badge.needs if badge.keeps is None else badge.keeps)
    return badge.metric is not None and all(_shape(condition) == _shape(kept) for condition in asked)


def _at_least(key: str, badge: Badge) -> Compare:
    return Compare(key, ">=", Fraction(badge.min_base or 0), "")


def _is_days(window: object) -> bool:
    return isinstance(window, Window) and window.days is not None and window == Window(days=window.days)


def _shape(condition: Any) -> Any:
    """A condition without its numbers, its parts in no order."""
    if isinstance(condition, Compare):
        return condition.key, condition.operator
    if (parts := getattr(condition, "parts", None)) is not None:
        return condition.kind, frozenset(_shape(part) for part in parts)
    if (part := getattr(condition, "part", None)) is not None:
        return type(condition).__name__, getattr(condition, "kind", ""), _shape(part)
    return condition


@lru_cache(maxsize=1)
def _read_shapes() -> tuple[Any, Any]:
    """What the top level and the one below it ask for, but for the numbers."""
    top, kept, _ = load_preset("ours").tiers
    return _shape(top.needs), _shape(kept.needs)
