"""Statements are archived, sent and kept as they were, on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from operator_qos.audit.models import AuditRow
from operator_qos.db import reading, unit_of_work
from operator_qos.notices.models import Notice, OutboxMail
from operator_qos.sellers.models import Seller
from operator_qos.statements import queries
from operator_qos.statements.document import write_document
from operator_qos.statements.facts import Issuer
from operator_qos.statements.models import Statement
from operator_qos.statements.queries import StatementRow, Wanted
from operator_qos.statements.rules import StatementError
from operator_qos.statements.service import check_statements, issue_statement, verify_statement
from operator_qos.statements.told import read_told, write_text
from tests.statements.pdf_text import read_words
from tests.statements.world import ISSUER, LATE, LATE_UNITS, NOW, ON, REPLIES, act, build_run, issue, plain


@pytest.fixture(autouse=True)
def run(engine: Engine) -> None:
    build_run(engine)


def get_row(engine: Engine, statement_id: int) -> StatementRow:
    with reading(engine) as session:
        return queries.get_statement(session, statement_id)


def squeeze(text: str) -> str:
    """Without the spaces, where a PDF breaks its lines."""
    return "".join(text.split())


def test_a_statement_takes_its_numbers_and_orders_from_the_official_run(engine: Engine) -> None:
    row = get_row(engine, issue(engine, act("level", reasons=[LATE, REPLIES])))
    late, replies = row.content["acts"][0]["reasons"]
    assert (late["bad"], late["base"], late["raw_bad"], late["raw_base"], late["buyers"]) == (7, 98, 9, 100, 6)
    assert [unit["id"] for unit in late["units"]] == LATE_UNITS
    assert replies["units"] == [{"id": "/shop|M-1", "order": "O-9"}]
    assert (row.kind, row.jurisdiction, row.texts_version) == ("level", "fr", "fr 2024-02-17, 2020-07-12")
    assert (row.issued_at, row.effective_at, row.sent_at) == (NOW, NOW, NOW)
    assert row.content["effective_at"] == "2026-06-01T07:00:00Z"


def test_what_went_with_a_level_is_explained_by_the_level_s_numbers(engine: Engine) -> None:
    row = get_row(engine, issue(engine, act("badge", reasons=[{"code": "level_left"}])))
    assert row.content["rules"] == ["late_shipment_rate"]
    assert "7 of 98" in str(row.content["languages"]["en"])


def test_the_same_acts_are_stated_and_sent_once(engine: Engine) -> None:
    first, again = issue(engine), issue(engine, now=NOW + timedelta(hours=1))
    other = issue(engine, act(act_id=12))
    assert first == again != other
    with reading(engine) as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (Statement, Notice, OutboxMail)]
        audited = session.scalars(select(AuditRow.subject).where(AuditRow.action == "statement.issue")).all()
    assert counts == [2, 2, 4]
    assert len(set(audited)) == 2


def test_mails_carry_the_whole_text_in_their_reader_s_language(engine: Engine) -> None:
    row = get_row(engine, issue(engine))
    with reading(engine) as session:
        columns = (OutboxMail.recipient, OutboxMail.subject, OutboxMail.body)
        mails = {mail.recipient: mail for mail in session.execute(select(*columns))}
        notice = session.execute(select(Notice.topic, Notice.link)).one()
    english, french = mails["bob@example.org"], mails["anne@example.org"]
    assert english.subject == "Shop 1: Warning 1: Late shipments"
    assert plain(french.subject) == "Shop 1 : Avertissement 1 : Expéditions en retard"
    for mail, language in ((english, "en"), (french, "fr")):
        for section in row.content["languages"][language]["sections"]:
            for item in section["items"]:
                assert all(line in mail.body for line in item["lines"])
    assert "A-1, A-2, A-3, A-4, A-5, A-6, A-7" in english.body
    assert "{base_url}/seller/appeals/new?act=11" in english.body
    assert (notice.topic, notice.link) == ("statement", f"/seller/statements/{row.public_id}")


def test_nothing_is_left_of_a_statement_whose_transaction_fails(engine: Engine) -> None:
    with pytest.raises(RuntimeError), unit_of_work(engine) as session:
        issue_statement(session, shop_id=1, acts=[act()], now=NOW, issuer=ISSUER)
        raise RuntimeError("the marketplace could not be asked")
    with reading(engine) as session:
        for table in (Statement, Notice, OutboxMail, AuditRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_an_end_that_comes_too_soon_is_not_stated(engine: Engine) -> None:
    soon = NOW + timedelta(days=30) - timedelta(seconds=1)
    with pytest.raises(StatementError, match="act 11: the end of the whole service on 2026-07-01 06:59 is too soon"):
        issue(engine, act("termination", effective_at=soon))
    with pytest.raises(StatementError, match="needs its evidence"):
        issue(engine, act("termination", effective_at=NOW, legal_ground="legal_obligation"))
    with pytest.raises(StatementError, match="at least one act"), unit_of_work(engine) as session:
        issue_statement(session, shop_id=1, acts=[], now=NOW, issuer=ISSUER)
    row = get_row(engine, issue(engine, act("termination", effective_at=NOW + timedelta(days=30))))
    assert row.effective_at == NOW + timedelta(days=30)
    at_once = act("termination", act_id=12, effective_at=NOW, legal_ground="legal_obligation", why="Order 12/2026")
    assert get_row(engine, issue(engine, at_once)).effective_at == NOW


def test_nothing_takes_effect_before_its_statement(engine: Engine) -> None:
    row = get_row(engine, issue(engine, act(effective_at=NOW - timedelta(hours=9))))
    assert (row.effective_at, row.content["acts"][0]["effective_at"]) == (NOW, "2026-06-01T07:00:00Z")


def test_the_law_is_that_of_the_seller_s_country_else_the_one_set(engine: Engine) -> None:
    def law_of(country: str, act_id: int) -> str:
        with unit_of_work(engine) as session:
            session.execute(update(Seller).values(country=country))
            found = issue_statement(session, shop_id=1, acts=[act(act_id=act_id)], now=NOW, issuer=Issuer("", (), "gb"))
            return queries.get_statement(session, found).jurisdiction

    assert [law_of(country, place) for place, country in enumerate(("FR", "GB", "DE", "US", ""))] == [
        "fr", "gb", "eu", "gb", "gb"]


@pytest.mark.parametrize("tamper", [
    {"content_hash": "0" * 64}, {"issued_at": NOW - timedelta(days=1)}, {"effective_at": NOW + timedelta(days=1)},
    {"jurisdiction": "gb"}, {"texts_version": "gb 2020-07-12, 2020-07-12"}, {"public_id": "S-2026-OTHER"}])
def test_a_changed_column_is_found(engine: Engine, tamper: dict[str, object]) -> None:
    statement_id = issue(engine)
    assert verify_statement(get_row(engine, statement_id))
    with unit_of_work(engine) as session:
        session.execute(update(Statement).values(**tamper))
    assert not verify_statement(get_row(engine, statement_id))


def test_one_changed_sentence_is_found_among_many(engine: Engine) -> None:
    ids = [issue(engine, act(act_id=number)) for number in range(1, 6)]
    with unit_of_work(engine) as session:
        row = session.get_one(Statement, ids[2])
        told = row.content["languages"]["fr"]
        row.content = {**row.content, "languages": {**row.content["languages"], "fr": {**told, "subject": "Rien."}}}
    with reading(engine) as session:
        report = check_statements(session)
    assert (report.count, [row.id for row in report.broken]) == (5, [ids[2]])


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pdf_says_all_that_was_archived_and_is_the_same_each_time(engine: Engine, language: str) -> None:
    row = get_row(engine, issue(engine, act("level", reasons=[LATE, REPLIES]), act(act_id=12)))
    content = write_document(row, language=language, base_url="https://qos.example")
    assert content == write_document(row, language=language, base_url="https://qos.example")
    told = row.content["languages"][language]
    feet = rf" {re.escape(plain(told['title']))} \d / \d"
    words = squeeze(re.sub(feet, "", plain(read_words(content))))
    for line in [told["title"], *told["lead"], *(line for section in told["sections"] for item in section["items"]
                                                 for line in (item["title"], *item["lines"]))]:
        assert squeeze(plain(line)) in words
    for wanted in (*LATE_UNITS, "M-1", row.content_hash, "https://qos.example/seller/appeals/new?act=12"):
        assert squeeze(wanted) in words


def test_lists_hold_what_is_asked_for_newest_first(engine: Engine) -> None:
    issue(engine)
    issue(engine, act("level", act_id=12), now=NOW + timedelta(hours=1))
    issue(engine, act(act_id=13), shop_id=2, now=NOW + timedelta(hours=2))
    with reading(engine) as session:
        def ask(wanted: Wanted, **more: int) -> list[tuple[int, str]]:
            rows = queries.list_statements(session, wanted, **more)
            assert queries.count_statements(session, wanted) >= len(rows)
            return [(row.shop_id, row.kind) for row in rows]

        assert ask(Wanted()) == [(2, "warning"), (1, "level"), (1, "warning")]
        assert ask(Wanted(frozenset({1}))) == [(1, "level"), (1, "warning")]
        assert ask(Wanted(kind="level")) == [(1, "level")]
        assert ask(Wanted(text="shop 2")) == [(2, "warning")]
        assert ask(Wanted(text="100%")) == []
        assert ask(Wanted(frozenset())) == []
        assert ask(Wanted(), limit=1, offset=1) == [(1, "level")]
        assert queries.list_kinds(session, frozenset({2})) == ["warning"]
        assert len(queries.list_about_rule(session, 1, "late_shipment_rate")) == 2
        assert queries.list_about_rule(session, 1, "response_within_rate") == []


def test_without_an_official_result_the_reason_s_own_numbers_are_told(engine: Engine) -> None:
    reason = {**LATE, "window_start_ms": 1777672800000, "raw_bad": 8, "raw_base": 99, "buyers": 5, "units": ["B-1"],
              "verdict": "breached"}
    row = get_row(engine, issue(engine, act(reasons=[reason], on_date=ON - timedelta(days=1))))
    found = row.content["acts"][0]["reasons"][0]
    assert (found["raw_bad"], found["buyers"], found["units"]) == (8, 5, [{"id": "B-1", "order": None}])
    assert "2 May 2026 to 30 May 2026" in plain(write_text(read_told(row.content, "en"), ""))
