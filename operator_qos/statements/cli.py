"""`operator-qos statements` and `operator-qos export statements`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.db import reading
from operator_qos.statements import queries
from operator_qos.statements.service import check_statements
from operator_qos.statements.transparency import FIELDS, list_entries

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("statements")
def statements_group() -> None:
    """Statements of reasons."""


@statements_group.command("verify")
@json_option
@pass_context
def verify_command(context: Context) -> None:
    """Compute every fingerprint again; exit code 1 when a statement is not what was issued."""
    require_current(context.engine)
    with reading(context.engine) as session:
        found = check_statements(session)
    broken = [row.public_id for row in found.broken]
    if broken:
        raise Refusal(f"{len(broken)} of {found.count} statements are not what was issued: {', '.join(broken)}")
    emit(context, {"statements": found.count, "broken": broken}, f"{found.count} statements, all as they were issued.")


@click.command("statements")
@click.option("--since", type=_DAY, help="Issued on this day (UTC) or later.")
@click.option("--until", type=_DAY, help="Issued before this day (UTC).")
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@json_option
@pass_context
def export_statements(context: Context, since: datetime | None, until: datetime | None, form: str) -> None:
    """Restrictions as the Commission's DSA Transparency Database takes them, without personal data."""
    require_current(context.engine)
    bounds = [None if day is None else day.replace(tzinfo=UTC) for day in (since, until)]
    with reading(context.engine) as session:
        rows = queries.iterate_statements(session, since=bounds[0], until=bounds[1])
        entries = [entry.to_mapping() for entry in list_entries(rows)]
    context.as_json = context.as_json or form == "json"
    emit(context, {"statements": entries}, "" if context.as_json else _to_csv(entries))


def _to_csv(entries: Sequence[dict[str, Any]]) -> str:
    """A row per statement; lists with | between their values."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for entry in entries:
        writer.writerow(["|".join(value) if isinstance(value, list) else value
                         for value in (entry.get(name, "") for name in FIELDS)])
    return out.getvalue().removesuffix("\n")
