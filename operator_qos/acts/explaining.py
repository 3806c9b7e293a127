"""Letting go what was held for a platform's figures alone, once a later comparison knows why they differed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.acts.carrying import list_family
from operator_qos.acts.models import Act
from operator_qos.acts.queries import ActRow, list_acts
from operator_qos.acts.service import release_acts
from operator_qos.connections.queries import list_compared
from operator_qos.sellers.queries import list_shop_cards
from scoring.acts import ActState
from scoring.guards import FIGURE_LIGHTS, Compared, is_adrift

WHY = "A later comparison of the platform’s figures explains every difference it was held for."
ACTOR = "system"


def release_explained(session: Session, *, now: datetime) -> list[int]:
    """Let go held acts that waited for figures alone which are explained now; returns their ids. Does not commit.

    What two people must approve, also as a part of what would come with it, waits for them.
    """
    held = [act for act in list_acts(session, states=[ActState.HELD]) if act.parent_id is None and _is_for_figures(act)]
    if not held:
        return []
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=sorted({act.shop_id for act in held}))}
    compared = {place: list_compared(session, place) for place in {card.marketplace_id for card in cards.values()}}
    released: list[int] = []
    for act in held:
        found = {day.source: day for day in compared[cards[act.shop_id].marketplace_id]}
        if _is_explained(act, found) and all(_is_for_figures(one) for one in list_family(session, [act.id])):
            released += release_acts(session, act_ids=[act.id], why=WHY, actor=ACTOR, now=now)
    return released


def _is_for_figures(act: ActRow | Act) -> bool:
    """Whether nothing but figures holds it; what is held no more waits for nobody."""
    holds: Sequence[Mapping[str, Any]] = act.holds
    return act.state != ActState.HELD or (bool(holds) and all(hold.get("kind") in FIGURE_LIGHTS for hold in holds))


def _is_explained(act: ActRow, found: Mapping[str, Compared]) -> bool:
    """Whether of every source it was held for a later comparison has nothing to hold it for."""
    return all(_explains(found.get(str(hold["source"])), act.shop_id, date.fromisoformat(hold["on"]))
               for hold in act.holds)


def _explains(day: Compared | None, shop_id: int, held_on: date) -> bool:
    return (day is not None and day.on > held_on and not day.by_shop.get(shop_id)
            and not is_adrift(day.compared, day.unexplained))
