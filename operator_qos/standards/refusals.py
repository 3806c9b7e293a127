"""What a standard is refused with, in the reader's language. It is raised in English, where nobody reads yet."""

from __future__ import annotations

import re
from functools import lru_cache

from operator_qos.i18n import set_french_spaces
from operator_qos.standards.phrases import read_language
from operator_qos.standards.refusals_fr import INSIDE, REFUSALS
from scoring.standards import StandardError


def say_refusal(error: Exception) -> str:
    """A refusal as a person reads it: the place, where it has one, and what is wrong."""
    if isinstance(error, StandardError):
        return f"{error.path}: {say_problem(error.problem)}" if error.path else say_problem(error.problem)
    return say_problem(str(error))


def say_problem(problem: str, language: str | None = None) -> str:
    """What is wrong, in a language, else the reader's; a text nobody translated stays in English."""
    return translate(problem) if (language or read_language()) == "fr" else problem


@lru_cache(maxsize=4096)
def translate(problem: str) -> str:
    """A refusal in French."""
    for pattern, french in _list_patterns():
        found = pattern.fullmatch(problem)
        if found is not None:
            return set_french_spaces(french.format(*map(_translate_inside, found.groups())))
    return problem


def _translate_inside(text: str) -> str:
    for english, french in INSIDE.items():
        before, _, after = english.partition("{}")
        found = re.fullmatch(f"(.*?){re.escape(before)}(.*){re.escape(after)}" if "{}" in english
                             else f"(.*?){re.escape(english)}()", text, re.DOTALL)
        if found is not None:
            return found[1] + french.format(found[2])
    return text


@lru_cache(maxsize=1)
def _list_patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What says most stands first, so that nothing is taken for what is said more exactly elsewhere."""
    known = sorted(REFUSALS, key=lambda text: -len(text.replace("{}", "")))
    return tuple((_compile(text), REFUSALS[text]) for text in known)


def _compile(text: str) -> re.Pattern[str]:
    """The text with anything in its holes; braces of its own are written twice."""
    parts = [part.replace("{{", "{").replace("}}", "}") for part in re.split(r"(?<!\{)\{\}(?!\})", text)]
    return re.compile("(.*?)".join(re.escape(part) for part in parts), re.DOTALL)
