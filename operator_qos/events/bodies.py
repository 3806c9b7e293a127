"""From the bytes of a request to documents: unpacked within bounds, strict JSON, at most 10,000 events."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import unquote

from operator_qos.events.flaws import storable

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
PLAIN: Final = "application/json"
MEDIA_TYPES: Final = (STRUCTURED, BATCH, PLAIN)
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_EVENTS: Final = 10_000
GZIP_WINDOW: Final = 31


class BodyRefused(Exception):
    """The body holds no events: status, title and text of the answer; whether the body is worth keeping."""

    def __init__(self, status: int, title: str, detail: str, *, where: str = "", keep: bool = False) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.where, self.keep = where, keep


@dataclass(frozen=True)
class Sent:
    """A request's body with the headers that say how to read it; `attributes` are those of binary mode."""

    content: bytes
    media_type: str
    charset: str = ""
    encoding: str = ""
    attributes: Mapping[str, str] | None = None


def check_kind(sent: Sent) -> None:
    """Raises BodyRefused (415) for a media type, charset or encoding that is not taken."""
    if sent.media_type not in MEDIA_TYPES and sent.attributes is None:  # in binary mode it is the type of the data
        given = repr(sent.media_type[:100]) if sent.media_type else "no type"
        _refuse_kind(f"Content-Type names {given}; send one of {', '.join(MEDIA_TYPES)}.", "Content-Type")
    if sent.charset.lower() not in {"", "utf-8", "utf8", "us-ascii"}:
        _refuse_kind(f"The charset {sent.charset[:40]!r} is not taken; send UTF-8.", "Content-Type")
    if sent.encoding.lower() not in {"", "identity", "gzip", "x-gzip"}:
        _refuse_kind(f"{sent.encoding[:40]!r} is not taken; send gzip or no encoding.", "Content-Encoding")


def _refuse_kind(detail: str, where: str) -> NoReturn:
    raise BodyRefused(415, "Unsupported media type", detail, where=where)


def too_large() -> BodyRefused:
    """The refusal of a body beyond the limit, packed or unpacked."""
    detail = f"The body is larger than {MAX_BYTES:,} bytes (unpacked). Send fewer events per call."
    return BodyRefused(413, "Too large", detail, where="body")


def unpack(sent: Sent) -> bytes:
    """The body without its gzip wrapping; never more than MAX_BYTES in memory. Raises BodyRefused."""
    if sent.encoding.lower() not in {"gzip", "x-gzip"}:
        return sent.content
    try:
        return _unzip(sent.content)
    except (zlib.error, EOFError) as error:
        why = str(error) or "it breaks off"
        detail = f"The body is not whole gzip ({why}). Pack it again, or send it unpacked."
        raise BodyRefused(400, "Not gzip", detail, where="body", keep=True) from error


def _unzip(packed: bytes) -> bytes:
    found = b""
    while packed:
        reader = zlib.decompressobj(GZIP_WINDOW)
        found += reader.decompress(packed, MAX_BYTES + 1 - len(found))
        if len(found) > MAX_BYTES:
            raise too_large()
        if not reader.eof:
            raise EOFError
        packed = reader.unused_data.lstrip(b"\x00")
    return found


def read_documents(sent: Sent, content: bytes) -> list[object]:
    """The events of an unpacked body, in order. Raises BodyRefused."""
    if sent.attributes is not None:
        return [_read_binary(sent, sent.attributes, content)]
    parsed = _parse(content)
    if sent.media_type == STRUCTURED and not isinstance(parsed, dict):
        raise _unreadable(f"{STRUCTURED} holds one event as a JSON object; send an array as {BATCH}")
    if sent.media_type == BATCH and not isinstance(parsed, list):
        raise _unreadable(f"{BATCH} holds an array of events; send one event as {STRUCTURED}")
    if not isinstance(parsed, dict | list):
        raise _unreadable("The body is neither a JSON object (one event) nor an array (several)")
    return _bounded(parsed if isinstance(parsed, list) else [parsed])


def _read_binary(sent: Sent, attributes: Mapping[str, str], content: bytes) -> dict[str, object]:
    if sent.media_type == PLAIN or not sent.media_type:
        return {**attributes, "data": _parse(content) if content.strip() else None}
    found: dict[str, object] = {**attributes, "datacontenttype": sent.media_type}
    return {**found, "data_base64": base64.b64encode(content).decode()} if content else found


def _bounded(documents: list[object]) -> list[object]:
    if len(documents) <= MAX_EVENTS:
        return documents
    detail = f"The call holds {len(documents):,} events; the limit is {MAX_EVENTS:,}. Send them in parts."
    raise BodyRefused(413, "Too many events", detail, where="body")


def is_binary(media_type: str) -> bool:
    """Whether a body may be the data of an event whose attributes stand in headers."""
    return not media_type.startswith("application/cloudevents")


def read_attributes(headers: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """The attributes of a CloudEvent in binary mode, None when the headers name none."""
    named = ((name.lower(), value) for name, value in headers)
    return {name[3:]: unquote(value) for name, value in named if name.startswith("ce-")} or None


def to_text(content: bytes) -> str:
    """A body as the quarantine keeps it: readable where it is text, base64 where it is packed."""
    if content.startswith(b"\x1f\x8b"):
        return "data:application/gzip;base64," + base64.b64encode(content).decode()
    return content.decode("utf-8", "backslashreplace")


def _unreadable(detail: str, *, where: str = "body") -> BodyRefused:
    return BodyRefused(400, "Not readable as events", f"{detail}.", where=where, keep=True)


def _parse(content: bytes) -> object:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise BodyRefused(400, "Nothing sent", "The body is empty. Send one event or an array.", where="body")
    try:
        return _DECODER.decode(content.decode())
    except UnicodeDecodeError as error:
        raise _unreadable(f"Byte {error.start + 1} is not UTF-8; send UTF-8") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _unreadable(f"The body is not JSON: {error.msg} at {where}; correct it", where=where) from error
    except RecursionError as error:
        raise _unreadable("The body is nested too deeply; flatten it") from error
    except ValueError as error:
        raise _unreadable("A whole number has more than 4,300 digits; shorten it") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)[:100]
        raise _unreadable(f"The key {twice!r} is given twice in one object; keep one", where=storable(twice))
    return made


def _constant(name: str) -> NoReturn:
    raise _unreadable(f"{name} is not JSON; leave the field out when its value is not known")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _unreadable(f"The number {text[:20]} is too large; write one that can exist")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
