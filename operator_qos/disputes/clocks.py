"""When a limit of a policy ends, on the clock it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from operator_qos.clock import from_ms, to_ms
from operator_qos.disputes.policies import KindPolicy, Limit, Policy
from operator_qos.disputes.rules import add_days, add_working_days
from scoring.calendars import WEEKDAYS, CalendarVersion, NeverOpens, WorkingCalendar

_HOUR_MS = 3_600_000
_WEEKDAYS_OPEN = frozenset(range(5))


@dataclass(frozen=True)
class Clocks:
    """The calendars of one dispute: `zone` is the marketplace's, `shop` the seller's clock, None: always open."""

    policy: Policy
    zone: str
    seller_zone: str = ""
    buyer_country: str = ""
    shop: WorkingCalendar | None = None
    buyer_zones: Mapping[str, str] = field(default_factory=dict)

    def end(self, limit: Limit, start: datetime) -> datetime:
        """The last instant of the limit. A shop that never opens again keeps its wall-clock time."""
        if limit.unit == "hours":
            return start + timedelta(hours=limit.amount)
        if limit.unit == "days":
            return add_days(start, limit.amount, self.zone)
        if limit.unit == "working hours":
            return self._end_working_hours(limit, start)
        return self._end_working_days(limit, start)

    def _end_working_hours(self, limit: Limit, start: datetime) -> datetime:
        if self.shop is None:
            return start + timedelta(hours=limit.amount)
        try:
            return from_ms(self.shop.add(to_ms(start), limit.amount * _HOUR_MS))
        except NeverOpens:
            return start + timedelta(hours=limit.amount)

    def _end_working_days(self, limit: Limit, start: datetime) -> datetime:
        holidays = self.policy.holidays
        if limit.calendar == "mediators":
            zone, days = self.policy.mediators_zone or self.zone, holidays.get("mediators", frozenset())
            return add_working_days(start, limit.amount, zone, holidays=days)
        if limit.calendar == "buyer":
            days = holidays.get(self.buyer_country, frozenset())
            return add_working_days(start, limit.amount, self.zone, holidays=days)
        version = self._find_version(start)
        shop_days = frozenset(day.isoformat() for day in version.holidays) if version else frozenset()
        days = holidays.get("seller", frozenset()) | shop_days
        zone, weekdays = self.seller_zone or self.zone, _list_weekdays(version)
        return add_working_days(start, limit.amount, zone, holidays=days, open_weekdays=weekdays)

    def _find_version(self, start: datetime) -> CalendarVersion | None:
        """The shop's hours in force on the day the limit starts; it keeps them to its end."""
        versions = self.shop.versions if self.shop is not None else ()
        day = start.date()
        return next((v for v in reversed(versions) if v.effective_from <= day), None)


def _list_weekdays(version: CalendarVersion | None) -> frozenset[int]:
    """Days on which the shop opens at all; Monday to Friday for one that never said, or that closed every day."""
    if version is None:
        return _WEEKDAYS_OPEN
    return frozenset(n for n, name in enumerate(WEEKDAYS) if version.hours.get(name)) or _WEEKDAYS_OPEN


@dataclass(frozen=True)
class Anchors:
    """Moments of the order that limits for opening start from; None: not known."""

    ordered: datetime | None = None
    deliver_due: datetime | None = None
    delivered: datetime | None = None
    contacted: datetime | None = None


@dataclass(frozen=True)
class Opening:
    """When a dispute of a kind may be opened: not before `from_at`, not after `until_at`; None: any time."""

    from_at: datetime | None
    until_at: datetime | None


def find_opening(kind: KindPolicy, clocks: Clocks, anchors: Anchors) -> Opening:
    """The time within which a dispute may be opened; a limit whose moment is not known does not bind."""
    bounds: list[datetime | None] = []
    for span in (kind.min_wait_before_open, kind.open_until):
        start = getattr(anchors, span.since) if span is not None else None
        bounds.append(clocks.end(span.limit, start) if span is not None and start is not None else None)
    return Opening(bounds[0], bounds[1])
