"""Which standard binds a shop on a date: by scope, by version in force, by explicit priority."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from scoring.standards.decisions import Scope
from scoring.standards.errors import StandardError
from scoring.standards.model import Standard

SCOPE_FIELDS = ("marketplace", "country", "category", "fulfilment", "channel", "seller_tier")


def fits(scope: Scope, attributes: Mapping[str, str]) -> bool:
    """Whether a scope holds a shop: each list that is given has the shop's own; a shop that does not say is in none."""
    return all(not getattr(scope, name) or attributes.get(name, "") in getattr(scope, name) for name in SCOPE_FIELDS)


def list_in_force(versions: Iterable[Standard], on: date) -> list[Standard]:
    """Of each standard the version in force on a date: the latest effective one, of two the higher version."""
    latest: dict[str, Standard] = {}
    for standard in sorted(versions, key=lambda s: (s.effective_from, s.version)):
        if standard.effective_from <= on:
            latest[standard.id] = standard
    return list(latest.values())


def find_standard(versions: Iterable[Standard], attributes: Mapping[str, str], on: date) -> Standard | None:
    """The standard that binds a shop on a date, None when none does.

    Raises StandardError when two of the same priority do: somebody has to say which comes first.
    """
    fitting = [standard for standard in list_in_force(versions, on) if fits(standard.scope, attributes)]
    if not fitting:
        return None
    highest = max(standard.scope.priority for standard in fitting)
    first = [standard for standard in fitting if standard.scope.priority == highest]
    if len(first) > 1:
        names = " and ".join(sorted(standard.id for standard in first))
        raise StandardError("scope.priority", f"{names} both bind this shop with priority {highest}; raise one of them")
    return first[0]
