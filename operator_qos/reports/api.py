"""The API of exports: current numbers and standings page by page or as files, and saved exports."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, jsonify, request, url_for

from operator_qos.cursors import CursorError, read_cursor, write_cursor
from operator_qos.errors import problem
from operator_qos.permissions import current_machine, machine
from operator_qos.reports import forms, saved
from operator_qos.reports.queries import KEYS, read_page, read_sheet
from operator_qos.reports.rules import LONGEST_PAGE, PAGE, FilterError, Filters, Wanted
from operator_qos.reports.saved import ExportRow
from operator_qos.web import get_session, now, read_number

blueprint = Blueprint("reports_api", __name__, url_prefix="/api/v1")
_PLACE = "shops of the key's marketplace; another one is the 404 of a missing one"
_OWN = "exports of the key's seller; another one is the 404 of a missing one"
PERMISSIONS = {
    "reports_api.list_metrics": machine("read", tenant=_PLACE),
    "reports_api.list_standings": machine("read", tenant=_PLACE),
    "reports_api.list_exports": machine("read", tenant=_PLACE),
    "reports_api.fetch_export": machine("read", tenant=_PLACE),
    "reports_api.list_own_exports": machine("seller_read", tenant=_OWN),
    "reports_api.fetch_own_export": machine("seller_read", tenant=_OWN),
}


@blueprint.errorhandler(FilterError)
def _answer_wrong(error: FilterError) -> Response:
    return problem(422, "A field cannot be used", f"{error.field}: {error}", field=error.field)


def _missing() -> Response:
    return problem(404, "Not found", "There is no such thing, or not for this key.")


def _read_filters(sheet: str) -> Filters:
    """What was asked for, on the key's own marketplace."""
    filters, mine = forms.read_filters(request.args, sheet, None), current_machine().marketplace_id
    if mine is not None and filters.marketplace not in {"", mine}:
        raise FilterError("marketplace", f"this key is for {mine}")
    return replace(filters, marketplace=mine or filters.marketplace)


def _read_limit() -> int:
    found = read_number(request.args.get("limit", "") or str(PAGE))
    if found is None or not 1 <= found <= LONGEST_PAGE:
        raise FilterError("limit", f"a whole number from 1 to {LONGEST_PAGE}")
    return found


def _read_place(sheet: str) -> tuple[int, ...] | None:
    text = request.args.get("cursor", "")
    try:
        return read_cursor(text, KEYS[sheet]) if text else None
    except CursorError as error:
        raise FilterError("cursor", str(error)) from None


def _send(sheet: str) -> Response:
    wanted, session = Wanted(sheet, _read_filters(sheet)), get_session()
    form = request.args.get("format", "")
    if form:
        return forms.send_sheet(read_sheet(session, wanted, now=now()), form, f"{sheet}.{form}")
    page = read_page(session, wanted, after=_read_place(sheet), limit=_read_limit())
    rows = [dict(zip(page.sheet.columns, row, strict=True)) for row in page.sheet.rows]
    following = write_cursor(page.after) if page.after is not None else None
    return forms.with_etag(jsonify({"rows": rows, "next_cursor": following}))


@blueprint.get("/metrics")
def list_metrics() -> Response:
    """The current numbers of every shop and metric; with `format` the whole table as a file."""
    return _send("metrics")


@blueprint.get("/standings")
def list_standings() -> Response:
    """Where every shop stands; with `format` the whole table as a file."""
    return _send("standings")


# Saved exports


def _may_see(row: ExportRow) -> bool:
    mine = current_machine().marketplace_id
    return mine is None or row.filters.get("marketplace") == mine


def _describe(row: ExportRow, endpoint: str) -> dict[str, object]:
    return {"id": row.public_id, "name": row.name, "sheet": row.sheet, "filters": dict(row.filters),
            "columns": list(row.columns), "format": row.form, "address": url_for(endpoint, public_id=row.public_id)}


@blueprint.get("/exports")
def list_exports() -> Response:
    """The operator's saved exports."""
    rows = [row for row in saved.list_exports(get_session(), seller_id=None) if _may_see(row)]
    return forms.with_etag(jsonify({"exports": [_describe(row, "reports_api.fetch_export") for row in rows]}))


@blueprint.get("/exports/<public_id>")
def fetch_export(public_id: str) -> Response:
    """One of the operator's saved exports as it stands now."""
    row = saved.find_export(get_session(), public_id, seller_id=None)
    return forms.send_export(row) if row is not None and _may_see(row) else _missing()


@blueprint.get("/me/exports")
def list_own_exports() -> Response:
    """The seller's saved exports."""
    seller_id = current_machine().seller_id
    rows = saved.list_exports(get_session(), seller_id=seller_id) if seller_id is not None else []
    return forms.with_etag(jsonify({"exports": [_describe(row, "reports_api.fetch_own_export") for row in rows]}))


@blueprint.get("/me/exports/<public_id>")
def fetch_own_export(public_id: str) -> Response:
    """One of the seller's saved exports as it stands now."""
    seller_id = current_machine().seller_id
    row = saved.find_export(get_session(), public_id, seller_id=seller_id) if seller_id is not None else None
    return forms.send_export(row) if row is not None else _missing()
