"""The operator measured like its sellers: a public scorecard, and the yearly report on complaints."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from operator_qos.pages import send_csv, show
from operator_qos.permissions import OPERATOR, people, public
from operator_qos.recourse import phrases, reports
from operator_qos.recourse.reports import ComplaintReport
from operator_qos.web import get_session, now

blueprint = Blueprint("self_reports", __name__)
PERMISSIONS = {
    "self_reports.show_scorecard": public(),
    "self_reports.show_complaints": people(*OPERATOR),
    "self_reports.send_complaints_csv": people(*OPERATOR),
    "self_reports.send_complaints_json": people(*OPERATOR),
}


@blueprint.context_processor
def _add_words() -> dict[str, object]:
    return {"phrases": phrases, "say": phrases.say}


@blueprint.get("/operator-scorecard")
def show_scorecard() -> str:
    """How the operator kept its own promises, for anybody: totals only."""
    quarters = reports.list_quarters(get_session(), now=now())
    told = [quarter for quarter in quarters[1:] if quarter.decided or any(line.given for line in quarter.promises)]
    return show("recourse/operator_scorecard.html", quarters=[quarters[0], *told])


def _read_report() -> ComplaintReport:
    years = reports.list_years(get_session(), now=now())
    asked = request.args.get("year", type=int)
    return reports.read_complaints(get_session(), asked if asked in years else years[0])


@blueprint.get("/operator/reports/complaints")
def show_complaints() -> str:
    """The report of a year."""
    return show("recourse/complaints.html", report=_read_report(), years=reports.list_years(get_session(), now=now()))


@blueprint.get("/operator/reports/complaints.csv")
def send_complaints_csv() -> Response:
    """The same for spreadsheets."""
    report = _read_report()
    return send_csv(f"complaints-{report.year}.csv", [("section", "name", "value"), *report.list_lines()])


@blueprint.get("/operator/reports/complaints.json")
def send_complaints_json() -> Response:
    """The same for programs."""
    return jsonify(_read_report().to_plain())
