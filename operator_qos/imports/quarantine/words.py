"""Reasons in the reader's language. They are stored in English; what no pattern knows is shown so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from flask_babel import gettext

from operator_qos.connectors.mapping.reading import Mistake
from operator_qos.imports.quarantine.patterns import PATTERNS
from operator_qos.web import get_language

_SLOT = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Said:
    """A reason as shown, and the language it is in."""

    text: str
    language: str


def say_reason(reason: str) -> Said:
    """The reason in the reader's language."""
    language = get_language()
    if language == "en":
        return Said(reason, "en")
    for pattern, told in _compiled():
        found = pattern.fullmatch(reason)
        if found is not None:
            return Said(gettext(told, **found.groupdict()), language)
    return Said(reason, "en")


def say_mistake(mistake: Mistake) -> Said:
    """What is wrong in a mapping."""
    return say_reason(mistake.reason)


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_to_expression(told), re.DOTALL), told) for told in PATTERNS)


def _to_expression(told: str) -> str:
    """The words with a group for each %(name)s."""
    parts = _SLOT.split(told)
    return "".join(re.escape(part) if place % 2 == 0 else f"(?P<{part}>.*?)" for place, part in enumerate(parts))
