"""Reasons in the reader's language. They are stored in English; what no pattern knows is shown so."""

from __future__ import annotations

from dataclasses import dataclass

from operator_qos.connectors.mapping.reading import Mistake
from operator_qos.imports.quarantine.patterns import PATTERNS
from operator_qos.retelling import find_retold
from operator_qos.web import get_language


@dataclass(frozen=True)
class Said:
    """A reason as shown, and the language it is in."""

    text: str
    language: str


def say_reason(reason: str) -> Said:
    """The reason in the reader's language."""
    language = get_language()
    told = None if language == "en" else find_retold(reason, PATTERNS, language)
    return Said(reason, "en") if told is None else Said(told, language)


def say_mistake(mistake: Mistake) -> Said:
    """What is wrong in a mapping."""
    return say_reason(mistake.reason)
