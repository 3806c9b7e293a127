"""Who acts: a person, a machine with a key, or the command line. Plain data, handed down to services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

OPERATOR_ROLES = frozenset({"admin", "analyst"})
SELLER_ROLES = frozenset({"seller_owner", "seller_staff"})
MEDIATOR_ROLES = frozenset({"mediator"})
ROLES = ("admin", "analyst", "seller_owner", "seller_staff", "mediator")


@dataclass(frozen=True)
class Actor:
    """The person behind a request; `seller_id` is the company of a seller's people, else None."""

    user_id: int
    name: str
    email: str
    role: str
    seller_id: int | None
    language: str

    @property
    def is_operator(self) -> bool:
        """Whether the person works for the operator."""
        return self.role in OPERATOR_ROLES

    @property
    def is_seller(self) -> bool:
        """Whether the person works for a seller."""
        return self.role in SELLER_ROLES

    @property
    def is_mediator(self) -> bool:
        """Whether the person decides disputes."""
        return self.role in MEDIATOR_ROLES


@dataclass(frozen=True)
class Quota:
    """How much a key may send in a minute; None is without limit."""

    events_a_minute: int | None = None
    calls_a_minute: int | None = None


NO_QUOTA = Quota()


@dataclass(frozen=True)
class Machine:
    """The program behind a request, known by its key; `marketplace_id` None means every marketplace.

    `sources` are the beginnings of `source` it may send events of, none means every source.
    A seller's own key has `seller_id` and opens nothing but the addresses for sellers' tools.
    """

    key_id: int
    name: str
    scope: str
    marketplace_id: str | None
    sources: tuple[str, ...] = ()
    quota: Quota = NO_QUOTA
    used_at: datetime | None = None
    seller_id: int | None = None


COMMAND_LINE = Actor(0, "Command line", "command-line", "admin", None, "en")
