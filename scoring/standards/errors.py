"""What a standard that cannot be read is refused with."""

from __future__ import annotations


class StandardError(ValueError):
    """A standard that cannot be read.

    ``path`` names the field, empty for the text as a whole; ``line`` is its line in the YAML text, counted from 1, None
    when the standard came as a mapping.
    """

    def __init__(self, path: str, problem: str, *, line: int | None = None) -> None:
        self.path = path
        self.problem = problem
        self.line = line
        super().__init__(f"{path}: {problem}" if path else problem)


class ConditionError(ValueError):
    """A condition that cannot be read; ``path`` is the place within it, like ``any[1].buyers``."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}" if path else problem)
