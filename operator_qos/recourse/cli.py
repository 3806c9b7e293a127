"""`operator-qos export complaints`."""

from __future__ import annotations

import csv
import io

import click

from operator_qos.cli_support import Context, emit, json_option, pass_context, require_current
from operator_qos.clock import utc_now
from operator_qos.db import reading
from operator_qos.recourse.reports import read_complaints


@click.command("complaints")
@click.option("--year", type=click.IntRange(2000, 2999), help="Filed in this year (UTC). Default: last year.")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@json_option
@pass_context
def export_complaints(context: Context, year: int | None, form: str) -> None:
    """The yearly report on complaints: count, kinds, mean and median time, outcomes."""
    require_current(context.engine)
    with reading(context.engine) as session:
        report = read_complaints(session, year or utc_now().year - 1)
    context.as_json = context.as_json or form == "json"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("section", "name", "value"), *report.list_lines()])
    emit(context, report.to_plain(), "" if context.as_json else out.getvalue().removesuffix("\n"))
