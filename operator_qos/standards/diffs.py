"""What changes between two versions, in a language of choice and with the names that people know."""

from __future__ import annotations

from dataclasses import replace

from operator_qos import words
from operator_qos.i18n import get_translations
from operator_qos.metric_words import Words
from scoring.metrics import METRICS
from scoring.standards import Figure, Standard, diff_standards, title_in
from scoring.standards.versions import LISTS, Change


def list_changes(before: Standard, after: Standard, language: str) -> list[str]:
    """Every difference as a sentence, rules by their title or by the name of their metric."""
    return [replace(change, subject=_name(change, before, after, language)).say(language)
            for change in diff_standards(before, after)]


def _name(change: Change, before: Standard, after: Standard, language: str) -> str:
    if change.section not in LISTS or not change.subject:
        return change.subject
    wanted = change.path.split(".")[1]
    parts = (part for standard in (after, before) for part in getattr(standard, change.section) if part.id == wanted)
    part = next(parts, None)
    title = getattr(part, "title", None)
    if title:
        return title_in(title, language)
    if isinstance(part, Figure) and part.metric in METRICS:
        return name_metric(part.metric, language)
    return change.subject


def name_metric(metric: str, language: str) -> str:
    """The name of a metric in a language that need not be the reader's: mails go to many."""
    return say_in(words.metric_name(metric), language)


def say_in(text: Words, language: str) -> str:
    """A text marked for translation, in a language that need not be the reader's."""
    return str(get_translations(language).gettext(text._args[0]))  # type: ignore[attr-defined]  # the text marked
