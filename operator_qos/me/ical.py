"""Deadlines as an iCalendar document; pure, the same for the same deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

# A deadline has no length; calendars show what lasts a little, and it ends when the time is up.
SHOWN = timedelta(minutes=15)
REFRESH = timedelta(hours=1)


@dataclass(frozen=True)
class Entry:
    """One deadline. `number` rises whenever something about it changes; `is_cancelled`: nothing is owed any more."""

    uid: str
    title: str
    text: str
    link: str
    due_at: datetime
    changed_at: datetime
    number: int = 0
    is_cancelled: bool = False


def write_calendar(entries: Sequence[Entry], *, name: str, language: str) -> bytes:
    """The document, one event per deadline."""
    calendar = Calendar()
    calendar.add("prodid", f"-//Operator QoS//Deadlines//{language.upper()}")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name, parameters={"LANGUAGE": language})
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for entry in entries:
        calendar.add_component(_to_event(entry, language))
    return bytes(calendar.to_ical())


def _to_event(entry: Entry, language: str) -> Event:
    event, spoken = Event(), {"LANGUAGE": language}
    due_at = entry.due_at.astimezone(UTC).replace(microsecond=0)
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.changed_at.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", due_at - SHOWN)
    event.add("dtend", due_at)
    event.add("summary", entry.title, parameters=spoken)
    event.add("description", "\n".join(part for part in (entry.text, entry.link) if part), parameters=spoken)
    event.add("url", entry.link)
    event.add("sequence", entry.number)
    event.add("status", "CANCELLED" if entry.is_cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return event
