"""What of a decided standing is in force while some of it is held back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class HeldBack:
    """A subject (level, badge:ID, warning:METRIC) that stays as it was: `before`, for a level `since_on` when."""

    subject: str
    before: str | None
    since_on: date | None = None


@dataclass(frozen=True)
class Face:
    """The part of a standing that has effects."""

    level: str
    badges: tuple[str, ...]
    episodes: tuple[Mapping[str, Any], ...]
    since_on: date

    @property
    def warning(self) -> int:
        """The highest warning, 0 for none."""
        return max((int(episode["warning"]) for episode in self.episodes), default=0)


def hold_back(decided: Face, held: Iterable[HeldBack]) -> Face:
    """What is in force of a decided standing. Subjects of a part of a shop, and others, have no field to hold."""
    level, since_on = decided.level, decided.since_on
    badges, warnings = set(decided.badges), {}
    for back in held:
        name, _, rest = back.subject.partition(":")
        if "|" in back.subject:
            continue
        if name == "level":
            level, since_on = back.before or level, back.since_on or since_on
        elif name == "badge":
            badges = badges - {rest} if back.before is None else badges | {rest}
        elif name == "warning":
            warnings[rest] = int(back.before or 0)
    return Face(level, tuple(sorted(badges)), _with_warnings(decided.episodes, warnings), since_on)


def _with_warnings(
    episodes: Sequence[Mapping[str, Any]], warnings: Mapping[str, int]
) -> tuple[Mapping[str, Any], ...]:
    """The episodes with no more than the warnings in force; one that is over has none to bring back."""
    return tuple(
        {**episode, "warning": min(int(episode["warning"]), warnings.get(str(episode["metric"]), 9))}
        for episode in episodes)


def write_held(decided: Face, held: Sequence[HeldBack]) -> dict[str, Any] | None:
    """Both as plain values, ready for JSON; None where nothing is held back."""
    if not held:
        return None
    return {
        "level": decided.level, "badges": list(decided.badges), "episodes": [dict(e) for e in decided.episodes],
        "since_on": decided.since_on.isoformat(),
        "held": [{"subject": back.subject, "before": back.before,
                  "since_on": back.since_on.isoformat() if back.since_on else None} for back in held],
    }


def read_held(document: Mapping[str, Any]) -> tuple[Face, list[HeldBack]]:
    """What `write_held` wrote."""
    face = Face(document["level"], tuple(document["badges"]), tuple(document["episodes"]),
                date.fromisoformat(document["since_on"]))
    return face, [_read_back(back) for back in document["held"]]


def _read_back(document: Mapping[str, Any]) -> HeldBack:
    since_on = document["since_on"]
    return HeldBack(document["subject"], document["before"], date.fromisoformat(since_on) if since_on else None)
