"""Numbers only: events to facts, facts to metrics, metrics to verdicts, and the clocks and bounds they need.

What others are promised stands here; each name is imported when first asked for, so that ``import scoring`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scoring.calendar_checks import CalendarError
    from scoring.calendars import NeverOpens
    from scoring.intervals import clopper_pearson, jeffreys, tail, wilson
    from scoring.standards import load_standard
    from scoring.working_calendar import WorkingCalendar

__all__ = [
    "CalendarError", "NeverOpens", "WorkingCalendar", "clopper_pearson", "jeffreys", "load_standard", "tail", "wilson",
]

_HOMES = {
    "CalendarError": "calendar_checks", "NeverOpens": "calendars", "WorkingCalendar": "working_calendar",
    "clopper_pearson": "intervals", "jeffreys": "intervals", "load_standard": "standards", "tail": "intervals",
    "wilson": "intervals",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'scoring' has no attribute {name!r}")
    found = getattr(import_module(f"scoring.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
