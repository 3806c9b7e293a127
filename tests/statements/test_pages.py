"""Statements on the site: one's own, everybody's for the operator, and the 404 of all others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from operator_qos.db import unit_of_work
from operator_qos.sellers.models import Shop
from operator_qos.statements.models import Statement
from operator_qos.statements.queries import get_statement
from operator_qos.statements.service import issue_statement
from tests.evaluation.world import outcome, store
from tests.statements.pdf_text import read_words
from tests.statements.world import ISSUER, LATE, act, plain
from tests.web.fixtures import NOW, app, client, clock, engine, login_as, sign_in, site_settings, world

__all__ = ["app", "client", "clock", "engine", "login_as", "site_settings", "world"]
REASON = {**LATE, "raw_bad": 7, "raw_base": 98, "buyers": 6, "verdict": "breached", "units": ["O-1", "O-2"],
          "window_start_ms": 1777672800000}
LogIn = Callable[[str], FlaskClient]


@pytest.fixture
def statements(world: Engine) -> dict[str, str]:
    """A statement for each shop, by the shop's code."""
    numbers = {}
    store(world, [outcome(1, "ship", f"O-{number}", 1777672800001, bad=1) for number in (1, 2)])
    store(world, [outcome(3, "ship", f"O-{number}", 1777672800001, bad=1) for number in (1, 2)])
    with unit_of_work(world) as session:
        for place, (shop_id, code) in enumerate(session.execute(select(Shop.id, Shop.code)).all(), start=1):
            acts = [act("level" if code == "morvan-es" else "warning", act_id=place, reasons=[REASON],
                        on_date=date(2026, 6, 17), effective_at=NOW)]
            found = issue_statement(session, shop_id=shop_id, acts=acts, now=NOW, issuer=ISSUER)
            numbers[code] = get_statement(session, found).public_id
    return numbers


def test_the_seller_reads_its_statement_with_orders_rule_and_appeal(
    login_as: LogIn, statements: dict[str, str]
) -> None:
    page = plain(login_as("seller_owner").get(f"/seller/statements/{statements['morvan-fr']}").text)
    for wanted in ("Counted against you: 7 of 98 (late shipments). Your result: 7.14%.", "Warning 1: Late shipments",
                   'href="/seller/shops/halle-fr/morvan-fr/orders/O-1"', 'href="/seller/appeals/new?act=1"',
                   'href="/seller/shops/halle-fr/morvan-fr/rules/late_shipment_rate"', "CEDR, London",
                   "Computed again just now, with the same result."):
        assert wanted in page


def test_the_operator_reads_it_too_and_is_led_to_the_operator_s_pages(
    login_as: LogIn, statements: dict[str, str]
) -> None:
    page = login_as("analyst").get(f"/operator/statements/{statements['bazar']}").text
    assert 'href="/operator/shops/lonja-es/bazar/rules/late_shipment_rate"' in page
    assert 'href="/operator/shops/lonja-es/bazar/orders/O-2"' in page
    assert "/seller/appeals" not in page


@pytest.mark.parametrize("ending", ["", ".pdf", ".json"])
def test_a_foreign_statement_answers_like_one_that_does_not_exist(
    app: Flask, login_as: LogIn, statements: dict[str, str], ending: str
) -> None:
    mine, foreign = (f"/seller/statements/{statements[code]}{ending}" for code in ("morvan-es", "bazar"))
    seller = login_as("seller_staff")
    assert seller.get(mine).status_code == 200
    assert sign_in(app, email="lucia@norte.example").get(foreign).status_code == 200
    missing = seller.get(f"/seller/statements/S-2026-NONE{ending}")
    assert (seller.get(foreign).status_code, seller.get(foreign).data) == (404, missing.data)
    for path in (mine.replace("/seller/", "/operator/"), "/operator/statements", "/operator/statements/check"):
        assert (seller.get(path).status_code, seller.get(path).data) == (404, missing.data)
    assert login_as("mediator").get(mine).status_code == 404


def test_the_json_file_has_the_fingerprint_that_the_page_shows(login_as: LogIn, statements: dict[str, str]) -> None:
    seller, path = login_as("seller_owner"), f"/seller/statements/{statements['morvan-fr']}"
    answer = seller.get(f"{path}.json")
    assert answer.mimetype == "application/json"
    assert hashlib.sha256(answer.data).hexdigest() in seller.get(path).text


def test_the_pdf_comes_in_the_reader_s_language_or_the_one_asked_for(
    login_as: LogIn, statements: dict[str, str]
) -> None:
    seller, path = login_as("seller_owner"), f"/seller/statements/{statements['morvan-fr']}.pdf"
    answer = seller.get(path)
    assert (answer.mimetype, "Statement of reasons" in read_words(answer.data)) == ("application/pdf", True)
    assert "Exposé des motifs" in read_words(seller.get(f"{path}?language=fr").data)
    assert "http://127.0.0.1:8000/seller/appeals/new?act=1" in read_words(seller.get(f"{path}?language=xx").data)


def test_lists_hold_one_s_own_and_follow_the_filter(login_as: LogIn, statements: dict[str, str]) -> None:
    def numbers(client: FlaskClient, path: str) -> set[str]:
        page = client.get(path).text
        return {code for code, number in statements.items() if number in page}

    seller, operator = login_as("seller_owner"), login_as("admin")
    own = {"morvan-fr", "morvan-es"}
    assert numbers(seller, "/seller/statements") == own
    assert numbers(seller, "/seller/statements?kind=level") == {"morvan-es"}
    assert numbers(seller, "/seller/statements?shop=halle-fr/morvan-fr") == {"morvan-fr"}
    assert numbers(seller, "/seller/statements?shop=lonja-es/bazar") == set()
    assert numbers(seller, "/seller/statements?q=bazar") == set()
    assert numbers(operator, "/operator/statements") == {*own, "bazar"}
    assert numbers(operator, "/operator/statements?q=BAZAR") == {"bazar"}
    assert "No statement fits what you look for." in operator.get("/operator/statements?q=nobody").text


def test_long_lists_have_pages(world: Engine, login_as: LogIn) -> None:
    with unit_of_work(world) as session:
        for number in range(51):
            issue_statement(session, shop_id=1, acts=[act(act_id=number, reasons=[REASON])], issuer=ISSUER,
                            now=NOW + timedelta(minutes=number))
    operator = login_as("admin")
    assert "1 to 50 of 51" in operator.get("/operator/statements").text
    assert operator.get("/operator/statements?page=2").text.count("/operator/statements/S-2026-") == 1


def test_the_rule_and_the_shop_lead_to_the_statement(login_as: LogIn, statements: dict[str, str]) -> None:
    shop, rule = "halle-fr/morvan-fr", "rules/late_shipment_rate"
    for role, audience in (("seller_owner", "seller"), ("admin", "operator")):
        person = login_as(role)
        page = person.get(f"/{audience}/shops/{shop}/{rule}").text
        assert f'href="/{audience}/statements/{statements["morvan-fr"]}"' in page
        assert statements["bazar"] not in page
    page = login_as("admin").get(f"/operator/sellers/{shop}").text
    assert f'href="/operator/statements?shop={shop}"' in page
    page = login_as("seller_owner").get(f"/seller/scorecard?shop={shop}").text
    assert f'href="/seller/statements?shop={shop}"' in page


def test_a_changed_statement_is_shown_as_such(world: Engine, login_as: LogIn, statements: dict[str, str]) -> None:
    operator, number = login_as("admin"), statements["bazar"]
    assert "All 3 statements are as they were issued." in operator.get("/operator/statements/check").text
    with unit_of_work(world) as session:
        session.execute(update(Statement).where(Statement.public_id == number).values(content_hash="0" * 64))
    page = operator.get("/operator/statements/check").text
    assert "1 statement is not what was issued." in page
    assert f"/operator/statements/{number}" in page
    assert "This is not what was issued." in operator.get(f"/operator/statements/{number}").text


def test_without_statements_the_pages_say_what_comes_next(world: Engine, login_as: LogIn) -> None:
    assert "Nothing was ever decided that restricts a shop of yours." in login_as("seller_owner").get(
        "/seller/statements").text
    operator = login_as("admin")
    assert "No statement was issued yet." in operator.get("/operator/statements").text
    assert "No statement was issued yet." in operator.get("/operator/statements/check").text
