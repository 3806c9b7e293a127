"""What a version of a standard promises: how long an answer or a resolution may take, by which clock, what is a defect.

A unit keeps the terms in force when it began, whatever is published afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from scoring.calendars import CalendarBook, CalendarVersion, WorkingCalendar
from scoring.standards.decisions import Clock
from scoring.standards.model import Standard
from scoring.zones import find_country_zone

HOUR_MS = 3_600_000
ALWAYS_MS = -(2**62)
ROUND_THE_CLOCK = (("00:00", "24:00"),)
Holidays = tuple[tuple[str, tuple[date, ...]], ...]
ANSWER, RESOLVE, DEFECTS = "response_within_rate", "resolution_within_rate", "order_defect_rate"


@dataclass(frozen=True)
class Terms:
    """Terms of units that begin at ``from_ms`` [epoch ms] or later, until the next terms.

    ``answer_ms`` and ``resolve_ms`` are time allowed [ms] on ``answer_clock`` and ``resolve_clock``: None is the shop's
    own calendar. An answer on a clock with ``due_in_days`` is due on a day instead, whatever ``answer_ms`` says.
    ``defect_kinds`` make an order defective. ``holidays`` are the dates by ``marketplace`` and country code.
    """

    from_ms: int = ALWAYS_MS
    answer_ms: int = 24 * HOUR_MS
    resolve_ms: int = 72 * HOUR_MS
    defect_kinds: frozenset[str] = frozenset(
        {"case", "case_lost", "chargeback", "low_rating", "cancelled_by_seller", "not_shipped"})
    standard_id: str = "ours"
    standard_version: int = 1
    answer_clock: Clock | None = None
    resolve_clock: Clock | None = None
    holidays: Holidays = ()

    @property
    def needs_destination(self) -> bool:
        """Whether a clock asks where an order goes."""
        return _asks_destination(self.answer_clock) or _asks_destination(self.resolve_clock)

    def list_holidays(self, clock: Clock, country: str) -> frozenset[date]:
        """The dates that stop a clock: those the standard lists for the marketplace, or for a destination."""
        name = {"marketplace": "marketplace", "destination": country}.get(clock.holidays)
        return frozenset(day for known, days in self.holidays if known == name for day in days)


def _asks_destination(clock: Clock | None) -> bool:
    return clock is not None and "destination" in {clock.holidays, clock.zone}


class Clocks:
    """The clocks of one shop: its own, and those a standard gives it, in the zones they name."""

    def __init__(self, book: CalendarBook, zone: str) -> None:
        self.book, self._zone = book, zone
        self._books: dict[tuple[Clock, frozenset[date], str], CalendarBook] = {}

    def at(self, clock: Clock | None, known_at_ms: int, opened_at_ms: int, *,
           holidays: frozenset[date] = frozenset(), country: str = "") -> WorkingCalendar:
        """The clock of a promise opened at a moment, by what was set before another [epoch ms].

        A clock of a standard stops on ``holidays``; one that names those of the seller on what the shop said of itself.
        One in the zone of the destination runs in that of ``country``; in the marketplace's where it has no one zone.
        """
        if clock is None:
            return self.book.at(known_at_ms, opened_at_ms)
        zone = self._find_zone(clock, country)
        book = self._books.get((clock, holidays, zone)) or self._build(clock, holidays, zone)
        return book.at(known_at_ms, opened_at_ms)

    def _find_zone(self, clock: Clock, country: str) -> str:
        if clock.zone == "destination":
            return find_country_zone(country) or self._zone
        return {"marketplace": self._zone, "shop": self.book.zone}.get(clock.zone, clock.zone)

    def _build(self, clock: Clock, holidays: frozenset[date], zone: str) -> CalendarBook:
        hours = dict.fromkeys(map(str, clock.weekdays), tuple(clock.hours) or ROUND_THE_CLOCK)
        # In force from the beginning: a clock's changes come as another version of its standard.
        first = CalendarVersion(hours=hours, holidays=holidays, effective_from=date.min, set_at_ms=ALWAYS_MS)
        own = self.book.versions if clock.holidays == "seller" else ()
        versions = (first, *(replace(version, hours=hours, overrides={}) for version in own))
        closures = self.book.closures if clock.stops_for else ()
        built = self._books[clock, holidays, zone] = CalendarBook(zone, versions, closures)
        return built


def is_own_calendar(clock: Clock) -> bool:
    """Whether a clock means the hours each shop sets for itself: it names the shop's zone and no hours of its own."""
    return clock.zone == "shop" and not clock.hours and clock.due_in_days is None


def read_terms(standard: Standard, *, from_ms: int, otherwise: Standard) -> Terms:
    """The terms of a standard from a moment on [epoch ms]; what it does not say is as in ``otherwise``."""
    answer_ms, answer_clock = _read_promise(standard, otherwise, ANSWER)
    resolve_ms, resolve_clock = _read_promise(standard, otherwise, RESOLVE)
    kinds = next((_list_kinds(one) for one in (standard, otherwise) if _list_kinds(one)), frozenset())
    holidays = standard.holidays if answer_clock or resolve_clock else ()
    return Terms(from_ms, answer_ms, resolve_ms, kinds, standard.id, standard.version, answer_clock, resolve_clock,
                 holidays)


def _list_kinds(standard: Standard) -> frozenset[str]:
    rules = (rule for rule in standard.rules if rule.is_active and rule.metric == DEFECTS)
    return frozenset(kind for rule in rules for kind in rule.defect_kinds)


def _read_promise(standard: Standard, otherwise: Standard, metric: str) -> tuple[int, Clock | None]:
    for one in (standard, otherwise):
        for rule in one.rules:
            if not rule.is_active or rule.metric != metric:
                continue
            clock = next((clock for clock in one.clocks if clock.id == rule.clock), None)
            if rule.within_hours is not None:
                return int(rule.within_hours * HOUR_MS), None if clock is None or is_own_calendar(clock) else clock
            if clock is not None and clock.due_in_days is not None:
                return 0, clock
    raise ValueError(f"{otherwise.id}: no rule says within how many hours {metric} is kept")


def find_terms(terms: Sequence[Terms], at_ms: int) -> Terms:
    """The terms in force at a moment [epoch ms]; before the first, the first. ``terms`` rise by ``from_ms``."""
    found = terms[0]
    for later in terms[1:]:
        if later.from_ms > at_ms:
            break
        found = later
    return found
