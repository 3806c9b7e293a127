"""Why a unit counts: what happened to the orders and turns of a list, and what forgave some of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.ledger.models import ExclusionFact, OrderFact, OutcomeRow, TurnFact


@dataclass(frozen=True)
class OrderBrief:
    """The moments of an order that explain most outcomes [epoch ms]."""

    shipped_ms: int | None
    arrived_ms: int | None
    cancelled_ms: int | None
    cancel_reason: str | None
    carrier: str | None


@dataclass(frozen=True)
class TurnBrief:
    """A buyer's question: when the answer was due and came [epoch ms]."""

    due_ms: int
    answered_ms: int | None


@dataclass(frozen=True)
class Forgiveness:
    """Why something no longer counts against the shop, who said so and when [epoch ms]."""

    cause: str | None
    decided_by: str | None
    at_ms: int


def list_dossiers(session: Session, shop_id: int, *, group_code: int, anchors_ms: Sequence[int]) -> list[int]:
    """The dossiers of a shop's units anchored at these moments: the key by which facts are found fast."""
    query = select(OutcomeRow.dossier_id).where(
        OutcomeRow.shop_id == shop_id,
        OutcomeRow.group_code == group_code,
        OutcomeRow.anchor_ms.in_(list(anchors_ms)),
    )
    return list(session.scalars(query.distinct()))


def list_order_briefs(session: Session, dossiers: Sequence[int]) -> dict[str, OrderBrief]:
    """The orders of the dossiers."""
    query = select(
        OrderFact.order_ref,
        OrderFact.shipped_ms,
        OrderFact.arrived_ms,
        OrderFact.cancelled_ms,
        OrderFact.cancel_reason,
        OrderFact.carrier,
    ).where(OrderFact.dossier_id.in_(list(dossiers)))
    return {row[0]: OrderBrief(*row[1:]) for row in session.execute(query)}


def list_turn_briefs(session: Session, dossiers: Sequence[int]) -> dict[str, TurnBrief]:
    """The turns of the dossiers, by the unit's name: source, bar, id."""
    query = select(TurnFact).where(TurnFact.dossier_id.in_(list(dossiers)))
    return {
        f"{turn.source}|{turn.event_id}": TurnBrief(turn.due_ms, turn.answered_ms)
        for turn in session.scalars(query)
    }


def list_forgiveness(session: Session, dossiers: Sequence[int]) -> dict[str, list[Forgiveness]]:
    """What was forgiven in the dossiers, by order, case or turn (source, bar, id)."""
    found: dict[str, list[Forgiveness]] = {}
    query = select(ExclusionFact).where(ExclusionFact.dossier_id.in_(list(dossiers)))
    for row in session.scalars(query.order_by(ExclusionFact.at_ms)):
        kind, *rest = json.loads(row.name)
        thing = "|".join(rest) if kind == "answer" else rest[-1]
        found.setdefault(thing, []).append(Forgiveness(row.cause, row.decided_by, row.at_ms))
    return found
