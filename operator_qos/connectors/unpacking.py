"""What gzip and zstd hold, read as a stream; a file that unpacks to far more than it is gets refused on the way."""

from __future__ import annotations

import gzip
import io
from typing import IO, Any

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# Tables shrink to a twentieth, very even ones to a hundredth. What shrinks further was made to fill a disk.
MOST_TIMES_LARGER = 200
ALWAYS_ALLOWED_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024


class UnpackingRefused(OSError):
    """The file unpacks to far more than a table would."""


class _Counted(io.RawIOBase):
    """The packed bytes, counted as they are read; a first part that was looked at is given again."""

    def __init__(self, raw: IO[bytes], first: bytes) -> None:
        self._raw, self._first = raw, first
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._first[: len(buffer)] or self._raw.read(len(buffer))
        self._first = self._first[len(found) :]
        buffer[: len(found)] = found
        self.count += len(found)
        return len(found)


class _Guarded(io.RawIOBase):
    """The unpacked bytes. Raises UnpackingRefused once they are too many for the packed ones read so far."""

    def __init__(self, unpacked: Any, packed: _Counted) -> None:
        self._unpacked, self._packed = unpacked, packed
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # One piece at a time: where the file breaks off, what came before has been handed on.
        found = self._unpacked.read1(min(len(buffer), _CHUNK_BYTES))
        buffer[: len(found)] = found
        self.count += len(found)
        if self.count > ALWAYS_ALLOWED_BYTES and self.count > MOST_TIMES_LARGER * max(self._packed.count, 1):
            raise UnpackingRefused(f"it unpacks to more than {MOST_TIMES_LARGER} times its size")
        return len(found)


def tell_packing(first: bytes) -> str:
    """"gzip", "zstd" or "" by the first bytes of a file."""
    if first.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if first.startswith(ZSTD_MAGIC) else ""


def open_unpacked(raw: IO[bytes]) -> io.BufferedReader:
    """The bytes inside, whatever they are wrapped in. Reading raises OSError, EOFError or zlib.error on damage."""
    first = raw.read(4)
    packed = _Counted(raw, first)
    packing = tell_packing(first)
    if not packing:
        return io.BufferedReader(packed, _CHUNK_BYTES)
    return io.BufferedReader(_Guarded(_open_packed(packing, packed), packed), _CHUNK_BYTES)


def _open_packed(packing: str, packed: _Counted) -> Any:
    buffered = io.BufferedReader(packed)
    if packing == "gzip":
        return gzip.GzipFile(fileobj=buffered)
    import pyarrow as pa  # a third of a second to load, and seldom needed

    return pa.CompressedInputStream(pa.PythonFile(buffered, mode="r"), "zstd")
