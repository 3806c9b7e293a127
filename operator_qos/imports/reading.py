"""A stored file with a mapping: what it looks like, what the mapping makes of it."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.formats.records import Hints, Layout, RecordFile
from operator_qos.connectors.mapping.applying import Applier
from operator_qos.connectors.mapping.model import Mapping
from operator_qos.connectors.mapping.proposing import Proposal, name_of, propose
from operator_qos.connectors.mapping.reading import MappingError, Mistake, parse_mapping
from operator_qos.connectors.mapping.rows import Seen, preview_rows, sample_rows
from operator_qos.connectors.rows import SourceLayoutError

SAMPLE_ROWS = 200
SHOWN_ROWS = 10
CHECKED_ROWS = 200


@dataclass(frozen=True)
class Look:
    """A file as a page shows it before it is imported."""

    layout: Layout
    rows: Sequence[Table[str, object]]


@dataclass(frozen=True)
class Trial:
    """What a mapping makes of the first rows, or what is wrong with it."""

    seen: Sequence[Seen] = ()
    mistakes: Sequence[Mistake] = ()

    @property
    def good(self) -> int:
        """Rows that give events or are passed over."""
        return sum(not row.reason for row in self.seen)

    @property
    def bad(self) -> Sequence[Seen]:
        """Rows that cannot be read."""
        return [row for row in self.seen if row.reason]

    @property
    def events(self) -> int:
        """How many events the rows give."""
        return sum(len(row.events) for row in self.seen)


def hints_of(mapping: Mapping) -> Hints:
    """What a mapping says of how its file is written."""
    return Hints(mapping.file.encoding, mapping.file.delimiter, mapping.file.sheet)


def open_for(path: Path, mapping: Mapping) -> RecordFile:
    """The table of a file, read as the mapping says. Raises SourceLayoutError."""
    return open_records(path, hints_of(mapping))


def look_at(path: Path) -> Look:
    """The layout of a file and its first rows. Raises SourceLayoutError."""
    table = open_records(path)
    return Look(table.layout, [record.values for record in sample_rows(table, limit=SHOWN_ROWS)])


def propose_for(
    path: Path, *, file_name: str, marketplace: str, timezone: str, parts: Table[str, str] | None = None
) -> Proposal:
    """A draft of a mapping for a file. Raises SourceLayoutError."""
    table = open_records(path)
    return propose(
        table.layout, sample_rows(table, limit=SAMPLE_ROWS), name=name_of(file_name), marketplace=marketplace,
        timezone=timezone, parts=parts)


def try_mapping(path: Path, text: str, *, marketplace: str, now: datetime) -> Trial:
    """What a mapping makes of the first rows of a file, or everything that is wrong with it. Never raises."""
    try:
        table = open_for(path, parse_mapping(text))
        mapping = parse_mapping(text, columns=table.layout.columns)
    except MappingError as error:
        return Trial(mistakes=error.mistakes)
    except SourceLayoutError as error:
        return Trial(mistakes=[Mistake(1, 1, "file", f"{error.what} {error.what_to_do}")])
    return Trial(preview_rows(table, Applier(mapping, now=now, marketplace=marketplace), limit=CHECKED_ROWS))
