"""From YAML to a standard and back: every mistake is refused with its path, its line and the reason."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from scoring.standards.checks import check_standard
from scoring.standards.conditions import CONDITION_SCHEMA
from scoring.standards.errors import StandardError
from scoring.standards.model import ADAPTER, Standard

Loc = Sequence[int | str]


def parse_standard(source: str | Mapping[str, Any], *, known_metrics: frozenset[str] | None = None) -> Standard:
    """The standard a YAML text or mapping describes.

    Numbers may be decimal strings too; a binary float counts as the decimal it shows. With ``known_metrics`` other
    metrics are refused. Raises StandardError, naming the first field that is wrong, with its line in a text.
    """
    standard, mistakes = _read(source, known_metrics)
    if standard is None or mistakes:
        raise mistakes[0]
    return standard


def find_mistakes(
    source: str | Mapping[str, Any], *, known_metrics: frozenset[str] | None = None
) -> tuple[StandardError, ...]:
    """Everything that is wrong with a standard, in the order of the text; empty when nothing is. Never raises."""
    return _read(source, known_metrics)[1]


def load_standard(path: str | Path) -> Standard:
    """The standard in a YAML file. Raises StandardError, or OSError for a file that cannot be read."""
    return parse_standard(Path(path).read_text("utf-8"))


@lru_cache
def load_preset(name: str) -> Standard:
    """A standard that comes with the product, like ``ours``. Raises StandardError for an unknown name."""
    names = list_presets()
    if name not in names:
        raise StandardError("", f"no preset {name!r}, there are: {', '.join(names)}")
    return parse_standard(read_preset(name))


def read_preset(name: str) -> str:
    """The YAML text of a preset."""
    return (resources.files("scoring.presets") / f"{name}.yaml").read_text("utf-8")


def list_presets() -> tuple[str, ...]:
    """The names ``load_preset`` knows, sorted."""
    files = (entry.name for entry in resources.files("scoring.presets").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


def standard_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a standard as ``to_mapping`` writes it."""
    schema = ADAPTER.json_schema(ref_template="#/$defs/{model}")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found: dict[str, Any] = _refer(schema)
    found["$defs"]["Condition"] = CONDITION_SCHEMA
    return found


def _refer(part: Any) -> Any:
    """The schema with every place for a condition pointing at the one definition of what that is."""
    if isinstance(part, dict):
        if part.get("$comment") == "Condition":
            return {"$ref": "#/$defs/Condition"}
        return {key: _refer(value) for key, value in part.items()}
    return [_refer(item) for item in part] if isinstance(part, list) else part


def write_yaml(standard: Standard) -> str:
    """The standard as YAML text; ``parse_standard`` reads it back as an equal one."""
    return str(yaml.safe_dump(standard.to_mapping(), sort_keys=False, allow_unicode=True, width=120))


def _read(
    source: str | Mapping[str, Any], known_metrics: frozenset[str] | None
) -> tuple[Standard | None, tuple[StandardError, ...]]:
    """The standard, None when it cannot be built, and all that is wrong with it."""
    standard: Standard | None = None
    try:
        standard = ADAPTER.validate_python(_plain(_load_yaml(source) if isinstance(source, str) else source))
        found = list(check_standard(standard, known_metrics))
    except ValidationError as error:
        found = [_to_error(item) for item in error.errors(include_url=False)]
    except StandardError as error:
        found = [error]
    return standard, _place(found, _Lines(source)) if found and isinstance(source, str) else tuple(found)


def _place(found: Sequence[StandardError], lines: _Lines) -> tuple[StandardError, ...]:
    """The mistakes with their lines, in the order of the text."""
    placed = (StandardError(e.path, e.problem, line=e.line or lines.find(e.path)) for e in found)
    return tuple(sorted(placed, key=lambda error: error.line or 0))


def _plain(value: Any) -> Any:
    """Without the fields that are given as nothing: they are as good as left out."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _to_error(item: Any) -> StandardError:
    below = item.get("ctx", {}).get("below", "")
    path = _to_path(item["loc"])
    if below:
        path = f"{path}{'' if below.startswith('[') or not path else '.'}{below}"
    return StandardError(path, _say(item))


def _to_path(loc: Loc) -> str:
    """The place as people write it; what pydantic adds to tell kinds apart is left out."""
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not step.startswith("kind:"):
            path += f".{step}" if path else step
    return path


def _say(item: Any) -> str:
    """The problem in words a person can act on."""
    context, found = item.get("ctx", {}), item["input"]
    kind = str(item["type"])
    limits = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}
    if kind in limits:
        key, words = limits[kind]
        return f"{found} is not {words} {context[key]}"
    if kind == "literal_error":
        return f"{found!r} is none of {str(context['expected']).replace(chr(39), '').replace(' or ', ', ')}"
    if kind in {"dataclass_type", "dict_type"}:
        return f"expected a mapping of fields, found {found!r}"
    if kind == "string_pattern_mismatch":
        return f"{found!r} is no name; use small letters, digits and underscores, like late_shipment"
    fixed = {
        "missing": "missing",
        "unexpected_keyword_argument": "unknown field",
        "bool_type": f"expected true or false, found {found!r}",
        "bool_parsing": f"expected true or false, found {found!r}",
    }
    if kind in fixed:
        return fixed[kind]
    texts = {"string_type", "string_too_short"}
    return f"expected a text, found {found!r}" if kind in texts else str(item["msg"])


class _ExactLoader(yaml.SafeLoader):
    """Plain YAML with decimals instead of binary floats, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        twice = next((key for key, _ in reversed(node.value) if keys.count(key.value) > 1), None)
        if twice is not None:
            raise StandardError(str(twice.value), f"given twice, again on line {_line(twice)}", line=_line(twice))
        return super().construct_mapping(node, deep=deep)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            line = int(event.start_mark.line) + 1
            problem = f"line {line}: *{event.anchor} refers to another place; write the value out"
            raise StandardError("", problem, line=line)
        return super().compose_node(parent, index)


def _construct_decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    try:
        return Decimal(loader.construct_scalar(node))
    except InvalidOperation as error:
        raise StandardError("", f"line {_line(node)}: {node.value!r} is no decimal number", line=_line(node)) from error


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _construct_decimal)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _load_yaml(text: str) -> Mapping[str, Any]:
    try:
        loader = _ExactLoader(text)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise StandardError("", f"holds a sign that cannot be printed: {error.character:#06x}", line=line) from error
    try:
        content = loader.get_single_data()
    except RecursionError:
        raise StandardError("", "nested too deep to be a standard") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise StandardError("", f"not readable as YAML: {error}", line=mark.line + 1 if mark else None) from error
    finally:
        loader.dispose()
    if not isinstance(content, Mapping):
        raise StandardError("", "a standard is a mapping of fields, starting with id, version and title")
    return content


class _Lines:
    """Where each field of a YAML text stands."""

    def __init__(self, text: str) -> None:
        self._lines: dict[str, int] = {"": 1}
        try:
            self._walk(yaml.compose(text, Loader=_ExactLoader), "")
        except (yaml.YAMLError, StandardError, RecursionError):
            return

    def _walk(self, node: yaml.Node | None, path: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = f"{path}.{key.value}" if path else str(key.value)
                self._lines[below] = _line(key)
                self._walk(value, below)
        if isinstance(node, yaml.SequenceNode):
            for place, value in enumerate(node.value):
                self._lines[f"{path}[{place}]"] = _line(value)
                self._walk(value, f"{path}[{place}]")

    def find(self, path: str) -> int:
        """The line of a field, or of the nearest one around it that is there."""
        while path not in self._lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self._lines[path]
