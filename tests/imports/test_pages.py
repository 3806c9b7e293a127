"""The pages of imports and of what was set aside: what they take, what they refuse, whom they let in."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from operator_qos.connectors.mapping.reading import read_ready
from operator_qos.db import reading
from operator_qos.events.quarantine import ingest_guarded, keep_body
from operator_qos.events.service import Intake
from operator_qos.imports.jobs import run_imports
from operator_qos.imports.quarantine.bulk import Change, repair_alike
from operator_qos.imports.quarantine.queries import Chosen, count_held, list_held
from operator_qos.imports.queries import Run, find_run
from operator_qos.imports.store import ImportStore
from operator_qos.settings import Settings
from scoring.events import Problem
from tests.web.fixtures import NOW, app, client, clock, engine, login_as, post, read_token, site_settings, world

__all__ = ["app", "client", "clock", "engine", "login_as", "site_settings", "world"]
LoginAs = Callable[[str], FlaskClient]
GOOD = b"".join(b"G%d,2026-06-01 10:00,morvan-fr\n" % number for number in range(4))
TABLE = b"Order number,Order date,Shop\n" + GOOD + b"A2,soon,morvan-fr\nA3,soon,morvan-fr\n"
EVENT = {"specversion": "1.0", "type": "qos.order.placed", "source": "/feed", "subject": "O", "marketplace": "halle-fr",
         "shop": "morvan-fr"}


def upload(reader: FlaskClient, content: bytes, name: str = "t.csv") -> TestResponse:
    data = {"csrf_token": read_token(reader, "/account"), "marketplace": "halle-fr",
            "file": (io.BytesIO(content), name)}
    return reader.post("/operator/imports", data=data, content_type="multipart/form-data", follow_redirects=True)


def get_run(engine: Engine, run_id: int = 1) -> Run:
    with reading(engine) as session:
        run = find_run(session, run_id)
    assert run is not None
    return run


def count(engine: Engine, **chosen: bool) -> int:
    with reading(engine) as session:
        return count_held(session, Chosen(**chosen))  # type: ignore[arg-type]


def test_a_file_is_drafted_checked_imported_and_its_rejects_repaired(
    login_as: LoginAs, engine: Engine, site_settings: Settings
) -> None:
    reader = login_as("analyst")
    page = upload(reader, TABLE, "../../orders.csv").text
    assert "orders.csv" in page
    assert "2 rows cannot be read" in page
    draft = get_run(engine).draft
    chosen = {"do": "propose", "part-0": "order", "part-1": "placed_at", "part-2": "", "marketplace": "halle-fr"}
    post(reader, "/operator/imports/1", chosen)
    assert "shop: main" in get_run(engine).draft
    post(reader, "/operator/imports/1", {"do": "load", "from": "zendesk-tickets"})
    lines = read_ready("zendesk-tickets").splitlines()
    first = next(number for number, line in enumerate(lines, 1) if line.startswith("    id:"))
    assert f"Line {first}, column 5" in reader.get("/operator/imports/1").text
    post(reader, "/operator/imports/1", {"do": "start", "text": get_run(engine).draft, "marketplace": "halle-fr"})
    assert get_run(engine).state == "draft"
    post(reader, "/operator/imports/1", {"do": "start", "text": draft, "marketplace": "halle-fr"})
    assert get_run(engine).state == "waiting"
    assert post(reader, "/operator/imports/1", {"do": "check", "text": "x"}).status_code == 404
    run_imports(engine, ImportStore(site_settings.imports_dir), now=NOW)
    assert "Repair what could not be read" in reader.get("/operator/imports/1").text
    post(reader, "/operator/quarantine", {"do": "replace", "column": "", "old": "soon", "new": "2026-06-02 10:00"})
    assert count(engine) == 2
    said = post(reader, "/operator/quarantine/1", {"column": "Order date", "value": "later", "text": ""})
    assert said.status_code == 422
    assert "later" in said.text
    post(reader, "/operator/quarantine",
         {"do": "replace", "column": "Order date", "old": "soon", "new": "2026-06-02 10:00"})
    assert (count(engine), count(engine, settled=True)) == (0, 2)
    assert "Order date is “soon”" in reader.get("/operator/quarantine/1").text


@pytest.mark.parametrize(("content", "words"), [
    (b"", "is empty"), (b"\xd0\xcf\x11\xe0 old", "old Excel book"), (b"a,a\n1,2\n", "names the column"),
])
def test_a_file_that_is_no_table_says_why_and_can_be_dropped(
    login_as: LoginAs, engine: Engine, site_settings: Settings, content: bytes, words: str
) -> None:
    reader = login_as("admin")
    assert words in upload(reader, content).text
    if content:
        post(reader, "/operator/imports/1/drop")
        assert get_run(engine).state == "dropped"
        assert list(site_settings.imports_dir.iterdir()) == []


@pytest.mark.parametrize("do", ["propose", "start", "load", "check"])
def test_a_draft_whose_file_is_gone_or_no_table_says_so_whatever_is_asked_of_it(
    login_as: LoginAs, engine: Engine, site_settings: Settings, do: str
) -> None:
    reader = login_as("admin")
    upload(reader, b"a,a\n1,2\n")
    upload(reader, TABLE)
    asked = {"do": do, "text": get_run(engine, 2).draft, "from": "zendesk-tickets"}
    assert post(reader, "/operator/imports/1", asked).status_code == 303
    assert "names the column" in reader.get("/operator/imports/1").text
    for file in site_settings.imports_dir.iterdir():
        file.unlink()
    assert post(reader, "/operator/imports/2", asked).status_code == 303
    assert "no longer there" in reader.get("/operator/imports/2").text
    assert get_run(engine, 2).state == "draft"


def test_a_file_brought_twice_leads_to_the_rows_that_wait_and_says_when_none_does(
    login_as: LoginAs, engine: Engine, site_settings: Settings
) -> None:
    reader = login_as("admin")
    for number in (1, 2):
        upload(reader, TABLE)
        asked = {"do": "start", "text": get_run(engine, 1).draft, "marketplace": "halle-fr"}
        post(reader, f"/operator/imports/{number}", asked)
    run_imports(engine, ImportStore(site_settings.imports_dir), now=NOW)
    first, second = (reader.get(f"/operator/imports/{number}").text for number in (1, 2))
    assert "Repair what could not be read" in first
    assert "Repair what could not be read" not in second
    assert "an earlier import set the same rows aside" in second


def test_a_body_that_is_no_row_is_not_repaired_column_by_column(login_as: LoginAs, engine: Engine) -> None:
    keep_body(engine, "{", Problem("body", "is not JSON"), intake=Intake(NOW, "key feed"))
    answer = post(login_as("admin"), "/operator/quarantine/1", {"column": "a", "value": "b"})
    assert answer.status_code == 422


def test_many_rows_are_left_to_the_job_and_few_given_up_at_once(login_as: LoginAs, engine: Engine) -> None:
    broken = [{**EVENT, "id": str(number), "time": "soon"} for number in range(101)]
    ingest_guarded(engine, broken, intake=Intake(NOW, "key feed"))
    reader = login_as("admin")
    post(reader, "/operator/quarantine", {"do": "again", "origin": "key feed"})
    assert get_run(engine).kind == "repair"
    with reading(engine) as session:
        one = list_held(session, Chosen(), offset=0, limit=1)[0]
    post(reader, f"/operator/quarantine/{one.id}/dismiss")
    post(reader, "/operator/quarantine", {"do": "dismiss", "origin": "key feed"})
    assert (count(engine), count(engine, settled=True)) == (0, 101)
    assert repair_alike(engine, chosen=Chosen(), change=Change(), actor="ines", now=NOW).landed == 0


def test_sellers_and_mediators_see_nothing_of_it(login_as: LoginAs, world: Engine) -> None:
    ingest_guarded(world, [{**EVENT, "id": "1", "time": "soon"}], intake=Intake(NOW, "key feed"))
    for role in ("seller_owner", "mediator"):
        reader = login_as(role)
        for path in ("/operator/imports", "/operator/imports/1", "/operator/quarantine", "/operator/quarantine/1"):
            assert reader.get(path).status_code == 404
        assert upload(reader, TABLE).status_code == 404
        assert post(reader, "/operator/quarantine/1", {"raw": "{}"}).status_code == 404
    assert count(world) == 1
