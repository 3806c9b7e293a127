"""A mail as it came in, taken apart: who sent it to which address, what they wrote, what hangs on it; pure.

Heads and parts are read one by one and leniently: a mail that is broken somewhere still names its sender, and one that
cannot be read at all is told as such instead of stopping whoever delivers it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parseaddr

from operator_qos.disputes.mailing.quoting import read_html, strip_quoted

MAX_PARTS = 100
MAX_DEPTH = 20
_HEADS_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
_MACHINES = ("mailer-daemon", "postmaster", "no-reply", "noreply", "do-not-reply", "donotreply")
# Signatures and invitations of mail programs are no proof; nobody attached them on purpose.
_NOT_SENT = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
                       "text/calendar", "application/ms-tnef"})


class UnreadableMail(ValueError):
    """Not a mail that can be taken apart."""


@dataclass(frozen=True)
class Incoming:
    """A mail: `text` is what its sender wrote; `key` is the same for the same mail sent again."""

    key: str
    sender: str
    subject: str
    addresses: tuple[str, ...]
    text: str
    files: tuple[tuple[str, bytes], ...]
    is_automatic: bool


def read_mail(content: bytes, *, to: Sequence[str] = ()) -> Incoming:
    """Take a mail apart; `to` are the addresses it was delivered to, else those of its head. Raises UnreadableMail."""
    try:
        mail = message_from_bytes(content)
        parts = list(_walk(mail, 0))
    except (RecursionError, LookupError, ValueError, TypeError) as error:
        raise UnreadableMail(f"{type(error).__name__}: {error}") from error
    if not mail.keys() or len(parts) > MAX_PARTS:
        raise UnreadableMail("it has no head" if not mail.keys() else f"it has more than {MAX_PARTS} parts")
    heads = [_head(mail, name) for name in _HEADS_TO]
    addresses = tuple(to) or tuple(address for _, address in getaddresses([head for head in heads if head]))
    return Incoming(
        key=_make_key(mail, content, addresses), sender=parseaddr(_head(mail, "From"))[1].strip().lower()[:254],
        subject=" ".join(_head(mail, "Subject").split())[:300], addresses=addresses,
        text=strip_quoted(_read_text(mail)), files=tuple(_list_files(parts)), is_automatic=_is_automatic(mail))


def _make_key(mail: Message, content: bytes, addresses: Sequence[str]) -> str:
    name = _head(mail, "Message-ID").strip().encode() or content
    return hashlib.sha256(b"|".join([name, *(address.lower().encode() for address in sorted(addresses))])).hexdigest()


def _head(mail: Message, name: str) -> str:
    """A head in words, without lines and signs that only machines see."""
    value = mail.get(name)
    if value is None:
        return ""
    try:
        text = str(make_header(decode_header(str(value))))
    except (HeaderParseError, LookupError, ValueError):
        text = str(value)
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _is_automatic(mail: Message) -> bool:
    """Whether a machine wrote it: answers while away, bounces, newsletters. Nobody means them as an answer."""
    sender = parseaddr(_head(mail, "From"))[1].lower()
    return (
        _head(mail, "Auto-Submitted").partition(";")[0].strip().lower() not in {"", "no"}
        or _head(mail, "Precedence").strip().lower() in {"bulk", "junk", "list", "auto_reply"}
        or any(mail.get(name) is not None for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress-By",
                                                       "List-Id", "X-Failed-Recipients"))
        or _head(mail, "Return-Path").strip() == "<>"
        or mail.get_content_type() == "multipart/report"
        or sender.partition("@")[0] in _MACHINES
    )


def _walk(part: Message, depth: int) -> Iterator[Message]:
    """Every part that holds something; a mail within the mail is one part."""
    if depth > MAX_DEPTH:
        raise UnreadableMail(f"its parts lie more than {MAX_DEPTH} deep")
    inner = part.get_payload() if part.get_content_maintype() == "multipart" else None
    if not isinstance(inner, list):
        yield part
        return
    for child in inner:
        if isinstance(child, Message):
            yield from _walk(child, depth + 1)


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _name(part: Message) -> str:
    try:
        return str(make_header(decode_header(part.get_filename() or "")))
    except (HeaderParseError, LookupError, ValueError, TypeError):
        return "file"


def _is_file(part: Message) -> bool:
    return bool(_name(part)) or part.get_content_disposition() == "attachment"


def _list_files(parts: Sequence[Message]) -> Iterator[tuple[str, bytes]]:
    for part in parts:
        if _is_file(part) and part.get_content_type() not in _NOT_SENT:
            yield _name(part) or "file", _content(part)


def _decode(part: Message) -> str:
    content, charset = _content(part), part.get_content_charset() or "utf-8"
    try:
        return content.decode(charset, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _read_text(part: Message) -> str:
    """The words of a part: of several ways to say the same the plain one, of several in a row all."""
    inner = part.get_payload() if part.get_content_maintype() == "multipart" else None
    if isinstance(inner, list):
        texts = [(child.get_content_type(), _read_text(child)) for child in inner if isinstance(child, Message)]
        if part.get_content_subtype() == "alternative":
            plain = [text for kind, text in texts if kind == "text/plain" and text.strip()]
            return plain[0] if plain else next((text for _, text in reversed(texts) if text.strip()), "")
        return "\n".join(text for _, text in texts if text.strip())
    if part.get_content_maintype() != "text" or _is_file(part) or part.get_content_type() in _NOT_SENT:
        return ""
    text = _decode(part).replace("\x00", "")
    return read_html(text) if part.get_content_subtype() == "html" else text
