"""Our own source files, parsed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file; `name` is its path below the checkout."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def domain(self) -> str:
        """The folder below operator_qos; empty for what stands beside the domains."""
        parts = self.name.split("/")
        return parts[1] if parts[0] == "operator_qos" and len(parts) > 2 else ""

    @cached_property
    def _nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    def walk(self) -> tuple[ast.AST, ...]:
        return self._nodes

    def imports(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(module, names) of every import, wherever it stands."""
        for node in self.walk():
            if isinstance(node, ast.Import):
                yield from ((alias.name, ()) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module, tuple(alias.name for alias in node.names)


@lru_cache(maxsize=8)
def _read_folder(folder: str) -> tuple[Source, ...]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return tuple(Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths)


def read_sources(*folders: str) -> tuple[Source, ...]:
    """The Python files of top-level folders, each read and parsed once."""
    return tuple(source for folder in folders for source in _read_folder(folder))


def count_body_lines(function: Function) -> int:
    """Lines of a function's body, its docstring apart."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
