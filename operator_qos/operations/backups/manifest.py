"""What a backup says of itself: where it comes from, and a count and a hash of each table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

FORM = 1
MANIFEST = "manifest.json"
FILES = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
PIECE_BYTES = 1 << 20
# Told what is done and of how much, answers a function that takes how far it is.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


class BackupError(RuntimeError):
    """A backup cannot be made, read or restored; the text says why and what to do."""


@dataclass(frozen=True)
class TableHash:
    """One table: how many rows, and a hash of them that does not depend on their order."""

    name: str
    rows: int
    hash: str


@dataclass(frozen=True)
class Manifest:
    """`version` of the product and `revision` of the schema that wrote it; `size_bytes` and `sha256` of the file."""

    version: str
    revision: str
    database: str
    server_version: str
    made_at: str
    size_bytes: int
    sha256: str
    tables: tuple[TableHash, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's content."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a backup's folder."""
    document = {"product": "operator-qos", "form": FORM, **asdict(manifest)}
    (folder / MANIFEST).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def read_manifest(folder: Path) -> Manifest:
    """What a backup says of itself. Raises BackupError for anything that is no backup of this product."""
    path = folder / MANIFEST
    try:
        document = orjson.loads(path.read_bytes())
        form = document.pop("form") if document.pop("product") == "operator-qos" else None
    except (OSError, orjson.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
        raise BackupError(f"{folder} is no backup: {path.name} is missing or not ours; name the folder that "
                          "operator-qos backup wrote") from error
    if form != FORM:
        raise BackupError(f"{folder} is a backup of form {form}, this version reads form {FORM}; install the version "
                          "that wrote it")
    try:
        tables = tuple(TableHash(**table) for table in document.pop("tables"))
        return Manifest(**document, tables=tables)
    except TypeError as error:
        raise BackupError(f"{path} is damaged ({error}); take another backup") from error


def check_file(folder: Path, manifest: Manifest) -> Path:
    """The file of a backup, read once and found to be what was written. Raises BackupError."""
    path = folder / FILES.get(manifest.database, "")
    if not path.is_file():
        raise BackupError(f"{path} is missing; take another backup")
    if path.stat().st_size != manifest.size_bytes or hash_file(path) != manifest.sha256:
        raise BackupError(f"{path} is not what was written: it was cut off or changed; take another backup")
    return path


def list_deviations(expected: Manifest, found: tuple[TableHash, ...]) -> list[str]:
    """Names of the tables that are not as the backup has them."""
    wanted, there = {t.name: t for t in expected.tables}, {t.name: t for t in found}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
