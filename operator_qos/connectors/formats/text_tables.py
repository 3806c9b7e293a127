"""CSV and its relatives: encoding and delimiter are found out, and one bad row never takes others with it."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from operator_qos.connectors.files import BROKEN_FILE_ERRORS, split_lines
from operator_qos.connectors.formats.records import (
    MAX_COLUMNS,
    BadRecord,
    Hints,
    Layout,
    Record,
    RecordFile,
    Records,
    checked,
)
from operator_qos.connectors.rows import SourceLayoutError
from operator_qos.connectors.unpacking import open_unpacked

SAMPLE_BYTES = 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")
LATIN = "windows-1252"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE_RECORDS = 50


def open_text_table(path: Path, hints: Hints, packing: str) -> RecordFile:
    """A delimited table whose header was read. Raises SourceLayoutError, naming what to do."""
    try:
        with path.open("rb") as raw:
            sample = open_unpacked(raw).read(SAMPLE_BYTES)
    except BROKEN_FILE_ERRORS as error:
        raise SourceLayoutError(str(path), f"The file is damaged ({error}).", "Fetch it again.") from error
    encoding, guessed = _tell_encoding(path, sample, hints)
    text = sample.decode(encoding, "replace").removeprefix("\ufeff")
    delimiter = hints.delimiter or _tell_delimiter(text)
    columns = _header(path, text, delimiter)
    layout = Layout("csv", packing, columns, encoding, delimiter, "", guessed and not hints.encoding)
    return RecordFile(layout, lambda: _read(path, layout))


def _tell_encoding(path: Path, sample: bytes, hints: Hints) -> tuple[str, bool]:
    if hints.encoding:
        try:
            sample.decode(hints.encoding, "replace")
            return codecs.lookup(hints.encoding).name, False
        except (LookupError, ValueError):  # no codec, or one that is not for texts
            what = f"{hints.encoding!r} is no encoding."
            raise SourceLayoutError(str(path), what, "Write utf-8, windows-1252 or utf-16.") from None
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name, False
    if b"\x00" in sample:
        what = "The file is no text: it holds zero bytes."
        raise SourceLayoutError(str(path), what, "Export it as CSV, JSON lines, Parquet or XLSX.")
    if _is_utf8(sample):
        return "utf-8", False
    return (LATIN, True) if _broken_sequences(sample) > _whole_sequences(sample) else ("utf-8", False)


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _broken_sequences(sample: bytes) -> int:
    return sum("\udc80" <= letter <= "\udcff" for letter in sample.decode("utf-8", "surrogateescape"))


def _whole_sequences(sample: bytes) -> int:
    return sum(letter > "\x7f" for letter in sample.decode("utf-8", "ignore"))


def _tell_delimiter(text: str) -> str:
    """The sign that cuts most rows into as many fields as the header, the header into at least two."""
    return max(DELIMITERS, key=lambda sign: _evenness(text, sign))


def _evenness(text: str, sign: str) -> tuple[float, int]:
    try:
        rows = list(islice(csv.reader(io.StringIO(text), delimiter=sign), _SAMPLE_RECORDS))
    except csv.Error:
        return 0.0, 0
    widths = [len(row) for row in rows if row]
    if not widths or widths[0] < 2:
        return 0.0, 0
    return widths.count(widths[0]) / len(widths), widths[0]


def _header(path: Path, text: str, delimiter: str) -> tuple[str, ...]:
    try:
        names = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter), [])]
    except csv.Error as error:
        what = f"The header (row 1) is not CSV ({error})."
        raise SourceLayoutError(str(path), what, "Correct its quotes.") from error
    return check_names(path, names)


def check_names(path: Path, names: list[str]) -> tuple[str, ...]:
    """The names of columns, those without one called by their place. Raises SourceLayoutError."""
    while names and not names[-1]:
        names.pop()
    if not names:
        raise SourceLayoutError(str(path), "The file is empty or has no header.", "Its first row names the columns.")
    if len(names) > MAX_COLUMNS:
        what = f"The header (row 1) has {len(names):,} columns; at most {MAX_COLUMNS:,} are read."
        raise SourceLayoutError(str(path), what, "Leave out what is not needed.")
    named = [name or f"column {place}" for place, name in enumerate(names, 1)]
    twice = next((name for name, count in Counter(named).items() if count > 1), None)
    if twice is not None:
        what = f"The header (row 1) names the column “{twice[:60]}” twice."
        raise SourceLayoutError(str(path), what, "Give each column a name of its own.")
    return tuple(named)


def _read(path: Path, layout: Layout) -> Records:
    with path.open("rb") as raw:
        lines = _Lines(_as_utf8(open_unpacked(raw), layout.encoding), layout.encoding)
        yield from _records(lines, layout)


def _as_utf8(stream: io.BufferedReader, encoding: str) -> IO[bytes]:
    """UTF-16 cannot be cut into lines as bytes, so it is written anew."""
    if encoding in {"utf-8", LATIN} or codecs.lookup(encoding).encode("\n")[0] == b"\n":
        return stream
    return io.BufferedReader(_Rewritten(io.TextIOWrapper(stream, encoding, errors="replace", newline="")))


class _Rewritten(io.RawIOBase):
    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._left = text, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            found = self._text.read(64 * 1024)
            if not found:
                return 0
            self._left = found.encode("utf-8", "replace")
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


class _Lines:
    """Lines as text for the CSV reader, which can be put back when a stray quote swallowed them."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        ascii_like = codecs.lookup(encoding).encode("\n")[0] == b"\n"
        self._encoding = encoding if ascii_like else "utf-8"
        self._source = split_lines(stream)
        self._waiting: deque[tuple[int, str, bool]] = deque()
        self.taken: list[tuple[int, str, bool]] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._waiting:
            found = self._waiting.popleft()
        else:
            line = next(self._source)
            found = line.number, self._decode(line.content) + "\n", line.cut
        self.taken.append(found)
        return found[1]

    def _decode(self, content: bytes) -> str:
        try:
            return content.decode(self._encoding, "surrogateescape")
        except UnicodeError:  # some codecs stumble over plain letters, which cannot be escaped
            return content.decode("ascii", "surrogateescape")

    def put_back(self) -> None:
        """All lines taken but the first are read again."""
        self._waiting.extendleft(reversed(self.taken[1:]))


def _records(lines: _Lines, layout: Layout) -> Records:
    # Strict: a quote that is never closed is told instead of swallowing the rest of the file.
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    is_header = True
    while True:
        lines.taken = []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _not_csv(lines, str(error))
            lines.put_back()
            continue
        if is_header:
            is_header = False
        elif fields:
            found = _record(lines, layout, fields)
            yield found
            if isinstance(found, BadRecord) and found.field == "row" and len(lines.taken) > 1:
                lines.put_back()


def _not_csv(lines: _Lines, why: str) -> BadRecord:
    row, text, _ = lines.taken[0] if lines.taken else (0, "", False)
    if any(was_cut for _, _, was_cut in lines.taken):
        why = "the line is longer than a megabyte"
    reason = f"The row is not CSV ({why}). Check its quotes and length."
    return BadRecord(row, "row", reason, None, _printable(text[:2_000].rstrip("\n")))


def _record(lines: _Lines, layout: Layout, fields: list[str]) -> Record | BadRecord:
    columns, row = layout.columns, lines.taken[0][0]
    if any(was_cut for _, _, was_cut in lines.taken):
        return _not_csv(lines, "")
    while len(fields) > len(columns) and not fields[-1]:
        fields.pop()  # spreadsheets write empty fields at the end of rows
    if len(fields) != len(columns):
        found = f"The row has {len(fields)} fields where the header has {len(columns)}."
        reason = f"{found} Check its quotes and delimiters."
        return BadRecord(row, "row", reason, _padded(columns, fields))
    values = dict(zip(columns, fields, strict=True))
    text = "".join(fields)
    if text.isascii() or _is_text(text):
        return checked(row, values)
    name = next(name for name, value in values.items() if not _is_text(value))
    reason = f"{name} is not {layout.encoding}. Save the file as UTF-8, or say its encoding in the mapping."
    return BadRecord(row, name, reason, {key: _printable(value) for key, value in values.items()})


def _padded(columns: tuple[str, ...], fields: list[str]) -> dict[str, object]:
    named = [*columns, *(f"column {place}" for place in range(len(columns) + 1, len(fields) + 1))]
    return {name: _printable(fields[place]) if place < len(fields) else "" for place, name in enumerate(named)}


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
