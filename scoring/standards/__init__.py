"""A standard as data: what is measured, over which window, against which limit, and what follows from it.

A standard is a YAML text (or the mapping it stands for), in the language that docs/standards.md explains. Its numbers
are read as exact decimals, so that 1 − 0.9 is exactly 0.1. Every mistake is refused with the path of the field, like
``rules[2].kept_when``, and its line in the text.
"""

from __future__ import annotations

from scoring.standards.brief import LEVEL_IDS, Level
from scoring.standards.decisions import Badge, Tier, WarningTerms
from scoring.standards.errors import ConditionError, StandardError
from scoring.standards.fields import Title
from scoring.standards.model import DEFECT_KINDS, Standard, title_in
from scoring.standards.parts import Evidence, Figure, Rule
from scoring.standards.reading import (
    find_mistakes,
    list_presets,
    load_preset,
    load_standard,
    parse_standard,
    read_preset,
    standard_schema,
    write_yaml,
)
from scoring.standards.versions import Change, diff_standards, require_notice, require_successor
from scoring.standards.windowing import Window, Windows

MetricRule = Rule

__all__ = [
    "DEFECT_KINDS",
    "LEVEL_IDS",
    "Badge",
    "Change",
    "ConditionError",
    "Evidence",
    "Figure",
    "Level",
    "MetricRule",
    "Rule",
    "Standard",
    "StandardError",
    "Tier",
    "Title",
    "WarningTerms",
    "Window",
    "Windows",
    "diff_standards",
    "find_mistakes",
    "list_presets",
    "load_preset",
    "load_standard",
    "parse_standard",
    "read_preset",
    "require_notice",
    "require_successor",
    "standard_schema",
    "title_in",
    "write_yaml",
]
