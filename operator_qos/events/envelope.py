"""The envelope of a CloudEvent, version 1.0.2 of the specification: attributes and where its data stands. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from scoring.event_types import PREFIX, RANKS, moment_ms
from scoring.events import EventRefused, Problem

REQUIRED: Final = ("id", "source", "specversion", "type")
PARTS: Final = frozenset({"data", "data_base64"})
# Older feeds of ours write the second bound of an interval so; the name CloudEvents allows is `othertime`.
OLD_NAMES: Final = frozenset({"other_time"})
_NAME = re.compile(r"[a-z0-9]+")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(;.*)?", re.ASCII)
_JSON_TYPE = re.compile(r"[\w!#$&^.+-]+/([\w!#$&^.-]+\+)?json\s*(;.*)?", re.ASCII | re.IGNORECASE)


def check_envelope(document: Mapping[str, Any]) -> None:
    """Raises EventRefused naming the first attribute that the specification does not allow as it is."""
    for name in REQUIRED:
        value = document.get(name)
        if not isinstance(value, str) or not value:
            raise _refuse(name, "is missing; give it as text")
    if document["specversion"] != "1.0":
        raise _refuse("specversion", 'must be "1.0"')
    for name, value in document.items():
        if name not in PARTS and value is not None:
            _check_attribute(name, value)
    if document.get("data") is not None and document.get("data_base64") is not None:
        raise _refuse("data_base64", "stands beside data; give one of them")


def _check_attribute(name: str, value: object) -> None:
    if not _NAME.fullmatch(name) and name not in OLD_NAMES:
        raise _refuse(name[:200], "is no name of an attribute: lower-case letters a to z and digits only")
    if isinstance(value, bool):
        pass
    elif isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            raise _refuse(name, "lies outside the whole numbers of 32 bits; write it as text")
    elif not isinstance(value, str):
        raise _refuse(name, "must be a text, a whole number or a boolean; put other values into data")
    _check_known(name, value)


def _check_known(name: str, value: object) -> None:
    if name in {"subject", "datacontenttype", "dataschema"} and (not isinstance(value, str) or not value):
        raise _refuse(name, "must be a text that is not empty")
    text = str(value)
    if name in {"source", "dataschema"} and _SPACE.search(text):
        raise _refuse(name, "is no URI: it holds a space or a control character")
    if name == "dataschema" and ":" not in text:
        raise _refuse(name, "must be an absolute URI, with its scheme")
    if name == "datacontenttype" and not _MEDIA_TYPE.fullmatch(text):
        raise _refuse(name, "is no media type; write it like application/json")
    if name == "time":
        try:
            moment_ms(value)
        except (ValueError, OverflowError) as error:
            raise _refuse(name, str(error)) from None


def unpack_data(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document with its JSON data read from `data_base64`; foreign types stay as they are. Raises EventRefused."""
    given = document.get("data_base64")
    if given is None or str(document.get("type")).removeprefix(PREFIX) not in RANKS:
        return document
    kind = document.get("datacontenttype")
    if isinstance(kind, str) and not _JSON_TYPE.fullmatch(kind):
        raise _refuse("datacontenttype", f"{kind[:60]!r} is not taken; send data as application/json")
    try:
        data = json.loads(base64.b64decode(given if isinstance(given, str) else "!", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _refuse("data_base64", "is no base64 of JSON; send the data as JSON under data") from None
    return {**document, "data": data}


def _refuse(field: str, reason: str) -> EventRefused:
    return EventRefused(Problem(field, reason))
