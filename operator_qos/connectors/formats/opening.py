"""Which kind of table a file is: told by its content, not by its name."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, cast

from operator_qos.connectors.files import BROKEN_FILE_ERRORS, check_is_file
from operator_qos.connectors.formats.json_lines import open_json_lines
from operator_qos.connectors.formats.parquet import open_parquet
from operator_qos.connectors.formats.records import Hints, RecordFile
from operator_qos.connectors.formats.spreadsheets import open_spreadsheet
from operator_qos.connectors.formats.text_tables import open_text_table
from operator_qos.connectors.rows import SourceLayoutError
from operator_qos.connectors.unpacking import open_unpacked, tell_packing

_NO_HINTS = Hints()
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_MAX_COPIED_BYTES = 4 * 1024 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


def open_records(path: Path, hints: Hints = _NO_HINTS) -> RecordFile:
    """A CSV, TSV, JSON lines, Parquet or XLSX file, plain, gzip or zstd. Raises SourceLayoutError."""
    check_is_file(path)
    try:
        packing, first = _look(path)
    except BROKEN_FILE_ERRORS as error:
        raise SourceLayoutError(str(path), f"The file is damaged ({error}).", "Fetch it again.") from error
    if first.startswith(_OLD_EXCEL):
        raise SourceLayoutError(str(path), "The file is an old Excel book (.xls).", "Save it as .xlsx or CSV.")
    if first.startswith(b"PAR1"):
        return open_parquet(path, _seekable(path, packing), packing)
    if first.startswith(b"PK\x03\x04"):
        return open_spreadsheet(path, _seekable(path, packing), hints, packing)
    if first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return open_json_lines(path, packing)
    return open_text_table(path, hints, packing)


def is_table(path: Path) -> bool:
    """Whether the file is CSV, Parquet or XLSX rather than JSON lines; damaged or empty ones are not."""
    try:
        first = _look(path)[1].removeprefix(b"\xef\xbb\xbf").lstrip()
    except BROKEN_FILE_ERRORS:
        return False
    if first.startswith((b"PAR1", b"PK\x03\x04")):
        return True
    header = first.splitlines()[0] if first else b""
    return first[:1] not in (b"{", b"[", b"") and b"type" in header and b"source" in header


def _look(path: Path) -> tuple[str, bytes]:
    with path.open("rb") as raw:
        packing = tell_packing(raw.read(4))
        raw.seek(0)
        return packing, open_unpacked(raw).read(4_096)


def _seekable(path: Path, packing: str) -> IO[bytes]:
    """The content, unpacked beside memory where it must be: what is read from its end cannot be a stream."""
    if not packing:
        return path.open("rb")
    copy = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115  # read for as long as the table is
    try:
        with path.open("rb") as raw:
            unpacked = open_unpacked(raw)
            while chunk := unpacked.read(_CHUNK_BYTES):
                copy.write(chunk)
                _check_copied(path, copy.tell())
    except BROKEN_FILE_ERRORS as error:
        raise SourceLayoutError(str(path), f"The file is damaged ({error}).", "Fetch it again.") from error
    return copy


def _check_copied(path: Path, size: int) -> None:
    if size > _MAX_COPIED_BYTES:
        raise SourceLayoutError(str(path), "The file unpacks to more than 4 GB.", "Send it in parts.")
