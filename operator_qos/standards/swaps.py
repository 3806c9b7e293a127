"""One change at a time: a standard with one rule as the tried one has it, to see what that rule moves. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from scoring.standards import Figure, Rule, Standard, StandardError, parse_standard

REST = ""
_TOLD = {"title", "source", "note", "confirmed", "active"}


def list_swaps(standard: Standard, against: Standard) -> list[tuple[str, Standard]]:
    """The other standard with one rule at a time as `standard` has it, by the rule's id; last, under an empty id, with
    everything but the rules so.

    A rule that cannot stand in the other standard, because something there asks for it or it asks for something else,
    is left out: it does not move anything by itself. Nothing is listed where only one thing changes.
    """
    found = [(name, swapped) for name, swapped in _list_candidates(standard, against) if _holds_together(swapped)]
    return found if len(found) > 1 else []


def _list_candidates(standard: Standard, against: Standard) -> Iterator[tuple[str, Standard]]:
    mine, theirs = ({rule.id: rule for rule in one.rules if rule.is_active} for one in (standard, against))
    base = replace(against, figures=_join(against.figures, standard.figures), clocks=_join(against.clocks,
                   standard.clocks), seasons=_join(against.seasons, standard.seasons))
    for name in {**theirs, **mine}:
        if name not in mine or name not in theirs or _say(mine[name]) != _say(theirs[name]):
            yield name, replace(base, rules=tuple(_swap(theirs, name, mine.get(name))))
    rest = replace(standard, rules=against.rules, figures=_join(standard.figures, against.figures),
                   clocks=_join(standard.clocks, against.clocks), seasons=_join(standard.seasons, against.seasons))
    if _say_rest(rest) != _say_rest(base):
        yield REST, rest


def _swap(theirs: dict[str, Rule], name: str, rule: Rule | None) -> Iterator[Rule]:
    """The rules with one replaced, added at the end, or left out."""
    for known, kept in theirs.items():
        if known != name:
            yield kept
        elif rule is not None:
            yield rule
    if rule is not None and name not in theirs:
        yield rule


def _join(first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
    """The parts of the first, then those of the second with other ids."""
    known = {part.id for part in first}
    return (*first, *(part for part in second if part.id not in known))


def _say(figure: Figure) -> dict[str, Any]:
    """What a rule does, without what it is called and rests on."""
    return {field.name: getattr(figure, field.name) for field in fields(figure) if field.name not in _TOLD}


def _say_rest(standard: Standard) -> list[Any]:
    names = ("judged_by", "evidence", "exclusions", "changes", "strikes", "points", "standing_per", "timezone")
    levels = [(tier.id, tier.needs, tier.keeps, tier.stay_days) for tier in standard.tiers]
    terms = (standard.warnings.after_days, standard.warnings.end_after_days)
    schedule = replace(standard.evaluated, takes_effect="same_day"), standard.evaluated.takes_effect
    figures = sorted((figure.id, str(_say(figure))) for figure in standard.figures)
    return [*(getattr(standard, name) for name in names), levels, terms, schedule, figures]


def _holds_together(standard: Standard) -> bool:
    try:
        parse_standard(standard.to_mapping())
    except StandardError:
        return False
    return True
