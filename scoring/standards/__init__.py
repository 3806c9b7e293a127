"""A standard as data: what is measured, over which window, against which limit, and what follows from it.

A standard is a YAML text (or the mapping it stands for). Its shares are read as exact decimals, so that
1 − 0.9 is exactly 0.1. Every mistake is refused with the path of the field, like ``rules[2].limit``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

DEFECT_KINDS = frozenset(
    {
        "case",
        "case_lost",
        "chargeback",
        "low_rating",
        "cancelled_by_seller",
        "not_shipped",
        "late_delivery",
        "seller_refund",
    }
)
LEVEL_IDS = ("top", "in_standard", "below")
Title = tuple[tuple[str, str], ...]


class StandardError(ValueError):
    """A standard that cannot be read; ``path`` names the field, empty for the text as a whole."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}" if path else problem)


@dataclass(frozen=True)
class Evidence:
    """What a breach must rest on: least base, bad units and distinct buyers; ``alpha`` bounds the tail."""

    min_base: int
    min_bad: int
    min_buyers: int
    alpha: Decimal


@dataclass(frozen=True)
class MetricRule:
    """One judged metric: its window [local days], its limit [share, 0 to 1] and its parameters.

    ``working_hours`` is the promise of a metric with a clock [h]; ``defect_kinds`` what counts as a defect.
    """

    metric: str
    window_days: int
    limit: Decimal
    higher_is_better: bool
    working_hours: int | None = None
    defect_kinds: tuple[str, ...] = ()

    @property
    def bad_limit(self) -> Fraction:
        """The limit on bad ÷ base, exact: the limit, or 1 − limit where higher is better."""
        limit = Fraction(self.limit)
        return 1 - limit if self.higher_is_better else limit


@dataclass(frozen=True)
class Level:
    """A step of the ladder; the numbers that lead to it, None where the level asks for none.

    ``min_orders`` placed within ``orders_window_days`` [local days]; ``breached_apart_days`` lie at least
    between two breached evaluations of one metric [days].
    """

    id: str
    title: Title
    min_orders: int | None = None
    orders_window_days: int | None = None
    breached_apart_days: int | None = None


@dataclass(frozen=True)
class Badge:
    """Goes with a ``level``, or with a ``metric`` kept on a base of ``min_base`` or more."""

    id: str
    title: Title
    level: str | None = None
    metric: str | None = None
    min_base: int | None = None


@dataclass(frozen=True)
class WarningTerms:
    """When the second warning comes and when warnings end [days, whole dates]."""

    second_after_days: int
    end_after_days: int


@dataclass(frozen=True)
class Standard:
    """One published version of a standard, in force from ``effective_from`` (local date).

    Official runs of a date happen ``settle_hours`` after it ends [h]. ``levels`` are best first.
    """

    id: str
    version: int
    title: Title
    effective_from: date
    judged: str
    settle_hours: int
    evidence: Evidence
    rules: tuple[MetricRule, ...]
    levels: tuple[Level, ...]
    warnings: WarningTerms
    badges: tuple[Badge, ...]

    def find_rule(self, metric: str) -> MetricRule | None:
        """The rule that judges a metric, None when the standard does not."""
        return next((rule for rule in self.rules if rule.metric == metric), None)

    def get_rule(self, metric: str) -> MetricRule:
        """The rule that judges a metric. Raises KeyError when the standard does not."""
        rule = self.find_rule(metric)
        if rule is None:
            raise KeyError(f"standard {self.id} version {self.version} does not judge {metric}")
        return rule

    def get_level(self, level_id: str) -> Level:
        """A level by its id. Raises KeyError for an id that is none."""
        return {level.id: level for level in self.levels}[level_id]

    def to_mapping(self) -> dict[str, Any]:
        """The standard as plain values, ready for JSON; ``parse_standard`` reads it back as an equal one."""
        plain: dict[str, Any] = _to_plain(asdict(self))
        plain["levels"] = {level.pop("id"): level for level in plain["levels"]}
        return plain


def title_in(title: Title, language: str) -> str:
    """The text in a language, else in English, else in the language given first."""
    texts = dict(title)
    return texts.get(language) or texts.get("en") or title[0][1]


def parse_standard(
    source: str | Mapping[str, Any], *, known_metrics: frozenset[str] | None = None
) -> Standard:
    """The standard a YAML text or mapping describes.

    Shares may be numbers or decimal strings; a binary float counts as the decimal it shows. With
    ``known_metrics`` other metrics are refused. Raises StandardError, naming the first field that is wrong.
    """
    fields = _Fields("", _load_yaml(source) if isinstance(source, str) else source)
    standard = _read_standard(fields)
    _require_metrics(standard, known_metrics)
    return standard


@lru_cache
def load_preset(name: str) -> Standard:
    """A standard that comes with the product, like ``ours``. Raises StandardError for an unknown name."""
    names = list_presets()
    if name not in names:
        raise StandardError("", f"no preset {name!r}, there are: {', '.join(names)}")
    return parse_standard((resources.files("scoring.presets") / f"{name}.yaml").read_text("utf-8"))


def list_presets() -> tuple[str, ...]:
    """The names ``load_preset`` knows, sorted."""
    files = (entry.name for entry in resources.files("scoring.presets").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


class _ExactLoader(yaml.SafeLoader):
    """Plain YAML with decimals instead of binary floats, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        twice = next((key for key, _ in reversed(node.value) if keys.count(key.value) > 1), None)
        if twice is not None:
            raise StandardError(str(twice.value), f"given twice, again on line {_line(twice)}")
        return super().construct_mapping(node, deep=deep)


def _construct_decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    try:
        return Decimal(loader.construct_scalar(node))
    except InvalidOperation as error:
        raise StandardError("", f"line {_line(node)}: {node.value!r} is no decimal number") from error


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _construct_decimal)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _load_yaml(text: str) -> Mapping[str, Any]:
    loader = _ExactLoader(text)
    try:
        content = loader.get_single_data()
    except yaml.YAMLError as error:
        raise StandardError("", f"not readable as YAML: {error}") from error
    finally:
        loader.dispose()
    if not isinstance(content, Mapping):
        raise StandardError("", "a standard is a mapping of fields, starting with id, version and title")
    return content


class _Fields:
    """The fields of one mapping, taken one by one; what is left over at the end is unknown."""

    def __init__(self, path: str, content: object) -> None:
        self.path = path
        if not isinstance(content, Mapping):
            raise StandardError(path, f"expected a mapping of fields, found {content!r}")
        self._rest: dict[str, Any] = {str(key): value for key, value in content.items() if value is not None}

    def name(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str) -> Any:
        if key not in self._rest:
            raise StandardError(self.name(key), "missing")
        return self._rest.pop(key)

    def has(self, key: str) -> bool:
        return key in self._rest

    def close(self) -> None:
        if self._rest:
            raise StandardError(self.name(min(self._rest)), "unknown field")

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise StandardError(self.name(key), f"expected a text, found {value!r}")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in choices:
            raise StandardError(self.name(key), f"{value!r} is none of {', '.join(choices)}")
        return value

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise StandardError(self.name(key), f"expected true or false, found {value!r}")
        return value

    def whole(self, key: str, *, least: int, most: int) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise StandardError(self.name(key), f"expected a whole number, found {value!r}")
        if not least <= value <= most:
            raise StandardError(self.name(key), f"{value} is not between {least} and {most}")
        return value

    def find_whole(self, key: str, *, least: int, most: int) -> int | None:
        return self.whole(key, least=least, most=most) if self.has(key) else None

    def share(self, key: str) -> Decimal:
        value = self.take(key)
        try:
            share = Decimal(str(value))
        except InvalidOperation:
            raise StandardError(self.name(key), f"expected a number like 0.9, found {value!r}") from None
        if not (share.is_finite() and 0 <= share <= 1):
            raise StandardError(self.name(key), f"{value} is not between 0 and 1; 90 % is written 0.9")
        return share.normalize()

    def day(self, key: str) -> date:
        value = self.take(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise StandardError(self.name(key), f"expected a date like 2026-01-31, found {value!r}") from None

    def title(self) -> Title:
        texts = self.fields("title")
        if not texts._rest:
            raise StandardError(texts.path, "give the text in one language at least, like {en: …}")
        return tuple((language, texts.text(language)) for language in tuple(texts._rest))

    def fields(self, key: str) -> _Fields:
        return _Fields(self.name(key), self.take(key))

    def items(self, key: str) -> list[Any]:
        value = self.take(key)
        if not isinstance(value, (list, tuple)):
            raise StandardError(self.name(key), f"expected a list, found {value!r}")
        return list(value)

    def each(self, key: str) -> Iterator[_Fields]:
        for position, item in enumerate(self.items(key)):
            yield _Fields(f"{self.name(key)}[{position}]", item)


def _read_standard(fields: _Fields) -> Standard:
    standard = Standard(
        id=fields.text("id"),
        version=fields.whole("version", least=1, most=10**6),
        title=fields.title(),
        effective_from=fields.day("effective_from"),
        judged=fields.choice("judged", ("daily", "weekly", "monthly")),
        settle_hours=fields.whole("settle_hours", least=0, most=240),
        evidence=_read_evidence(fields.fields("evidence")),
        rules=tuple(_read_rule(rule) for rule in fields.each("rules")),
        levels=_read_levels(fields.fields("levels")),
        warnings=_read_warnings(fields.fields("warnings")),
        badges=tuple(_read_badge(badge) for badge in fields.each("badges")),
    )
    fields.close()
    return standard


def _read_evidence(fields: _Fields) -> Evidence:
    base, bad, buyers = (fields.whole(f"min_{key}", least=1, most=10**6) for key in ("base", "bad", "buyers"))
    evidence = Evidence(base, bad, buyers, alpha=fields.share("alpha"))
    fields.close()
    return evidence


def _read_rule(fields: _Fields) -> MetricRule:
    rule = MetricRule(
        metric=fields.text("metric"),
        window_days=fields.whole("window_days", least=1, most=3660),
        limit=fields.share("limit"),
        higher_is_better=fields.flag("higher_is_better"),
        working_hours=fields.find_whole("working_hours", least=1, most=10_000),
        defect_kinds=_read_defect_kinds(fields) if fields.has("defect_kinds") else (),
    )
    if rule.metric == "order_defect_rate" and not rule.defect_kinds:
        raise StandardError(fields.name("defect_kinds"), "name at least one kind, else nothing is a defect")
    fields.close()
    return rule


def _read_defect_kinds(fields: _Fields) -> tuple[str, ...]:
    kinds = tuple(fields.items("defect_kinds"))
    for position, kind in enumerate(kinds):
        if kind not in DEFECT_KINDS:
            path = fields.name(f"defect_kinds[{position}]")
            raise StandardError(path, f"{kind!r} is none of {', '.join(sorted(DEFECT_KINDS))}")
    return kinds


def _read_levels(fields: _Fields) -> tuple[Level, ...]:
    levels = tuple(_read_level(level_id, fields.fields(level_id)) for level_id in LEVEL_IDS)
    fields.close()
    return levels


def _read_level(level_id: str, fields: _Fields) -> Level:
    title = fields.title()
    level = Level(level_id, title)
    if level_id == "top":
        orders = fields.whole("min_orders", least=0, most=10**6)
        level = Level(level_id, title, orders, fields.whole("orders_window_days", least=1, most=3660))
    if level_id == "below":
        level = Level(
            level_id, title, breached_apart_days=fields.whole("breached_apart_days", least=1, most=3660)
        )
    fields.close()
    return level


def _read_warnings(fields: _Fields) -> WarningTerms:
    second = fields.whole("second_after_days", least=1, most=3660)
    terms = WarningTerms(second, fields.whole("end_after_days", least=1, most=3660))
    fields.close()
    return terms


def _read_badge(fields: _Fields) -> Badge:
    badge_id, title = fields.text("id"), fields.title()
    if fields.has("level"):
        badge = Badge(badge_id, title, level=fields.choice("level", LEVEL_IDS))
    else:
        metric = fields.text("metric")
        badge = Badge(badge_id, title, metric=metric, min_base=fields.whole("min_base", least=0, most=10**6))
    fields.close()
    return badge


def _require_metrics(standard: Standard, known_metrics: frozenset[str] | None) -> None:
    """Refuse a metric that is unknown or judged twice, and a badge on one that is not judged."""
    judged: set[str] = set()
    for position, rule in enumerate(standard.rules):
        path = f"rules[{position}].metric"
        if known_metrics is not None and rule.metric not in known_metrics:
            raise StandardError(path, f"unknown metric {rule.metric!r}")
        if rule.metric in judged:
            raise StandardError(path, f"{rule.metric} is judged twice")
        judged.add(rule.metric)
    for position, badge in enumerate(standard.badges):
        if badge.metric is not None and badge.metric not in judged:
            raise StandardError(f"badges[{position}].metric", f"{badge.metric} is judged by no rule")


def _to_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to_plain_field(key, item) for key, item in value.items() if item is not None}
    if isinstance(value, tuple):
        return [_to_plain(item) for item in value]
    return str(value) if isinstance(value, (Decimal, date)) else value


def _to_plain_field(key: str, value: Any) -> Any:
    return dict(value) if key == "title" else _to_plain(value)
