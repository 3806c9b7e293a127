"""Where a shop stood before a date by what was officially decided; and what judging again took away. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from scoring.ladder import Episode, MetricVerdict, Standing, step
from scoring.standards import Standard


@dataclass(frozen=True)
class FrozenDay:
    """One date as decided then: its verdicts, and what it changed; `warned` are the metrics that got a warning."""

    on: date
    verdicts: Sequence[MetricVerdict]
    level: str | None = None
    awarded: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    warned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Position:
    """A standing with the date since which its level holds."""

    standing: Standing
    since_on: date


def replay(days: Iterable[FrozenDay], standard: Standard, start: Position | None = None) -> Position | None:
    """The position after frozen dates, from `start` or from the first of them; None without any.

    Episodes follow from the verdicts as the ladder makes them, save those that brought no warning then: something
    sheltered the shop. Level and badges are those that were decided.
    """
    at = start
    for day in days:
        before = at.standing if at is not None else None
        after, _ = step(before, day.verdicts, on=day.on, orders_60d=0, standard=standard)
        level = day.level or (before.level if before is not None else "in_standard")
        badges = ((before.badges if before is not None else frozenset()) - day.withdrawn) | day.awarded
        episodes = tuple(_list_told(before.episodes if before is not None else (), after.episodes, day))
        moved = at is None or level != at.standing.level
        at = Position(Standing(level, badges, episodes), day.on if at is None or moved else at.since_on)
    return at


def _list_told(before: Sequence[Episode], after: Sequence[Episode], day: FrozenDay) -> Iterable[Episode]:
    known: Mapping[str, Episode] = {episode.metric: episode for episode in before}
    for episode in after:
        was = known.get(episode.metric)
        begun = was is None or was.first_breach_on != episode.first_breach_on
        if not begun or episode.metric in day.warned:
            yield episode


@dataclass(frozen=True, order=True)
class Told:
    """What a change says, apart from its reasons: two with the same words are the same change."""

    on: date
    kind: str
    metric: str
    before: str
    after: str


def list_fallen(then: Mapping[int, Told], again: Iterable[Told]) -> list[int]:
    """The changes, by id, that judging again did not make: in the order of their dates, each taken once."""
    left = list(again)
    fallen: list[int] = []
    for change_id, told in sorted(then.items(), key=lambda item: (item[1].on, item[0])):
        if told in left:
            left.remove(told)
        else:
            fallen.append(change_id)
    return fallen
