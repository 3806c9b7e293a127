"""Events as they travel: documents, and batches of them within what one call may hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_EVENTS = 10_000
# Well below what the server takes, so that a batch never fails by its size.
MAX_BYTES = 8 * 1024 * 1024
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """An event to send; `time` needs its zone. `more` are further attributes, like `othertime`."""

    type: str
    source: str
    id: str
    time: datetime
    subject: str
    marketplace: str
    shop: str
    data: Document = field(default_factory=dict)
    more: Document = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The CloudEvent. Raises ValueError for a time without zone."""
        if self.time.tzinfo is None:
            raise ValueError(f"the time of event {self.id!r} needs its zone")
        return {
            "specversion": "1.0", "type": self.type, "source": self.source, "id": self.id,
            "time": self.time.isoformat(), "subject": self.subject, "marketplace": self.marketplace, "shop": self.shop,
            **self.more, "data": dict(self.data)}


def write_batches(
    events: Iterable[Event | Document], *, most_events: int = MAX_EVENTS, most_bytes: int = MAX_BYTES
) -> Iterator[bytes]:
    """The JSON arrays to send, each within both bounds; an event that is larger alone goes alone."""
    parts: list[bytes] = []
    size = 2
    for event in events:
        document = event.to_document() if isinstance(event, Event) else event
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        if parts and (len(parts) >= most_events or size + len(text) + 1 > most_bytes):
            yield b"[" + b",".join(parts) + b"]"
            parts, size = [], 2
        parts.append(text)
        size += len(text) + 1
    if parts:
        yield b"[" + b",".join(parts) + b"]"
