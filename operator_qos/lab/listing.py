"""Lists as they are served: cut into pages, and what chaos does to pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from operator_qos.lab.dice import draw
from operator_qos.lab.lab import Lab

Show = Callable[[str, int], dict[str, Any]]  # a thing at a moment


@dataclass(frozen=True, slots=True)
class Entry:
    """A place on a page: which thing, as it was when."""

    key: str
    at: int


def _before(lab: Lab, kind: str, key: str, now: int) -> int:
    """The moment before a thing's last change, where it was there already."""
    changes = lab.changes[kind]
    last = changes.find_last(key, now)
    earlier = None if last is None else changes.find_last(key, last - 1)
    return now if earlier is None or last is None else last - 1


def shift(lab: Lab, name: str, keys: Sequence[str], *, first_page: bool) -> Sequence[str]:
    """The list as it stands for the next page: things from its front may have gone to its end meanwhile."""
    if first_page:
        lab.rotations[name] = 0
    elif lab.misfortune.shifts(lab.chaos):
        lab.rotations[name] = lab.rotations.get(name, 0) + 1
    turned = lab.rotations.get(name, 0) % max(len(keys), 1)
    return [*keys[turned:], *keys[:turned]]


def render(lab: Lab, kind: str, keys: Sequence[str], show: Show, *, room: int) -> list[dict[str, Any]]:
    """The page's things: some a second time as they were before, as far as there is room; mixed where shuffled."""
    now, seed = lab.clock.now(), lab.plan.seed
    entries = [Entry(key, now) for key in keys]
    again = [key for key in keys if draw(seed, "repeated", kind, key, now) < lab.chaos.repeated]
    entries += [Entry(key, _before(lab, kind, key, now)) for key in again[:room]]
    if lab.chaos.shuffled:
        entries.sort(key=lambda entry: draw(seed, "shuffled", kind, entry.key, entry.at, now))
    return [show(entry.key, entry.at) for entry in entries]
