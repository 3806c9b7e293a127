"""What operators keep for themselves: views under a name, and notes that only they read."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from operator_qos.accounts.actors import Actor
from operator_qos.db import unit_of_work
from operator_qos.models import AuditRow, SavedView, ShopNote
from operator_qos.notebook import service
from operator_qos.notebook.jobs import empty_old_notes
from operator_qos.notebook.queries import list_views
from operator_qos.notebook.service import NotebookError, save_view
from tests.pages.operator_world import fill_world
from tests.web.fixtures import NOW, post

LogIn = Callable[[str], FlaskClient]
SHOP, FOREIGN = "/operator/sellers/halle-fr/morvan-fr", "/operator/sellers/lonja-es/bazar"
ME, COLLEAGUE = (Actor(number, "N", f"n{number}@operator.example", "analyst", None, "en") for number in (1, 2))


def list_mine(engine: Engine, actor: Actor = ME) -> list[tuple[str, str]]:
    with unit_of_work(engine) as session:
        return [(view.name, view.query) for view in list_views(session, actor.user_id)]


def keep(engine: Engine, name: str, query: str, actor: Actor = ME) -> None:
    with unit_of_work(engine) as session:
        save_view(session, name=name, query=query, actor=actor, now=NOW)


def test_a_name_is_used_once_by_each_person(world: Engine) -> None:
    keep(world, "  Late   ones ", "level=none")
    keep(world, "Late ones", "level=good")
    keep(world, "Late ones", "level=none", COLLEAGUE)
    assert list_mine(world) == [("Late ones", "level=good")]
    assert list_mine(world, COLLEAGUE) == [("Late ones", "level=none")]


@pytest.mark.parametrize(("name", "query", "code"), [
    ("", "level=none", "name"), ("n" * 61, "", "name"), ("long", "level=" + "x" * 1000, "query")])
def test_what_cannot_be_kept_is_refused(world: Engine, name: str, query: str, code: str) -> None:
    with pytest.raises(NotebookError) as refused:
        keep(world, name, query)
    assert refused.value.code == code


def test_there_is_a_most_of_views(world: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_VIEWS", 2)
    keep(world, "a", "")
    keep(world, "b", "")
    keep(world, "b", "level=good")
    with pytest.raises(NotebookError, match="take one away"):
        keep(world, "c", "")


def test_only_its_owner_takes_a_view_away(world: Engine, login_as: LogIn) -> None:
    analyst, admin = login_as("analyst"), login_as("admin")
    post(analyst, "/operator/sellers/views", {"name": "Never", "query": "verdict=kept"})
    with unit_of_work(world) as session:
        path = f"/operator/sellers/views/{session.query(SavedView.id).scalar()}/end"
    assert post(admin, path, {}).status_code == 404
    assert "Never</a>" in analyst.get("/operator/sellers").text
    assert "Never</a>" not in admin.get("/operator/sellers").text
    assert post(analyst, path, {}).status_code == 303
    assert "Never</a>" not in analyst.get("/operator/sellers").text


def test_saving_a_view_leads_back_to_it_and_marks_it(world: Engine, login_as: LogIn) -> None:
    fill_world(world)
    analyst = login_as("analyst")
    shown = analyst.get("/operator/sellers?verdict=kept&name=mor").text
    query = shown.split('name="query" value="')[1].split('"')[0].replace("&amp;", "&")
    answer = post(analyst, "/operator/sellers/views", {"name": "Kept", "query": query})
    assert answer.headers["Location"] == f"/operator/sellers?{query}"
    page = analyst.get(answer.headers["Location"]).text
    assert 'aria-current="true">Kept</a>' in page
    assert "Save this view" not in page
    refused = post(analyst, "/operator/sellers/views", {"name": " ", "query": "verdict=kept\r\nX: y&evil=1"})
    assert refused.headers["Location"].startswith("/operator/sellers?verdict=kept")
    assert "\n" not in refused.headers["Location"] and "evil" not in refused.headers["Location"]
    assert "Give the view a name" in analyst.get("/operator/sellers").text


def test_a_note_is_read_by_colleagues_and_by_no_seller(world: Engine, login_as: LogIn) -> None:
    analyst = login_as("analyst")
    post(analyst, f"{SHOP}/notes", {"text": " They move house\nin <May>. "})
    page = login_as("admin").get(SHOP).text
    assert "They move house\nin &lt;May&gt;.</span>" in page
    assert "Jana Vogt" in page
    assert "They move house" not in login_as("seller_owner").get("/seller/scorecard").text
    assert "They move house" not in analyst.get(FOREIGN).text
    with unit_of_work(world) as session:
        assert [row.action for row in session.query(AuditRow).filter(AuditRow.action.like("note%"))] == ["note.written"]


def test_a_note_taken_away_says_nothing_any_more(world: Engine, login_as: LogIn) -> None:
    analyst = login_as("analyst")
    post(analyst, f"{SHOP}/notes", {"text": "wrong"})
    with unit_of_work(world) as session:
        number = session.query(ShopNote.id).scalar()
    assert post(analyst, f"{FOREIGN}/notes/{number}/remove", {}).status_code == 404
    assert post(analyst, f"{SHOP}/notes/{number}/remove", {}).status_code == 303
    assert post(analyst, f"{SHOP}/notes/{number}/remove", {}).status_code == 404
    assert "wrong" not in analyst.get(SHOP).text.split('id="h-notes"')[1]
    with unit_of_work(world) as session:
        assert session.query(ShopNote.text).scalar() == ""


def test_a_note_goes_when_its_time_is_over(world: Engine, login_as: LogIn) -> None:
    analyst = login_as("analyst")
    post(analyst, f"{SHOP}/notes", {"text": "promised by Monday"})
    assert empty_old_notes(world, days=3, now=NOW + timedelta(days=3, seconds=-1)) == 0
    assert "promised by Monday" in analyst.get(SHOP).text
    assert empty_old_notes(world, days=0, now=NOW + timedelta(days=9_000)) == 0
    assert empty_old_notes(world, days=3, now=NOW + timedelta(days=3)) == 1
    assert "promised by Monday" not in analyst.get(SHOP).text
    assert empty_old_notes(world, days=3, now=NOW + timedelta(days=4)) == 0
    with unit_of_work(world) as session:
        assert session.query(ShopNote.text).scalar() == ""


def test_an_empty_note_is_refused_in_words(world: Engine, login_as: LogIn) -> None:
    analyst = login_as("analyst")
    post(analyst, f"{SHOP}/notes", {"text": "  "})
    assert "A note has 1 to 4000 characters." in analyst.get(SHOP).text


def test_a_shop_names_the_people_of_its_company(world: Engine, login_as: LogIn) -> None:
    page = login_as("analyst").get(SHOP).text.split('id="h-people"')[1]
    assert "claire@morvan.example" in page and "yann@morvan.example" in page
    assert "lucia@norte.example" not in page and "ines@operator.example" not in page


def test_the_table_leaves_as_a_workbook_in_the_order_shown(world: Engine, login_as: LogIn) -> None:
    fill_world(world)
    answer = login_as("analyst").get("/operator/sellers.xlsx?sort=shop&order=best")
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.data)).active.iter_rows(values_only=True))
    assert rows[0][:4] == ("marketplace", "shop", "name", "seller")
    names = [row[2] for row in rows[1:]]
    assert names == sorted(names, key=str.casefold, reverse=True) and len(set(names)) == 3
