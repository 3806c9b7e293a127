"""How an act reaches the marketplace: recorded only, told by a signed webhook, or whatever a connector brings.

A connector registers an `ActAdapter` under its name in ADAPTERS. What it is asked for must be safe to ask twice: a
claim that was lost is asked again under the same key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from operator_qos.acts.queries import ActRow
from operator_qos.hooks.queries import find_hook_call
from operator_qos.hooks.service import queue_hook
from operator_qos.sellers.queries import ShopCard


@dataclass(frozen=True)
class Answer:
    """How far a request got: asked, in_force (or over, when its end was asked for) or failed with the error."""

    state: str
    call_id: int | None = None
    error: str = ""


@dataclass(frozen=True)
class Request:
    """What is asked: an act to begin or to end, of which shop."""

    act: ActRow
    place: ShopCard
    ends: bool = False

    @property
    def key(self) -> str:
        """The same for the same request, so that a receiver knows a repetition."""
        return f"act:{self.act.id}:{'end' if self.ends else 'begin'}"


class ActAdapter(Protocol):
    """A way to a marketplace."""

    def ask(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """Ask the marketplace to begin or end an act; does not commit."""

    def read_back(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """What the marketplace says of an act it was asked for."""


class RecordOnly:
    """Nobody is asked: the act stands in our books, and people carry it out."""

    def ask(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """In force at once."""
        return Answer("in_force")

    def read_back(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """It is in force."""
        return Answer("in_force")


class Webhook:
    """The marketplace's addresses are told, signed; it is in force once a receiver has confirmed it."""

    def ask(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """Put the call in the queue; without an address to call it has failed."""
        topic = "act.end_asked" if request.ends else "act.asked"
        calls = queue_hook(session, marketplace_id=request.place.marketplace_id, topic=topic, key=request.key,
                           data=_describe(request), now=now)
        if not calls:
            return Answer("failed", error=f"{request.place.marketplace_id} has no address to call; add a webhook")
        return Answer("asked", calls[0])

    def read_back(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """Failed when the call is given up; otherwise asked until the receiver confirms."""
        call = find_hook_call(session, request.act.call_id) if request.act.call_id is not None else None
        if call is not None and call.state == "dead":
            return Answer("failed", request.act.call_id, call.error)
        return Answer("asked", request.act.call_id)


class Platform:
    """The marketplace's platform is asked over its connection, by a job of its own; in force once it shows it."""

    def ask(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """Wish for it; failed where the platform knows no such thing or there is no connection."""
        from operator_qos.connections.rules import WISHES
        from operator_qos.connections.service import queue_wish

        if request.act.kind not in WISHES:
            return Answer("failed", error=f"the platform cannot be asked for {request.act.kind}; carry it out there "
                                          "and confirm it here")
        begin, end = WISHES[request.act.kind]
        wish = queue_wish(session, marketplace_id=request.place.marketplace_id, shop=request.place.code,
                          wanted=end if request.ends else begin, key=request.key, now=now)
        if wish is None:
            return Answer("failed", error=f"{request.place.marketplace_id} has no connection that is read; add one")
        return Answer(_NAMED[wish.state], error=wish.error)

    def read_back(self, session: Session, request: Request, *, now: datetime) -> Answer:
        """How far the wish got."""
        from operator_qos.connections.service import find_wish_of

        wish = find_wish_of(session, marketplace_id=request.place.marketplace_id, key=request.key)
        return Answer(_NAMED[wish.state], error=wish.error) if wish is not None else Answer("asked")


_NAMED = {"waiting": "asked", "asked": "asked", "in_force": "in_force", "failed": "failed"}
ADAPTERS: dict[str, ActAdapter] = {"record": RecordOnly(), "webhook": Webhook(), "mirakl": Platform()}


def _describe(request: Request) -> Mapping[str, Any]:
    act = request.act
    return {
        "act": act.id, "kind": act.kind, "subject": act.subject, "scope": dict(act.scope), "before": act.before,
        "after": act.after, "marketplace": request.place.marketplace_id, "shop": request.place.code,
        "effective_at": act.effective_at.isoformat(),
        "until_at": act.until_at.isoformat() if act.until_at else None, "statement": act.statement_id,
    }
