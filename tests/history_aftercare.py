"""What can follow an order in a random history: returns and surveys."""

from __future__ import annotations

from tests.history_events import ORDER_DATA, Draft, Draw, World, pick, several, surveyed, when


def return_story(draw: Draw, world: World) -> list[Draft]:
    """A return asked for, received, and what may come of it, at any instants."""
    order, drafts = pick(draw, world.orders), []
    name = f"R-{order}-{draw(2)}"
    ends = several(draw, ("return.refused", "return.refunded", "return.refunded", "order.refunded"), most=2)
    for kind in ("return.requested", "return.received", *ends):
        data = ORDER_DATA[kind](draw, world) | ({} if kind.startswith("order.") else {"order": order})
        drafts.append(Draft(when(draw, world), kind, world.shop, order if kind.startswith("order.") else name, data))
    return drafts


def survey_story(draw: Draw, world: World) -> list[Draft]:
    """Two answers of a buyer."""
    asked = [(pick(draw, world.orders), surveyed(draw, world)) for _ in range(2)]
    return [Draft(when(draw, world), "survey.answered", world.shop, order, data) for order, data in asked]


LATER_STEPS = (return_story, survey_story)
