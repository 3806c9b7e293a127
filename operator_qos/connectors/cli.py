"""`operator-qos import`: events and public data sets from files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.connectors.cloudevents_jsonl import read_jsonl
from operator_qos.connectors.importing import ImportReport, add_seeds, import_rows, key_of
from operator_qos.connectors.rows import ImportPlan, SourceLayoutError
from operator_qos.progress import show_progress


@click.group("import")
def import_group() -> None:
    """Take in events and public data sets from files.

    Bad rows go to quarantine with file, row, field and reason; good ones go on. Running an import again is harmless,
    and one that broke off goes on where it stood.
    """


def _show(context: Context, report: ImportReport) -> None:
    counts = asdict(report.counts)
    document = {"rows": report.rows, "resumed_after": report.resumed_after, **counts, "stuck": report.stuck,
                "examples": report.examples}
    text = ", ".join(f"{number} {word}" for word, number in counts.items())
    lines = [f"{report.rows} rows read: {text}.", *report.examples]
    if report.stuck:
        lines.append(f"{report.stuck} orders or cases could not be worked out; operator-qos doctor says what to do.")
    emit(context, document, "\n".join(lines))


def _run(context: Context, kind: str, paths: Sequence[Path], plan: ImportPlan) -> None:
    add_seeds(context.engine, plan.marketplaces)
    real = [path for path in paths if path.is_file()]
    with show_progress("Importing", quiet=context.as_json) as on_progress:
        report = import_rows(
            context.engine, plan.rows, key=key_of(kind, real), name=f"{kind} {paths[0]}", now=context.clock(),
            on_progress=on_progress)
    _show(context, report)


@import_group.command("events")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@pass_context
def events_command(context: Context, files: tuple[Path, ...]) -> None:
    """CloudEvents, one JSON document a line; plain or gzip, - for standard input."""
    require_current(context.engine)
    try:
        _run(context, "events", files, ImportPlan((), read_jsonl(files)))
    except (SourceLayoutError, OSError) as error:
        raise Refusal(str(error)) from error


def _import_set(context: Context, kind: str, path: Path, plan: Callable[[Path], ImportPlan]) -> None:
    require_current(context.engine)
    try:
        paths = sorted(path.iterdir()) if path.is_dir() else [path]
        _run(context, kind, paths, plan(path))
    except (SourceLayoutError, OSError) as error:
        raise Refusal(str(error)) from error


@import_group.command("olist")
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
@pass_context
def olist_command(context: Context, directory: Path) -> None:
    """The Olist marketplace: a folder with its orders, items, reviews, sellers and products files."""
    from operator_qos.connectors.olist import plan_olist

    _import_set(context, "olist", directory, plan_olist)


@import_group.command("helpdesk")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_context
def helpdesk_command(context: Context, file: Path) -> None:
    """The help desk log: one CSV file of ticket events."""
    from operator_qos.connectors.helpdesk import plan_helpdesk

    _import_set(context, "helpdesk", file, plan_helpdesk)


@import_group.command("twitter-support")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_context
def twitter_command(context: Context, file: Path) -> None:
    """Customer support conversations: one CSV file of posts."""
    from operator_qos.connectors.twitter_support import plan_twitter_support

    _import_set(context, "twitter-support", file, plan_twitter_support)
