"""What somebody wrote themselves in an answer: without what was quoted, our own mail, and signatures; pure.

Our mails begin with a marked line, so most answers need no guessing. Every pattern looks at one line of bounded length:
what comes in may be written to keep a machine busy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

from operator_qos.notices.mail import REPLY_MARK

LONGEST_LINE = 500
_INTRODUCES = re.compile(
    r"(?:On|Le|Am|El|Il|Op)\b.{3,300}\b(?:wrote|écrit|schrieb|escribió|scritto|schreef)\b.{0,80}:\s*")
_SEPARATES = re.compile(
    r"[-_ ]{3,}(?:Original Message|Message d[’']origine|Forwarded message|Message transféré)[-_ ]{3,}", re.IGNORECASE)
_FROM, _SENT = re.compile(r"\*?(?:From|De|Von)\*?\s?:.+"), re.compile(r"\*?(?:Sent|Date|Envoyé|Gesendet)\*?\s?:.+")
_PHONE = re.compile(r"(?:Sent from|Get Outlook for|Envoyé (?:de|depuis|à partir de)|Télécharger Outlook pour) .{1,60}")
HEADER_LINES = 5


def strip_quoted(text: str) -> str:
    """The words written above, below or between what was quoted; empty where nothing was added."""
    lines = [_tidy(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    kept = _drop_introductions(lines[: _find_end(lines)])
    own = [line for line in kept if not line.startswith(">")]
    return "\n".join(_drop_phone(own)).strip()


def _tidy(line: str) -> str:
    return line.replace("\u00a0", " ").replace("\u202f", " ").rstrip()


def _find_end(lines: Sequence[str]) -> int:
    """Where the own words end for good: at our marked line, a copied head of a mail, or a signature."""
    for number, line in enumerate(lines):
        if len(line) > LONGEST_LINE:
            continue
        if line.startswith(REPLY_MARK) and _closes_mark(lines, number):  # quoted, it goes with what is quoted
            return number
        if line in {"--", "-- "} or _SEPARATES.fullmatch(line) or _begins_head(lines, number):
            return number
    return len(lines)


def _closes_mark(lines: Sequence[str], number: int) -> bool:
    """Whether the marked line ends as it began; mail programs break long lines."""
    return any(line.endswith(REPLY_MARK) and line != REPLY_MARK for line in lines[number : number + 5])


def _begins_head(lines: Sequence[str], number: int) -> bool:
    """Whether a head of a mail, as Outlook copies it, begins here."""
    if lines[number].startswith("____") and not lines[number].strip("_"):
        number += 1  # Outlook draws a line first
    if number == len(lines) or _FROM.fullmatch(lines[number][:LONGEST_LINE]) is None:
        return False
    return any(_SENT.fullmatch(line[:LONGEST_LINE]) for line in lines[number + 1 : number + HEADER_LINES])


def _drop_introductions(lines: Sequence[str]) -> list[str]:
    """Without "On Monday somebody wrote:", over one line or two, where a quotation or nothing follows."""
    kept: list[str] = []
    number = 0
    while number < len(lines):
        size = next((size for size in (1, 2, 3) if _introduces(lines, number, size)), 0)
        kept += [] if size else [lines[number]]
        number += size or 1
    return kept


def _introduces(lines: Sequence[str], number: int, size: int) -> bool:
    joined = " ".join(lines[number : number + size])
    if number + size > len(lines) or len(joined) > LONGEST_LINE or _INTRODUCES.fullmatch(joined) is None:
        return False
    following = next((line for line in lines[number + size :] if line), ">")
    return following.startswith(">")


def _drop_phone(lines: list[str]) -> list[str]:
    """Without a last line that only says from which device it was sent."""
    last = next((number for number in range(len(lines) - 1, -1, -1) if lines[number]), None)
    if last is not None and len(lines[last]) <= LONGEST_LINE and _PHONE.fullmatch(lines[last]):
        return lines[:last]
    return lines


_SILENT = frozenset({"script", "style", "head", "title", "blockquote", "template"})
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "hr", "table", "ul", "ol"})


class _Words(HTMLParser):
    """The words of a page, without what is quoted and what is no text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count into what is left out; begin a line."""
        self._silent += tag in _SILENT
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Count out again; end a line."""
        self._silent -= tag in _SILENT and self._silent > 0
        if tag in {"p", "div", "li", "tr"}:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep words that are shown."""
        if not self._silent:
            self.parts.append(data.replace("\n", " "))


def read_html(page: str) -> str:
    """The words of an HTML mail, a line per paragraph."""
    reader = _Words()
    reader.feed(page)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
