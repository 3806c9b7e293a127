"""One date of a standard a second time, in plain Python, from docs/standards.md: shop by shop, rule by rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import comb
from typing import Any

from tests.standards.oracle.conditions import SCALES, Look, holds
from tests.standards.oracle.dates import holds_day
from tests.standards.oracle.figures import Count, Plain, Unit, count, list_units, micro, rounded, season_of

NOT_JUDGED = ("not_enough_data", "exempt")
WORST_FIRST = ("breached", "watch", "kept", "not_enough_data", "exempt")
BEST_FIRST = ("kept", "watch", "breached", "not_enough_data", "exempt")
SHOP_TEXTS = ("marketplace", "country", "category", "fulfilment", "channel", "seller_tier", "region", "price_band",
              "programme", "scheme")


@dataclass(frozen=True)
class Judged:
    """A figure of one shop and part on a date; no verdict where it is not judged."""

    exact: Fraction | None
    shown: Fraction | None
    looked_at: Fraction | None
    counts: Count | None = None
    verdict: str | None = None
    decided: str | None = None
    grade: str | None = None
    aim: bool | None = None


@dataclass
class Day:
    """Everything of one date: figure id to shop and part to result. ``phantoms`` decide nothing."""

    standard: Plain
    on: date
    shops: Mapping[str, Plain]
    found: dict[str, dict[tuple[str, str], Judged]] = field(default_factory=dict)
    phantoms: set[str] = field(default_factory=set)

    def get_rules(self) -> list[Plain]:
        return [r for r in self.standard["rules"] if r["id"] in self.found and r["id"] not in self.phantoms]

    def verdict_of(self, rule: str, shop: str) -> str:
        """The worst of a shop's parts."""
        seen = [judged.verdict for (name, _), judged in self.found[rule].items() if name == shop]
        return next((word for word in WORST_FIRST if word in seen), "not_enough_data")

    def total_of(self, name: str, shop: str, what: str) -> int:
        entries = [judged.counts for (key, _), judged in self.found[name].items() if key == shop]
        return sum(getattr(counts, what) for counts in entries if counts is not None)


@dataclass
class ShopLook:
    """What names mean for a shop."""

    day: Day
    shop: str

    def get_figure(self, name: str) -> Plain | None:
        figures = [*self.day.standard.get("figures", []), *self.day.standard["rules"]]
        return next((figure for figure in figures if figure["id"] == name), None)

    def find(self, key: str) -> Any:
        attributes = self.day.shops[self.shop]
        if key == "season":
            return season_of(self.day.standard, self.day.on)
        if key == "age_days":
            opened = attributes.get("opened_on")
            return None if opened is None else (self.day.on - opened).days
        if key in SHOP_TEXTS:
            return attributes.get(key) or None
        name, _, part = key.partition(".")
        if name not in self.day.found or name in self.day.phantoms:
            return None
        return self._of_figure(name, part or "value")

    def _of_figure(self, name: str, part: str) -> Any:
        if part in ("bad", "base", "buyers"):
            return self.day.total_of(name, self.shop, part)
        figure = self.get_figure(name)
        is_rule = figure in self.day.standard["rules"]
        verdict = self.day.verdict_of(name, self.shop) if is_rule else None
        if verdict in NOT_JUDGED:
            return None
        if part == "verdict":
            return verdict
        if figure is None or "per" in figure:
            return None
        judged = self.day.found[name][(self.shop, "")]
        return judged.grade if part == "grade" else judged.looked_at

    def instead(self, key: str) -> bool | None:
        name, _, part = key.partition(".")
        figure = self.get_figure(name)
        rule = figure if figure is not None and figure in self.day.get_rules() else None
        if rule is None or part not in ("", "value", "verdict", "grade"):
            return None
        missing = self.day.verdict_of(name, self.shop) == "not_enough_data"
        return {"skip": None, "pass": True, "fail": False}[rule.get("missing", "skip")] if missing else None

    def rules(self) -> Iterable[Look]:
        return [RuleLook(self, rule["id"]) for rule in self.day.get_rules()]


@dataclass
class RuleLook:
    """A shop seen from a rule."""

    shop: Look
    rule: str

    def _key(self, key: str) -> str:
        own = {"value", "bad", "base", "buyers", "verdict", "grade", "in_a_row", "breach_span_days", "warning"}
        return f"{self.rule}.{key}" if key in own else key

    def find(self, key: str) -> Any:
        return self.shop.find(self._key(key))

    def instead(self, key: str) -> bool | None:
        return self.shop.instead(self._key(key))

    def rules(self) -> Iterable[Look]:
        return self.shop.rules()


@dataclass
class OwnLook:
    """A rule's own conditions: its numbers over one window, what it is per, then the shop."""

    shop: ShopLook
    rule: Plain
    part: str
    value: Fraction | None
    counts: Count | None

    def find(self, key: str) -> Any:
        if key == "value":
            return self.value
        if key in ("bad", "base", "buyers") and self.counts is not None:
            return getattr(self.counts, key)
        return (self.part or None) if key == self.rule.get("per") else self.shop.find(key)

    def instead(self, key: str) -> bool | None:
        return None if key in ("value", "bad", "base", "buyers") else self.shop.instead(key)

    def rules(self) -> Iterable[Look]:
        return ()


class Oracle:
    """A standard as its YAML gives it, with rows and shops as dictionaries."""

    def __init__(self, standard: Plain, rows: Sequence[Plain], shops: Sequence[Plain], zone: str) -> None:
        self.standard = standard
        self.zone = standard.get("timezone", zone)
        per = standard.get("standing_per")
        self.shops = {shop["shop"] if per is None else f"{shop['shop']}|{shop[per]}": shop for shop in shops}
        self.units: dict[str, dict[tuple[str, str], list[Unit]]] = {}
        for figure in [*standard.get("figures", []), *standard["rules"]]:
            if "metric" in figure and is_active(figure):
                self.units[figure["id"]] = self._group(list_units(standard, figure, rows, self.zone), figure)

    def _group(self, units: list[Unit], figure: Plain) -> dict[tuple[str, str], list[Unit]]:
        groups: dict[tuple[str, str], list[Unit]] = {}
        if "per" not in figure:
            groups = {(shop, ""): [] for shop in self.shops}
        for unit in units:
            if unit.shop in self.shops:
                groups.setdefault((unit.shop, unit.part), []).append(unit)
        return groups

    def evaluate(self, on: date, ever: Mapping[str, set[str]]) -> Day:
        """All active figures, then rules."""
        day = Day(self.standard, on, self.shops)
        for figure in self.standard.get("figures", []):
            if is_active(figure):
                day.found[figure["id"]] = self._measure(figure, day)
        for rule in self.standard["rules"]:
            if is_active(rule):
                measured = self._measure(rule, day)
                day.found[rule["id"]] = {
                    key: self._judge(rule, key, judged, day, ever=key[0] in ever.get(rule["id"], set()))
                    for key, judged in measured.items()}
                if "trial_until" in rule and on < rule["trial_until"]:
                    day.phantoms.add(rule["id"])
        return day

    def _measure(self, figure: Plain, day: Day) -> dict[tuple[str, str], Judged]:
        if "metric" not in figure:
            values = {shop: micro(self._compose(figure, shop, day)) for shop in self.shops}
            return {(shop, ""): _seen(figure, value, None) for shop, value in values.items()}
        first = {key: self._windows(figure, key, day)[0] for key in self.units[figure["id"]]}
        return {key: _seen(figure, counts.value, counts) for key, counts in first.items()}

    def _windows(self, figure: Plain, key: tuple[str, str], day: Day) -> list[Count]:
        units, window, on = self.units[figure["id"]].get(key, []), figure["window"], day.on
        if "by_volume" in window:
            choice = window["by_volume"]
            volume = (count(figure, units, choice["count_in"], on).base if "of" not in choice
                      else day.found[choice["of"]][(key[0], "")].exact or 0)
            window = choice["then"] if volume >= choice["at_least"] else choice["otherwise"]
        if "bad" in window:
            return [_ratio(figure, count(figure, units, window["bad"], on), count(figure, units, window["base"], on),
                           window.get("divided_by", 1))]
        several = window.get("all") or window.get("any") or ([window["one"]] if "one" in window else [window])
        return [count(figure, units, each, on) for each in several]

    def _compose(self, figure: Plain, shop: str, day: Day) -> Fraction | None:
        def value(name: str) -> Fraction | None:
            return day.found[name][(shop, "")].exact if name in day.found else None

        if "score" in figure:
            return _score(figure["score"], value(figure["score"]["of"]))
        if "weighted" in figure:
            return self._weigh(figure["weighted"], shop, day)
        if "against_peers" in figure:
            return self._against_peers(figure["against_peers"], shop, day)
        if "against_own" in figure:
            own = figure["against_own"]
            base = next(f for f in [*self.standard["figures"], *self.standard["rules"]] if f["id"] == own["of"])
            norm = count(base, self.units[base["id"]][(shop, "")], own["over"], day.on).value
            mine = value(own["of"])
            return mine / norm if mine is not None and norm else None
        all_of = [value(name) for name in figure.get("least_of", figure.get("greatest_of"))]
        known = [found for found in all_of if found is not None]
        return (min if "least_of" in figure else max)(known) if known else None

    def _weigh(self, weighted: Plain, shop: str, day: Day) -> Fraction | None:
        look = ShopLook(day, shop)
        cases = [case["weights"] for case in weighted.get("cases", []) if holds(case["where"], look) is True]
        weights = {name: Fraction(str(weight)) for name, weight in (cases or [weighted["weights"]])[0].items()}
        values = {name: day.found[name][(shop, "")].exact if name in day.found else None for name in weights}
        known = {name: value for name, value in values.items() if value is not None}
        if weighted.get("missing_part") == "missing" and len(known) < len(weights):
            return None
        used = sum(weights[name] for name in known)
        total = sum((weights[name] * value for name, value in known.items()), Fraction(0))
        return total * sum(weights.values()) / used if used else None

    def _against_peers(self, peers: Plain, shop: str, day: Day) -> Fraction | None:
        def kind(name: str) -> list[Any]:
            return [self.shops[name].get(text) or "" for text in peers["peers"]]

        alike = [other for other in self.shops if kind(other) == kind(shop)]
        parts = [(judged.counts.bad, judged.counts.base) for other in alike
                 if (judged := day.found[peers["of"]][(other, "")]).exact is not None and judged.counts is not None]
        mine = day.found[peers["of"]][(shop, "")].exact
        if mine is None or len(parts) < peers.get("least", 5):
            return None
        bad, base = map(sum, zip(*parts, strict=True))
        return mine / Fraction(bad, base) if bad else None

    def _judge(self, rule: Plain, key: tuple[str, str], judged: Judged, day: Day, *, ever: bool) -> Judged:
        shop = ShopLook(day, key[0])
        several: list[Count | None] = [None] if judged.counts is None else list(self._windows(rule, key, day))
        values = [judged.looked_at if counts is None else _looked_at(rule, counts.value) for counts in several]
        looks = [OwnLook(shop, rule, key[1], *pair) for pair in zip(values, several, strict=True)]
        verdicts = [_verdict(rule, look, self.standard, ever) for look in looks]
        order = BEST_FIRST if "any" in rule.get("window", {}) else WORST_FIRST
        verdict, decided = min(verdicts, key=lambda pair: order.index(pair[0]))
        grade = None if verdict in NOT_JUDGED else next(
            (g["id"] for g in rule.get("grades", []) if holds(g.get("when"), looks[0]) is True), None)
        aim = holds(rule["aim"], looks[0]) if "aim" in rule else None
        return replace(judged, verdict=verdict, decided=decided, grade=grade, aim=aim)


def is_active(part: Plain) -> bool:
    return bool(part.get("active", part.get("confirmed", True)))


def _looked_at(figure: Plain, value: Fraction | None) -> Fraction | None:
    rounding = figure.get("round")
    return rounded(value, rounding) if rounding and rounding["judged"] == "rounded" else value


def _seen(figure: Plain, value: Fraction | None, counts: Count | None) -> Judged:
    return Judged(value, rounded(value, figure.get("round")), _looked_at(figure, value), counts)


def _ratio(figure: Plain, upper: Count, lower: Count, times: int) -> Count:
    def share(bad: int, base: int) -> Fraction | None:
        value = Fraction(bad * times, base) if base else None
        return value if value is None or figure.get("measure", "share") == "share" else 1 - value

    return replace(upper, value=share(upper.bad, lower.base), raw=share(upper.raw_bad, lower.raw_base), base=lower.base,
                   raw_base=lower.raw_base)


def _score(score: Plain, value: Fraction | None) -> Fraction | None:
    points = [(Fraction(str(x)), Fraction(str(y))) for x, y in score["points"]]
    if value is None or value <= points[0][0]:
        return None if value is None else points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if value < x1:
            return y0 if score.get("between") == "step" else y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return points[-1][1]


def _verdict(rule: Plain, look: OwnLook, standard: Plain, ever: bool) -> tuple[str, str]:
    if "exempt_when" in rule and holds(rule["exempt_when"], look) is True:
        return "exempt", "exempt_when"
    once = ever and rule.get("sticky", False)
    if "judged_when" in rule and not once and holds(rule["judged_when"], look) is not True:
        return "not_enough_data", "judged_when"
    if look.value is None:
        return "not_enough_data", "no_value"
    for place, case in enumerate(rule.get("limits", [rule])):
        if "limits" not in rule or holds(case.get("where"), look) is True:
            word, clause = _by_case(rule, case, look, standard)
            return word, f"limits[{place}].{clause}" if "limits" in rule and clause else clause
    return "exempt", "limits"


def _by_case(rule: Plain, case: Plain, look: OwnLook, standard: Plain) -> tuple[str, str]:
    kept = case.get("kept_when")
    if rule.get("judged_by", standard.get("judged_by")) == "evidence" and isinstance(kept, str):
        return by_evidence(rule, kept, look, rule.get("evidence") or standard["evidence"])
    answer = holds(kept, look)
    if answer is None:
        return "not_enough_data", "no_value"
    if answer is False:
        return "breached", "kept_when"
    watched = "watch_when" in case and holds(case["watch_when"], look) is True
    return ("watch", "watch_when") if watched else ("kept", "kept_when")


def by_evidence(rule: Plain, kept: str, look: OwnLook, evidence: Plain) -> tuple[str, str]:
    assert look.counts is not None
    bad, base, buyers = look.counts.bad, look.counts.base, look.counts.buyers
    bad = min(bad, base)
    sign, number, *unit = kept.split()
    limit = Fraction(number) * SCALES.get(unit[0] if unit else "", Fraction(1))
    limit = 1 - limit if rule.get("measure") == "share_of_good" else limit
    broken = base > 0 and (Fraction(bad, base) > limit or (sign in "<>" and Fraction(bad, base) == limit))
    sure = broken and bad >= evidence["min_bad"] and buyers >= evidence["min_buyers"]
    if sure and tail(bad, base, limit) <= Fraction(str(evidence["alpha"])):
        return "breached", "kept_when"
    if base < evidence["min_base"]:
        return "not_enough_data", "no_value"
    return ("watch", "watch_when") if broken else ("kept", "kept_when")


@cache
def tail(bad: int, base: int, limit: Fraction) -> Fraction:
    """P(X ≥ bad) in whole numbers."""
    p, q = limit.numerator, limit.denominator - limit.numerator
    ways = sum(comb(base, k) * p**k * q ** (base - k) for k in range(bad))
    return 1 - Fraction(ways, limit.denominator**base)


def is_final(figure: Plain, on: date) -> bool:
    """Whether the youngest day of a plain window is old enough."""
    day = on
    while not holds_day(figure["window"], day, on):
        day -= timedelta(days=1)
    return (on - day).days >= figure.get("maturity_days", 0)


def to_fraction(number: Any) -> Fraction:
    return Fraction(Decimal(str(number)))
