"""Reading an answer field by field: what means nothing is told by name and left out, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from operator_qos.connectors.contract import Unreadable
from operator_qos.connectors.money import read_minor

Meaning = TypeVar("Meaning")
RAW_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of an answer. `bad` collects what could not be read, named by its path within the thing."""

    stream: str
    key: str
    raw: Mapping[str, Any]
    path: str = ""
    bad: list[Unreadable] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A text or number as text, empty when there is none."""
        value = self.raw.get(name)
        if isinstance(value, str) and "\0" in value:
            self.refuse(name, "holds a NUL character; remove it", value)
            return ""
        if value is None or isinstance(value, str):
            return (value or "").strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.refuse(name, "is no text", value)
        return ""

    def moment(self, name: str) -> datetime | None:
        """A UTC moment, to the second."""
        text = self.text(name)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
            if found.tzinfo is not None:
                return found.astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            pass
        self.refuse(name, "is no moment with an offset from UTC", text)
        return None

    def whole(self, name: str) -> int | None:
        """A whole number from 0 on."""
        value = self.raw.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.refuse(name, "is no whole number from 0 on", value)
        return None

    def minor(self, name: str, currency: str) -> int | None:
        """An amount of money in its smallest unit."""
        value = self.raw.get(name)
        if value is None:
            return None
        found = read_minor(value, currency)
        if found is not None:
            return found
        self.refuse(name, "is no amount from 0 on", value)
        return None

    def word(self, name: str, meanings: Mapping[str, Meaning]) -> Meaning | None:
        """What an enum value means; None for none, and for one that is not in the table."""
        text = self.text(name)
        if text and text not in meanings:
            self.refuse(name, f"is none of {', '.join(sorted(meanings))}; say what it means, then replay", text)
        return meanings.get(text)

    def child(self, *names: str) -> Fields:
        """An object within; an empty one where there is none. Of several spellings the first that is there."""
        name = next((name for name in names if self.raw.get(name) is not None), names[0])
        value = self.raw.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.refuse(name, "is no object", value)
        return self._within(name, value if isinstance(value, Mapping) else {})

    def items(self, name: str) -> Iterator[Fields]:
        """The objects of a list."""
        value = self.raw.get(name)
        if value is not None and not isinstance(value, list):
            self.refuse(name, "is no list", value)
            return
        for place, item in enumerate(value or ()):
            if isinstance(item, Mapping):
                yield self._within(f"{name}.{place}", item)
            else:
                self.refuse(f"{name}.{place}", "is no object", item)

    def refuse(self, name: str, reason: str, value: object) -> None:
        """Note that a field cannot be read."""
        self.bad.append(Unreadable(self.stream, self.key, f"{self.path}{name}", reason, str(value)[:RAW_CHARACTERS]))

    def _within(self, name: str, raw: Mapping[str, Any]) -> Fields:
        return Fields(self.stream, self.key, raw, f"{self.path}{name}.", self.bad)
