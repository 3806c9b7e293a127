"""`operator-qos trial`: put a published standard on trial for a marketplace, see what it would decide, end it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.queries import UnknownMarketplaceError
from operator_qos.standards.queries import UnknownVersionError
from operator_qos.trials import queries, service

ACTOR = "command line"
MOST_CHANGES = 10_000
_day = click.DateTime(["%Y-%m-%d"])


@click.group("trial")
def trial_group() -> None:
    """Standards on trial: judged beside the official results, told to nobody."""


@trial_group.command("start")
@click.argument("version", metavar="STANDARD:VERSION")
@click.option("--marketplace", "marketplace_id", metavar="ID", required=True, help="Where.")
@click.option("--from", "first", type=_day, required=True, metavar="DATE", help="The first day judged.")
@click.option("--until", "last", type=_day, metavar="DATE", help="The last day judged.")
@json_option
@pass_context
def start_command(
    context: Context, version: str, marketplace_id: str, first: datetime, last: datetime | None
) -> None:
    """Judge a marketplace by a published version too, from the next official run on."""
    standard_id, _, number = version.rpartition(":")
    if not number.isdigit():
        raise Refusal(f"{version!r} names no version; write it like ours:2")
    terms = service.Terms(marketplace_id, standard_id, int(number), first.date(), last.date() if last else None)
    require_current(context.engine)
    with _refusing(), unit_of_work(context.engine) as session:
        trial = service.start_trial(session, terms, actor=ACTOR, now=context.clock())
    emit(context, _to_row(trial), f"trial {trial.id}: {version} in {marketplace_id} from {terms.from_on}")


@trial_group.command("end")
@click.argument("trial_id", type=int)
@json_option
@pass_context
def end_command(context: Context, trial_id: int) -> None:
    """Judge by it no longer; what it would have decided stays."""
    require_current(context.engine)
    with _refusing(), unit_of_work(context.engine) as session:
        trial = service.end_trial(session, trial_id=trial_id, actor=ACTOR, now=context.clock())
    emit(context, _to_row(trial), f"trial {trial_id} has ended")


@trial_group.command("list")
@json_option
@pass_context
def list_command(context: Context) -> None:
    """Every trial, the latest first."""
    require_current(context.engine)
    with reading(context.engine) as session:
        rows = [_to_row(trial) for trial in queries.list_trials(session)]
    said = [f"{row['id']}: {row['standard']} {row['version']} in {row['marketplace']}, {row['state']}" for row in rows]
    emit(context, {"trials": rows}, "\n".join(said) or "Nothing is on trial.")


@trial_group.command("show")
@click.argument("trial_id", type=int)
@json_option
@pass_context
def show_command(context: Context, trial_id: int) -> None:
    """How each shop stands and would stand, and what would have changed."""
    require_current(context.engine)
    with _refusing(), reading(context.engine) as session:
        trial = queries.get_trial(session, trial_id)
        shops = queries.list_phantoms(session, trial)
        changes = queries.list_phantom_changes(session, trial_id, limit=MOST_CHANGES)
    document = {**_to_row(trial), "shops": [_plain(asdict(row)) for row in shops],
                "changes": [_plain(asdict(row)) for row in changes]}
    moved = [f"{row.code}: {row.real} → {row.phantom}" for row in shops if row.real != row.phantom]
    emit(context, document, "\n".join([*moved, f"{len(shops)} shops, {len(moved)} would stand in another level"]))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (service.TrialStateError, UnknownVersionError, UnknownMarketplaceError, queries.UnknownTrialError) as error:
        raise Refusal(str(error)) from error


def _to_row(trial: queries.TrialRow) -> dict[str, Any]:
    return {
        "id": trial.id, "marketplace": trial.marketplace_id, "standard": trial.standard.id,
        "version": trial.standard.version, "from": trial.from_on.isoformat(),
        "until": trial.until_on.isoformat() if trial.until_on else None,
        "judged": trial.judged_on.isoformat() if trial.judged_on else None,
        "state": "ended" if trial.ended_at else "on trial",
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
