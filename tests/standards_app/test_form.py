"""The form of a draft: changes in the text alone what was changed, says what is wrong, and what limits can judge."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert

from operator_qos.db import reading, unit_of_work
from operator_qos.ledger.models import MetricDay
from operator_qos.ledger.volumes import read_daily_bases
from operator_qos.standards import queries
from operator_qos.standards.judging import check_rules
from operator_qos.standards.rules import renumber
from scoring.judgeability import Finding
from scoring.metrics import METRICS
from scoring.standards import load_preset, parse_standard, read_preset
from tests.web.fixtures import NOW, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
SOON = NOW.date() + timedelta(days=20)
DRAFT = renumber(read_preset("ours"), version=2, effective_from=SOON)
FORM = "/operator/standards/ours/2/form"
FIELD = re.compile(r'name="([vo]:[^"]+)" value="([^"]*)"')
BASE = re.compile(r'name="base" value="(\w+)"')
TODAY = NOW.date() - timedelta(days=1)


@pytest.fixture
def analyst(app: Flask) -> FlaskClient:
    client = sign_in(app, "analyst")
    assert post(client, "/operator/standards/edit", {"text": DRAFT}).status_code == 303
    return client


def read_text(engine: Engine) -> str:
    with reading(engine) as session:
        return queries.get_version(session, "ours", 2).text


def send(client: FlaskClient, changes: dict[str, str], path: str = FORM) -> tuple[int, str]:
    """The form as it stands, with these changes."""
    page = client.get(FORM).text
    fields = {name: unescape(value) for name, value in FIELD.findall(page)}
    base = BASE.search(page)
    assert base
    answer = post(client, path, {**fields, "base": base[1], **changes})
    return answer.status_code, unescape(answer.text)


def test_a_number_is_changed_in_the_text_where_it_stands(analyst: FlaskClient, engine: Engine) -> None:
    assert send(analyst, {"v:rules/1/kept_when": "3"})[0] == 303
    assert read_text(engine) == DRAFT.replace('kept_when: "<= 4 %"', 'kept_when: "<= 3 %"')
    assert send(analyst, {"v:tiers/0/needs/orders": "80", "v:rules/0/title/fr": "Commandes à problème"})[0] == 303
    text = read_text(engine)
    assert 'orders: ">= 80"' in text
    assert "# The hours are the shop's own calendar" in text
    assert parse_standard(text).rules[0].title == (("fr", "Commandes à problème"),)


def test_what_the_form_does_not_know_is_told_in_words(analyst: FlaskClient) -> None:
    page = unescape(analyst.get(FORM).text)
    assert "the days between its breaches is at least 14" in page
    assert "24 hours are allowed by the clock “opening hours”." in page


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_kept(analyst: FlaskClient, engine: Engine) -> None:
    wrong = {"v:rules/1/kept_when": "four", "v:rules/2/window/days": "0", "v:warnings/after_days": ""}
    status, page = send(analyst, wrong)
    assert status == 400
    assert "Give a number, like 4 or 2.5." in page
    assert "0 is not between 1 and 3660" in page
    assert 'value="four"' in page
    assert read_text(engine) == DRAFT


def test_an_emptied_field_and_a_part_ticked_leave_the_text(analyst: FlaskClient, engine: Engine) -> None:
    """The French name of the top level, and the rule on cancellations as a whole."""
    gone = next(line for line in DRAFT.splitlines(keepends=True) if "id: cancellation_rate" in line)
    assert send(analyst, {"v:tiers/0/title/fr": "", "x:rules/3": "1"})[0] == 303
    assert read_text(engine) == DRAFT.replace(gone, "").replace("en: Top seller, fr: Top vendeur", "en: Top seller", 1)
    assert [rule.id for rule in parse_standard(read_text(engine)).rules][2:4] == [
        "on_time_delivery_rate", "response_within_rate"]


def test_with_a_part_taken_out_mistakes_still_stand_beside_their_fields(analyst: FlaskClient, engine: Engine) -> None:
    """The paths of the form stay where they were though a rule before them is gone."""
    status, page = send(analyst, {"x:rules/1": "1", "v:rules/2/window/days": "0"})
    assert status == 400
    assert 'name="x:rules/1" value="1" checked' in page
    assert "0 is not between 1 and 3660" in page[page.index('id="f-rules/2/window/days"'):][:600]
    assert read_text(engine) == DRAFT


def test_the_part_that_is_asked_for_while_people_write_says_the_same(analyst: FlaskClient, engine: Engine) -> None:
    status, part = send(analyst, {"v:rules/1/kept_when": "four"}, f"{FORM}/check")
    assert (status, "Give a number, like 4 or 2.5." in part, "<html" in part) == (200, True, False)
    assert "No mistake." in send(analyst, {}, f"{FORM}/check")[1]
    assert read_text(engine) == DRAFT


def test_nobody_overwrites_what_another_wrote_meanwhile(analyst: FlaskClient, engine: Engine) -> None:
    other = DRAFT.replace("<= 4 %", "<= 5 %")
    assert post(analyst, "/operator/standards/edit", {"text": other}).status_code == 303
    status, page = send(analyst, {"base": "0" * 64, "v:rules/0/kept_when": "1"})
    assert (status, "Somebody changed this draft meanwhile." in page) == (400, True)
    assert read_text(engine) == other


def test_only_a_draft_has_a_form(analyst: FlaskClient) -> None:
    assert analyst.get("/operator/standards/ours/1/form").status_code == 404
    assert analyst.get("/operator/standards/ours/9/form").status_code == 404


def fill(engine: Engine, sizes: list[int]) -> None:
    """Shops 1, 2, …: so many orders due on each of the last 240 days."""
    code = METRICS["late_shipment_rate"].code
    others = ("bad", "official_bad", "official_base", "total", "square", "official_total", "official_square")
    zeros = dict.fromkeys(others, 0)
    with unit_of_work(engine) as session:
        session.execute(insert(MetricDay), [
            {"shop_id": shop, "metric_code": code, "day": TODAY.toordinal() - ago, "base": size, **zeros}
            for shop, size in enumerate(sizes, 1) for ago in range(240) if size])


def test_the_checker_knows_what_shops_of_this_marketplace_do(engine: Engine) -> None:
    """30 days: 30, 60 and 300 orders. Of 30 at 4 %, P(X ≥ 5) is 0.63 %, above 0.5 %; P(X ≥ 6) is 0.1 %."""
    fill(engine, [1, 2, 10])
    with reading(engine) as session:
        check = check_rules(session, load_preset("ours"), until=TODAY)[1]
    assert check.shops == check.sampled == 3
    assert [size.judged.base for size in check.sizes] == [30, 60, 60]
    assert check.sizes[0].judged.least_bad == 6
    assert check.sizes[0].judged.findings == (Finding.SELDOM_FOUND,)
    assert 0 <= check.accused_share <= check.found_share <= 1


def test_a_marketplace_without_sales_and_rules_of_another_kind_are_said_to_be_so(engine: Engine) -> None:
    with reading(engine) as session:
        reasons = {check.rule.id: check.reason for check in check_rules(session, load_preset("ours"), until=TODAY)}
        others = {check.reason for check in check_rules(session, load_preset("pccomponentes"), until=TODAY)}
    assert set(reasons.values()) == {"empty"}
    assert others - {"empty", ""}


def test_of_very_many_shops_some_are_taken_evenly_by_size(engine: Engine) -> None:
    fill(engine, [5, 1, 4, 0, 2, 3])
    with reading(engine) as session:
        daily, shops = read_daily_bases(session, "late_shipment_rate", until=TODAY, days=10, most_shops=3)
        every, _shops = read_daily_bases(session, "late_shipment_rate", until=TODAY, days=300, most_shops=50)
    assert shops == 5
    assert sorted(daily[:, 0].tolist()) == [1, 3, 5]
    assert np.array_equal(daily, daily[:, :1] * np.ones(10, np.int64))
    assert every.shape == (5, 300)
    assert every[:, :60].sum() == 0
    assert every.sum() == 240 * 15
