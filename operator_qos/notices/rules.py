"""When somebody is told of what: at once, once a day or in the feed alone, and not while they sleep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

NOW, DIGEST, FEED = "now", "digest", "feed"
WAYS = (NOW, DIGEST, FEED)
# What people choose for, by the beginnings of topics; what begins like none of them belongs to the last.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "standing": ("standing_", "act_", "badge_", "level_"),
    "disputes": ("dispute_", "evidence_", "mediation_"),
    "recourse": ("exclusion_", "appeal_", "plan_", "incident_", "fault_", "complaint_"),
    "other": (),
}
# What the law or a deadline wants told: nobody can choose to hear of it later. By the beginnings of topics.
LAWFUL = ("statement", "standard_", "dispute_opened", "dispute_reminder", "dispute_overdue", "dispute_policy",
          "evidence_asked", "termination", "audit_anchor", "mail_refused")
# Mails with a link by which a password is set: who reads the database afterwards must not find it.
LINK_KEY = "link:"
DUE_FIELDS = ("due", "due_at", "decision_due", "expires_at")
DAY_MINUTES = 24 * 60


def group_of(topic: str) -> str:
    """The group a topic is chosen in."""
    return next((group for group, starts in GROUPS.items() if topic.startswith(starts)), "other")


def is_lawful(topic: str) -> bool:
    """Whether a topic is told at once whatever somebody chose."""
    return topic.startswith(LAWFUL)


@dataclass(frozen=True)
class Preferences:
    """What one person chose. Times are minutes after local midnight; without quiet hours both ends are None."""

    ways: Mapping[str, str] = field(default_factory=dict)  # group to one of WAYS; a group left out: at once
    digest_minute: int = 8 * 60
    quiet_from: int | None = None
    quiet_to: int | None = None
    zone: str = "UTC"

    def way_of(self, topic: str) -> str:
        """How a topic reaches the person."""
        return NOW if is_lawful(topic) else self.ways.get(group_of(topic), NOW)


def find_due(data: Mapping[str, Any]) -> datetime | None:
    """The deadline a notice names, the earliest where there are several; None where there is none."""
    found = [_read_moment(data.get(name)) for name in DUE_FIELDS]
    return min((due for due in found if due is not None), default=None)


def _read_moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def find_send_at(chosen: Preferences, topic: str, *, now: datetime, due_at: datetime | None) -> datetime:
    """When a mail may leave: now, or when the quiet hours end, unless law or a deadline until then asks for it."""
    until = find_quiet_end(chosen, now=now)
    if until is None or is_lawful(topic) or (due_at is not None and due_at <= until):
        return now
    return until


def find_quiet_end(chosen: Preferences, *, now: datetime) -> datetime | None:
    """When the quiet hours that are running end; None outside of them."""
    start, end = chosen.quiet_from, chosen.quiet_to
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(ZoneInfo(chosen.zone))
    minute = local.hour * 60 + local.minute
    inside = start <= minute < end if start < end else minute >= start or minute < end
    return find_next(end, chosen.zone, now=now) if inside else None


def find_next(minute: int, zone: str, *, now: datetime) -> datetime:
    """The next instant after now at which local clocks show this minute of the day.

    A minute that clocks skip counts where it would have been; one they show twice counts the first time.
    """
    local_day = now.astimezone(ZoneInfo(zone)).date()
    wall = time(minute // 60, minute % 60)
    moments = (datetime.combine(local_day + timedelta(days=days), wall, ZoneInfo(zone)).astimezone(UTC)
               for days in range(3))
    return next(moment for moment in moments if moment > now)


def read_minute(text: str) -> int | None:
    """Minutes after midnight of a text like 07:30; None where it is none."""
    hours, _, minutes = text.partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        return None
    return int(hours) * 60 + int(minutes)


def write_minute(minute: int | None) -> str:
    """07:30 for 450; empty for none."""
    return "" if minute is None else f"{minute // 60:02}:{minute % 60:02}"
