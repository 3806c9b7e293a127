"""What may happen to a version of a standard, and which of several are in force. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, available_timezones

import yaml

from scoring.outcome_rows import SOURCES
from scoring.scopes import SCOPE_FIELDS
from scoring.standards import (
    Standard,
    StandardError,
    find_mistakes,
    parse_standard,
    require_notice,
    require_successor,
)

_FIELD = r"(?m)^{name}:[ \t]*[^\s#]+"
MAX_ID, MAX_WHY, MAX_TEXT, MAX_DEPTH = 60, 2000, 300_000, 40
_OPENING = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken,
            yaml.FlowSequenceStartToken)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


class State(StrEnum):
    """Where a version is between being written and being history."""

    DRAFT = "draft"
    PUBLISHED = "published"
    EFFECTIVE = "effective"
    REPLACED = "replaced"
    RETIRED = "retired"


class VersionStateError(ValueError):
    """A version is in a state in which this cannot be done; the text says in which, and what to do."""


@dataclass(frozen=True)
class Kept:
    """A version as it is kept, its text read; `shipped` is the one that comes with the product."""

    standard: Standard
    text: str
    drafted_at: datetime | None
    drafted_by: str
    published_at: datetime | None
    published_by: str | None = None
    legal_ground: str | None = None
    why: str = ""
    retired_at: datetime | None = None
    shipped: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """Id and version."""
        return self.standard.id, self.standard.version

    @property
    def is_draft(self) -> bool:
        """Whether it may still be written to."""
        return self.published_at is None and not self.shipped


def today_of(standard: Standard, now: datetime) -> date:
    """The local date of a moment where the standard is at home."""
    return now.astimezone(ZoneInfo(standard.timezone or "UTC")).date()


def find_state(version: Kept, others: Iterable[Kept], now: datetime) -> State:
    """The state of a version at a moment, `others` being all versions known."""
    if version.retired_at is not None and version.retired_at <= now:
        return State.RETIRED
    if version.is_draft:
        return State.DRAFT
    on = today_of(version.standard, now)
    if version.standard.effective_from > on:
        return State.PUBLISHED
    later = (
        other
        for other in others
        if other.standard.id == version.standard.id
        and not other.is_draft
        and other.retired_at is None
        and version.standard.effective_from < other.standard.effective_from <= on
    )
    return State.REPLACED if next(later, None) else State.EFFECTIVE


def list_binding(versions: Iterable[Kept]) -> list[Standard]:
    """The versions that bind shops from their first day on: published and not retired."""
    return [version.standard for version in versions if not version.is_draft and version.retired_at is None]


def require_publishable(
    draft: Kept, versions: Sequence[Kept], *, now: datetime, legal_ground: str | None, why: str
) -> None:
    """Refuse to publish what is no draft, comes too soon, does not follow or contradicts another.

    Raises VersionStateError or StandardError, with the path of the field that is wrong.
    """
    if not draft.is_draft:
        raise VersionStateError(f"{_name(draft.standard)} is published already; write a new version")
    require_why(why)
    require_notice(draft.standard, today_of(draft.standard, now), legal_ground=legal_ground)
    binding = list_binding(versions)
    for before in (standard for standard in binding if standard.id == draft.standard.id):
        require_successor(draft.standard, before)
    _refuse_rivals(draft.standard, [standard for standard in binding if standard.id != draft.standard.id])


def require_retirable(version: Kept) -> None:
    """Refuse to retire what was never published, is retired or comes with the product. Raises VersionStateError."""
    if version.shipped:
        raise VersionStateError(f"{_name(version.standard)} comes with the product; publish a version after it")
    if version.is_draft:
        raise VersionStateError(f"{_name(version.standard)} is a draft; delete it instead")
    if version.retired_at is not None:
        raise VersionStateError(f"{_name(version.standard)} is retired already")


def renumber(text: str, *, version: int, effective_from: date) -> str:
    """The YAML with another version and first day, everything else as written, comments too."""
    text = re.sub(_FIELD.format(name="version"), f"version: {version}", text, count=1)
    return re.sub(_FIELD.format(name="effective_from"), f"effective_from: {effective_from}", text, count=1)


def list_unmeasured(standard: Standard) -> list[str]:
    """The metrics it names that nothing is counted for yet, sorted."""
    figures = (*standard.figures, *standard.rules)
    return sorted({figure.metric for figure in figures if figure.is_active and figure.metric} - set(SOURCES))


def read_draft(text: str) -> Standard:
    """The standard a text describes. Raises StandardError, naming path and line of the first mistake."""
    mistakes = list_mistakes(text)
    if mistakes:
        raise mistakes[0]
    return parse_standard(text)


def list_mistakes(text: str) -> tuple[StandardError, ...]:
    """All that is wrong with a text, in its order: what the language refuses, and what cannot be kept."""
    mistakes = _list_unreadable(text) or find_mistakes(text)
    if mistakes:
        return mistakes
    standard = parse_standard(text)
    found = []
    if len(standard.id) > MAX_ID:
        found.append(StandardError("id", f"is {len(standard.id)} characters long; {MAX_ID} is the most"))
    if standard.timezone is not None and standard.timezone not in available_timezones():
        found.append(StandardError("timezone", f"{standard.timezone!r} is no zone; write it like Europe/Paris"))
    return tuple(StandardError(error.path, error.problem, line=_find_line(text, error.path)) for error in found)


def _list_unreadable(text: str) -> tuple[StandardError, ...]:
    """What keeps a text from being read at all: signs YAML has no place for, size, depth, and references.

    A reference can stand for itself, or for a text that is a million times as long.
    """
    if len(text) > MAX_TEXT:
        return (StandardError("", f"has {len(text)} characters; {MAX_TEXT} is the most"),)
    depth = 0
    try:
        for token in yaml.scan(text):
            if isinstance(token, yaml.AliasToken):
                return (StandardError("", "references (*name) are no part of the language; write it out",
                                      line=token.start_mark.line + 1),)
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > MAX_DEPTH:
                return (StandardError("", "is nested too deeply", line=token.start_mark.line + 1),)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        return (StandardError("", f"holds a sign that cannot be printed: {error.character:#06x}", line=line),)
    except yaml.YAMLError:
        return ()  # the language's own reader says it better
    return ()


def require_why(why: str) -> str:
    """The reason without spaces around it. Raises StandardError when there is none, or too much of it."""
    said = why.strip()
    if not said:
        raise StandardError("why", "say why the rules change, for those who are bound by them")
    if len(said) > MAX_WHY:
        raise StandardError("why", f"has {len(said)} characters; {MAX_WHY} is the most")
    return said


def _find_line(text: str, field: str) -> int | None:
    lines = (number for number, line in enumerate(text.splitlines(), 1) if line.startswith(f"{field}:"))
    return next(lines, None)


def _name(standard: Standard) -> str:
    return f"{standard.id} version {standard.version}"


def _refuse_rivals(standard: Standard, others: Iterable[Standard]) -> None:
    """Two standards that can bind one shop need different priorities, else nobody can say which comes first."""
    for other in others:
        if other.scope.priority == standard.scope.priority and _overlap(standard, other):
            raise StandardError(
                "scope.priority",
                f"{other.id} can bind the same shops with priority {other.scope.priority}; give this one another",
            )


def _overlap(one: Standard, other: Standard) -> bool:
    pairs = ((getattr(one.scope, name), getattr(other.scope, name)) for name in SCOPE_FIELDS)
    return all(not mine or not theirs or set(mine) & set(theirs) for mine, theirs in pairs)
