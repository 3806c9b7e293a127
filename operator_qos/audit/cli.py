"""`operator-qos audit`: check the chain over the audit trail, and hand it to an outsider."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from operator_qos.audit import queries
from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.db import reading


@click.group("audit")
def audit_group() -> None:
    """Who changed what, when and why: a chain that cannot be changed unseen."""


def _read_anchor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    place, _, kept = text.partition(":")
    if not place.isdigit() or len(kept) != 64:
        raise Refusal(f"{text!r} is no anchor: write PLACE:HASH as the weekly mail does")
    return int(place), kept.lower()


@audit_group.command("verify")
@click.option("--anchor", metavar="PLACE:HASH", help="A place and its hash from a weekly mail.")
@json_option
@pass_context
def verify_command(context: Context, anchor: str | None) -> None:
    """Follow the chain from its start. Exit code 1 names the first row that does not hold."""
    require_current(context.engine)
    with reading(context.engine) as session:
        found = queries.check_chain(session, anchor=_read_anchor(anchor))
    if found.broken is None:
        emit(context, asdict(found), f"{found.rows} rows hold, {found.unsealed} are not sealed yet.\n"
                                     f"Last: {found.rows}:{found.hash}")
        return
    if context.as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
    click.echo(f"Broken at place {found.broken.position}: {found.broken.reason}.", err=True)
    raise SystemExit(1)


@audit_group.command("export")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only what was sealed on this day (UTC) or later.")
@pass_context
def export_command(context: Context, since: datetime | None) -> None:
    """Write the chain as JSON lines: place, previous hash, hash and the text it is made of."""
    require_current(context.engine)
    with reading(context.engine) as session:
        for link in queries.list_links(session, since=since.replace(tzinfo=UTC) if since else None):
            click.echo(json.dumps(asdict(link), ensure_ascii=False))
