"""The orders behind a number: every unit of one metric in its window, shop by shop, a part in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.queries import Unit, counted_ms, stream_units
from operator_qos.ledger.unit_queries import OrderBrief, list_dossiers, list_order_briefs
from operator_qos.ledger.units import is_forgiven
from operator_qos.sellers.models import Seller, Shop
from operator_qos.sheets import Cell
from scoring.metrics import GROUP_CODES, METRICS, METRICS_BY_CODE

# What was wanted of the rows of a metric, as the tabs of its page have them.
SHOWS = ("bad", "forgiven", "all")
TYPES: dict[str, type] = {
    "marketplace": str, "shop": str, "shop_name": str, "seller": str, "metric": str, "window_start": str, "as_of": str,
    "unit": str, "order": str, "anchor_at": str, "base": int, "bad": int, "official_base": int, "official_bad": int,
    "forgiven": int, "amount": int, "defects": str, "shipped_at": str, "arrived_at": str, "cancelled_at": str,
    "cancel_reason": str, "carrier": str}
Numbers = Select[str, str, str, str, int, Scorecard]
Place = tuple[Cell, ...]


def iterate_orders(session: Session, numbers: Numbers, *, metric: str, show: str) -> Iterator[tuple[Cell, ...]]:
    """The rows of one metric behind these numbers, in the order of its page; `show` empty: all of them."""
    for *shop, cells_ms, score in session.execute(numbers.order_by(Scorecard.shop_id)).all():
        window = (score.window_start_ms, counted_ms(score, cells_ms))
        yield from _iterate_shop(session, score, window, ((*shop, metric, *map(_write, window)), show))


def select_numbers() -> Numbers:
    """The numbers of every shop and metric, to be narrowed."""
    return select(Shop.marketplace_id, Shop.code, Shop.name, Seller.name, Shop.cells_ms, Scorecard).join(
        Shop, Shop.id == Scorecard.shop_id).join(Seller, Seller.id == Shop.seller_id)


def _iterate_shop(
    session: Session, score: Scorecard, window: tuple[int, int], told: tuple[Place, str]
) -> Iterator[tuple[Cell, ...]]:
    metric, (place, show) = METRICS_BY_CODE[score.metric_code].id, told
    for part in stream_units(session, score.shop_id, metric=metric, window_start_ms=window[0], as_of_ms=window[1]):
        wanted = [unit for unit in part if _is_wanted(unit, show)]
        briefs = _find_orders(session, score.shop_id, metric, wanted) if wanted else {}
        yield from (_to_row(place, unit, briefs.get(unit.order_ref or "", _UNKNOWN)) for unit in wanted)


def _is_wanted(unit: Unit, show: str) -> bool:
    return unit.official_bad if show == "bad" else is_forgiven(unit) if show == "forgiven" else True


def _find_orders(session: Session, shop_id: int, metric: str, units: Sequence[Unit]) -> dict[str, OrderBrief]:
    dossiers = list_dossiers(session, shop_id, group_code=GROUP_CODES[METRICS[metric].group],
                             anchors_ms=sorted({unit.anchor_ms for unit in units}))
    return list_order_briefs(session, dossiers)


def _to_row(place: Place, unit: Unit, order: OrderBrief) -> tuple[Cell, ...]:
    counts = (unit.base, unit.bad, unit.official_base, unit.official_bad, is_forgiven(unit))
    moments = (order.shipped_ms, order.arrived_ms, order.cancelled_ms)
    return (*place, unit.unit, unit.order_ref, _write(unit.anchor_ms), *(int(count) for count in counts), unit.amount,
            " ".join(unit.kinds) or None, *(None if at_ms is None else _write(at_ms) for at_ms in moments),
            order.cancel_reason, order.carrier)


def _write(at_ms: int) -> str:
    return from_ms(at_ms).isoformat()


_UNKNOWN = OrderBrief(None, None, None, None, None)
