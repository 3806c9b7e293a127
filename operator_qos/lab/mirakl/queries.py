"""Which things a call lists, and how one of them is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.orders import OrderView, show_order
from operator_qos.lab.mirakl.parcels import show_return, show_shipment
from operator_qos.lab.mirakl.shops import find_shop_changed, read_standing, show_shop
from operator_qos.lab.mirakl.texts import stamp
from operator_qos.lab.mirakl.threads import show_thread
from operator_qos.lab.mirakl.unannounced import surprise

CHANGED = {"orders": "last_updated_date", "shipments": "last_updated_date", "returns": "last_updated",
           "threads": "date_updated", "shops": "last_updated_date"}


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What OR11 was asked for; moments are epoch seconds, empty lists ask for everything."""

    order_ids: Sequence[str] = ()
    states: Sequence[str] = ()
    shops: Sequence[str] = ()
    created_from: int | None = None
    created_to: int | None = None
    updated_from: int | None = None
    updated_to: int | None = None
    by_update: bool = False
    descending: bool = False


def list_orders(lab: Lab, asked: OrderFilter) -> list[str]:
    """The orders asked for, by the date asked for."""
    now = lab.clock.now()
    keys = lab.list_changed("orders", since=asked.updated_from, now=now)
    if asked.order_ids:
        keys = [key for key in keys if key in set(asked.order_ids)]
    keys = [key for key in keys if _fits(lab, asked, key, now) and not lab.is_lost(key)]
    if not asked.by_update:
        keys.sort(key=lambda key: (lab.world.orders[key].steps[0].at, key))
    return keys[::-1] if asked.descending else keys


def _fits(lab: Lab, asked: OrderFilter, key: str, now: int) -> bool:
    order = lab.world.orders[key]
    created = order.steps[0].at
    if asked.shops and order.shop not in asked.shops:
        return False
    if not (asked.created_from or 0) <= created <= (asked.created_to or now):
        return False
    if asked.updated_to is not None and (lab.find_changed("orders", key, now) or 0) > asked.updated_to:
        return False
    return not asked.states or OrderView(order, order.until(now)).state in asked.states


def list_by_parent(lab: Lab, kind: str, parents: Sequence[str], since: int | None) -> list[str]:
    """Shipments, returns or threads of these orders (of all without any) that changed since."""
    keys = lab.list_changed(kind, since=since, now=lab.clock.now())
    things = {"shipments": lab.world.parcels, "returns": lab.world.returns, "threads": lab.world.threads}[kind]
    wanted = set(parents)
    return [key for key in keys if (not wanted or things[key].parent in wanted)
            and not (things[key].parent and lab.is_lost(things[key].parent))]


def list_shops(lab: Lab, asked: Mapping[str, Any]) -> list[str]:
    """The shops asked for, by id: `shop_ids`, `state`, `premium`, `since`."""
    now, found = lab.clock.now(), []
    for key in sorted(lab.world.shops):
        changed, standing = find_shop_changed(lab, key, now), read_standing(lab, key, now)
        if changed is None or (asked.get("shop_ids") and key not in asked["shop_ids"]):
            continue
        if asked.get("since") is not None and changed < asked["since"]:
            continue
        if asked.get("state") and standing["state"] != asked["state"]:
            continue
        if asked.get("premium") is None or asked["premium"] == (standing["premium_state"] == "PREMIUM"):
            found.append(key)
    return found


def show(lab: Lab, kind: str, key: str, at: int, *, messages: int | None = 0) -> dict[str, Any]:
    """One thing at a moment, with the date of its last change and whatever chaos adds."""
    world = lab.world
    if kind == "orders":
        shown = show_order(world, world.orders[key], at)
    elif kind == "shipments":
        shown = show_shipment(world, world.parcels[key], at)
    elif kind == "returns":
        shown = show_return(world, world.returns[key], at)
    elif kind == "threads":
        shown = show_thread(world, world.threads[key], at, messages=messages)
    else:
        shown = show_shop(lab, world.shops[key], at)
    changed = find_shop_changed(lab, key, at) if kind == "shops" else lab.find_changed(kind, key, at)
    shown[CHANGED[kind]] = stamp(changed or 0)
    return surprise(lab, kind, key, shown)
