"""What commands do with mappings and tables."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

from operator_qos.cli_support import Context, Refusal, emit
from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.formats.records import RecordFile
from operator_qos.connectors.importing import ImportReport, Progress, import_rows, key_of
from operator_qos.connectors.mapping.applying import Applier
from operator_qos.connectors.mapping.model import Mapping
from operator_qos.connectors.mapping.proposing import name_of, propose
from operator_qos.connectors.mapping.reading import MappingError, list_ready, parse_mapping, read_ready
from operator_qos.connectors.mapping.rows import Seen, map_rows, preview_rows, sample_rows
from operator_qos.connectors.rows import SourceLayoutError
from operator_qos.db import reading, unit_of_work
from operator_qos.imports.mappings import find_newest, list_newest, save_mapping
from operator_qos.imports.reading import SAMPLE_ROWS, open_for

COMMAND = "command-line"


def read_mapping_text(context: Context, name: str) -> str:
    """The YAML of a file, of a saved mapping or of one that comes with the product. Raises Refusal."""
    path = Path(name)
    if path.is_file():
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Refusal(f"{path}: cannot be read as UTF-8 text ({error})") from error
    with reading(context.engine) as session:
        saved = find_newest(session, name)
    if saved is not None:
        return saved.text
    if name in list_ready():
        return read_ready(name)
    raise Refusal(f"there is no file and no mapping {name!r}; operator-qos mappings list shows the names")


def _opened(context: Context, file: Path, name: str) -> tuple[str, Mapping, RecordFile]:
    text = read_mapping_text(context, name)
    try:
        table = open_for(file, parse_mapping(text))
        return text, parse_mapping(text, columns=table.layout.columns), table
    except MappingError as error:
        raise Refusal("\n".join(f"{name}: {mistake}" for mistake in error.mistakes)) from error
    except SourceLayoutError as error:
        raise Refusal(str(error)) from error


def import_mapped(
    context: Context, file: Path, name: str, marketplace: str, *, on_progress: Progress
) -> ImportReport:
    """Save the mapping and take the table in. Raises Refusal. Commits as it goes."""
    text, mapping, table = _opened(context, file, name)
    now = context.clock()
    with unit_of_work(context.engine) as session:
        saved = save_mapping(session, text=text, actor=COMMAND, now=now)
    applier = Applier(mapping, now=now, marketplace=marketplace)
    digest = hashlib.blake2b(f"{text}\n{marketplace}".encode(), digest_size=8).hexdigest()
    return import_rows(
        context.engine, map_rows(table, applier, file=str(file), mapping_id=saved.id),
        key=key_of(f"mapped:{digest}", [file]), name=f"mapped {file}", now=now, on_progress=on_progress)


def preview_mapped(context: Context, file: Path, name: str, marketplace: str, *, rows: int) -> None:
    """Show what the first rows give."""
    _, mapping, table = _opened(context, file, name)
    seen = preview_rows(table, Applier(mapping, now=context.clock(), marketplace=marketplace), limit=rows)
    emit(context, {"rows": [asdict(row) for row in seen]}, "\n".join(line for row in seen for line in _lines(row)))


def _lines(row: Seen) -> list[str]:
    if row.reason:
        return [f"row {row.row}: {row.field}: {row.reason}"]
    told = [f"row {row.row}: {event['type']} {event['subject']} at {event['time']} in {event['shop']}"
            for event in row.events]
    return told or [f"row {row.row}: no event"]


def propose_mapping(context: Context, file: Path, marketplace: str, timezone: str) -> None:
    """Write a first draft for a table."""
    try:
        table = open_records(file)
    except SourceLayoutError as error:
        raise Refusal(str(error)) from error
    found = propose(table.layout, sample_rows(table, limit=SAMPLE_ROWS), name=name_of(file.name),
                    marketplace=marketplace, timezone=timezone)
    emit(context, {"mapping": found.text, "columns": dict(found.parts), "layout": asdict(table.layout)},
         found.text.rstrip())


def validate_mapping(context: Context, name: str, file: Path | None) -> None:
    """Say whether a mapping can be used, for a table where one is given. Raises Refusal."""
    text = read_mapping_text(context, name)
    try:
        mapping = parse_mapping(text)
        if file is not None:
            parse_mapping(text, columns=open_for(file, mapping).layout.columns)
    except MappingError as error:
        mistakes = [asdict(mistake) for mistake in error.mistakes]
        if context.as_json:
            emit(context, {"valid": False, "mistakes": mistakes}, "")
            raise SystemExit(1) from None
        raise Refusal("\n".join(map(str, error.mistakes))) from error
    except SourceLayoutError as error:
        raise Refusal(str(error)) from error
    text = f"{mapping.mapping} can be used. It looks at the columns {', '.join(mapping.columns())}."
    emit(context, {"valid": True, "mapping": mapping.mapping, "columns": mapping.columns()}, text)


def list_mappings(context: Context) -> None:
    """Show the saved mappings and those that come with the product."""
    with reading(context.engine) as session:
        saved = list_newest(session)
    document = {"saved": [{"name": row.name, "version": row.version, "title": row.title} for row in saved],
                "ready": list(list_ready())}
    lines = [f"{row.name}  version {row.version}  {row.title}" for row in saved]
    emit(context, document, "\n".join([*lines, *(f"{name}  comes with the product" for name in list_ready())]))
