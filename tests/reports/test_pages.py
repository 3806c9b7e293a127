"""Exports by program, at saved addresses and by mail: the numbers of the pages, of one's own shops, once."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, select

from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.accounts.service import create_key
from operator_qos.cli_support import Context
from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.exports import export_group
from operator_qos.ledger.jobs import advance_cells
from operator_qos.ledger.queries import list_scorecards
from operator_qos.models import OutboxMail, User
from operator_qos.notices.jobs import deliver_outbox
from operator_qos.reports.jobs import send_due_reports
from operator_qos.reports.models import SavedExport
from operator_qos.reports.queries import TYPES, read_sheet
from operator_qos.reports.rules import Filters, Wanted, find_next_send
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.settings import Settings
from scoring.metrics import METRICS as METRICS_KNOWN
from tests.me.tools import make_tool
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW, OTHER_SELLER, post, sign_in

METRICS, STANDINGS = "/api/v1/metrics", "/api/v1/standings"


@pytest.fixture
def filled(world: Engine) -> Engine:
    sw.fill(world)
    advance_cells(world, now=NOW)
    return world


def read_by(app: Flask, engine: Engine, marketplace: str | None = None) -> Any:
    """Calls with a key that may read."""
    with unit_of_work(engine) as session:
        key = create_key(session, name=f"reader {marketplace}", scope="read", actor=COMMAND_LINE, now=NOW,
                         marketplace_id=marketplace)
    return lambda path, **more: app.test_client().get(path, **{"headers": {"Authorization": f"Bearer {key}"}, **more})


def save(app: Flask, audience: str = "seller", email: str = "", **sent: str) -> str:
    """The id of a new export."""
    person = sign_in(app, "seller_owner" if audience == "seller" else "admin", email=email)
    answer = post(person, f"/{audience}/exports", {"name": "=Weekly", "sheet": "metrics", "format": "csv", **sent})
    assert answer.status_code == 303, answer.text
    found = re.findall(rf"/{audience}/exports/([\w-]+)/file", person.get(f"/{audience}/exports").text)
    return str(found[0])


def test_the_api_gives_the_numbers_of_the_pages_page_by_page(app: Flask, filled: Engine) -> None:
    read = read_by(app, filled)
    whole = read(METRICS).json
    with reading(filled) as session:
        cards = {card.code: card.id for card in list_shop_cards(session)}
        scores = list_scorecards(session, list(cards.values()))
    assert len(whole["rows"]) == sum(len(found) for found in scores.values()) > 10
    for row in whole["rows"]:
        score = scores[cards[row["shop"]]][row["metric"]]
        assert [row[name] for name in ("bad", "base", "value", "raw_bad", "verdict")] == [
            score.bad, score.base, score.value, score.raw_bad, score.verdict]
    found, cursor = [], ""
    while cursor is not None:
        page = read(f"{METRICS}?limit=7&cursor={cursor}").json
        found, cursor = found + page["rows"], page["next_cursor"]
    assert found == whole["rows"]
    etag = read(METRICS).headers["ETag"]
    key = read(METRICS).request.headers["Authorization"]
    assert read(METRICS, headers={"Authorization": key, "If-None-Match": etag}).status_code == 304
    lines = list(csv.DictReader(io.StringIO(read(f"{METRICS}?format=csv").data.decode("utf-8-sig"))))
    assert [(line["shop"], line["metric"], line["bad"]) for line in lines] == [
        (row["shop"], row["metric"], str(row["bad"])) for row in whole["rows"]]
    assert read(f"{METRICS}?format=parquet").data[:4] == b"PAR1"
    assert read(f"{STANDINGS}?format=xlsx").data[:2] == b"PK"


def test_a_key_of_one_marketplace_reads_no_other(app: Flask, filled: Engine) -> None:
    read = read_by(app, filled, "halle-fr")
    assert {row["marketplace"] for row in read(METRICS).json["rows"]} == {"halle-fr"}
    assert read(f"{METRICS}?marketplace=lonja-es").status_code == 422
    assert {row["marketplace"] for row in read_by(app, filled)(METRICS).json["rows"]} == {"halle-fr", "lonja-es"}
    assert read("/api/v1/exports").json == {"exports": []}
    everywhere = save(app, "operator")
    assert read(f"/api/v1/exports/{everywhere}").status_code == 404


@pytest.mark.parametrize("query", ["metric=fun", "verdict=fun", "limit=0", "limit=x", "limit=000000001" + "9" * 30,
                                   "cursor=e30", "cursor=W10", "cursor=WzFd", "cursor=" + "W1tb" * 999, "format=exe",
                                   "level=top", "marketplace=" + "x" * 300])
def test_what_cannot_be_asked_is_named(app: Flask, filled: Engine, query: str) -> None:
    answer = read_by(app, filled)(f"{METRICS}?{query}")
    assert (answer.status_code, answer.json["field"]) == (422, query.partition("=")[0])


def test_a_saved_export_is_fetched_by_its_own_company_alone(app: Flask, filled: Engine) -> None:
    public_id = save(app, sheet="obligations", state="mine", columns="order, kind due_at")
    tool, other = make_tool(app, filled), make_tool(app, filled, "norte")
    answer = tool.call(f"/api/v1/me/exports/{public_id}")
    assert answer.headers["Content-Disposition"] == "attachment; filename=Weekly.csv"
    lines = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert lines[:2] == [["order", "kind", "due_at"], ["O-1", "ship", "2026-06-17T16:00:00+00:00"]]
    assert len(lines) == 1 + len(sw.list_expected(filled))
    assert [row["id"] for row in tool.call("/api/v1/me/exports").json["exports"]] == [public_id]
    missing = other.call("/api/v1/me/exports/nothing")
    assert (other.call(f"/api/v1/me/exports/{public_id}").data, missing.status_code) == (missing.data, 404)
    assert read_by(app, filled)(f"/api/v1/exports/{public_id}").status_code == 404
    stranger = sign_in(app, email=OTHER_SELLER[0])
    for path in ("file", "end", "send"):
        call = stranger.get if path == "file" else lambda one: post(stranger, one)
        assert call(f"/seller/exports/{public_id}/{path}").status_code == 404
    owner = sign_in(app, "seller_owner")
    assert owner.get(f"/seller/exports/{public_id}/file").data == answer.data
    assert post(owner, f"/seller/exports/{public_id}/end").status_code == 303
    assert tool.call(f"/api/v1/me/exports/{public_id}").status_code == 404


def test_what_a_seller_saves_holds_its_own_shops_whatever_it_names(app: Flask, filled: Engine) -> None:
    public_id = save(app, sheet="metrics", marketplace="lonja-es", format="jsonl")
    rows = [json.loads(line) for line in sign_in(app, "seller_owner").get(
        f"/seller/exports/{public_id}/file").data.splitlines()]
    assert {row["shop"] for row in rows} == {"morvan-es"}


def list_lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def test_the_orders_of_an_export_are_those_behind_the_number(app: Flask, filled: Engine) -> None:
    with reading(filled) as session:
        cards = {card.id: card.code for card in list_shop_cards(session)}
        scores = list_scorecards(session, list(cards))
        counted = 0
        for metric in METRICS_KNOWN.values():
            wanted = Wanted("orders", Filters(metric=metric.id))
            rows = [dict(zip(TYPES["orders"], row, strict=True)) for row in read_sheet(session, wanted, now=NOW).rows]
            of_shop = Counter(row["shop"] for row in rows)
            assert of_shop == {cards[shop]: found[metric.id].raw_base for shop, found in scores.items()
                               if metric.id in found and found[metric.id].raw_base}, metric.id
            if metric.counts_failures:
                mine = [found[metric.id] for found in scores.values() if metric.id in found]
                assert sum(int(row["official_bad"] or 0) for row in rows) == sum(score.bad for score in mine)
                assert sum(int(row["bad"] or 0) for row in rows) == sum(score.raw_bad for score in mine)
            counted += len(rows)
    assert counted > 20


def test_orders_are_listed_as_on_the_page_of_their_metric(app: Flask, filled: Engine) -> None:
    owner = sign_in(app, "seller_owner")
    page = owner.get("/seller/shops/halle-fr/morvan-fr/metrics/late_shipment_rate?show=all").text
    link = html.unescape(re.findall(r'href="(/seller/exports\?[^"]*)"', page)[0])
    chosen = dict(parse_qsl(urlsplit(link).query))
    form = owner.get(link).text
    assert 'value="orders" selected' in form
    assert 'value="late_shipment_rate" selected' in form
    shown = list_lines(owner.get(f"/seller/exports/{save(app, **chosen | {'format': 'jsonl'})}/file").data)
    rows = list(csv.DictReader(io.StringIO(owner.get(
        "/seller/shops/halle-fr/morvan-fr/metrics/late_shipment_rate/rows.csv?show=all").data.decode("utf-8-sig"))))
    assert [row["order"] for row in rows] == ["O-1", "O-3"]
    for row, line in zip(shown, rows, strict=True):
        assert {name: str(row[name]) for name in line} == line
    assert [(row["order"], row["official_bad"], row["shipped_at"], row["carrier"]) for row in shown] == [
        ("O-1", 1, None, None), ("O-3", 0, "2026-06-12T09:00:00+00:00", "Colis Nord")]
    failed = save(app, **chosen | {"format": "jsonl", "show": "bad", "name": "=Failed"})
    assert [row["order"] for row in list_lines(owner.get(f"/seller/exports/{failed}/file").data)] == ["O-1"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_command_writes_the_orders_of_a_metric(filled: Engine, site_settings: Settings, tmp_path: Path) -> None:
    context = Context(site_settings, filled, lambda: NOW)

    def run(*args: str) -> Any:
        return CliRunner().invoke(export_group, ["orders", *args], obj=context)

    lines = list(csv.DictReader(io.StringIO(run("late_shipment_rate", "--show", "bad").stdout.removeprefix("\ufeff"))))
    assert [(line["shop"], line["order"]) for line in lines] == [("morvan-fr", "O-1")]
    path = tmp_path / "orders.parquet"
    done = run("late_shipment_rate", "--shop", "bazar", "--format", "parquet", "--output", str(path), "--json")
    assert json.loads(done.stdout) == {"file": str(path), "bytes": path.stat().st_size}
    refused = run("fun")
    assert (refused.exit_code, "'fun' is no metric" in refused.stderr) == (1, True)


def test_orders_of_another_company_are_in_no_export_of_a_seller(app: Flask, filled: Engine) -> None:
    owner = sign_in(app, "seller_owner")
    for number, narrowed in enumerate(({}, {"shop": "bazar"}, {"marketplace": "lonja-es", "shop": "bazar"})):
        public_id = save(app, sheet="orders", metric="late_shipment_rate", format="jsonl", name=f"={3 - number}",
                         **narrowed)
        rows = list_lines(owner.get(f"/seller/exports/{public_id}/file").data)
        assert {row["shop"] for row in rows} <= {"morvan-fr", "morvan-es"}
        assert bool(rows) is not bool(narrowed)


def test_an_export_that_makes_no_sense_is_not_saved(app: Flask, world: Engine) -> None:
    owner = sign_in(app, "seller_owner")
    good = {"name": "a", "sheet": "metrics", "format": "csv"}
    for wrong in ({"name": " "}, {"format": "exe"}, {"sheet": "users"}, {"columns": "password"}, {"state": "mine"},
                  {"metric": "fun"}, {"sheet": "orders"}, {"show": "bad"},
                  {"sheet": "orders", "metric": "late_shipment_rate", "show": "some"}):
        assert post(owner, "/seller/exports", {**good, **wrong}).status_code == 422, wrong
    assert "Nothing is saved yet" in owner.get("/seller/exports").text


def test_a_report_is_sent_once_with_its_file(app: Flask, filled: Engine, site_settings: Settings) -> None:
    public_id = save(app, sheet="obligations", format="csv")
    owner = sign_in(app, "seller_owner")
    assert post(owner, f"/seller/exports/{public_id}/send", {"every": "week"}).status_code == 303
    assert send_due_reports(filled, now=NOW) == 0
    monday = datetime(2026, 6, 22, 4, 0, tzinfo=UTC)  # six in Paris
    assert send_due_reports(filled, now=monday - timedelta(seconds=1)) == 0
    late = monday + timedelta(days=9)  # nobody ran for a week
    assert [send_due_reports(filled, now=late) for _ in range(2)] == [1, 0]
    assert deliver_outbox(filled, site_settings, now=late).sent == 1
    (path,) = Path(site_settings.outbox_dir).glob("*.eml")
    mail = message_from_bytes(path.read_bytes(), policy=default)
    (file,) = mail.iter_attachments()
    assert mail["To"] == "claire@morvan.example"
    assert (file.get_filename(), file.get_content_type()) == ("Weekly.csv", "text/csv")
    assert "O-1" in file.get_content()
    assert post(owner, f"/seller/exports/{public_id}/send", {"every": ""}).status_code == 303
    assert send_due_reports(filled, now=late + timedelta(days=30)) == 0


def test_who_left_the_company_is_sent_nothing(app: Flask, filled: Engine) -> None:
    public_id = save(app, "operator")
    assert post(sign_in(app, "admin"), f"/operator/exports/{public_id}/send", {"every": "month"}).status_code == 303
    with unit_of_work(filled) as session:
        session.scalars(select(User).where(User.email == "ines@operator.example")).one().active = False
    assert send_due_reports(filled, now=NOW + timedelta(days=40)) == 0
    with reading(filled) as session:
        assert session.scalars(select(OutboxMail)).all() == []


@pytest.mark.parametrize("database", ["sqlite"])
def test_one_report_that_cannot_be_made_keeps_nobody_waiting(app: Flask, filled: Engine) -> None:
    owner = sign_in(app, "seller_owner")
    for name in ("b", "a"):  # the page has the latter first
        public_id = save(app, name=name)
        assert post(owner, f"/seller/exports/{public_id}/send", {"every": "week"}).status_code == 303
    with unit_of_work(filled) as session:
        session.scalars(select(SavedExport).where(SavedExport.name == "a")).one().columns = ["gone"]
    assert send_due_reports(filled, now=NOW + timedelta(days=7)) == 1


@pytest.mark.parametrize(("every", "now", "expected"), [
    ("week", "2026-06-18T07:40Z", "2026-06-22T04:00Z"), ("week", "2026-06-22T03:59Z", "2026-06-22T04:00Z"),
    ("week", "2026-06-22T04:00Z", "2026-06-29T04:00Z"), ("month", "2026-06-18T07:40Z", "2026-07-01T04:00Z"),
    ("month", "2026-12-31T23:59Z", "2027-01-01T05:00Z"), ("month", "2026-01-01T04:59Z", "2026-01-01T05:00Z"),
    ("week", "2026-10-24T12:00Z", "2026-10-26T05:00Z")])
def test_reports_come_at_six_on_the_readers_clock(every: str, now: str, expected: str) -> None:
    found = find_next_send(every, "Europe/Paris", now=datetime.fromisoformat(now))
    assert to_ms(found) == to_ms(datetime.fromisoformat(expected))
