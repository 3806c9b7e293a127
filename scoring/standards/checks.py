"""What only the whole standard shows: names that lead nowhere, limits that contradict, levels nobody can reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from scoring.standards.conditions import Among, Compare, Condition, Group, list_leaves
from scoring.standards.errors import StandardError
from scoring.standards.intervals import find_contradiction, implies
from scoring.standards.model import DEFECT_KINDS, Standard
from scoring.standards.names import (
    HISTORY_NUMBERS,
    OWN_NUMBERS,
    ROW_FLAGS,
    ROW_NUMBERS,
    ROW_TEXTS,
    RULE_NAMES,
    RULE_TEXTS,
    SHOP_NUMBERS,
    SHOP_TEXTS,
)
from scoring.standards.parts import Figure, Rule

RESOLUTION = "resolution_within_rate"
Mistakes = Iterator[StandardError]
_NUMBERS = ROW_NUMBERS | SHOP_NUMBERS | OWN_NUMBERS | HISTORY_NUMBERS


def check_standard(standard: Standard, known_metrics: frozenset[str] | None = None) -> Mistakes:
    """Every mistake that no single field shows, each with its path."""
    yield from _check_ids(standard)
    yield from _check_figures(standard, known_metrics)
    yield from _check_clocks(standard)
    yield from _check_promises(standard)
    yield from _check_conditions(standard)
    yield from _check_rules(standard)
    yield from _check_tiers(standard)
    yield from _check_sources(standard)


def list_parts(standard: Standard) -> Iterator[tuple[str, Figure]]:
    """Figures, then rules, each with its path."""
    yield from ((f"figures[{place}]", figure) for place, figure in enumerate(standard.figures))
    yield from ((f"rules[{place}]", rule) for place, rule in enumerate(standard.rules))


def _check_ids(standard: Standard) -> Mistakes:
    named: list[tuple[str, Iterable[Any]]] = [
        (name, getattr(standard, name)) for name in ("seasons", "clocks", "exclusions", "tiers", "strikes", "badges")
    ]
    named.append(("points.lines", standard.points.lines if standard.points else ()))
    for name, parts in named:
        yield from _find_twice((f"{name}[{place}].id", part.id) for place, part in enumerate(parts))
    yield from _find_twice((f"{path}.id", figure.id) for path, figure in list_parts(standard))


def _find_twice(entries: Iterable[tuple[str, str]]) -> Mistakes:
    seen: set[str] = set()
    for path, name in entries:
        if name in seen:
            yield StandardError(path, f"{name} is given twice")
        seen.add(name)


def _check_figures(standard: Standard, known_metrics: frozenset[str] | None) -> Mistakes:
    before: list[str] = []
    for path, figure in list_parts(standard):
        if known_metrics is not None and figure.metric and figure.metric not in known_metrics:
            yield StandardError(f"{path}.metric", f"unknown metric {figure.metric!r}")
        for place, kind in enumerate(figure.defect_kinds):
            if kind not in DEFECT_KINDS:
                problem = f"{kind!r} is none of {', '.join(sorted(DEFECT_KINDS))}"
                yield StandardError(f"{path}.defect_kinds[{place}]", problem)
        for name in [*figure.parts, *_volume_names(figure)]:
            if name not in before:
                yield StandardError(path, f"rests on {name}, which is no figure before it{_suggest(name, before)}")
        before.append(figure.id)


def _volume_names(figure: Figure) -> list[str]:
    by_volume = getattr(figure.window, "by_volume", None)
    return [by_volume.of] if by_volume is not None and by_volume.of is not None else []


def _check_clocks(standard: Standard) -> Mistakes:
    known = [clock.id for clock in standard.clocks]
    for path, figure in list_parts(standard):
        if figure.clock is not None and figure.clock not in known:
            yield StandardError(f"{path}.clock", f"no clock {figure.clock!r}{_suggest(figure.clock, known)}")
    rules = [figure.id for _, figure in list_parts(standard)]
    for place, exclusion in enumerate(standard.exclusions):
        for name in exclusion.rules:
            if name not in rules:
                yield StandardError(f"exclusions[{place}].rules", f"no rule or figure {name!r}{_suggest(name, rules)}")


def _check_promises(standard: Standard) -> Mistakes:
    """What an answer or a resolution is promised by: hours, or a day, never both; a resolution by hours."""
    clocks = {clock.id: clock for clock in standard.clocks}
    for path, figure in list_parts(standard):
        clock = clocks.get(figure.clock or "")
        if clock is None or clock.due_in_days is None:
            continue
        if figure.within_hours is not None:
            yield StandardError(f"{path}.within_hours", f"clock {clock.id} is due on a day; leave the hours out")
        elif figure.metric == RESOLUTION:
            yield StandardError(
                f"{path}.clock", "a resolution is timed while the seller holds the case: say it in within_hours")


def _suggest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"; is {close[0]} meant?" if close else ""


def list_conditions(standard: Standard) -> Iterator[tuple[str, str, Condition]]:
    """(context, path, condition) of all conditions: the context is row, own, shop or balance."""
    for path, figure in list_parts(standard):
        yield from _some("row", path, figure, "count_when", "bad_when")
        if isinstance(figure, Rule):
            yield from _rule_conditions(path, figure)
        for place, case in enumerate(figure.weighted.cases if figure.weighted else ()):
            yield "shop", f"{path}.weighted.cases[{place}].where", case.where
    for name in ("exclusions", "tiers", "strikes", "badges"):
        for place, part in enumerate(getattr(standard, name)):
            context = "row" if name == "exclusions" else "rule" if getattr(part, "each_rule", False) else "shop"
            yield from _some(context, f"{name}[{place}]", part, "where", "needs", "keeps", "when")
            yield from _step_conditions(f"{name}[{place}]", getattr(part, "steps", ()))
    if standard.points is not None:
        for place, line in enumerate(standard.points.lines):
            yield from _some("shop", f"points.lines[{place}]", line, "when")
        yield from _step_conditions("points", standard.points.steps)


def _some(context: str, path: str, part: object, *fields: str) -> Iterator[tuple[str, str, Condition]]:
    found = ((field, getattr(part, field, None)) for field in fields)
    return ((context, f"{path}.{field}", condition) for field, condition in found if condition is not None)


def _step_conditions(path: str, steps: Iterable[Any]) -> Iterator[tuple[str, str, Condition]]:
    return (("balance", f"{path}.steps[{place}].when", step.when) for place, step in enumerate(steps))


def _rule_conditions(path: str, rule: Rule) -> Iterator[tuple[str, str, Condition]]:
    yield from _some("own", path, rule, "kept_when", "watch_when", "aim", "judged_when", "exempt_when")
    for place, case in enumerate(rule.limits):
        yield from _some("own", f"{path}.limits[{place}]", case, "where", "kept_when", "watch_when")
    for place, grade in enumerate(rule.grades):
        yield from _some("own", f"{path}.grades[{place}]", grade, "when")


def _check_conditions(standard: Standard) -> Mistakes:
    known = _known_names(standard)
    for context, path, condition in list_conditions(standard):
        for leaf, inside in list_leaves(condition):
            allowed = known[context] | (RULE_NAMES if inside else frozenset())
            if leaf.key not in allowed:
                yield StandardError(path, f"unknown name {leaf.key!r}{_suggest(leaf.key, allowed)}")
            elif isinstance(leaf, Compare) and _is_text(leaf.key):
                yield StandardError(path, f"{leaf.key} is a text; list those it must be among")
            elif isinstance(leaf, Among) and _is_number(leaf.key):
                yield StandardError(path, f'{leaf.key} is a number; compare it, like "<= 3"')
        impossible = find_contradiction(condition)
        if impossible is not None:
            yield StandardError(path, f"contradicts itself: no {impossible} can be all of that")


def _is_text(key: str) -> bool:
    return key.rpartition(".")[2] in RULE_TEXTS | ROW_TEXTS | SHOP_TEXTS | {"season", "tier"}


def _is_number(key: str) -> bool:
    return key.rpartition(".")[2] in _NUMBERS or key == "points" or key.startswith("strikes.")


def _known_names(standard: Standard) -> dict[str, frozenset[str]]:
    figures = {figure.id for _, figure in list_parts(standard)}
    dotted = {f"{name}.{part}" for name in figures for part in OWN_NUMBERS}
    dotted |= {f"{rule.id}.{part}" for rule in standard.rules for part in RULE_NAMES}
    seasons = {"season"} if standard.seasons else set()
    strikes = {f"strikes.{strikes.id}" for strikes in standard.strikes} | ({"points"} if standard.points else set())
    marks = {"tier"} | {f"badge.{badge.id}" for badge in standard.badges}
    shop = SHOP_NUMBERS | SHOP_TEXTS | figures | dotted | seasons
    return {
        "row": frozenset(ROW_NUMBERS | ROW_TEXTS | ROW_FLAGS | seasons),
        "balance": frozenset({"value"}),
        "own": frozenset(shop | OWN_NUMBERS),
        "shop": frozenset(shop | strikes | marks),
        "rule": frozenset(shop | strikes | marks | RULE_NAMES),
    }


def _check_rules(standard: Standard) -> Mistakes:
    for place, rule in enumerate(standard.rules):
        for number, case in enumerate(rule.cases):
            path = f"rules[{place}]" + (f".limits[{number}]" if rule.limits else "")
            yield from _check_case(path, rule, case.kept_when, case.watch_when, standard)
        for number, grade in enumerate(rule.grades[:-1]):
            if grade.when is None:
                yield StandardError(
                    f"rules[{place}].grades[{number}]", "is for everybody, so no later grade is ever reached"
                )


def _check_case(path: str, rule: Rule, kept: Condition | None, watch: Condition | None, standard: Standard) -> Mistakes:
    if kept is not None and watch is not None and find_contradiction(Group("all", (kept, watch))):
        yield StandardError(f"{path}.watch_when", "never holds while kept_when does, so nothing is ever on watch")
    if watch is not None and kept is not None and implies(kept, watch):
        yield StandardError(f"{path}.watch_when", "always holds while kept_when does, so nothing is ever kept")
    by_evidence = (rule.judged_by or standard.judged_by) == "evidence"
    if by_evidence and kept is not None and not (isinstance(kept, Compare) and kept.key == "value"):
        yield StandardError(
            f"{path}.kept_when", "evidence needs one comparison of a share; or judge this rule by point"
        )
    if by_evidence and kept is not None and rule.measure not in {"share", "share_of_good"}:
        yield StandardError(
            f"{path}.measure", f"evidence is for shares, not for {rule.measure}; judge this rule by point"
        )


def _check_tiers(standard: Standard) -> Mistakes:
    tiers = standard.tiers
    for place, tier in enumerate(tiers):
        if tier.needs is None and place < len(tiers) - 1:
            yield StandardError(f"tiers[{place}]", "is for everybody, so no lower level is ever reached; give it needs")
        better = next((b for b in tiers[:place] if b.needs is not None and implies(tier.needs, b.needs)), None)
        if better is not None and tier.needs is not None:
            yield StandardError(f"tiers[{place}].needs", f"is never reached: whoever has it has {better.id} already")
    if tiers and tiers[-1].needs is not None:
        yield StandardError(f"tiers[{len(tiers) - 1}].needs", "the lowest level is for everybody else; leave needs out")
    known = {tier.id for tier in tiers}
    if standard.changes.start_tier is not None and standard.changes.start_tier not in known:
        yield StandardError("changes.start_tier", f"no level {standard.changes.start_tier!r}")
    for context, path, condition in list_conditions(standard):
        for leaf, _ in list_leaves(condition):
            if context == "shop" and leaf.key == "tier" and isinstance(leaf, Among) and set(leaf.values) - known:
                yield StandardError(
                    path, f"no level {min(set(leaf.values) - known)!r}{_suggest(leaf.values[0], known)}"
                )


def _check_sources(standard: Standard) -> Mistakes:
    known = dict(standard.sources)
    named: list[tuple[str, Any]] = list(list_parts(standard))
    for name in ("clocks", "exclusions", "tiers", "strikes", "badges"):
        named += [(f"{name}[{place}]", part) for place, part in enumerate(getattr(standard, name))]
    for path, part in [
        *named,
        ("changes", standard.changes),
        ("warnings", standard.warnings),
        ("points", standard.points),
    ]:
        for _, codes in getattr(part, "source", None) or ():
            for code in codes.replace(",", " ").split():
                if code not in known:
                    yield StandardError(f"{path}.source", f"no source {code!r} among sources{_suggest(code, known)}")
