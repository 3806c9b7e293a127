"""`operator-qos import`: events and public data sets from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.connectors.cloudevents_jsonl import STANDARD_INPUT, read_jsonl
from operator_qos.connectors.files import check_is_file
from operator_qos.connectors.importing import ImportReport, add_seeds, import_rows, key_of
from operator_qos.connectors.rows import BadRow, EventRow, ImportPlan, SourceLayoutError
from operator_qos.progress import show_progress


@click.group("import")
def import_group() -> None:
    """Take in events and public data sets from files.

    Bad rows go to quarantine with file, row, field and reason; good ones go on. Running an import again is harmless,
    and one that broke off goes on where it stood.
    """


def show_report(context: Context, report: ImportReport) -> None:
    """Say how an import ended."""
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
    show_report(context, report)


@import_group.command("events")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@pass_context
def events_command(context: Context, files: tuple[Path, ...]) -> None:
    """CloudEvents: one JSON document a line (- for standard input), or a table with a row per event.

    Tables are CSV, Parquet or XLSX with the columns id, source, type, time, subject, marketplace, shop and one named
    data.x per field. Everything may be packed with gzip or zstd.
    """
    require_current(context.engine)
    try:
        _run(context, "events", files, ImportPlan((), _events_of(files)))
    except (SourceLayoutError, OSError) as error:
        raise Refusal(str(error)) from error


def _events_of(files: Sequence[Path]) -> Iterator[EventRow | BadRow]:
    """The events of all files in order. Raises SourceLayoutError before the first row when a file is missing."""
    for path in files:
        if str(path) != STANDARD_INPUT:
            check_is_file(path)
    return chain.from_iterable(_events_in(path) for path in files)


def _events_in(path: Path) -> Iterator[EventRow | BadRow]:
    from operator_qos.connectors.formats.opening import is_table, open_records
    from operator_qos.connectors.mapping.rows import event_rows

    if str(path) == STANDARD_INPUT or not is_table(path):
        return read_jsonl([path])
    return event_rows(open_records(path), file=str(path))


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


@import_group.command("mapped")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--mapping", "mapping", required=True, help="A YAML file, or the name of a saved or ready mapping.")
@click.option("--marketplace", default="", help="The marketplace of rows, where the mapping names none.")
@click.option("--preview", type=click.IntRange(1, 10_000), help="Show what the first rows give; take nothing in.")
@json_option
@pass_context
def mapped_command(context: Context, file: Path, mapping: str, marketplace: str, preview: int | None) -> None:
    """Any table (CSV, TSV, JSON lines, Parquet, XLSX; gzip, zstd) by a mapping of its columns."""
    from operator_qos.imports.commands import import_mapped, preview_mapped

    require_current(context.engine)
    if preview is not None:
        preview_mapped(context, file, mapping, marketplace, rows=preview)
        return
    with show_progress("Importing", quiet=context.as_json) as on_progress:
        report = import_mapped(context, file, mapping, marketplace, on_progress=on_progress)
    show_report(context, report)
