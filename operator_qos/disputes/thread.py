"""Who reads what in a dispute, and contact data that is not passed on; pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

SIDES = ("buyer", "seller", "staff")
_STAFF = {"operator": "staff", "mediator": "staff", "system": "staff"}
MASK = "[…]"


@dataclass(frozen=True)
class Address:
    """From which side to which; `is_note`: a side's own note, which nobody else reads."""

    author: str
    to: frozenset[str]
    is_note: bool = False


def to_side(party: str) -> str:
    """buyer, seller or staff."""
    return _STAFF.get(party, party if party in SIDES else "staff")


def read_address(author: str, recipients: Collection[str] | None) -> Address:
    """The address of a message of the log; one that names nobody is for both parties."""
    sides = frozenset(to_side(party) for party in recipients or ())
    return Address(to_side(author), sides or frozenset({"buyer", "seller"}))


def may_read(address: Address, reader: str) -> bool:
    """Whether a side may read it.

    The parties read what they wrote and what was addressed to them. The staff keeps the file: it reads everything
    said between the sides. A note is read by its own side alone, the staff's by the staff, a party's by that party.
    """
    if reader == address.author:
        return True
    if address.is_note:
        return False
    return reader == "staff" or reader in address.to


_MASKED = (
    re.compile(r"[\w.+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\s?\.\s?[\w-]+)+", re.IGNORECASE),  # e-mail
    re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE),  # web addresses
    re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),  # IBAN
    # Telephone numbers: a plus or a leading zero and at least eight more digits; order numbers have neither.
    re.compile(r"(?<![\w-])(?:\+|00|0)(?:[\s.()/-]{0,2}\d){8,14}(?![\w-])"),
)


def mask_contacts(text: str) -> str:
    """The text without e-mail addresses, telephone numbers, web addresses and bank accounts."""
    for pattern in _MASKED:
        text = pattern.sub(MASK, text)
    return text


def show_text(text: str, address: Address, *, reader: str, masks: bool) -> str:
    """The text as a side reads it: contact data of one party is not passed to the other where that is the rule."""
    if masks and reader in {"buyer", "seller"} and address.author not in {reader, "staff"}:
        return mask_contacts(text)
    return text
