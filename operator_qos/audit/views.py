"""The operator's pages on the trail: searching it, and what people decided beside the rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request

from operator_qos.audit import queries
from operator_qos.audit.words import action_name
from operator_qos.pages import send_csv
from operator_qos.permissions import OPERATOR, people
from operator_qos.web import get_session, now, read_page

blueprint = Blueprint("audit", __name__)
PERMISSIONS = {
    "audit.show_trail": people(*OPERATOR),
    "audit.show_overrides": people(*OPERATOR),
    "audit.download_overrides": people(*OPERATOR),
}


def _read_day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _start(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _read_search(since: date | None, until: date | None) -> queries.Search:
    texts = {name: request.args.get(name, "").strip()[:254] for name in ("actor", "action", "subject")}
    after = None if until is None or until >= date.max else until + timedelta(days=1)
    return queries.Search(**texts, since=_start(since), until=_start(after))


@blueprint.get("/operator/audit")
def show_trail() -> str:
    """Every row of the trail that matches, the latest first, with its place in the chain."""
    session, since, until = get_session(), _read_day("from"), _read_day("to")
    wanted = _read_search(since, until)
    page = read_page(queries.count_rows(session, wanted))
    rows = queries.list_rows(session, wanted, limit=page.size, offset=page.offset)
    return render_template(
        "audit/trail.html", rows=rows, page=page, wanted=wanted, since=since, until=until, action_name=action_name,
        last=queries.find_last_seal(session),
        unsealed=queries.count_unsealed(session, after_id=queries.find_recent_id(session)))


def _read_period() -> tuple[date, date]:
    """From three months ago to today unless other days are asked for."""
    until = _read_day("to") or now().date()
    return _read_day("from") or min(until, now().date()) - timedelta(days=90), until


@blueprint.get("/operator/reports/overrides")
def show_overrides() -> str:
    """What people decided beside the rules, with each reason."""
    session, (since, until) = get_session(), _read_period()
    wanted = _read_search(since, until)
    counts = queries.count_overrides(session, wanted)
    page = read_page(sum(counts.values()))
    rows = queries.list_overrides(session, wanted, limit=page.size, offset=page.offset)
    return render_template("audit/overrides.html", rows=rows, page=page, counts=counts, wanted=wanted, since=since,
                           until=until, action_name=action_name)


@blueprint.get("/operator/reports/overrides.csv")
def download_overrides() -> Response:
    """The same for a spreadsheet."""
    since, until = _read_period()
    rows = queries.list_overrides(get_session(), _read_search(since, until), limit=None)
    header = ("at", "actor", "action", "subject", "why")
    return send_csv(f"overrides-{since}-{until}.csv", [header, *_to_cells(rows)])


def _to_cells(rows: Iterable[queries.SealedRow]) -> Iterable[tuple[Any, ...]]:
    return ((found.row.at.isoformat(), found.row.actor, found.row.action, found.row.subject, found.row.why)
            for found in rows)
