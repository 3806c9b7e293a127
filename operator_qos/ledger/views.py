"""Pages that the operator's people and sellers share: the rows behind a number, one order, the standard."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.metadata import version

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from flask.typing import ResponseValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound, ServiceUnavailable

from operator_qos.clock import from_ms, to_ms
from operator_qos.disputes.start.service import list_of_order
from operator_qos.lake.membership import find_lake_build
from operator_qos.ledger.figures import build_figure
from operator_qos.ledger.order_page import build_order
from operator_qos.ledger.standard_page import build_standard
from operator_qos.ledger.units import UnitsView, build_lines, find_units, is_forgiven, settled_title
from operator_qos.pages import ShopLinks, send_csv, show
from operator_qos.permissions import (
    OPERATOR,
    SELLER,
    current_actor,
    get_visible_shop,
    people,
    public,
    shop_ids_visible,
)
from operator_qos.sellers.queries import ShopCard
from operator_qos.sellers.shop_queries import list_official_points
from operator_qos.standards.binding import get_bound, list_bound, list_in_use
from operator_qos.web import get_language, get_session, now, read_page, take_page
from scoring.metrics import METRICS
from scoring.plain import find_plain_rule, is_plain
from scoring.standards import Standard

blueprint = Blueprint("ledger", __name__)
_SHOP = "get_visible_shop"
_log = logging.getLogger(__name__)
PERMISSIONS = {
    "ledger.operator_units": people(*OPERATOR, tenant=_SHOP),
    "ledger.operator_units_csv": people(*OPERATOR, tenant=_SHOP),
    "ledger.operator_figure": people(*OPERATOR, tenant=_SHOP),
    "ledger.operator_order": people(*OPERATOR, tenant=_SHOP),
    "ledger.operator_standard": people(*OPERATOR),
    "ledger.seller_units": people(*SELLER, tenant=_SHOP),
    "ledger.seller_units_csv": people(*SELLER, tenant=_SHOP),
    "ledger.seller_figure": people(*SELLER, tenant=_SHOP),
    "ledger.seller_order": people(*SELLER, tenant=_SHOP),
    "ledger.seller_standard": people(*SELLER),
    "ledger.serve_plotly": public(),
}
_AT_OPERATOR = "/operator/shops/<marketplace>/<shop>"
_AT_SELLER = "/seller/shops/<marketplace>/<shop>"
_FOR_OPERATOR, _FOR_SELLER = {"audience": "operator"}, {"audience": "seller"}
YEAR_SECONDS = 31_536_000


@dataclass(frozen=True)
class Place:
    """The shop of the request, seen by whom."""

    session: Session
    card: ShopCard
    links: ShopLinks


def _place(audience: str, marketplace: str, shop: str) -> Place:
    """The shop of the address. Raises the same NotFound for a foreign and a missing one."""
    session = get_session()
    card = get_visible_shop(session, current_actor(), marketplace, shop)
    return Place(session, card, ShopLinks(audience, card))


@contextmanager
def _rows(place: Place, metric: str) -> Iterator[Session]:
    """A session that answers for the rows behind a number, wherever they are."""
    if find_lake_build(place.session, place.card.id) is None:
        yield place.session
        return
    from operator_qos.lake.engines import LakeError  # these load Arrow, which other pages do without
    from operator_qos.lake.rows import scorecard_rows

    try:
        with scorecard_rows(place.session, place.card.id, metric) as session:
            yield session
    except LakeError as error:
        _log.error("the lake does not answer: %s", error)
        raise ServiceUnavailable from error


def _units(session: Session, place: Place, metric: str) -> UnitsView:
    found = find_units(session, place.card.id, metric=metric, show=request.args.get("show"))
    if found is None:
        raise NotFound
    return found


CSV_HEAD = (
    *("marketplace", "shop", "metric", "unit", "order", "anchor_at", "base", "bad", "official_base"),
    *("official_bad", "forgiven", "amount"),
)


@blueprint.get(f"{_AT_OPERATOR}/metrics/<metric>", endpoint="operator_units", defaults=_FOR_OPERATOR)
@blueprint.get(f"{_AT_SELLER}/metrics/<metric>", endpoint="seller_units", defaults=_FOR_SELLER)
def show_units(audience: str, marketplace: str, shop: str, metric: str) -> str:
    """The rows behind a number."""
    place = _place(audience, marketplace, shop)
    with _rows(place, metric) as session:
        view = _units(session, place, metric)
        page = read_page(len(view.rows))
        lines = build_lines(session, place.card.id, view, take_page(view.rows, page))
    return show(
        "ledger/units.html",
        view=view,
        page=page,
        lines=lines,
        card=place.card,
        links=place.links,
        settled_title=settled_title(view.metric),
        rule=find_plain_rule(view.standard, metric),
        standard=view.standard,
    )


@blueprint.get(f"{_AT_OPERATOR}/metrics/<metric>/rows.csv", endpoint="operator_units_csv", defaults=_FOR_OPERATOR)
@blueprint.get(f"{_AT_SELLER}/metrics/<metric>/rows.csv", endpoint="seller_units_csv", defaults=_FOR_SELLER)
def send_units(audience: str, marketplace: str, shop: str, metric: str) -> Response:
    """The rows behind a number as a file."""
    place = _place(audience, marketplace, shop)
    with _rows(place, metric) as session:
        view = _units(session, place, metric)
    rows: list[tuple[object, ...]] = [CSV_HEAD]
    for unit in view.rows:
        at = from_ms(unit.anchor_ms).isoformat()
        counts = (unit.base, unit.bad, unit.official_base, unit.official_bad, is_forgiven(unit))
        rows.append(
            (
                *(place.card.marketplace_id, place.card.code, metric, unit.unit, unit.order_ref or "", at),
                *(int(count) for count in counts),
                unit.amount,
            )
        )
    return send_csv(f"{place.card.code}-{metric}.csv", rows)


@blueprint.get(f"{_AT_OPERATOR}/metrics/<metric>/trend.json", endpoint="operator_figure", defaults=_FOR_OPERATOR)
@blueprint.get(f"{_AT_SELLER}/metrics/<metric>/trend.json", endpoint="seller_figure", defaults=_FOR_SELLER)
def send_figure(audience: str, marketplace: str, shop: str, metric: str) -> Response:
    """The official results over time as a Plotly figure."""
    place = _place(audience, marketplace, shop)
    if metric not in METRICS:
        raise NotFound
    points = list_official_points(place.session, place.card.id, [metric])[metric]
    standard = get_bound(place.session, place.card.id, now=now())
    return jsonify(build_figure(metric, points, find_plain_rule(standard, metric), language=get_language()))


@blueprint.get(f"{_AT_OPERATOR}/orders/<path:order>", endpoint="operator_order", defaults=_FOR_OPERATOR)
@blueprint.get(f"{_AT_SELLER}/orders/<path:order>", endpoint="seller_order", defaults=_FOR_SELLER)
def show_order(audience: str, marketplace: str, shop: str, order: str) -> str:
    """Everything about one order."""
    place = _place(audience, marketplace, shop)
    side = "seller" if current_actor().is_seller else "staff"
    found = build_order(place.session, place.card, order, now_ms=to_ms(now()), side=side)
    if found is None:
        raise NotFound
    disputes = {d.case: d for d in list_of_order(place.session, shop_id=place.card.id, order=order)}
    return show("ledger/order.html", page=found, card=place.card, links=place.links, disputes=disputes)


@blueprint.get("/operator/standard", endpoint="operator_standard", defaults=_FOR_OPERATOR)
@blueprint.get("/seller/standard", endpoint="seller_standard", defaults=_FOR_SELLER)
def show_standard(audience: str) -> ResponseValue:
    """The standard in plain words: for a seller the one that binds their first shop, else the one that binds most."""
    standard = _find_standard(audience)
    if not is_plain(standard):
        return redirect(url_for("standards.show_public", standard_id=standard.id))
    return show("ledger/standard.html", page=build_standard(standard, get_language()), audience=audience)


def _find_standard(audience: str) -> Standard:
    session = get_session()
    mine = shop_ids_visible(session, current_actor()) if audience == "seller" else None
    bound = list_bound(session, sorted(mine), now=now()) if mine else {}
    return next(iter(bound.values()), None) or list_in_use(session, now=now())[0]


@lru_cache(maxsize=1)
def _read_plotly() -> bytes:
    script = resources.files("plotly.package_data").joinpath("plotly.min.js")
    return gzip.compress(script.read_bytes(), 9, mtime=0)


@blueprint.get("/static-plotly/plotly.min.js")
def serve_plotly() -> Response:
    """Plotly's script from the installed package, compressed once and kept by browsers for a year."""
    answer = Response(mimetype="text/javascript")
    answer.set_etag(f"plotly-{version('plotly')}")
    answer.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    answer.vary.add("Accept-Encoding")
    answer.make_conditional(request)
    if answer.status_code == 304:
        return answer
    packed = _read_plotly()
    if request.accept_encodings["gzip"]:
        answer.set_data(packed)
        answer.headers["Content-Encoding"] = "gzip"
    else:
        answer.set_data(gzip.decompress(packed))
    return answer
