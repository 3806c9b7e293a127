"""The league table's foot and columns, and what an order owes once it is cancelled, over worlds counted by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from operator_qos.sellers import league_totals
from operator_qos.sellers.league import list_choices, list_judged_rules, list_kept, read_view, to_query
from operator_qos.sellers.today import _say_levels
from operator_qos.sellers.today_queries import Projection
from tests.pages import operator_world, seller_world
from tests.pages.operator_world import fill_world

LATE = {"metric": ["late_shipment_rate"]}
JUDGED = tuple(list_judged_rules([]))


def read_text(client: FlaskClient, path: str, start: str = "<main", end: str = "</main>") -> str:
    """The words between two marks of a page."""
    html = client.get(path).text
    html = html[html.index(start) : html.index(end, html.index(start))]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def operator(world: Engine, login_as: Callable[[str], FlaskClient]) -> FlaskClient:
    fill_world(world)
    return login_as("analyst")


def test_the_foot_counts_every_shop_of_the_view_together(operator: FlaskClient) -> None:
    # 5 of 30, 1 of 25 and 0 of 2 late; one of the five is forgiven.
    foot = read_text(operator, "/operator/sellers?metric=late_shipment_rate", "<tfoot", "</tfoot>")
    assert foot.startswith("3 shops in all 57 orders 10.5% 6 of 57 8.77% 5 of 57")
    # The shops of one marketplace: 1 of 25 and 0 of 2, nothing forgiven.
    path = "/operator/sellers?metric=late_shipment_rate&marketplace=lonja-es"
    assert read_text(operator, path, "<tfoot", "</tfoot>").startswith("2 shops in all 27 orders 3.70% 1 of 27 3.70%")


def test_too_many_shops_to_sum_leave_the_foot_to_those_shown(
    operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(league_totals, "MOST_SUMMED", 2)
    foot = read_text(operator, "/operator/sellers?metric=late_shipment_rate", "<tfoot", "</tfoot>")
    assert foot.startswith("The 3 shops shown 57 orders")


def test_a_column_left_out_stays_out_through_filters_and_sorting(operator: FlaskClient) -> None:
    shown = "/operator/sellers?cols=chosen&col=cancellation_rate&col=order_defect_rate"
    html = operator.get(shown).text
    table = html[html.index('<table class="q-table q-league"') : html.index("</table>")]
    for gone in ("Late", "12 weeks", "Open disputes", "Level, badges"):
        assert f">{gone}<" not in table
    assert ">Cancelled<" in table
    assert all("cols=chosen" in link for link in re.findall(r'<th scope="col"[^>]*><a href="([^"]+)"', table))
    assert '<input type="hidden" name="cols" value="chosen">' in html[: html.index("</form>", html.index("q-filter"))]
    # Heads, rows and foot have as many cells as one another.
    rows = [row for row in re.findall(r"<tr>.*?</tr>", table, re.S) if "colspan" not in row]
    assert len({len(re.findall(r"<t[hd]\b", row)) for row in rows}) == 1


def test_leaving_out_every_column_leaves_the_metric_in_full(operator: FlaskClient) -> None:
    html = operator.get("/operator/sellers?cols=chosen&col=order_defect_rate").text
    assert "13.3%" not in html
    assert "Morvan-Fr" in html


def test_a_view_and_its_address_say_the_same(app: Flask) -> None:
    with app.test_request_context():
        usual = read_view({}, JUDGED)
        assert to_query(usual) == {}
        chosen = replace(read_view(LATE, JUDGED), name="a b", hidden=frozenset({"weeks", "level"}), worst_first=False)
        query = {key: [value] if isinstance(value, str) else value for key, value in to_query(chosen).items()}
        assert read_view(query, JUDGED) == chosen
        kept = list(list_kept(chosen, "cols", "col"))
        assert kept == [("metric", "late_shipment_rate"), ("name", "a b"), ("order", "best")]
        assert [choice.column for choice in list_choices(chosen) if not choice.is_shown] == ["level", "weeks"]
        assert read_view({"cols": ["chosen"], "col": ["nonsense"]}, JUDGED).hidden >= {"level", "weeks", "disputes"}


@pytest.mark.parametrize(
    ("up", "down", "english", "french"),
    [
        (0, 1, "1 shop would go down", "1 boutique descendrait"),
        (2, 0, "2 shops would go up", "2 boutiques monteraient"),
        (1, 2, "2 shops would go down and 1 would go up", "2 boutiques descendraient et 1 monterait"),
        (3, 1, "1 shop would go down and 3 would go up", "1 boutique descendrait et 3 monteraient"),
    ],
)
def test_the_verb_agrees_with_the_number_of_shops(app: Flask, up: int, down: int, english: str, french: str) -> None:
    rising, falling = Projection(1, "below", "in_standard", "", True), Projection(2, "top", "in_standard", "", False)
    found = [rising] * up + [falling] * down
    for language, said in (("en", english), ("fr", french)):
        with app.test_request_context(headers={"Accept-Language": language}):
            assert said in _say_levels(found).replace("\u00a0", " ")


def test_a_shop_names_the_other_shops_of_its_company(operator: FlaskClient) -> None:
    page = operator.get("/operator/sellers/halle-fr/morvan-fr").text
    assert '<a href="/operator/sellers/lonja-es/morvan-es">' in page
    assert "Also of this company" not in operator.get("/operator/sellers/lonja-es/bazar").text


def test_an_order_cancelled_before_its_dates_owes_nothing_more(
    world: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    shop = seller_world.HALLE
    placed = "2026-06-16T08:00:00Z"
    seller_world.send(
        world,
        seller_world.place(shop, "O-5", placed, ship_by="2026-06-17T16:00:00Z", deliver_by="2026-06-30"),
        seller_world.event(shop, "order.cancelled", "O-5", "2026-06-16T10:00:00Z", by="buyer"),
        seller_world.place(shop, "O-6", placed, ship_by="2026-06-30T16:00:00Z", deliver_by="2026-07-10"),
    )
    seller = login_as("seller_owner")
    cancelled = read_text(seller, "/seller/shops/halle-fr/morvan-fr/orders/O-5")
    assert cancelled.count("no longer owed") == 2
    assert "too late" not in cancelled
    # What may come is told as that, never as a fact.
    under_way = read_text(seller, "/seller/shops/halle-fr/morvan-fr/orders/O-6")
    assert "Would count, if it stays so: Never shipped from 14 July" in under_way
    assert "since" not in under_way


def test_the_way_back_from_an_order_leads_to_its_own_shop(
    world: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    seller_world.fill(world)
    page = login_as("seller_owner").get("/seller/shops/lonja-es/morvan-es/orders/O-9").text
    assert 'href="/seller/scorecard?shop=lonja-es/morvan-es"' in page
    assert operator_world.PLACE["morvan-es"] == "lonja-es"
