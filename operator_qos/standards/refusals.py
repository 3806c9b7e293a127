"""What a standard is refused with, in the reader's language. It is raised in English, where nobody reads yet."""

from __future__ import annotations

from operator_qos.retelling import find_retold
from operator_qos.standards.phrases import read_language
from operator_qos.standards.refusal_patterns import INSIDE, REFUSALS
from scoring.standards import StandardError


def say_refusal(error: Exception) -> str:
    """A refusal as a person reads it: the place, where it has one, and what is wrong."""
    if isinstance(error, StandardError):
        return f"{error.path}: {say_problem(error.problem)}" if error.path else say_problem(error.problem)
    return say_problem(str(error))


def say_problem(problem: str, language: str | None = None) -> str:
    """What is wrong, in a language, else the reader's; a text nobody translated stays in English."""
    return find_retold(problem, REFUSALS, language or read_language(), inside=INSIDE) or problem
