"""`operator-qos standards`: list, show, validate, diff, publish; `operator-qos backtest`: try one on history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.queries import UnknownMarketplaceError
from operator_qos.standards import queries, service
from operator_qos.standards.comparison import Backtest
from operator_qos.standards.rules import Kept, VersionStateError, find_state, list_mistakes, list_unmeasured, read_draft
from operator_qos.standards.trying import run_backtest
from scoring.standards import Standard, StandardError, diff_standards, list_presets, load_preset, title_in, write_yaml
from scoring.standards.versions import LEGAL_GROUNDS

ACTOR = "command line"
MAX_DAYS = 1100
_NAMES = "a YAML file, a preset, or a kept version written like ours:2"
_languages = click.option("--language", type=click.Choice(["en", "fr"]), default="en", help="Of the sentences.")


@click.group("standards")
def standards_group() -> None:
    """Standards: what sellers are measured by, version by version."""


@standards_group.command("list")
@json_option
@pass_context
def list_command(context: Context) -> None:
    """Every version that is kept, with its state, and the presets that can be taken over."""
    require_current(context.engine)
    with reading(context.engine) as session:
        versions = queries.list_versions(session)
    rows = [_to_row(kept, versions, context) for kept in versions]
    presets = [{"preset": name, "title": title_in(load_preset(name).title, "en")} for name in list_presets()]
    lines = [f"{row['id']} {row['version']}: {row['state']}, from {row['effective_from']}" for row in rows]
    text = "\n".join([*lines, "Presets: " + ", ".join(list_presets())])
    emit(context, {"versions": rows, "presets": presets}, text)


@standards_group.command("show")
@click.argument("name", metavar="STANDARD")
@json_option
@pass_context
def show_command(context: Context, name: str) -> None:
    """One standard as YAML, or with --json as data: a YAML file, a preset, or a kept version like ours:2."""
    standard = find_standard(context, name)
    emit(context, standard.to_mapping(), write_yaml(standard).rstrip())


@standards_group.command("validate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@pass_context
def validate_command(context: Context, file: Path) -> None:
    """Read a standard and name every mistake with its line; exit code 1 when there is any."""
    text = _read(file)
    mistakes = list_mistakes(text)
    unmeasured = [] if mistakes else list_unmeasured(read_draft(text))
    found = [{"line": error.line, "path": error.path, "problem": error.problem} for error in mistakes]
    said = [f"{file}:{error.line or 1}: {error}" for error in mistakes]
    said += [f"{file}: nothing is counted for {metric} yet" for metric in unmeasured]
    emit(context, {"valid": not mistakes, "mistakes": found, "not_measured": unmeasured},
         "\n".join(said) or f"{file} is well written")
    if mistakes:
        raise click.exceptions.Exit(1)


@standards_group.command("diff")
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@_languages
@json_option
@pass_context
def diff_command(context: Context, before: str, after: str, language: str) -> None:
    """What changes from one standard to another, in sentences; files, presets, or kept versions like ours:2."""
    changes = diff_standards(find_standard(context, before), find_standard(context, after))
    rows = [{**asdict(change), "sentence": change.say(language)} for change in changes]
    emit(context, {"changes": rows}, "\n".join(row["sentence"] for row in rows) or "Nothing changes.")


@standards_group.command("publish")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--why", required=True, help="Why the rules change, for those who are bound by them.")
@click.option("--legal-ground", type=click.Choice(list(LEGAL_GROUNDS)), help="What allows a notice under 15 days.")
@json_option
@pass_context
def publish_command(context: Context, file: Path, why: str, legal_ground: str | None) -> None:
    """Announce the version a YAML file holds: in force from its first day, and never changed again."""
    require_current(context.engine)
    text = _read(file)
    with refusing(str(file)), unit_of_work(context.engine) as session:
        now = context.clock()
        standard = service.save_draft(session, text=text, actor=ACTOR, now=now).standard
        kept = service.publish(session, standard_id=standard.id, version=standard.version, why=why, actor=ACTOR,
                               now=now, legal_ground=legal_ground)
        row = _to_row(kept, queries.list_versions(session), context)
    said = f"{standard.id} version {standard.version} is published; it judges the shops of its scope from"
    emit(context, row, f"{said} {row['effective_from']} on")


@click.command("backtest")
@click.argument("name", metavar="STANDARD")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="DATE", help="First date.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="DATE", help="Last date.")
@click.option("--against", metavar="STANDARD", default="ours", help="What to compare with, else ours.")
@click.option("--marketplace", "marketplace_id", metavar="ID", help="Only this marketplace.")
@json_option
@pass_context
def backtest_command(  # what, when, against what, where
    context: Context, name: str, first: Any, last: Any, against: str, marketplace_id: str | None
) -> None:
    """Try a standard on history: day by day who would gain or lose which level, and why. Changes nothing.

    STANDARD is a YAML file, a preset, or a kept version like ours:2.
    """
    require_current(context.engine)
    since, until = first.date(), last.date()
    if not timedelta(0) <= until - since <= timedelta(days=MAX_DAYS):
        raise click.BadParameter(f"give at most {MAX_DAYS} days, the first before the last", param_hint="--to")
    draft, current = find_standard(context, name), find_standard(context, against)
    with refusing(name), reading(context.engine) as session:
        try:
            found = run_backtest(session, draft, current, first=since, last=until, marketplace_id=marketplace_id)
        except UnknownMarketplaceError as error:
            raise Refusal(str(error)) from error
    emit(context, found.to_document(), _say(found))


def _say(found: Backtest) -> str:
    """The back-test for people: the last day in sentences, then every move."""
    lines = [
        f"{found.first} to {found.last}: {found.shops} shops; on the last day {len(found.list_last('down'))} would "
        f"stand lower, {len(found.list_last('up'))} higher, {found.count_same()} the same."
    ]
    lines += [
        f"{line.rule or 'all but the rules'} alone: {line.moved} move on any day; on the last day {line.down} lower, "
        f"{line.up} higher" for line in found.alone
    ]
    lines += [
        f"{move.shop.marketplace_id}/{move.shop.code} {move.since} to {move.until}: {move.before} → {move.after}"
        + "".join(f"; {reason.say()}" for reason in move.reasons)
        for move in found.moves
    ]
    return "\n".join(lines)


@contextmanager
def refusing(file: str = "") -> Iterator[None]:
    """Turn what a standard is refused for into a refusal that names file, line and path."""
    try:
        yield
    except StandardError as error:
        place = f"{file}:{error.line}: " if file and error.line else f"{file}: " if file else ""
        raise Refusal(f"{place}{error}") from error
    except (VersionStateError, queries.UnknownVersionError) as error:
        raise Refusal(str(error)) from error


def find_standard(context: Context, name: str) -> Standard:
    """A standard by file, preset or kept version. Refuses anything else, naming what there is."""
    with refusing(name):
        if Path(name).is_file():
            return read_draft(_read(Path(name)))
        if name in list_presets():
            return load_preset(name)
        standard_id, _, number = name.partition(":")
        if not number.isdigit():
            raise Refusal(f"{name!r} is neither {_NAMES}; presets: {', '.join(list_presets())}")
        require_current(context.engine)
        with reading(context.engine) as session:
            return queries.get_version(session, standard_id, int(number)).standard


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(f"{file}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error


def _to_row(kept: Kept, versions: list[Kept], context: Context) -> dict[str, Any]:
    standard = kept.standard
    return {
        "id": standard.id,
        "version": standard.version,
        "title": title_in(standard.title, "en"),
        "state": str(find_state(kept, versions, context.clock())),
        "effective_from": _iso(standard.effective_from),
        "published_at": kept.published_at.isoformat() if kept.published_at else None,
        "published_by": kept.published_by,
        "legal_ground": kept.legal_ground,
        "shipped": kept.shipped,
    }


def _iso(on: date) -> str:
    return on.isoformat()
