"""The pages of standards: an operator's way from a preset to an announced version, and what the public reads."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from operator_qos.accounts.models import User
from operator_qos.clock import to_ms
from operator_qos.db import unit_of_work
from operator_qos.ledger.models import OrderFact
from operator_qos.models import ShopStanding
from operator_qos.standards.rules import renumber
from operator_qos.standards.tries.jobs import run_tries
from operator_qos.standards.wording import word_standard
from scoring.standards import list_presets, load_preset, parse_standard, read_preset, standard_schema
from tests.web.fixtures import NOW, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
SOON = NOW.date() + timedelta(days=20)
NEXT = renumber(read_preset("ours"), version=2, effective_from=SOON).replace("<= 4 %", "<= 2.5 %")


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return sign_in(app, "admin")


def french(client: FlaskClient, path: str) -> str:
    return client.get(path, headers={"Accept-Language": "fr"}).text


def keep(client: FlaskClient, text: str = NEXT) -> None:
    assert post(client, "/operator/standards/edit", {"text": text}).status_code == 303


def test_the_list_shows_what_is_in_force_and_what_can_be_started_from(admin: FlaskClient) -> None:
    page = admin.get("/operator/standards").text
    assert "Our own standard" in page and "In force" in page
    assert page.count("<option") == len(list_presets())


def test_a_version_is_written_read_in_words_published_and_read_by_everybody(app: Flask, admin: FlaskClient) -> None:
    keep(admin)
    page = admin.get("/operator/standards/ours/2").text
    assert "changes from &lt;= 4 % to &lt;= 2.5 %" in page
    assert "Kept when the result is at most 2.5%." in page
    stranger = app.test_client()
    assert stranger.get("/standards/ours/2").status_code == 404  # a draft is nobody's business
    early = post(admin, "/operator/standards/ours/2/publish", {"why": ""})
    assert (early.status_code, "say why the rules change" in early.text) == (400, True)
    done = post(admin, "/operator/standards/ours/2/publish", {"why": "Parcels came late"})
    assert done.status_code == 303
    public = stranger.get("/standards/ours/2").text
    assert "Parcels came late" in public and "Announced" in public and "at most 2.5%" in public
    assert "Rule “Late shipments”: the limit changes from &lt;= 4 % to &lt;= 2.5 %." in public
    assert "at most 4%" in stranger.get("/standards/ours").text
    assert "au plus 2,5\u00a0%" in french(stranger, "/standards/ours/2")


def test_the_version_in_force_changes_with_the_day(app: Flask, admin: FlaskClient, clock: object) -> None:
    keep(admin)
    post(admin, "/operator/standards/ours/2/publish", {"why": "x"})
    clock.now = NOW + timedelta(days=21)  # type: ignore[attr-defined]
    page = app.test_client().get("/standards/ours").text
    assert "Version 2" in page and "at most 2.5%" in page


def test_too_short_a_notice_is_told_on_the_page(admin: FlaskClient) -> None:
    keep(admin, renumber(NEXT, version=2, effective_from=NOW.date() + timedelta(days=1)))
    said = post(admin, "/operator/standards/ours/2/publish", {"why": "x"})
    assert (said.status_code, "the first possible date is 2026-07-03" in said.text) == (400, True)
    sooner = post(admin, "/operator/standards/ours/2/publish", {"why": "x", "legal_ground": "legal_duty"})
    assert sooner.status_code == 303
    assert post(admin, "/operator/standards/ours/2/retire", {"why": "a mistake"}).status_code == 303
    assert "Retired" in admin.get("/operator/standards/ours/2").text


def test_the_editor_names_the_line_as_json_and_on_the_page(admin: FlaskClient) -> None:
    wrong = NEXT.replace('"<= 2.5 %"', '"about 3 %"', 1)
    line = next(number for number, text in enumerate(wrong.splitlines(), 1) if "about" in text)
    found = post(admin, "/operator/standards/validate", {"text": wrong.replace("\n", "\r\n")}).get_json()
    assert [found["valid"], found["mistakes"][0]["line"]] == [False, line]
    kept = post(admin, "/operator/standards/edit", {"text": wrong})
    assert (kept.status_code, f"<b>Line {line}</b>" in kept.text, "about 3 %" in kept.text) == (400, True, True)
    assert post(admin, "/operator/standards/validate", {"text": NEXT}).get_json()["valid"]
    assert admin.get("/operator/standards/ours/2").status_code == 404


def test_a_text_that_is_no_standard_is_never_an_error_of_ours(admin: FlaskClient) -> None:
    long, deep = "a\n" * 200_000, "a: " * 50
    for text in (long, deep, "", "- a",
                 "\x07", "a: &a [*a]", "{" * 500, "[" * 39, "id: ours\nversion: 99999999999999999999"):
        told = post(admin, "/operator/standards/validate", {"text": text}).get_json()
        assert not told["valid"] and told["mistakes"], text[:20]
        assert post(admin, "/operator/standards/edit", {"text": text}).status_code == 400, text[:20]


def test_every_preset_becomes_a_draft_and_reads_in_both_languages(admin: FlaskClient) -> None:
    for name in list_presets():
        made = post(admin, "/operator/standards/presets", {"preset": name})
        assert made.status_code == 303
        english, translated = admin.get(made.location).text, french(admin, made.location)
        assert english.count('role="rowheader"') == translated.count('role="rowheader"') > 5
        assert not re.search(r"%\(\w+\)s", english + translated)
    assert post(admin, "/operator/standards/presets", {"preset": "nothing"}).status_code == 404


@pytest.mark.parametrize("name", list_presets())
def test_every_rule_says_what_is_measured_over_how_long_and_against_what(app: Flask, name: str) -> None:
    standard = load_preset(name)
    with app.test_request_context():
        page = word_standard(standard)
    judged = {rule.id for rule in standard.rules if rule.kept_when is not None or rule.limits}
    assert [rule.id for rule in page.rules] == [rule.id for rule in standard.rules]
    assert all(rule.measured and rule.sources for rule in page.rules)
    assert {rule.id for rule in page.rules if any("ept when" in said for said in rule.sentences)} >= judged
    assert all(rule.window or standard.get_figure(rule.id).parts for rule in page.rules)


def test_a_draft_is_tried_on_history_by_a_job_and_the_moves_are_a_file(admin: FlaskClient, engine: Engine) -> None:
    keep(admin)
    form = "/operator/standards/ours/2/try"
    asked = post(admin, form, {"from": "2026-05-01", "to": "2026-05-31"})
    assert asked.status_code == 303
    assert "It begins within seconds" in admin.get(asked.location).text
    assert post(admin, form, {"from": "2026-05-01", "to": "2026-05-31"}).location == asked.location
    later = post(admin, form, {"from": "never", "to": "2026-13-40"}).location
    assert "1 other try is counted first" in admin.get(later).text
    assert run_tries(engine, now=NOW) == 2
    page = admin.get(asked.location)
    assert "3 shops, 31 days" in page.text and "Nobody would have stood elsewhere" in page.text
    assert "3 shops, 60 days" in admin.get(later).text
    assert admin.get(f"{asked.location}?format=csv").mimetype == "text/csv"
    listed = admin.get(form).text.replace("\xa0", " ")
    assert "1 May 2026 through 31 May 2026" in listed
    assert listed.count("of an earlier text") == 0
    keep(admin, NEXT.replace("<= 2.5 %", "<= 2 %"))
    assert "The draft was changed" in admin.get(asked.location).text
    assert admin.get(form).text.count("of an earlier text") == 2
    for path in (f"{form}/99", "/operator/standards/ours/1/try/1", "/operator/standards/ours/9/try"):
        assert admin.get(path).status_code == 404


def test_days_that_make_no_period_are_mended_and_what_cannot_be_counted_is_said_at_once(admin: FlaskClient) -> None:
    for asked in ("from=never&to=2026-13-40", "from=2030-01-01", "from=0001-01-01&to=0001-01-02", "to=1999-01-01"):
        assert admin.get(f"/operator/standards/ours/1/try?{asked}").status_code == 200
    post(admin, "/operator/standards/presets", {"preset": "bol"})
    told = admin.get("/operator/standards/bol/1/try").text
    assert "cannot be tried on history" in told and "figures[1].metric" in told and "Try these days" not in told
    assert post(admin, "/operator/standards/bol/1/try", {"from": "2026-05-01"}).status_code == 400


def test_the_next_version_starts_as_a_copy_and_a_draft_can_go(admin: FlaskClient) -> None:
    made = post(admin, "/operator/standards/ours/1/next")
    assert (made.status_code, "version=2" in made.location) == (303, True)
    assert "version: 2" in admin.get(made.location).text
    assert post(admin, "/operator/standards/ours/1/delete").status_code == 400
    assert post(admin, "/operator/standards/ours/2/delete").status_code == 303
    assert admin.get("/operator/standards/ours/2").status_code == 404


def test_an_analyst_writes_and_does_not_publish(app: Flask) -> None:
    analyst = sign_in(app, "analyst")
    keep(analyst)
    assert "h-publish" not in analyst.get("/operator/standards/ours/2").text
    assert post(analyst, "/operator/standards/ours/2/publish", {"why": "x"}).status_code == 404


def test_the_schema_is_open_to_everybody(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/standard.schema.json")
    assert (answer.mimetype, answer.get_json()) == ("application/schema+json", standard_schema())
    assert app.test_client().get("/standards/nothing").status_code == 404


def test_who_holds_what_tells_how_orders_are_spread(admin: FlaskClient, world: Engine) -> None:
    day = NOW.date()
    with unit_of_work(world) as session:
        for shop_id, orders, level in ((1, 1, "in_standard"), (2, 3, "top")):
            session.add(ShopStanding(
                shop_id=shop_id, level=level, badges=[], episodes=[], since_on=day, decided_on=day))
            session.add_all(OrderFact(shop_id=shop_id, dossier_id=shop_id, order_ref=str(place), fulfilment="seller",
                                      ordered_ms=to_ms(NOW) - 1000, category="toys") for place in range(orders))
    page = " ".join(admin.get("/operator/standards/ours/1/shares").text.split())
    assert "The shops are too much alike in size to compare." in page  # one of two stands in the second quarter
    assert "All orders are spread as over 1.6 equal shops, those of the holders as over 1.0 (HHI 0.625 and " in page


def test_who_holds_what_is_shown_with_a_version(admin: FlaskClient) -> None:
    assert "This version has judged no shop yet." in admin.get("/operator/standards/ours/1/shares").text
    assert admin.get("/operator/standards/ours/9/shares").status_code == 404
    assert "/operator/standards/ours/1/shares" in admin.get("/operator/standards/ours/1").text


CLOCKED = """
id: clocked
version: 1
title: {en: Clocked}
effective_from: 2020-01-01
evaluated: {every: day}
clocks:
  - {id: chat, due_in_days: 0, due_at: "19:00", order_cut_off: "18:00", weekdays: [mon, tue], holidays: marketplace}
  - {id: office, hours: [["09:00", "17:00"]], holidays: destination}
holidays: {marketplace: [2026-07-14]}
rules:
  - {id: asked, metric: response_within_rate, unit: message, window: {days: 30}, measure: share_of_good, clock: chat}
  - {id: solved, metric: resolution_within_rate, unit: case, window: {days: 30}, clock: office, within_hours: 8}
"""


def test_clocks_are_told_in_words_with_the_holidays_that_stop_them(app: Flask) -> None:
    said = {}
    for language in ("en", "fr"):
        with app.test_request_context(headers={"Accept-Language": language}):
            said[language] = {rule.id: rule.sentences for rule in word_standard(parse_standard(CLOCKED)).rules}
    assert said["en"]["asked"] == (
        "Due the same day by 19:00.", "What comes at 18:00 or later belongs to the next day.",
        "These days count: Monday, Tuesday.", "Holidays of the marketplace do not count: 14\u00a0July\u00a02026.")
    assert said["en"]["solved"] == (
        "8 hours are allowed by the clock “office”.", "These hours count: 09:00–17:00.",
        "The standard lists no holidays by country, so every date counts.")
    assert said["fr"]["asked"][0] == "Échéance le jour même à 19:00."
    assert said["fr"]["solved"][2].startswith("Le standard n’indique aucun jour férié par pays\u00a0: toutes")


def test_refusals_are_said_in_french(world: Engine, admin: FlaskClient) -> None:
    """While people write, on the form and when a version cannot be published yet."""
    post(admin, "/operator/standards/edit", {"text": NEXT.replace(str(SOON), str(NOW.date() + timedelta(days=3)))})
    with unit_of_work(world) as session:
        session.execute(update(User).values(language="fr"))
    wrong = NEXT.replace("unit: order", "unit: box", 1)
    found = post(admin, "/operator/standards/validate", {"text": wrong}).get_json()["mistakes"]
    assert found[0]["problem"].startswith("'box' n’est aucun de")
    assert "n’est aucun de" in post(admin, "/operator/standards/edit", {"text": wrong}).text
    early = post(admin, "/operator/standards/ours/2/publish", {"why": "x"})
    assert "première date possible" in early.text and "the first possible date" not in early.text
