"""The operator's pages and the pages shared with sellers, over a world counted by hand."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select, update

from operator_qos import BLUEPRINTS
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.ledger.queries import list_open_obligations
from operator_qos.models import Base, Shop, User
from operator_qos.settings import Settings
from operator_qos.shell import build_app
from tests.pages.operator_world import FORGIVEN, TALKED_ABOUT, fill_world
from tests.web.fixtures import NOW, OTHER_SELLER, add_companies, add_people, sign_in

LATE = "metrics/late_shipment_rate"
OPERATOR_PAGES = (
    "/operator/today",
    "/operator/sellers",
    "/operator/sellers.csv",
    "/operator/sellers/halle-fr/morvan-fr",
    f"/operator/shops/halle-fr/morvan-fr/{LATE}",
    f"/operator/shops/halle-fr/morvan-fr/{LATE}/rows.csv",
    f"/operator/shops/halle-fr/morvan-fr/{LATE}/trend.json",
    f"/operator/shops/halle-fr/morvan-fr/orders/{TALKED_ABOUT}",
    "/operator/imports",
    "/operator/quarantine",
    "/operator/standard",
)
SELLER_PAGES = (
    f"/seller/shops/halle-fr/morvan-fr/{LATE}",
    f"/seller/shops/halle-fr/morvan-fr/{LATE}/rows.csv",
    f"/seller/shops/halle-fr/morvan-fr/{LATE}/trend.json",
    f"/seller/shops/halle-fr/morvan-fr/orders/{TALKED_ABOUT}",
    "/seller/standard",
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("operator")
    made = create_database_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(made)
    add_companies(made)
    add_people(made)
    fill_world(made)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def pages(filled: Engine, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), secret_key="only for tests")
    made = build_app(BLUEPRINTS, settings=settings, engine=filled, clock=lambda: NOW)
    made.testing = True
    return made


@pytest.fixture(scope="module")
def operator(pages: Flask) -> FlaskClient:
    return sign_in(pages, "analyst")


@pytest.fixture(scope="module")
def seller(pages: Flask) -> FlaskClient:
    return sign_in(pages, "seller_staff")


def read_text(client: FlaskClient, path: str) -> str:
    """The words of a page, tags and repeated spaces taken out."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    main = answer.text[answer.text.index("<main") : answer.text.index("</main>")]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))


def read_rows(client: FlaskClient, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(path).text.removeprefix("\ufeff"))))


@pytest.mark.parametrize("role", ["admin", "analyst"])
def test_every_operator_page_answers_the_operators_people(pages: Flask, role: str) -> None:
    client = sign_in(pages, role)
    assert {path: client.get(path).status_code for path in OPERATOR_PAGES} == dict.fromkeys(
        OPERATOR_PAGES, 200
    )
    assert {path: client.get(path).status_code for path in SELLER_PAGES} == dict.fromkeys(SELLER_PAGES, 404)


@pytest.mark.parametrize("role", ["seller_owner", "seller_staff"])
def test_sellers_see_their_own_rows_and_none_of_the_operators_pages(pages: Flask, role: str) -> None:
    client = sign_in(pages, role)
    assert {path: client.get(path).status_code for path in SELLER_PAGES} == dict.fromkeys(SELLER_PAGES, 200)
    assert {path: client.get(path).status_code for path in OPERATOR_PAGES} == dict.fromkeys(
        OPERATOR_PAGES, 404
    )


def test_mediators_and_strangers_see_none_of_them(pages: Flask) -> None:
    mediator, stranger = sign_in(pages, "mediator"), pages.test_client()
    for path in OPERATOR_PAGES + SELLER_PAGES:
        assert mediator.get(path).status_code == 404
        assert stranger.get(path).status_code == 302


@pytest.mark.parametrize(
    "foreign",
    [
        f"/seller/shops/lonja-es/bazar/{LATE}",
        f"/seller/shops/lonja-es/bazar/{LATE}/rows.csv",
        f"/seller/shops/lonja-es/bazar/{LATE}/trend.json",
        "/seller/shops/lonja-es/bazar/orders/bazar-1",
        "/seller/shops/halle-fr/morvan-fr/orders/bazar-1",
    ],
)
def test_a_foreign_thing_answers_like_a_missing_one(seller: FlaskClient, foreign: str) -> None:
    def bare(text: str) -> str:
        return re.sub(r'(nonce|value)="[^"]*"', "", text)

    seen, missing = seller.get(foreign), seller.get("/seller/shops/nowhere/none/metrics/none")
    assert (seen.status_code, missing.status_code) == (404, 404)
    assert bare(seen.text) == bare(missing.text)


def test_the_owner_of_the_other_shop_sees_what_is_foreign_to_the_first(pages: Flask) -> None:
    client = sign_in(pages, email=OTHER_SELLER[0])
    assert client.get(f"/seller/shops/lonja-es/bazar/{LATE}").status_code == 200


@pytest.mark.parametrize(("show", "rows", "forgiven"), [("bad", 4, 0), ("forgiven", 1, 1), ("all", 30, 1)])
def test_the_rows_add_up_to_the_number_shown(
    operator: FlaskClient, show: str, rows: int, forgiven: int
) -> None:
    path = f"/operator/shops/halle-fr/morvan-fr/{LATE}"
    found = read_rows(operator, f"{path}/rows.csv?show={show}")
    assert len(found) == rows
    assert sum(int(row["forgiven"]) for row in found) == forgiven
    page = operator.get(f"{path}?show={show}").text
    assert len(set(re.findall(r'/orders/(morvan-fr-\d+)"', page))) == rows


def test_raw_and_official_stand_side_by_side_with_their_bases(operator: FlaskClient) -> None:
    said = read_text(operator, f"/operator/shops/halle-fr/morvan-fr/{LATE}")
    assert "Raw 5 30 16.7%" in said
    assert "Forgiven -1 0" in said
    assert "Official 4 30 13.3%" in said
    assert "Count against 4 Forgiven 1 All counted 30" in said
    assert "13.3% : 4 of 30, at most 4% asked" in said


def test_a_forgiven_row_tells_the_cause_and_who_decided(operator: FlaskClient) -> None:
    said = read_text(operator, f"/operator/shops/halle-fr/morvan-fr/{LATE}?show=forgiven")
    assert FORGIVEN in said
    assert re.search(r"Carrier strike, 15\s+June\s+2026, 10:00, Jana Vogt", said)


def test_a_metric_nobody_knows_is_a_missing_page(operator: FlaskClient) -> None:
    for path in ("metrics/no_such_rate", "metrics/no_such_rate/rows.csv", "metrics/no_such_rate/trend.json"):
        assert operator.get(f"/operator/shops/halle-fr/morvan-fr/{path}").status_code == 404


def list_shops(client: FlaskClient, query: str) -> list[str]:
    found = re.findall(
        r'<th scope="row"><a href="[^"]*/([\w-]+)"', client.get(f"/operator/sellers?{query}").text
    )
    return [str(shop) for shop in found]


@pytest.mark.parametrize(
    ("query", "shops"),
    [
        ("metric=late_shipment_rate", ["morvan-fr", "bazar", "morvan-es"]),
        ("metric=late_shipment_rate&order=best", ["bazar", "morvan-fr", "morvan-es"]),
        ("sort=late_shipment_rate", ["morvan-fr", "bazar", "morvan-es"]),
        ("metric=late_shipment_rate&sort=verdict", ["morvan-fr", "bazar", "morvan-es"]),
        ("sort=shop", ["bazar", "morvan-es", "morvan-fr"]),
        ("sort=shop&order=best", ["morvan-fr", "morvan-es", "bazar"]),
        ("sort=nonsense", ["morvan-fr", "bazar", "morvan-es"]),
        ("marketplace=halle-fr", ["morvan-fr"]),
        ("name=MORVAN&sort=shop", ["morvan-es", "morvan-fr"]),
        ("name=%25", []),
        ("verdict=breached", []),
        ("verdict=watch", ["morvan-fr"]),
        ("level=none&sort=shop", ["bazar", "morvan-es", "morvan-fr"]),
        ("level=top", []),
    ],
)
def test_the_league_table_sorts_and_filters(operator: FlaskClient, query: str, shops: list[str]) -> None:
    assert list_shops(operator, query) == shops


def test_shops_without_enough_data_are_shown_but_not_ranked(operator: FlaskClient) -> None:
    page = operator.get("/operator/sellers?metric=late_shipment_rate").text
    assert page.index("Fewer than 20 counted") < page.index("/operator/sellers/lonja-es/morvan-es")
    assert page.index("/operator/sellers/lonja-es/bazar") < page.index("Fewer than 20 counted")


def test_the_sorted_column_tells_its_direction(operator: FlaskClient) -> None:
    page = operator.get("/operator/sellers?sort=on_time_delivery_rate").text
    assert page.count("aria-sort=") == 1
    assert 'aria-sort="ascending"' in page  # the worst share of good is the smallest


def test_the_table_as_a_file_holds_raw_and_official(operator: FlaskClient) -> None:
    rows = read_rows(operator, "/operator/sellers.csv")
    found = {(row["shop"], row["metric"]): row for row in rows}[("morvan-fr", "late_shipment_rate")]
    assert (found["bad"], found["base"], found["raw_bad"], found["raw_base"]) == ("4", "30", "5", "30")


def test_a_name_that_is_a_formula_stays_a_text_in_a_spreadsheet() -> None:
    from operator_qos.pages import write_csv

    assert write_csv([["=1+1", "-2", -2, None]]) == "\ufeff'=1+1,'-2,-2,\r\n"


def test_the_shop_page_shows_what_counts_and_the_room_left(operator: FlaskClient) -> None:
    said = read_text(operator, "/operator/sellers/halle-fr/morvan-fr")
    assert "13.3% 4 of 30, at most 4% Raw: 16.7%, 5 of 30" in said
    assert "3 too many: late shipments" in said
    assert "morvan-fr-2 Late shipments 10 June, 12:00" in said.replace("\u00a0", " ")


def test_a_parcel_under_way_is_owed_until_it_was_silent_for_thirty_days(filled: Engine) -> None:
    with reading(filled) as session:
        shop = session.scalars(select(Shop.id).where(Shop.code == "morvan-es")).one()
        owed = {days: {row.kind for row in list_open_obligations(session, [shop], now=NOW + timedelta(days=days))}
                for days in (0, 22, 23)}
    # Sent on 9 June at 7:00 UTC, to be tracked by the 11th: given up on 11 July at 7:00; now is 18 June, 7:40.
    assert owed == {0: {"track"}, 22: {"track"}, 23: set()}


def test_the_order_page_tells_promise_verdict_and_message(operator: FlaskClient) -> None:
    path = f"/operator/shops/halle-fr/morvan-fr/orders/{TALKED_ABOUT}"
    said = read_text(operator, path).replace("\u00a0", " ")
    assert re.search(r"Ship the order 10 June, 12:00 12 June, 09:00 Breached: too late", said)
    assert "Where is my <b>cup</b>?" in said  # as written, never as markup
    assert "<b>cup</b>" not in operator.get(path).text


def test_what_could_not_be_read_names_file_field_and_reason(operator: FlaskClient) -> None:
    said = read_text(operator, "/operator/quarantine")
    assert "test.jsonl" in said
    assert "is no instant" in said
    assert re.search(r"Set aside 1 ", said)


def test_today_counts_what_needs_a_person(operator: FlaskClient) -> None:
    said = read_text(operator, "/operator/today")
    assert "No dispute is late or near its deadline." in said
    assert "1 event could not be read." in said
    assert "No news from" in said  # the last event is five days old


def test_the_standard_names_every_limit(seller: FlaskClient) -> None:
    said = read_text(seller, "/seller/standard")
    for limit in ("at most 2%", "at most 4%", "at least 90%", "at most 2.5%", "at least 85%"):
        assert limit in said


def test_a_trend_without_official_results_is_an_empty_figure(operator: FlaskClient) -> None:
    figure = operator.get(f"/operator/shops/halle-fr/morvan-fr/{LATE}/trend.json").json
    assert figure["data"] == []
    assert figure["layout"]["shapes"][0]["y0"] == 0.04


def test_plotly_comes_compressed_and_stays_for_a_year(pages: Flask) -> None:
    client = pages.test_client()
    answer = client.get("/static-plotly/plotly.min.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert b"plotly.js" in gzip.decompress(answer.data)[:200]
    again = client.get("/static-plotly/plotly.min.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_every_page_speaks_french(filled: Engine, pages: Flask) -> None:
    with unit_of_work(filled) as session:
        session.execute(update(User).where(User.role == "admin").values(language="fr"))
    client = sign_in(pages, "admin")
    said = read_text(client, f"/operator/shops/halle-fr/morvan-fr/{LATE}").replace("\u00a0", " ")
    assert "13,3 % : 4 sur 30, limite 4 % au plus." in said
    assert "Comptent contre 4 Retirée du compte 1 Toutes comptées 30" in said
    english = re.compile(r"\b(Shop|Order|Limit|Rows?|Deadline|Kept|Watch|asked|orders|late)\b")
    for path in OPERATOR_PAGES:
        if not Path(path).suffix:
            assert not english.search(read_text(client, path)), path


def test_a_shop_without_any_score_is_still_listed(operator: FlaskClient, filled: Engine) -> None:
    with unit_of_work(filled) as session:
        session.add(
            Shop(marketplace_id="halle-fr", code="brand-new", seller_id=1, name="Aardvark", opened_ms=0)
        )
    try:
        assert list_shops(operator, "")[-1] == "brand-new"
        assert list_shops(operator, "name=aardvark") == ["brand-new"]
        assert list_shops(operator, "sort=shop")[0] == "brand-new"
    finally:
        with unit_of_work(filled) as session:
            session.execute(delete(Shop).where(Shop.code == "brand-new"))
