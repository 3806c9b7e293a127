"""A shop's calendar on its pages: set, shown beforehand, recorded in the log, and kept from the past."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from operator_qos.audit.models import AuditRow
from operator_qos.clock import from_ms, to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import ingest_events
from operator_qos.ledger.derive import build_book
from operator_qos.ledger.models import Obligation
from operator_qos.ledger.service import build_frames
from operator_qos.notices.models import OutboxMail
from operator_qos.sellers.queries import find_shop_card
from scoring.events import read_event
from scoring.opening_hours import WEEKDAYS
from tests.pages.seller_world import FOREIGN, HALLE, ask, event, place, send, speak_french
from tests.web.fixtures import NOW, TOKEN, Clock

PAGE, ADMIN_PAGE = (f"/{who}/calendar/{HALLE[0]}/{HALLE[1]}" for who in ("seller", "operator"))
DAYS = dict.fromkeys(WEEKDAYS[:5], "09:00-12:00, 14:00-18:00")
SEAL = re.compile(r'name="seal" value="(\w+)"')
ENDING = re.compile(r'name="source" value="([^"]+)"><input type="hidden" name="id" value="([^"]+)"')
Login = Callable[[str], FlaskClient]


def submit(client: FlaskClient, page: str, part: str, fields: dict[str, Any], *, do: str = "check") -> TestResponse:
    """Send one of the forms of a calendar."""
    token = TOKEN.search(client.get(page).text)
    assert token
    return client.post(f"{page}/{part}", data={"csrf_token": token[1], "token": "0123456789abcdef", "do": do, **fields})


def save(client: FlaskClient, page: str, part: str, fields: dict[str, Any]) -> TestResponse:
    """See what it changes, then save what was seen."""
    checked = submit(client, page, part, fields)
    assert checked.status_code == 200, read(checked)
    seal = SEAL.search(checked.text)
    assert seal, read(checked)
    return submit(client, page, part, {**fields, "seal": seal[1]}, do="save")


def read(answer: TestResponse) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub("<[^>]+>", " ", answer.text)).split())


def list_due(engine: Engine) -> dict[str, datetime]:
    """When what is owed falls due, by what it is about."""
    with reading(engine) as session:
        return {row.conversation or row.ref: from_ms(row.due_ms) for row in session.scalars(select(Obligation))
                if row.kind in {"answer", "resolve"}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-06-{text}:00+00:00")


@pytest.fixture
def owed(world: Engine) -> Engine:
    """A shop without hours; V-1 was asked on Wednesday 17 June at 12:00 in Paris, so it is due a day later."""
    send(world, place(HALLE, "O-1", "2026-06-16T08:00:00Z", ship_by="2026-06-30"),
         ask(HALLE, "V-1", "2026-06-17T10:00:00Z", "Quand ?", order="O-1"))
    assert list_due(world) == {"V-1": at("18T10:00")}
    return world


def test_new_hours_are_shown_with_what_they_move_before_they_are_set(owed: Engine, login_as: Login) -> None:
    """From Friday 19 June on, hence nothing: V-1 is due the day before. A question of today's is moved."""
    send(owed, ask(HALLE, "V-2", "2026-06-18T07:00:00Z", "Encore ?", order="O-1"))
    client = login_as("seller_owner")
    fields = {**DAYS, "effective_from": "2026-06-19"}
    checked = submit(client, PAGE, "hours", fields)
    assert "1 of 2 open promises would be due at another time. 1 later, 0 earlier." in read(checked)
    assert "Nothing is saved yet." in read(checked)
    assert list_due(owed) == {"V-1": at("18T10:00"), "V-2": at("19T07:00")}
    # V-2, asked at 09:00 in Paris: 15 h until midnight, 7 on Friday, 2 on Monday.
    assert "22 June 2026, 11:00" in read(checked)
    assert save(client, PAGE, "hours", fields).status_code == 303
    assert list_due(owed) == {"V-1": at("18T10:00"), "V-2": at("22T09:00")}


def test_what_was_shown_is_what_is_saved(owed: Engine, login_as: Login) -> None:
    client = login_as("seller_owner")
    fields = {**DAYS, "effective_from": "2026-06-19"}
    seal = SEAL.search(submit(client, PAGE, "hours", fields).text)
    assert seal
    other = submit(client, PAGE, "hours", {**fields, "sat": "9-12", "seal": seal[1]}, do="save")
    assert other.status_code == 200
    assert "Nothing is saved yet." in read(other)
    assert "No hours are set" in read(client.get(PAGE))


def test_a_form_sent_twice_is_one_change_and_nothing_is_put_aside(owed: Engine, login_as: Login, clock: Clock) -> None:
    client = login_as("seller_owner")
    fields = {**DAYS, "effective_from": "2026-06-19"}
    assert save(client, PAGE, "hours", fields).status_code == 303
    clock.now = datetime(2026, 6, 18, 7, 41, tzinfo=UTC)
    assert save(client, PAGE, "hours", fields).status_code == 303
    assert "This was done before" in read(client.get(PAGE))
    with reading(owed) as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "shop.calendar_set")).one()
        assert (row.actor, row.subject) == ("claire@morvan.example", "halle-fr/morvan-fr")
        assert row.after
        assert row.after["hours"]["mon"] == [["09:00", "12:00"], ["14:00", "18:00"]]
        assert row.after["by"] == "seller"


def test_a_seller_never_changes_what_has_passed(owed: Engine, login_as: Login) -> None:
    client = login_as("seller_staff")
    today = submit(client, PAGE, "hours", {**DAYS, "effective_from": "2026-06-18"})
    assert today.status_code == 400
    assert "Hours can be changed from 19 June 2026 on" in read(today)
    away = submit(client, PAGE, "absence", {"from": "2026-06-17T09:00", "until": "2026-06-30T09:00"})
    assert away.status_code == 400
    assert "what has passed stays as it was" in read(away)


def test_the_operator_dates_back_with_a_reason_that_is_kept(owed: Engine, login_as: Login) -> None:
    client = login_as("analyst")
    fields = {**DAYS, "effective_from": "2026-06-01"}
    assert "Say why this changes what has passed" in read(submit(client, ADMIN_PAGE, "hours", fields))
    assert save(client, ADMIN_PAGE, "hours", {**fields, "why": "The feed forgot them."}).status_code == 303
    # V-1, asked at 12:00: 4 h on Wednesday, 7 on Thursday, 7 on Friday, 6 on Monday.
    assert list_due(owed)["V-1"] == at("22T15:00")
    with reading(owed) as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "shop.calendar_set")).one()
        assert row.after
        assert (row.actor, row.why, row.after["by"]) == ("jana@operator.example", "The feed forgot them.", "operator")


def test_what_the_operator_changes_is_told_to_the_company_and_nothing_else_is(owed: Engine, login_as: Login) -> None:
    own = {**DAYS, "effective_from": "2026-06-20", "token": "aaaaaaaaaaaaaaaa"}
    assert save(login_as("seller_owner"), PAGE, "hours", own).status_code == 303
    client = login_as("analyst")
    assert save(client, ADMIN_PAGE, "hours", {**DAYS, "effective_from": "2026-06-21"}).status_code == 303
    away = {"from": "2026-07-01T09:00", "until": "2026-07-25T09:00", "token": "bbbbbbbbbbbbbbbb"}
    assert save(client, ADMIN_PAGE, "absence", away).status_code == 303
    ending = ENDING.search(client.get(ADMIN_PAGE).text)
    assert ending
    assert submit(client, ADMIN_PAGE, "end", {"source": ending[1], "id": ending[2]}).status_code == 303
    with reading(owed) as session:
        subjects = session.scalars(select(OutboxMail.subject).where(
            OutboxMail.recipient == "claire@morvan.example").order_by(OutboxMail.id)).all()
    assert subjects == [
        "The opening hours of Morvan-Fr change from 21 June 2026 on",
        "Morvan-Fr is out of office from 1 July 2026, 09:00 UTC+02:00",
        "A time out of office of Morvan-Fr has ended"]
    page = read(login_as("seller_owner").get("/seller/notices"))
    assert "The opening hours of Morvan-Fr change from 21 June 2026 on" in page


def test_holidays_are_proposed_and_only_those_ticked_are_kept(owed: Engine, login_as: Login) -> None:
    client = login_as("seller_owner")
    fields = {**DAYS, "effective_from": "2026-06-19", "country": "FR", "region": "57"}
    proposed = submit(client, PAGE, "hours", fields, do="propose")
    assert "National Day" in read(proposed)
    assert "this region only" in read(proposed)
    assert 'name="holidays" value="2026-07-14">' in proposed.text
    assert re.search(r'name="holidays"[^>]* checked', proposed.text) is None
    assert "Moselle" in read(proposed)
    assert save(client, PAGE, "hours", {**fields, "holidays": ["2026-07-14"]}).status_code == 303
    with reading(owed) as session:
        card = find_shop_card(session, *HALLE)
        assert card
        versions = build_frames(session, [card.id])[card.id].book.versions
    assert [version.holidays for version in versions] == [frozenset({date(2026, 7, 14)})]
    assert 'value="2026-07-14" checked' in client.get(PAGE).text


def test_a_region_of_another_country_is_forgotten(owed: Engine, login_as: Login) -> None:
    answer = submit(login_as("seller_owner"), PAGE, "hours", {"country": "DE", "region": "57"}, do="propose")
    assert 'value="2026-10-03">' in answer.text
    assert 'value="57" selected' not in answer.text


def test_a_time_out_of_office_stops_what_comes_and_not_what_is_owed(
    owed: Engine, login_as: Login, clock: Clock
) -> None:
    client = login_as("seller_owner")
    assert save(client, PAGE, "hours", {**dict.fromkeys(WEEKDAYS, "0-24"), "effective_from": "2026-06-19"})
    away = {"from": "2026-06-18T09:40", "until": "2026-06-25T09:00", "token": "fedcba9876543210"}
    checked = submit(client, PAGE, "absence", away)
    assert "None of the 1 open promises would be due at another time." in read(checked)
    assert save(client, PAGE, "absence", away).status_code == 303
    assert "Open again now" not in read(client.get(PAGE))
    send(owed, ask(HALLE, "V-3", "2026-06-18T09:00:00Z", "Toujours là ?", order="O-1"), now=at("18T09:00"))
    assert list_due(owed) == {"V-1": at("18T10:00"), "V-3": at("26T07:00")}
    clock.now = at("20T08:00")
    ending = ENDING.search(client.get(PAGE).text)
    assert ending
    assert submit(client, PAGE, "end", {"source": ending[1], "id": ending[2]}).status_code == 303
    # Closed until Saturday 20 June, 10:00 in Paris; then a day.
    assert list_due(owed) == {"V-1": at("18T10:00"), "V-3": at("21T08:00")}
    assert submit(client, PAGE, "end", {"source": ending[1], "id": ending[2]}).status_code == 303
    assert "This was done before" in read(client.get(PAGE))


def test_one_that_has_not_begun_is_taken_back_whole(owed: Engine, login_as: Login) -> None:
    client = login_as("seller_owner")
    away = {"from": "2026-07-01T09:00", "until": "2026-07-25T09:00"}
    assert save(client, PAGE, "absence", away).status_code == 303
    ending = ENDING.search(client.get(PAGE).text)
    assert ending
    assert submit(client, PAGE, "end", {"source": ending[1], "id": ending[2]}).status_code == 303
    assert "Nothing is announced." in read(client.get(PAGE))


@pytest.mark.parametrize(("part", "fields", "said"), [
    ("hours", {"mon": "9-12, 11-14", "effective_from": "2026-06-19"}, "Deux plages se chevauchent ici"),
    ("hours", {"mon": "neuf", "effective_from": "2026-06-19"}, "« neuf » ne se lit pas comme des horaires"),
    ("hours", {"mon": "9-12", "effective_from": ""}, "n’est pas une date"),
    ("absence", {"from": "2026-06-20T09:00", "until": "2026-06-20T09:00"}, "La fin doit venir après le début"),
    ("absence", {"from": "x", "until": "2026-06-20T09:00"}, "Indiquez un jour et une heure"),
])  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    owed: Engine, login_as: Login, part: str, fields: dict[str, str], said: str
) -> None:
    speak_french(owed)
    answer = submit(login_as("seller_owner"), PAGE, part, fields)
    assert answer.status_code == 400
    assert said in read(answer).replace("\xa0", " ")
    for value in fields.values():
        assert f'value="{value}"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_the_list_leads_to_each_shop_and_another_company_sees_nothing(owed: Engine, login_as: Login) -> None:
    client = login_as("seller_owner")
    assert PAGE in client.get("/seller/calendar").text
    assert "/seller/calendar/lonja-es/morvan-es" in client.get("/seller/calendar").text
    foreign = f"/seller/calendar/{FOREIGN[0]}/{FOREIGN[1]}"
    assert client.get(foreign).status_code == 404
    assert client.post(f"{foreign}/hours", data={"csrf_token": "x"}).status_code in {400, 404}


def calendar(**data: Any) -> dict[str, Any]:
    return event(HALLE, "shop.calendar_set", "morvan-fr", "2026-01-01T08:00:00Z", **data)


@pytest.mark.parametrize(("day", "frames", "hours"), [
    ("2026-03-29", [["00:00", "06:00"]], 5), ("2026-10-25", [["00:00", "06:00"]], 7),
    ("2026-03-28", [["22:00", "04:00"]], 5), ("2026-10-24", [["22:00", "04:00"]], 7),
    ("2026-07-14", [["09:00", "12:00"]], 3), ("2026-06-15", [], 0), ("2026-06-16", None, 8),
])  # fmt: skip
def test_a_date_of_its_own_holds_whatever_the_clocks_do(day: str, frames: list[Any] | None, hours: int) -> None:
    """Weekdays have eight hours, 14 July is a holiday; on two Sundays the clocks of Paris change at night."""
    week = {name: [["09:00", "17:00"]] for name in WEEKDAYS}
    document = calendar(hours=week, holidays=["2026-07-14"], overrides={} if frames is None else {day: frames})
    typed = read_event(document, now_ms=to_ms(NOW))
    clock = build_book([typed], "Europe/Paris").at(2**62, 0)
    found = clock.list_day_frames(date.fromisoformat(day))
    assert int((found.to_at - found.from_at).sum()) == hours * 3_600_000


@pytest.mark.parametrize(("overrides", "field"), [
    ({"24 December": [["09:00", "12:00"]]}, "data.overrides.24 December"),
    ({"2026-12-24": [["09:00"]]}, "data.overrides.2026-12-24.0"),
    ({"2026-12-24": [["09:00", "25:00"]]}, "data.overrides.2026-12-24.0.1"), ([], "data.overrides"),
])  # fmt: skip
def test_a_date_that_cannot_be_read_is_put_aside_with_its_place(world: Engine, overrides: Any, field: str) -> None:
    with unit_of_work(world) as session:
        receipt = ingest_events(session, [calendar(hours={"mon": [["09:00", "18:00"]]}, overrides=overrides)],
                                now=NOW, origin="test")[0]
    assert receipt.status == "quarantined"
    assert receipt.field.startswith(field)
