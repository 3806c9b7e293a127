"""What a perfect observer would have written down, to hold a connector's events against.

A claim is one thing that is so: its name, the thing and part it is about, when. Dated claims must be told with that
very moment; of the others a platform shows only that they have come to be, so that they must lie between two looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from operator_qos.lab.mirakl.orders import OrderView
from operator_qos.lab.truth import Thing, World


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """`at` [epoch s]. `needs`: spans [from, until) in each of which one must have looked to know of it.

    `optional`: may be left untold, such as an acceptance by which nobody decided anything.
    """

    name: str
    thing: str
    part: str
    at: int
    dated: bool = True
    needs: tuple[tuple[int, int], ...] = ()
    shown_from: int = 0
    optional: bool = False


def list_claims(world: World, until: int) -> list[Claim]:
    """Everything a reader can know by a moment, sorted."""
    found = (claim for source in (_of_orders, _of_returns, _of_threads, _of_shops) for claim in source(world, until))
    return sorted(claim for claim in found if max(claim.at, claim.shown_from) <= until)


def _of_orders(world: World, until: int) -> Iterator[Claim]:
    for order in world.orders.values():
        if order.steps[0].at > until or order.shown_from > until:
            continue
        view = OrderView(order, order.until(until))
        yield from _of_order(view)
        yield from _of_lines(view)
        yield from _of_incident(order)
    for parcel in world.parcels.values():
        for step in parcel.steps:
            if step.kind == "tracking.scanned":
                yield Claim("tracking.scanned", parcel.parent, step.data["tracking"], step.at)


def _of_order(view: OrderView) -> Iterator[Claim]:
    name, shown_from = view.order.id, view.order.shown_from
    if "accept_by" not in view.steps[0].data:
        yield Claim("order.accepted", name, "", view.steps[0].at, shown_from=shown_from, optional=True)
    for step in view.steps:
        if step.kind in {"order.placed", "order.paid", "order.accepted"}:
            yield Claim(step.kind, name, "", step.at, shown_from=shown_from)
        elif step.kind == "order.refused":
            yield Claim(step.kind, name, "", step.at, dated=step.data["by"] == "seller")
        elif step.kind == "order.refunded":
            yield Claim(step.kind, name, str(step.data["amount_minor"]), step.at)
        elif step.kind == "review.posted":
            yield Claim(step.kind, name, "", step.at)
        elif step.kind == "review.changed":
            posted_at = view.find_at("review.posted") or 0
            yield Claim(step.kind, name, "", step.at, dated=False, needs=((posted_at, step.at),))
        elif step.kind == "review.replied":
            yield Claim(step.kind, name, "", step.at)


def _of_lines(view: OrderView) -> Iterator[Claim]:
    for kind, found in (("cancelled", view.cancelled), ("shipped", view.shipped), ("delivered", view.received)):
        for line, step in found.items():
            yield Claim(f"order.{kind}", view.order.id, line, step.at)


def _of_incident(order: Thing) -> Iterator[Claim]:
    """Every time an incident stood open; seen only by who looked while it did."""
    ended_at: int | None = None
    for opened_at, until in _open_spans(order):
        before = ((ended_at, opened_at),) if ended_at is not None else ()
        stood = ((opened_at, until),) if until is not None else ()
        yield Claim("case.opened", order.id, "", opened_at, dated=False, needs=before + stood)
        if until is not None:
            yield Claim("case.ended", order.id, "", until, dated=False, needs=before + stood)
        ended_at = until


def _open_spans(order: Thing) -> Iterator[tuple[int, int | None]]:
    """(opened, ended) of an order's incident, each time it was opened."""
    opened_at: int | None = None
    for step in order.steps:
        opens = step.kind in {"case.opened", "case.reopened"}
        if opens and opened_at is None:
            opened_at = step.at
        elif step.kind.startswith("case.") and not opens and opened_at is not None:
            yield opened_at, step.at
            opened_at = None
    if opened_at is not None:
        yield opened_at, None


def _of_returns(world: World, _: int) -> Iterator[Claim]:
    for back in world.returns.values():
        for step, follower in zip(back.steps, [*back.steps[1:], None], strict=True):
            dated = step.kind == "return.requested"
            stood = ((step.at, follower.at),) if not dated and follower is not None else ()
            # A closed return says nothing of money: the refund stands with the order.
            optional = step.kind == "return.refunded"
            yield Claim(step.kind, back.parent, "", step.at, dated=dated, needs=stood, optional=optional)


def _of_threads(world: World, _: int) -> Iterator[Claim]:
    for thread in world.threads.values():
        if not thread.parent:
            continue
        for step in thread.steps:
            if step.kind == "message.sent":
                yield Claim("message.sent", thread.id, "", step.at, shown_from=thread.shown_from)
            if step.kind == "conversation.no_reply_needed" or step.data.get("no_reply_needed"):
                yield Claim("conversation.no_reply_needed", thread.id, "", step.at, shown_from=thread.shown_from)


def _of_shops(world: World, _: int) -> Iterator[Claim]:
    for shop in world.shops.values():
        for step in shop.steps:
            yield Claim(step.kind, shop.id, "", step.at, dated=step.kind == "shop.opened")
