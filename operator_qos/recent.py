"""What took long to find, kept in this process for some minutes and no longer than what it was found from stays."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

Found = TypeVar("Found")


@dataclass(frozen=True)
class _Entry(Generic[Found]):
    found: Found
    stand: Hashable
    at: datetime


@dataclass
class Recent(Generic[Found]):
    """The latest finds by key, at most so many. `stand` is what a find rests on: once it moved, it is forgotten."""

    most: int
    age: timedelta
    _entries: dict[Hashable, _Entry[Found]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, key: Hashable, *, stand: Hashable, now: datetime) -> Found | None:
        """What was found last from the same stand, None where that is too long ago."""
        entry = self._entries.get(key)
        fits = entry is not None and entry.stand == stand and timedelta(0) <= now - entry.at < self.age
        return entry.found if fits and entry is not None else None

    def keep(self, key: Hashable, found: Found, *, stand: Hashable, now: datetime) -> None:
        """Keep a find; the oldest gives way."""
        with self._lock:
            self._entries.pop(key, None)
            while len(self._entries) >= self.most:
                self._entries.pop(next(iter(self._entries)))
            self._entries[key] = _Entry(found, stand, now)
