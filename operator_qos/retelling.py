"""Texts that were raised or stored in English, told in another language: each is known by a pattern.

In a pattern, which is also the text that is translated, %(name)s stands for what differs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from operator_qos.i18n import get_translations

Patterns = tuple[str, ...]
_SLOT = re.compile(r"%\((\w+)\)s")


def find_retold(text: str, patterns: Patterns, language: str, *, inside: Patterns = ()) -> str | None:
    """The text in a language; None where no pattern knows it. What differs is told by the patterns of `inside`."""
    for pattern, known in _compile(patterns):
        found = pattern.fullmatch(text)
        if found is not None:
            parts = {name: find_retold(part, inside, language) or part for name, part in found.groupdict().items()}
            return _fill(get_translations(language).gettext(known), parts)
    return None


def _fill(told: str, parts: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda slot: parts[slot[1]], told)


@lru_cache(maxsize=8)
def _compile(patterns: Patterns) -> tuple[tuple[re.Pattern[str], str], ...]:
    """What says most stands first, so that nothing is taken for what is said more exactly elsewhere."""
    known = sorted(patterns, key=lambda text: -len(_SLOT.sub("", text)))
    return tuple((re.compile(_to_expression(text), re.DOTALL), text) for text in known)


def _to_expression(text: str) -> str:
    parts = _SLOT.split(text)
    return "".join(re.escape(part) if place % 2 == 0 else f"(?P<{part}>.*?)" for place, part in enumerate(parts))
