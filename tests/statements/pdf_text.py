"""The words of a PDF of ours, read back through the tables of its fonts."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(?<!\d)(\d+) 0 obj\n(.*?)\nendobj", re.S)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
_STRING = re.compile(rb"\((?:\\.|[^\\()])*\)|/F(\d+) [\d.]+ Tf|ET", re.S)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def read_words(content: bytes) -> str:
    """Every word, pieces of a line joined, lines with a space between them."""
    objects = {int(number): body for number, body in _OBJECT.findall(content)}
    fonts = {int(name): _read_font(objects, int(number)) for name, number in re.findall(rb"/F(\d+) (\d+) 0 R", content)}
    pages = (_read_stream(body) for body in objects.values() if b"stream" in body)
    return " ".join(" ".join(_read_page(page, fonts) for page in pages if b" Tf" in page).split())


def _read_stream(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found is not None
    return zlib.decompress(found.group(1)) if b"/FlateDecode" in body.split(b"stream")[0] else found.group(1)


def _read_font(objects: dict[int, bytes], number: int) -> dict[int, str]:
    """What the numbers of a font's signs stand for."""
    reference = re.search(rb"/ToUnicode (\d+) 0 R", objects[number])
    assert reference is not None
    pairs = re.findall(rb"<([0-9A-Fa-f]+)> <([0-9A-Fa-f]+)>\n", _read_stream(objects[int(reference.group(1))]))
    return {int(sign, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for sign, text in pairs}


def _read_page(page: bytes, fonts: dict[int, dict[int, str]]) -> str:
    said, font = [], next(iter(fonts.values()))
    for found in _STRING.finditer(page):
        if found.group(1):
            font = fonts[int(found.group(1))]
        elif found.group(0) == b"ET":
            said.append(" ")
        else:
            signs = re.sub(rb"\\(.)", lambda m: _ESCAPED.get(m.group(1), m.group(1)), found.group(0)[1:-1], flags=re.S)
            said += [font.get(int.from_bytes(signs[at:at + 2]), "?") for at in range(0, len(signs), 2)]
    return "".join(said)
