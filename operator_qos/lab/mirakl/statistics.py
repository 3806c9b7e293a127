"""The platform's own figures of a shop (A21, S21), by its own definitions, worked out at its midnight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

from operator_qos.demo.days import DAY_SECONDS
from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.orders import OrderView
from operator_qos.lab.mirakl.shops import list_reviews
from operator_qos.lab.mirakl.texts import read_moment

PERIOD_DAYS = {"LAST_MONTH": 30, "LAST_THREE_MONTHS": 91, "LAST_SIX_MONTHS": 182, "LAST_YEAR": 365,
               "ALL_SINCE_BEGINNING": 36_500}
Views = Sequence[OrderView]


def worked_out_at(lab: Lab, now: int) -> int:
    """The midnight at which the figures of today were worked out; the first of all when they are stale."""
    day = datetime.fromtimestamp(lab.world.first_at if lab.chaos.stale else now, ZoneInfo(lab.world.timezone)).date()
    return int(datetime.combine(day, time(0), ZoneInfo(lab.world.timezone)).timestamp())


def show_statistics(lab: Lab, shop: str, periods: Sequence[str], now: int) -> dict[str, Any]:
    """Every figure, a value for each period; null where its denominator is empty."""
    at = worked_out_at(lab, now)
    figures: dict[str, list[dict[str, Any]]] = {name: [] for name in FIGURES}
    for period in periods:
        views = _orders(lab, shop, at - PERIOD_DAYS[period] * DAY_SECONDS, at)
        for name, figure in FIGURES.items():
            figures[name].append({"period": period, "value": figure(lab, views, at)})
    grades = [steps[-1].data.get("rating") for _, steps in list_reviews(lab, shop, at)]
    return {"shop_id": int(shop), **figures, "orders_count": [
        {"period": period, "value": len(_orders(lab, shop, at - PERIOD_DAYS[period] * DAY_SECONDS, at))}
        for period in periods], "evaluations_count": len(grades)}


def _orders(lab: Lab, shop: str, first: int, at: int) -> list[OrderView]:
    things = (lab.world.orders[name] for name in lab.world.list_orders_of(shop))
    return [OrderView(thing, thing.until(at)) for thing in things
            if first <= thing.steps[0].at < at and thing.shown_from <= at and not lab.is_lost(thing.id)]


def _share(bad: int, base: int) -> float | None:
    return round(bad / base, 6) if base else None


def _accepted(views: Views) -> list[tuple[OrderView, str]]:
    """(order, line) of every line that was accepted, by the shop or by itself."""
    taken = [view for view in views if view.before_shipping not in {"REFUSED", "WAITING_ACCEPTANCE"}]
    return [(view, line["line"]) for view in taken for line in view.lines]


def _incidents(_: Lab, views: Views, __: int) -> float | None:
    lines = _accepted(views)
    hit = sum(view.find("case.opened") is not None and line == view.lines[0]["line"] for view, line in lines)
    return _share(hit, len(lines))


def _late(_: Lab, views: Views, __: int) -> float | None:
    """Orders shipped after the deadline of all orders; those that never left are not late here."""
    late = 0
    for view in views:
        sent = [step.at for step in view.shipped.values()]
        late += bool(sent) and max(sent) > read_moment(view.steps[0].data["ship_by"])
    return _share(late, len(views))


def _cancelled(_: Lab, views: Views, __: int) -> float | None:
    lines = _accepted(views)
    return _share(sum(line in view.cancelled for view, line in lines), len(lines))


def _refunded(_: Lab, views: Views, __: int) -> float | None:
    lines = _accepted(views)
    hit = sum(view.find("order.refunded") is not None and line == view.lines[0]["line"] for view, line in lines)
    return _share(hit, len(lines))


def _returned(lab: Lab, views: Views, at: int) -> float | None:
    """Lines with a return of lines that arrived."""
    names = {view.order.id for view in views}
    back = {thing.parent for thing in lab.world.returns.values() if thing.parent in names and thing.steps[0].at <= at}
    return _share(len(back), sum(len(view.received) for view in views))


def _approved(_: Lab, views: Views, __: int) -> float | None:
    taken = len(_accepted(views))
    return _share(taken, taken + sum(len(view.lines) for view in views if view.find("order.refused")))


def _auto_refused(_: Lab, views: Views, __: int) -> float | None:
    asked = [view for view in views if "accept_by" in view.steps[0].data]
    refused = [view.find("order.refused") for view in asked]
    return _share(sum(step is not None and step.data["by"] == "automatic" for step in refused), len(asked))


def _mean(values: Sequence[int]) -> float | None:
    return round(fmean(values), 3) if values else None


def _approval_delay(_: Lab, views: Views, __: int) -> float | None:
    taken = [(view.find_at("order.accepted"), view.steps[0].at) for view in views]
    return _mean([at - placed for at, placed in taken if at is not None])


def _shipping_delay(_: Lab, views: Views, __: int) -> float | None:
    sent = [(max(step.at for step in view.shipped.values()), view.find_at("order.paid"))
            for view in views if view.shipped]
    return _mean([at - paid for at, paid in sent if paid is not None])


def _response_delay(lab: Lab, views: Views, at: int) -> float | None:
    names = {view.order.id for view in views}
    waited = []
    for thread in (thread for thread in lab.world.threads.values() if thread.parent in names):
        asked: int | None = None
        for step in thread.until(at):
            author = step.data.get("author")
            if author == "buyer" and asked is None:
                asked = step.at
            elif author == "seller" and asked is not None:
                waited.append(step.at - asked)
                asked = None
    return _mean(waited)


def _valid_tracking(_: Lab, views: Views, __: int) -> float | None:
    sent = [step for view in views for step in view.steps if step.kind == "order.shipped"]
    return _share(sum(bool(step.data.get("tracking")) for step in sent), len(sent))


FIGURES: Mapping[str, Callable[[Lab, Views, int], float | None]] = {
    "incident_rate": _incidents, "late_shipment_rate": _late, "cancelation_rate": _cancelled,
    "refund_rate": _refunded, "return_rate": _returned, "approval_rate": _approved,
    "auto_refused_rate": _auto_refused, "approval_delay": _approval_delay, "shipping_delay": _shipping_delay,
    "order_messages_response_delay": _response_delay, "valid_tracking_rate": _valid_tracking}
