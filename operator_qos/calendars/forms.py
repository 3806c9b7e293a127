"""The forms of a shop's calendar: what was typed stays, what is wrong is said beside its field."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from flask import request

from operator_qos.calendars.queries import ShopHours
from operator_qos.calendars.rules import Absence, Hours, HoursError, read_hours, write_frames
from operator_qos.formats import format_day
from operator_qos.i18n import gettext as _
from operator_qos.web import get_language
from scoring.holiday_proposals import list_countries, list_regions, name_region, propose_holidays
from scoring.opening_hours import WEEKDAYS

BLANK_ROWS = 3
PROPOSED_DAYS = 400
_HOLIDAY_LANGUAGES = {"fr": "fr", "en": "en_US"}


@dataclass(frozen=True)
class Typed:
    """The form of the hours as somebody filled it in."""

    week: Mapping[str, str]
    effective_from: str
    country: str
    region: str
    holidays: tuple[str, ...]
    overrides: tuple[tuple[str, str], ...]
    why: str
    token: str

    @property
    def seal(self) -> str:
        """A mark of what was checked: saving something else asks again."""
        said = repr((sorted(self.week.items()), self.effective_from, sorted(self.holidays),
                     [row for row in self.overrides if any(row)], self.token))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def to_hours(self) -> Hours:
        """What it says. Raises HoursError."""
        return read_hours(self.week, self.holidays, self.overrides, self.effective_from)


@dataclass(frozen=True)
class TypedAbsence:
    """The form of a time out of office as somebody filled it in."""

    start: str
    end: str
    why: str
    token: str

    @property
    def seal(self) -> str:
        """A mark of what was checked."""
        return hashlib.sha256(repr((self.start, self.end, self.token)).encode()).hexdigest()[:32]

    def to_absence(self, zone: str) -> Absence:
        """What it says, in the shop's zone. Raises HoursError."""
        return Absence(_read_moment(self.start, "from", zone), _read_moment(self.end, "until", zone))


@dataclass(frozen=True)
class Proposal:
    """A day off to tick; `name` is empty for one kept from before."""

    day: date
    name: str
    is_regional: bool


def make_token() -> str:
    """A mark for one filled form."""
    return secrets.token_hex(8)


def start_form(known: ShopHours) -> Typed:
    """The form as it opens: the hours set last, from tomorrow on."""
    latest = known.latest
    week = {day: write_frames(latest.weekly.get(day, ())) if latest else "" for day in WEEKDAYS}
    kept = sorted(day for day in (latest.holidays if latest else ()) if day > known.today)
    dated = sorted(latest.overrides.items()) if latest else []
    rows = [(day.isoformat(), write_frames(frames)) for day, frames in dated if day > known.today]
    return Typed(week, (known.today + timedelta(days=1)).isoformat(), known.country, "",
                 tuple(day.isoformat() for day in kept), _add_blanks(rows), "", make_token())


def read_form() -> Typed:
    """The form as it was sent."""
    form = request.form
    days, texts = form.getlist("override_day"), form.getlist("override_hours")
    rows = [(day, text) for day, text in zip(days, texts, strict=False) if day.strip() or text.strip()]
    return Typed(
        {day: form.get(day, "") for day in WEEKDAYS}, form.get("effective_from", ""), form.get("country", ""),
        form.get("region", ""), tuple(dict.fromkeys(form.getlist("holidays"))), _add_blanks(rows), form.get("why", ""),
        form.get("token", "")[:40] or make_token())


def _add_blanks(rows: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return (*rows, *((("", ""),) * BLANK_ROWS))


def start_absence() -> TypedAbsence:
    """The empty form."""
    return TypedAbsence("", "", "", make_token())


def read_absence() -> TypedAbsence:
    """The form as it was sent."""
    form = request.form
    return TypedAbsence(form.get("from", ""), form.get("until", ""), form.get("closure_why", ""),
                        form.get("token", "")[:40] or make_token())


def _read_moment(text: str, field: str, zone: str) -> datetime:
    try:
        local = datetime.fromisoformat(text.strip())
    except ValueError:
        raise HoursError(field, "no_moment", text.strip()) from None
    if not 2000 <= local.year < 2100:
        raise HoursError(field, "far", text.strip())
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) if local.tzinfo is None else local


def list_choices(typed: Typed) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Countries whose holidays are known, and the regions of the one chosen, by name in the reader's language."""
    names = Locale(get_language()).territories
    countries = sorted(((code, names.get(code, code)) for code in list_countries() if len(code) == 2),
                       key=lambda pair: pair[1])
    regions = list_regions(typed.country) if typed.country in dict(countries) else ()
    return countries, sorted(((code, name_region(typed.country, code)) for code in regions), key=lambda pair: pair[1])


def list_proposals(typed: Typed, known: ShopHours) -> list[Proposal]:
    """The public holidays of the next 13 months, and every day ticked; none is ever ticked by itself."""
    until = known.today + timedelta(days=PROPOSED_DAYS)
    found: dict[date, Proposal] = {}
    for day in typed.holidays:
        kept = _find_day(day)
        if kept is not None:
            found[kept] = Proposal(kept, "", False)
    for year in (known.today.year, known.today.year + 1, until.year):
        for one in _propose(typed, year):
            if known.today < one.day <= until or one.day in found:
                found[one.day] = Proposal(one.day, one.name, one.is_regional)
    return [found[day] for day in sorted(found)]


def _propose(typed: Typed, year: int) -> tuple[Proposal, ...]:
    try:
        days = propose_holidays(typed.country, typed.region or None, year, _HOLIDAY_LANGUAGES[get_language()])
    except ValueError:  # no such country or region: nothing to propose
        return ()
    return tuple(Proposal(one.day, one.name, one.is_regional) for one in days)


def _find_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def drop_foreign_region(typed: Typed) -> Typed:
    """The form without a region that the country has not."""
    countries, regions = list_choices(typed)
    known = typed.region in dict(regions) and typed.country in dict(countries)
    return typed if known or not typed.region else replace(typed, region="")


def say_error(error: HoursError) -> str:
    """What is wrong, and what to do, in the reader's words."""
    texts = {
        "unreadable": _("“%(text)s” cannot be read as hours. Write them like 09:00-12:30, 14:00-18:00.",
                        text=error.given),
        "same": _("“%(text)s” opens and closes at the same time. A whole day is 00:00-24:00.", text=error.given),
        "overlap": _("Two times overlap here, or with the night before. Let one end before the other begins."),
        "empty": _("There is no opening time at all. Give one day at least, or close the shop for a time below."),
        "no_date": _("“%(text)s” is no date.", text=error.given),
        "no_moment": _("Give a day and a time."),
        "far": _("Give a date between 2000 and 2099."),
        "twice": _("This date is given twice."),
        "many": _("These are too many dates: 1,000 at most."),
        "past": _("Hours can be changed from %(day)s on: what has passed stays as it was.", day=_say_day(error.given)),
        "begun": _("Give a moment from now on: what has passed stays as it was."),
        "before_start": _("The end must come after the beginning."),
        "long": _("A shop can be closed for four years at most. Close it again later if need be."),
        "no_reason": _("Say why this changes what has passed; it is kept in the audit trail."),
    }
    return str(texts[error.code])


def _say_day(text: str) -> str:
    day = _find_day(text)
    return format_day(day, get_language(), True, False) if day else ""
