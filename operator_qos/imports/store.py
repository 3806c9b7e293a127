"""Files that people bring for import: written as they come in, under random names, outside the site."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from operator_qos.files import FileError, tidy_name

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Stored:
    """A file in the store."""

    name: str
    stored_as: str
    size_bytes: int


@dataclass(frozen=True)
class ImportStore:
    """The folder of files to be imported."""

    folder: Path

    def keep(self, name: str, content: IO[bytes]) -> Stored:
        """Write a file a piece at a time. Raises FileError when it is empty or too large; nothing stays then."""
        shown, stored_as = tidy_name(name), secrets.token_hex(16)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / stored_as
        path.touch(mode=0o600)
        try:
            size = self._copy(path, content, shown)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Stored(shown, stored_as, size)

    def _copy(self, path: Path, content: IO[bytes], shown: str) -> int:
        size = 0
        with path.open("wb") as file:
            while chunk := content.read(_CHUNK_BYTES):
                size += file.write(chunk)
                if size > MAX_UPLOAD_BYTES:
                    raise FileError("large", shown, f"is larger than {MAX_UPLOAD_BYTES // 1024 // 1024} MB")
        if size == 0:
            raise FileError("empty", shown, "is empty")
        return size

    def path_of(self, stored_as: str) -> Path:
        """Where a file lies. Raises FileNotFoundError."""
        path = self.folder / stored_as
        if not _NAME.fullmatch(stored_as) or not path.is_file():
            raise FileNotFoundError(stored_as)
        return path

    def discard(self, stored_as: str) -> None:
        """Take a file away, if it is there."""
        if _NAME.fullmatch(stored_as):
            (self.folder / stored_as).unlink(missing_ok=True)
