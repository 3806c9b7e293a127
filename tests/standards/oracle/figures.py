"""Figures a second time, in plain Python, from docs/standards.md: one shop, one part, one window after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from math import floor
from typing import Any

from tests.standards.oracle.conditions import Look, holds
from tests.standards.oracle.dates import day_of, holds_day, wall_clock

Plain = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A unit as official or raw counting sees it."""

    base: bool
    bad: bool
    amount: int | None


@dataclass(frozen=True)
class Unit:
    shop: str
    part: str
    at_ms: int
    wall: datetime
    ref: str
    weight: int
    value: int
    buyer: str
    official: Seen
    raw: Seen


@dataclass(frozen=True)
class Count:
    """What one window gives."""

    value: Fraction | None
    raw: Fraction | None
    bad: int
    base: int
    buyers: int
    raw_bad: int
    raw_base: int
    last_day: date | None


@dataclass
class RowLook:
    """The names of a row."""

    row: Plain
    season: str | None

    def find(self, key: str) -> Any:
        found = self.season if key == "season" else self.row.get(key)
        return None if found == "" else found

    def instead(self, key: str) -> bool | None:
        return None

    def rules(self) -> Iterable[Look]:
        return ()


def season_of(standard: Plain, day: date) -> str | None:
    """The first season that holds a day of any year."""
    for season in standard.get("seasons", []):
        start, end, here = season["start"], season["end"], f"{day.month:02}-{day.day:02}"
        inside = start <= here <= end if start <= end else here >= start or here <= end
        if inside:
            return str(season["id"])
    return None


def list_units(standard: Plain, figure: Plain, rows: Sequence[Plain], zone: str) -> list[Unit]:
    """The units of a figure, in order."""
    found: list[Unit] = []
    column = "anchor_ms" if figure.get("anchor", "own") == "own" else f"{figure['anchor']}_ms"
    for place, row in enumerate(rows):
        if row["metric"] != figure["metric"] or figure.get("unit", row["unit"]) != row["unit"] or row[column] is None:
            continue
        wall = wall_clock(row[column], zone)
        look = RowLook(row, season_of(standard, wall.date()))
        if figure.get("count_when") is None or holds(figure["count_when"], look) is True:
            found.append(_unit(standard, figure, look, place, row[column], wall))
    if "join" in figure:
        found = _join(found, figure)
    return sorted(found, key=lambda unit: (unit.at_ms, unit.ref))


def _unit(standard: Plain, figure: Plain, look: RowLook, place: int, at_ms: int, wall: datetime) -> Unit:
    row = look.row
    base, bad = bool(row["base"]), bool(row["bad"])
    if "bad_when" in figure:
        answer = holds(figure["bad_when"], look)
        unknown = figure.get("unknown_is", "bad")
        base = base and not (answer is None and unknown == "left_out")
        bad = answer is True or (answer is None and unknown == "bad")
    raw = Seen(base, base and bad, row["amount"])
    takes = {row["excluded"]} | {e["takes"] for e in _exclusions(standard, figure) if _applies(e, look, wall.date())}
    official = replace(raw, base=raw.base and not takes & {"base", "both"}, bad=raw.bad and not takes & {"bad", "both"})
    ref = row["unit_ref"] or f"#{place:012}"
    key = row["shop"] if "standing_per" not in standard else f"{row['shop']}|{row[standard['standing_per']]}"
    weight = {"quantity": row["quantity"], "value": row["value_minor"]}.get(figure.get("weigh_by", ""), 1)
    part = row[figure["per"]] if "per" in figure else ""
    buyer = f"b{row['buyer']}" if row["buyer"] else f"#{ref}"
    return Unit(key, part, at_ms, wall, ref, weight, row["value_minor"], buyer, official, raw)


def _exclusions(standard: Plain, figure: Plain) -> list[Plain]:
    return [e for e in standard.get("exclusions", []) if e.get("confirmed", True) and not e.get("on_request")
            and figure["id"] in e.get("rules", [figure["id"]])]


def _applies(exclusion: Plain, look: RowLook, day: date) -> bool:
    return (holds(exclusion.get("where"), look) is True and day >= exclusion.get("start", date.min)
            and day <= exclusion.get("end", date.max))


def _join(units: list[Unit], figure: Plain) -> list[Unit]:
    together: dict[tuple[str, str, str], list[Unit]] = {}
    for unit in units:
        together.setdefault((unit.shop, unit.part, unit.ref), []).append(unit)
    joined = []
    for parts in together.values():
        parts.sort(key=lambda unit: unit.at_ms)
        chosen = parts[-1] if figure["join"] == "last" else parts[0]
        if figure["join"] != "last":
            chosen = replace(chosen, official=_any([p.official for p in parts], figure["join"]),
                             raw=_any([p.raw for p in parts], figure["join"]))
        weight = sum(p.weight for p in parts) if "weigh_by" in figure else 1
        joined.append(replace(chosen, weight=weight, value=sum(p.value for p in parts)))
    return joined


def _any(parts: list[Seen], how: str) -> Seen:
    amounts = [part.amount for part in parts if part.base and part.amount is not None]
    lowest = min(amounts) if amounts else None
    amount = lowest if how == "worst" else parts[0].amount
    return Seen(any(p.base for p in parts), any(p.bad for p in parts), amount)


def count(figure: Plain, units: Sequence[Unit], window: Plain, on: date) -> Count:
    """The units of one shop and part over one plain window."""
    inside = [u for u in units if holds_day(window, day_of(u.wall, window.get("ends_at")), on)]
    sides = [_count_side(figure, inside, window, on, name) for name in ("official", "raw")]
    (value, bad, base, buyers), (raw, raw_bad, raw_base, _) = sides
    return Count(value, raw, bad, base, buyers, raw_bad, raw_base, None)


def _count_side(figure: Plain, units: Sequence[Unit], window: Plain, on: date, name: str) -> Any:
    pairs = _ranked([(unit, getattr(unit, name)) for unit in units], window)
    ages = [(on - day_of(unit.wall, window.get("ends_at"))).days for unit, _ in pairs]
    weights = [unit.weight * _recency(figure, age) for (unit, _), age in zip(pairs, ages, strict=True)]
    base = sum(w for (_, seen), w in zip(pairs, weights, strict=True) if seen.base)
    bad = sum(w for (_, seen), w in zip(pairs, weights, strict=True) if seen.bad)
    buyers = len({unit.buyer for unit, seen in pairs if seen.bad})
    return _value(figure, pairs, weights, (bad, base, buyers)), bad, base, buyers


def _ranked(pairs: list[tuple[Unit, Seen]], window: Plain) -> list[tuple[Unit, Seen]]:
    counted = [place for place, (_, seen) in enumerate(pairs) if seen.base]
    if "latest" in window:
        kept = counted[-window["latest"]:]
        return pairs[kept[0]:] if len(counted) > window["latest"] else pairs
    if "first" in window and len(counted) > window["first"]:
        return pairs[: counted[window["first"]]]
    if "after_first" in window:
        return pairs[counted[window["after_first"]]:] if len(counted) > window["after_first"] else []
    return pairs


def _recency(figure: Plain, age: int) -> int:
    if "recency" not in figure:
        return 1
    return next((line["weight"] for line in figure["recency"] if age < line["days"]), 0)


def _value(  # noqa: PLR0911 - one answer per measure
    figure: Plain, pairs: list[tuple[Unit, Seen]], weights: list[int], counts: tuple[int, int, int]
) -> Fraction | None:
    bad, base, buyers = counts
    measure = figure.get("measure", "share")
    if measure in ("share", "share_of_good"):
        return None if not base else Fraction(bad, base) if measure == "share" else Fraction(base - bad, base)
    if measure in ("count", "count_bad", "distinct_buyers"):
        return Fraction({"count": base, "count_bad": bad, "distinct_buyers": buyers}[measure])
    if measure == "total_value":
        return Fraction(sum(u.value * w for (u, seen), w in zip(pairs, weights, strict=True) if seen.base))
    if "streak" in measure:
        return Fraction(_streak([seen.bad for _, seen in pairs if seen.base], longest=measure == "longest_streak"))
    weighed = zip(pairs, weights, strict=True)
    known = [(seen.amount, w) for (_, seen), w in weighed if seen.base and seen.amount is not None]
    total = sum(amount * weight for amount, weight in known)
    if measure == "total_amount":
        return Fraction(total)
    if measure == "mean":
        number = sum(weight for _, weight in known)
        return Fraction(total, number) if number else None
    return percentile([amount for amount, _ in known], figure.get("percent", 50))


def percentile(amounts: list[int], percent: int) -> Fraction | None:
    """Nearest rank."""
    ordered = sorted(amounts)
    rank = next((rank for rank in range(1, len(ordered) + 1) if 100 * rank >= percent * len(ordered)), None)
    return None if rank is None else Fraction(ordered[rank - 1])


def _streak(bads: list[bool], *, longest: bool) -> int:
    runs = "".join("x" if bad else " " for bad in bads)
    return max(map(len, runs.split(" ")), default=0) if longest else len(runs) - len(runs.rstrip("x"))


def rounded(value: Fraction | None, rounding: Plain | None) -> Fraction | None:
    """A value cut or rounded to some digits."""
    if value is None or rounding is None:
        return value
    scale = 10 ** rounding["digits"]
    return Fraction(floor(value * scale + (Fraction(1, 2) if rounding["how"] == "half_up" else 0)), scale)


def micro(value: Fraction | None) -> Fraction | None:
    """Half up to a millionth."""
    return rounded(value, {"how": "half_up", "digits": 6})
