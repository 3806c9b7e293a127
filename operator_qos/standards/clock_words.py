"""How the clock of a promise runs, in the reader's words: hours, days, deadlines at a time of day, holidays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from operator_qos import words
from operator_qos.formats import format_day
from operator_qos.i18n import gettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.standards.phrases import read_language
from scoring.standards import Figure, Standard
from scoring.standards.decisions import Clock
from scoring.terms import is_own_calendar

WEEKDAYS = {"mon": _("Monday"), "tue": _("Tuesday"), "wed": _("Wednesday"), "thu": _("Thursday"), "fri": _("Friday"),
            "sat": _("Saturday"), "sun": _("Sunday")}
HOLIDAYS = {"seller": _("The shop’s own holidays do not count."), "none": ""}


def say_promise(part: Figure, standard: Standard) -> Iterator[str]:
    """Until when what a figure counts is in time; nothing where no clock is named."""
    clock = next((clock for clock in standard.clocks if clock.id == part.clock), None)
    if part.within_hours is not None:
        name = (part.clock or "–").replace("_", " ")
        yield gettext("%(n)s hours are allowed by the clock “%(clock)s”.", n=part.within_hours.normalize(), clock=name)
    elif clock is not None and clock.due_in_days is not None:
        yield _say_due(clock, clock.due_in_days)
    if clock is not None and not is_own_calendar(clock):
        yield from _say_days(clock)
        yield from _say_holidays(clock, standard)


def _say_due(clock: Clock, days: int) -> str:
    by = "" if clock.due_at in {None, "24:00"} else clock.due_at
    if days == 0:
        return gettext("Due the same day by %(time)s.", time=by) if by else gettext("Due by the end of the same day.")
    counted = words.days_phrase(days)
    said = gettext("Due %(days)s later by %(time)s.", days=counted, time=by) if by else gettext(
        "Due by the end of the day %(days)s later.", days=counted)
    return f"{said} {gettext('The first day counts.')}" if clock.starts_on == "same_day" else said


def _say_days(clock: Clock) -> Iterator[str]:
    if clock.order_cut_off not in {None, "24:00"}:
        yield gettext("What comes at %(time)s or later belongs to the next day.", time=clock.order_cut_off)
    if len(clock.weekdays) < 7:
        yield gettext("These days count: %(days)s.", days=", ".join(str(WEEKDAYS[day]) for day in clock.weekdays))
    if clock.hours:
        yield gettext("These hours count: %(hours)s.", hours=", ".join(f"{start}–{end}" for start, end in clock.hours))


def _say_holidays(clock: Clock, standard: Standard) -> Iterator[str]:
    """Which holidays stop the clock, by their dates; never silent where the standard lists none."""
    if clock.holidays in HOLIDAYS:
        yield from filter(None, (str(HOLIDAYS[clock.holidays]),))
        return
    known = dict(standard.holidays)
    if clock.holidays == "marketplace":
        days = _join(known.get("marketplace", ()))
        yield gettext("Holidays of the marketplace do not count: %(days)s.", days=days) if days else gettext(
            "The standard lists no holidays of the marketplace, so every date counts.")
        return
    abroad = [f"{country} ({_join(days)})" for country, days in standard.holidays if country != "marketplace"]
    yield gettext("Holidays of the country an order goes to do not count: %(days)s.",
                  days="; ".join(abroad)) if abroad else gettext(
        "The standard lists no holidays by country, so every date counts.")


def _join(days: tuple[date, ...]) -> str:
    return ", ".join(format_day(day, read_language(), year=True) for day in days)
