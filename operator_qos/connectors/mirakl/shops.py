"""Shops of Mirakl as claims: opened, closed for a while, opening hours. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from operator_qos.connectors.contract import Access
from operator_qos.connectors.mirakl.differences import Claim, Difference, digest
from operator_qos.connectors.mirakl.fields import Fields
from operator_qos.connectors.rows import utc_text

STATES = {"OPEN": "open", "CLOSE": "closed", "CLOSED": "closed", "SUSPENDED": "suspended", "TERMINATED": "terminated"}
DAYS = {"MONDAY": "mon", "TUESDAY": "tue", "WEDNESDAY": "wed", "THURSDAY": "thu", "FRIDAY": "fri", "SATURDAY": "sat",
        "SUNDAY": "sun"}
OPEN_END = timedelta(days=365)  # how long a closure without an end is announced for
YEARS_AHEAD = 2


def tell_shop(shop: Fields, difference: Difference, access: Access, closures: Mapping[str, str], now: datetime) -> None:
    """A shop opened, and its closure as it stands; `closures` are those told before, from and until."""
    shop_id, created = shop.text("shop_id"), shop.moment("date_created")
    company = shop.child("pro_details")
    data = {"seller": company.text("identification_number") or company.text("corporate_name"),
            "name": shop.text("shop_name")[:200], "timezone": access.timezone,
            "country": shop.child("contact_informations").text("country") or access.country}
    if created is not None:
        given = {name: value for name, value in data.items() if value}
        difference.tell(Claim("opened", "shop.opened", shop_id, created, given, once=True))
    shop.word("shop_state", STATES)  # nothing is told by it; a new one is named, since it may matter
    standing = read_closure(shop)
    for start, until in closures.items():
        difference.keep(f"closed:{start}")
        if start not in standing and until > utc_text(now):
            _end_closure(difference, shop_id, start, now)
    for start, until in standing.items():
        difference.tell(_closed(shop_id, start, until))


def read_closure(shop: Fields) -> dict[str, str]:
    """The closure a shop shows, from and until; empty for none, or one that ends before it begins."""
    start, until = shop.moment("closed_from"), shop.moment("closed_to")
    if start is None:
        return {}
    end = until or start + OPEN_END
    if end <= start:
        shop.refuse("closed_to", "lies before closed_from", shop.text("closed_to"))
        return {}
    return {utc_text(start): utc_text(end)}


def _closed(shop_id: str, start: str, until: str) -> Claim:
    data = {"from": start, "until": until, "by": "seller"}
    return Claim(f"closed:{start}", "shop.closed_for", shop_id, None, data, leans="earlier")


def _end_closure(difference: Difference, shop_id: str, start: str, now: datetime) -> None:
    """A closure called off is taken back; of one that had begun, what was closed stays closed."""
    difference.kept.discard(f"closed:{start}")
    if start < utc_text(now):
        difference.tell(_closed(shop_id, start, utc_text(now)))


def tell_hours(hours: Fields, difference: Difference, now: datetime, told: str) -> str:
    """The opening hours, told anew whenever they are others than `told`; returns their mark."""
    week = {day: frames for day, frames in _read_week(hours) if frames}
    holidays = sorted({day for closing in hours.items("business_closing_days") for day in _read_holiday(closing, now)})
    mark = digest([week, holidays])
    if week and mark != told:
        number = difference.count("hours:") + 1
        data: dict[str, Any] = {"hours": week, "holidays": holidays, "by": "seller"}
        created = hours.moment("date_created")
        if number == 1 and created is not None:  # the first hours we hear of are those the shop has always had
            data |= {"by": "operator", "effective_from": created.date().isoformat()}
        difference.tell(Claim(f"hours:{number}", "shop.calendar_set", hours.text("shop_id"), None, data, once=True))
    return mark if week else told


def _read_week(hours: Fields) -> Iterator[tuple[str, list[list[str]]]]:
    found: dict[str, list[list[str]]] = {}
    for day in hours.items("business_days"):
        name = day.word("day", DAYS) or day.word("day_of_week", DAYS)
        if name is not None:
            found.setdefault(name, []).extend(_read_frames(day))
    for name, frames in found.items():
        yield name, sorted(frames)


def _read_frames(day: Fields) -> Iterator[list[str]]:
    frames = day.items("business_hours") if isinstance(day.raw.get("business_hours"), list) else [
        day.child("business_hours")]
    for frame in frames:
        start, end = frame.text("from")[:5], frame.text("to")[:5]
        if start and end:
            yield [start, "24:00" if end == "00:00" else end]


def _read_holiday(closing: Fields, now: datetime) -> Iterator[str]:
    """A closing day; one that comes every year in this year and the next ones."""
    text = closing.text("date")[:10]
    try:
        day = date.fromisoformat(text)
    except ValueError:
        closing.refuse("date", "is no day of the calendar", text)
        return
    if closing.raw.get("recurring") is not True:
        yield day.isoformat()
        return
    for year in range(now.year, now.year + YEARS_AHEAD):
        if (day.month, day.day) != (2, 29):
            yield day.replace(year=year).isoformat()
