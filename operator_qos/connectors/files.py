"""Files as bounded lines: plain, gzip or zstd, by name or standard input, never a whole file in memory."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from operator_qos.connectors.rows import SourceLayoutError
from operator_qos.connectors.unpacking import open_unpacked

LINE_LIMIT_BYTES = 1024 * 1024
BROKEN_FILE_ERRORS = (OSError, EOFError, zlib.error)

_SKIP_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `cut` when it was longer than the limit and the rest was skipped."""

    number: int
    content: bytes
    cut: bool


def check_is_file(path: Path) -> None:
    """Raises SourceLayoutError unless the path is a file that can be opened."""
    if not path.is_file():
        raise SourceLayoutError(str(path), "There is no such file.", "Check the path and the file's name.")
    try:
        path.open("rb").close()
    except OSError as error:
        why = f"The file cannot be opened ({error.strerror})."
        raise SourceLayoutError(str(path), why, "Give the importing user the right to read it.") from error


def read_lines(path: Path | str) -> Iterator[Line]:
    """The lines of a file, or of standard input for "-". Raises one of BROKEN_FILE_ERRORS on damage."""
    if str(path) == "-":
        yield from split_lines(open_unpacked(sys.stdin.buffer))
        return
    with Path(path).open("rb") as raw:
        yield from split_lines(open_unpacked(raw))


def split_lines(stream: IO[bytes]) -> Iterator[Line]:
    """The lines of an unpacked stream; one beyond the limit is cut."""
    number = 0
    while chunk := stream.readline(LINE_LIMIT_BYTES + 2):
        number += 1
        content = chunk.removesuffix(b"\n").removesuffix(b"\r")
        cut = len(content) > LINE_LIMIT_BYTES
        if cut:
            _skip_rest(stream, chunk)
        yield Line(number, content.removeprefix(b"\xef\xbb\xbf") if number == 1 else content, cut)


def _skip_rest(stream: IO[bytes], chunk: bytes) -> None:
    while chunk and not chunk.endswith(b"\n"):
        chunk = stream.readline(_SKIP_BYTES)
