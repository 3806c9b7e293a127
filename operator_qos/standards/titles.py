"""What a standard calls its levels and badges, in the reader's language."""

from __future__ import annotations

from operator_qos import words
from operator_qos.i18n import find_language
from scoring.standards import Standard, title_in


def name_level(standard: Standard, level: str | None) -> str:
    """The title of a level; what the standard does not know, and a shop never judged, by its usual name."""
    title = next((tier.title for tier in standard.tiers if tier.id == level), None)
    return title_in(title, find_language()) if title else str(words.level_name(level))


def name_badge(standard: Standard, badge: str) -> str:
    """The title of a badge; one of an earlier standard by its usual name."""
    title = next((known.title for known in standard.badges if known.id == badge), None)
    return title_in(title, find_language()) if title else str(words.badge_name(badge))
