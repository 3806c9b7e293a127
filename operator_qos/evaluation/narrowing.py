"""A standard cut down to one rule or figure and what it rests on: a page about one reads no rows of others. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from scoring.standards import Standard
from scoring.standards.checks import list_conditions, list_parts
from scoring.standards.conditions import list_leaves
from scoring.standards.parts import Figure


@lru_cache(maxsize=256)
def narrow_standard(standard: Standard, name: str) -> Standard:
    """The standard with that rule or figure alone and those it rests on, which say the same in it as in the whole.

    The whole one where parts of a shop stand by themselves, for every rule's rows say which parts there are; and where
    units are dated by another moment than their own, for what is read reaches back by the longest window of all.
    """
    needed, parts = {name}, (*standard.figures, *standard.rules)
    for figure in reversed(parts):  # what a figure rests on comes before it
        if figure.id in needed:
            needed |= set(_list_named(standard, figure))
    if standard.standing_per is not None or any(one.id in needed and one.anchor != "own" for one in parts):
        return standard
    return replace(standard, figures=tuple(one for one in standard.figures if one.id in needed),
                   rules=tuple(one for one in standard.rules if one.id in needed))


def _list_named(standard: Standard, figure: Figure) -> Iterator[str]:
    """What it is made of, what chooses its window, and what its conditions ask for; other names with it."""
    yield from figure.parts
    by_volume = getattr(figure.window, "by_volume", None)
    if by_volume is not None and by_volume.of is not None:
        yield by_volume.of
    place = next(path for path, one in list_parts(standard) if one is figure)
    for _, path, condition in list_conditions(standard):
        if path.startswith(f"{place}."):
            yield from (leaf.key.partition(".")[0] for leaf, _ in list_leaves(condition))
