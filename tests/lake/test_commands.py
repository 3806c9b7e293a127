"""The commands of the lake, and the pages of a shop that lives there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from operator_qos.cli import main
from operator_qos.cli_support import Context
from operator_qos.db import reading
from operator_qos.ledger.models import OrderFact
from operator_qos.settings import Settings
from tests.histories import Json
from tests.lake.world import write_parquet
from tests.web.fixtures import NOW, add_companies, add_people

UNITS = "halle-fr/morvan-fr/metrics/late_shipment_rate"


def _event(name: str, kind: str, subject: str, at: datetime, /, **data: Any) -> Json:
    return {"specversion": "1.0", "type": f"qos.{kind}", "source": "/feed", "id": name, "time": at.isoformat(),
            "subject": subject, "marketplace": "halle-fr", "shop": "morvan-fr", "data": data}


def shop_events() -> list[Json]:
    """Thirty orders of one shop, every third shipped a day late, one not shipped at all and owed tomorrow."""
    begin = NOW - timedelta(days=20)
    events = [_event("o", "shop.opened", "morvan-fr", begin, seller="morvan", name="Morvan", country="FR")]
    for number in range(30):
        at, order = begin + timedelta(hours=8 * number), f"L{number:02d}"
        due = (at + timedelta(days=2)).isoformat()
        events.append(_event(f"p{number}", "order.placed", order, at, ship_by=due, buyer=f"b{number}"))
        late = timedelta(days=3 if number % 3 == 0 else 1)
        events.append(_event(f"s{number}", "order.shipped", order, at + late))
    due = (NOW + timedelta(days=1)).isoformat()
    return [*events, _event("open", "order.placed", "OPEN", NOW - timedelta(hours=3), ship_by=due, buyer="b99")]


@pytest.fixture
def world(engine: Engine) -> Engine:
    """The companies of the site, whose first shop has no event in the log."""
    add_companies(engine)
    add_people(engine)
    return engine


@pytest.fixture
def run(world: Engine, site_settings: Settings) -> Callable[..., Result]:
    def call(*words: str) -> Result:
        context = Context(site_settings, world, lambda: NOW)
        return CliRunner().invoke(main, list(words), obj=context, catch_exceptions=False)

    return call


def test_a_shop_lives_in_the_lake_and_its_pages_work(
    run: Callable[..., Result], world: Engine, tmp_path: Path, login_as: Callable[[str], FlaskClient],
) -> None:
    source = write_parquet(tmp_path / "in", shop_events())
    done = run("lake", "build", "--input", str(source), "--engine", "duckdb", "--parts", "2", "--json")
    report = json.loads(done.stdout)
    assert (report["events"], report["shops"], report["refused"], report["stuck"]) == (62, 1, 0, 0)
    assert report["published"] == {"shops": 1, "promises": 1, "kept": 0}
    assert Path(report["output"]).name == "build-0001"
    with reading(world) as session:
        assert session.scalar(select(func.count()).select_from(OrderFact)) == 0  # the rows stayed where they are

    told = json.loads(run("lake", "rows", "morvan-fr", "late_shipment_rate", "--json").stdout)
    assert [row["unit"] for row in told["rows"] if row["status"] == "bad"] == [f"L{n:02d}" for n in range(0, 30, 3)]
    assert told["rows"][0]["events"] == ["order.placed /feed p0", "order.shipped /feed s0"]
    assert "L27  bad" in run("lake", "rows", "morvan-fr", "late_shipment_rate").stdout

    operator, seller = login_as("analyst"), login_as("seller_owner")
    for page in (operator.get(f"/operator/shops/{UNITS}?show=bad"), seller.get(f"/seller/shops/{UNITS}?show=bad")):
        assert page.status_code == 200
        assert "L27" in page.text
        assert "L28" not in page.text
    assert operator.get(f"/operator/shops/{UNITS}/rows.csv?show=all").text.count("morvan-fr,late") == 30
    assert "OPEN" in seller.get("/seller/day").text  # what is owed is in the database
    assert operator.get("/operator/sellers/halle-fr/morvan-fr").status_code == 200

    shutil.rmtree(report["output"])
    assert operator.get(f"/operator/shops/{UNITS}").status_code == 503


def test_what_cannot_be_built_says_why(run: Callable[..., Result], tmp_path: Path) -> None:
    missing = run("lake", "build", "--input", str(tmp_path / "none"), "--engine", "duckdb", "--json")
    assert missing.exit_code == 1
    assert "is not there" in json.loads(missing.stdout)["error"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("x")
    full = run("lake", "build", "--input", str(tmp_path), "--engine", "duckdb", "--output", str(tmp_path / "full"))
    assert "holds files already" in full.output
    assert "does not live in the lake" in run("lake", "rows", "morvan-fr", "late_shipment_rate").output
    assert "holds files already" in run("export", "events", "--output", str(tmp_path / "full")).output


def test_a_shop_of_the_log_keeps_its_numbers(run: Callable[..., Result], world: Engine, tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    lines.write_text("\n".join(json.dumps(event) for event in shop_events()))
    run("import", "events", str(lines))
    exported = json.loads(run("export", "events", "--output", str(tmp_path / "out"), "--json").stdout)
    assert exported["events"] == 62
    done = run("lake", "build", "--input", str(tmp_path / "out"), "--engine", "duckdb", "--parts", "1",
               "--output", str(tmp_path / "lake"))
    assert "1 shops have events in the database's log" in done.output
    quiet = run("lake", "build", "--input", str(tmp_path / "out"), "--engine", "duckdb", "--parts", "1", "--no-publish",
                "--json", "--output", str(tmp_path / "again"))
    assert json.loads(quiet.stdout)["published"] is None
    with reading(world) as session:
        assert session.scalar(select(func.count()).select_from(OrderFact)) == 31
