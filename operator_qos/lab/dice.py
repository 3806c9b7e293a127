"""Chance that depends on names alone: the same seed and names always draw the same."""

from __future__ import annotations

import hashlib


def draw(*names: object) -> float:
    """A number in [0, 1) from the names."""
    digest = hashlib.blake2b("\x1f".join(map(str, names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def draw_id(*names: object) -> str:
    """A text that looks like a UUID, from the names."""
    text = hashlib.blake2b("\x1f".join(map(str, names)).encode(), digest_size=16).hexdigest()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
