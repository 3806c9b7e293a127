"""What every connector is: it pulls a platform's state, a batch at a time, and says what happened since.

Whoever drives it stores a batch whole (events, what is remembered, cursor: one transaction) before asking for the
next, and may stop between two batches at any time. From that and the rules below the log ends the same, however
often a pull breaks off, is repeated or is answered out of order; `operator-qos lab check` proves it of a connector.

- An event's id follows from the thing and the happening, never from the pull: seen twice, it is the same event.
- A time the platform gives is `time`. Where it gives none, the happening lies between the last pull that read the
  thing and this one's `now`: `time` and `other_time` are these two, in the order domain.md asks for.
- A pull that broke off and is made again with the same memory and the same `now` gives the same events.
- What cannot be read is an `Unreadable` naming the field; everything else of the same thing is still told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Literal, Protocol, runtime_checkable

Pause = Callable[[float], None]  # waits that many seconds; a test hands in one that turns the lab's clock instead
Remembered = Mapping[str, Any]  # JSON; small, and forgotten (None) once the thing can change no more


class Memory(Protocol):
    """What was stored with earlier batches. A batch that was given but not stored is not in it."""

    def find_cursor(self, stream: str) -> str | None:
        """How far the stream was read; None before its first batch."""

    def find_seen(self, stream: str, keys: Sequence[str]) -> Mapping[str, Remembered]:
        """What is remembered of these things; those never seen, or forgotten, are left out."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that means nothing to us: whose, which field, why; `raw` is what stood there, without free text."""

    stream: str
    key: str
    field: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Events (CloudEvents 1.0, structured) and what to remember once they are stored.

    `cursor` None leaves the stream's cursor where it is; `seen` maps things to what to remember, None to forget.
    """

    stream: str
    events: tuple[Mapping[str, Any], ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    seen: Mapping[str, Remembered | None] = field(default_factory=dict)
    cursor: str | None = None


class SourceError(Exception):
    """The platform could not be read; what was stored stays good. `what_to_do` is for the person who looks after it."""

    def __init__(self, what: str, what_to_do: str) -> None:
        super().__init__(f"{what} {what_to_do}")
        self.what = what
        self.what_to_do = what_to_do


class SourceUnavailable(SourceError):
    """It did not answer, or not in full, after every retry; the next pull goes on where this one stood."""

    def __init__(self, what: str, what_to_do: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(what, what_to_do)
        self.retry_after_seconds = retry_after_seconds


class SourceRefused(SourceError):
    """It answered and said no: key or rights are wrong. Trying again will not help."""


class Connector(Protocol):
    """A way to read a platform."""

    name: str

    def pull(self, memory: Memory, *, now: datetime) -> Iterator[Batch]:
        """Everything that changed since what `memory` holds; raises SourceError.

        Lazy: a batch is made when it is asked for, when the one before it is stored.
        """


ShopState = Literal["suspended", "open", "premium", "not_premium", "immune"]


@dataclass(frozen=True, slots=True)
class ShopWish:
    """How a shop shall stand on the platform; `until_at` says until when it is immune."""

    shop: str
    state: ShopState
    reason: str = ""
    until_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WishAnswer:
    """What the platform says of a wish: asked for, in force (read back), or failed and why."""

    state: Literal["asked", "in_force", "failed"]
    error: str = ""


@runtime_checkable
class ActingConnector(Protocol):
    """A connector that can also write; asking twice is as good as asking once."""

    def ask(self, wish: ShopWish, *, now: datetime) -> WishAnswer:
        """Ask the platform for it; a yes is `asked`, since only reading back shows that it is in force."""

    def read_back(self, wish: ShopWish, *, now: datetime) -> WishAnswer:
        """What the platform shows now."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a platform is and how to be let in: an API key, or a client's id and secret where `token_address` is.

    `source` is the CloudEvents source of every event, `marketplace` ours; the rest describes the marketplace.
    """

    address: str
    source: str
    marketplace: str
    timezone: str = "UTC"
    currency: str = "EUR"
    country: str = ""
    api_key: str = field(default="", repr=False)
    token_address: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)


class Connect(Protocol):
    """Makes a connector; reads nothing yet."""

    def __call__(self, access: Access, *, pause: Pause) -> Connector:
        """A connector to that address that waits by `pause`."""


CONNECTORS: dict[str, str] = {"mirakl": "operator_qos.connectors.mirakl:connect"}


def find_connect(name: str) -> Connect | None:
    """What makes the connector of that name; None when there is none."""
    module, _, function = CONNECTORS.get(name, "").partition(":")
    if not module:
        return None
    made: Connect = getattr(import_module(module), function)
    return made
