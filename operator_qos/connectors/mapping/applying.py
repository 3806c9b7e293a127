"""Reading rows by a mapping: each row gives its events, or the column that is wrong and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from operator_qos.connectors.formats.json_lines import flatten
from operator_qos.connectors.mapping.kinds import ENVELOPE, SELLER_ACTS, Kind, fields_of, fields_of_line, short_type
from operator_qos.connectors.mapping.model import Condition, EventRule, Mapping, Scalar, Source
from operator_qos.connectors.mapping.values import (
    ISO,
    Unfit,
    add_span,
    as_flag,
    as_integer,
    as_minor,
    as_number,
    as_text,
    as_word,
    day_ends,
    read_time,
    to_utc,
    utc_text,
)
from scoring.event_types import DAY_MS, EARLIEST_MS, MODELS, PREFIX

Row = Table[str, object]
Event = dict[str, object]
_PLACE = re.compile(r"\{([^{}]+)\}")
_DAY = timedelta(milliseconds=DAY_MS)


class RowRefused(Exception):
    """A row that gives no events: the column, or the field where no column is at fault, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


@dataclass(frozen=True)
class _Moment:
    """When something happened; `other` is the other end where only the day is known."""

    at: datetime
    other: datetime | None


class Applier:
    """A mapping made ready to read many rows. `marketplace` stands in where the mapping names none."""

    def __init__(self, mapping: Mapping, *, now: datetime, marketplace: str = "") -> None:
        self._mapping, self._now, self._marketplace = mapping, now, marketplace
        self._rules = [_Rule(rule, mapping) for rule in mapping.events]
        self._place = _reader(mapping.marketplace, Kind("text"), mapping) if mapping.marketplace else None
        self._columns = mapping.columns() + [rule.each for rule in mapping.events if rule.each]

    def events(self, row: Row) -> list[Event]:
        """The events a row tells of, none when no condition holds. Raises RowRefused."""
        row = self._spelled(row)
        return [self._event(rule, part) for rule in self._rules for part in rule.parts(row)]

    def _spelled(self, row: Row) -> Row:
        """The row; columns that differ in capitals alone also under the names by which the mapping calls them."""
        missing = [name for name in self._columns if name not in row]
        if not missing:
            return row
        folded = {name.casefold(): name for name in row}
        return {**row, **{name: row[folded[name.casefold()]] for name in missing if name.casefold() in folded}}

    def find_marketplace(self, row: Row) -> str:
        """The marketplace of a row that could not be read, empty where that cannot be told either."""
        try:
            return str(self._place(self._spelled(row)) or "") if self._place is not None else self._marketplace
        except RowRefused:
            return ""

    def find_shop(self, row: Row) -> str:
        """The shop of a row that could not be read, empty where that cannot be told either."""
        row = self._spelled(row)
        for rule in self._rules:
            try:
                return str(rule.shop(row) or "")
            except RowRefused:
                continue
        return ""

    def _event(self, rule: _Rule, row: Row) -> Event:
        moment = rule.moment(row)
        self._check_time(rule, moment.at)
        event: Event = {
            "specversion": "1.0", "type": PREFIX + rule.type, "source": self._mapping.source,
            "id": _required(rule.id(row), rule.id_columns, "id"), "time": utc_text(moment.at),
            "subject": _required(rule.subject(row), rule.subject_columns, "subject"),
            "marketplace": self._find_place(rule, row), "shop": _required(rule.shop(row), rule.shop_columns, "shop"),
        }
        if moment.other is not None:
            event["other_time"] = utc_text(moment.other)
        data = rule.data(row)
        return {**event, "data": data} if data else event

    def _find_place(self, rule: _Rule, row: Row) -> object:
        read = rule.marketplace or self._place
        found = read(row) if read is not None else self._marketplace
        if not found:
            raise RowRefused("marketplace", "no marketplace is named. Name one in the mapping or for the import.")
        return found

    def _check_time(self, rule: _Rule, at: datetime) -> None:
        if at.timestamp() * 1000 < EARLIEST_MS:
            raise RowRefused(rule.time_columns[0], f"{rule.time_columns[0]} lies before the year 2000. Correct it.")
        if at > self._now + _DAY:
            raise RowRefused(rule.time_columns[0], f"{rule.time_columns[0]} lies more than a day ahead. Correct it.")


def _required(value: object, columns: Sequence[str], field: str) -> object:
    if value is None or value == "":
        name = columns[0] if columns else field
        raise RowRefused(name, f"{name} is empty. Fill it in.")
    return value


Reader = Callable[[Row], object]


class _Rule:
    """One event rule with its values made ready."""

    def __init__(self, rule: EventRule, mapping: Mapping) -> None:
        self.type = short_type(rule.type)
        self._each, self._tests = rule.each, [_test(condition) for condition in rule.when]
        shop = rule.shop or mapping.shop
        self.id, self.id_columns = _reader(rule.id, ENVELOPE["id"], mapping), rule.id.columns()
        self.subject = _reader(rule.subject, ENVELOPE["subject"], mapping)
        self.subject_columns = rule.subject.columns()
        self.shop = _reader(shop, ENVELOPE["shop"], mapping) if shop is not None else lambda _row: None
        self.shop_columns = shop.columns() if shop is not None else []
        self.marketplace = _reader(rule.marketplace, ENVELOPE["marketplace"], mapping) if rule.marketplace else None
        self._time, self._zone, self._find_time = rule.time, _zone(rule.time, mapping), _raw(rule.time)
        self.time_columns = rule.time.columns() or ["time"]
        kinds = fields_of(self.type)
        self._data = [(name, _reader(value, kinds[name], mapping)) for name, value in rule.data.items()]
        self._lines = [[(name, _reader(value, fields_of_line()[name], mapping)) for name, value in line.parts().items()]
                       for line in rule.lines]
        self._is_sellers = self.type in SELLER_ACTS or _is_by_seller(rule)

    def parts(self, row: Row) -> Iterator[Row]:
        """The rows the rule speaks of: the row itself, or one per object of its list."""
        for part in self._spread(row):
            if all(test(part) for test in self._tests):
                yield part

    def _spread(self, row: Row) -> Iterator[Row]:
        if self._each is None:
            yield row
            return
        items = row.get(self._each)
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                yield {**row, **flatten(item, f"{self._each}.")}

    def moment(self, row: Row) -> _Moment:
        """When it happened. Raises RowRefused."""
        column = self.time_columns[0]
        raw = self._find_time(row)
        if _is_empty(raw):
            raise RowRefused(column, f"{column} is empty. Fill it in, or say `when` it is filled in the mapping.")
        try:
            return self._added(self._read_moment(raw), row)
        except Unfit as unfit:
            raise RowRefused(column, f"{column} {unfit}") from None

    def _read_moment(self, raw: object) -> _Moment:
        found = read_time(raw, _formats(self._time))
        if isinstance(found, datetime):
            return _Moment(to_utc(found, self._zone), None)
        first, last = day_ends(found, self._zone)
        return _Moment(first, last) if self._is_sellers else _Moment(last, first)

    def _added(self, moment: _Moment, row: Row) -> _Moment:
        plus = self._time.plus
        if plus is None:
            return moment
        try:
            return _Moment(add_span(moment.at, row.get(plus.column), plus.unit), moment.other)
        except Unfit as unfit:
            raise RowRefused(plus.column, f"{plus.column} {unfit}") from None

    def data(self, row: Row) -> dict[str, object]:
        """The event's data; what is empty is left out. Raises RowRefused."""
        found = {name: value for name, read in self._data if (value := read(row)) is not None}
        lines = [{name: value for name, read in line if (value := read(row)) is not None} for line in self._lines]
        return {**found, "lines": lines} if lines else found


def _is_by_seller(rule: EventRule) -> bool:
    author = rule.data.get("author") or rule.data.get("by")
    return author is not None and author.constant == "seller"


def _zone(value: Source, mapping: Mapping) -> ZoneInfo | None:
    name = value.timezone or mapping.timezone
    return ZoneInfo(name) if name else None


def _formats(value: Source) -> tuple[str, ...]:
    if value.format is None:
        return (ISO,)
    return (value.format,) if isinstance(value.format, str) else tuple(value.format)


def _is_empty(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, str) and not value.strip())


def _raw(value: Source) -> Reader:
    """What finds the value in rows, before any reading; None or empty when nothing is there."""
    if value.constant is not None:
        return lambda _row: value.constant
    if value.text is not None:
        return partial(_fill, value.text, value.columns())
    names = [value.column] if isinstance(value.column, str) else value.column or []
    if len(names) == 1:
        return lambda row: row.get(names[0])
    return lambda row: next((row[name] for name in names if not _is_empty(row.get(name))), None)


def _fill(text: str, names: Sequence[str], row: Row) -> str | None:
    parts = {name: as_text(row.get(name)) for name in names}
    # A name put together from an empty column would stand for many things at once.
    if not all(parts.values()):
        return None
    return parts[names[0]] if text == f"{{{names[0]}}}" else _PLACE.sub(lambda found: parts[found.group(1)], text)


def _reader(value: Source, kind: Kind, mapping: Mapping) -> Reader:
    """What reads the value from rows. What it gives raises RowRefused."""
    table = mapping.maps[value.map] if isinstance(value.map, str) else value.map
    known = {_key(key): meaning for key, meaning in table.items()} if table is not None else None
    columns = value.columns()
    name = columns[0] if columns else "constant"
    return partial(_read_value, value, _raw(value), known, _converter(value, kind, _zone(value, mapping)), name)


def _read_value(
    value: Source, find: Reader, known: dict[str, Scalar] | None, convert: Callable[[object], object], name: str,
    row: Row,
) -> object:
    raw = find(row)
    if _is_empty(raw):
        raw = value.default
    elif known is not None:
        raw = _meaning(known, raw, value, name)
    if raw is None:
        return None
    try:
        return convert(raw)
    except Unfit as unfit:
        raise RowRefused(name, f"{name} {unfit}") from None


def _key(value: object) -> str:
    return as_text(value).casefold()


def _meaning(known: dict[str, Scalar], raw: object, value: Source, name: str) -> object:
    found = known.get(_key(raw), known.get("*"))
    if found is None:
        meant = ", ".join(list(known)[:10])
        raise RowRefused(name, f"{name} is “{as_text(raw)[:60]}”, which the map does not know ({meant}). Add it to the "
                               "map, or correct it.")
    return found


def _converter(value: Source, kind: Kind, zone: ZoneInfo | None) -> Callable[[object], object]:
    if kind.name == "list":
        return partial(_as_list, split=value.split, words=kind.words)
    if kind.is_money and value.decimals is not None and value.constant is None:
        return partial(as_minor, decimals=value.decimals)
    if kind.name in {"moment", "promise", "day"}:
        return partial(_as_time, kind=kind.name, formats=_formats(value), zone=zone)
    plain: dict[str, Callable[[object], object]] = {"integer": as_integer, "flag": as_flag}
    if kind.words:
        return partial(as_word, words=kind.words)
    return plain.get(kind.name, as_text)


def type_cell(event_type: str, field: str, value: object, name: str) -> object:
    """A cell as a field of a type takes it; as it stands where the field is unknown. Raises RowRefused."""
    short = short_type(event_type)
    kind = fields_of(short).get(field) if short in MODELS else None
    if kind is None:
        return value
    try:
        return _converter(Source(constant="", default=None, split=","), kind, None)(value)
    except Unfit as unfit:
        raise RowRefused(name, f"{name} {unfit}") from None


def _as_list(value: object, *, split: str | None, words: Sequence[str]) -> list[str]:
    items = value if isinstance(value, list) else as_text(value).split(split) if split else [value]
    texts = [text for item in items if (text := as_text(item))]
    return [as_word(text, words) for text in texts] if words else texts


def _as_time(value: object, *, kind: str, formats: tuple[str, ...], zone: ZoneInfo | None) -> str:
    found = read_time(value, formats)
    if isinstance(found, datetime):
        return found.date().isoformat() if kind == "day" else utc_text(to_utc(found, zone))
    return found.isoformat() if kind != "moment" else utc_text(day_ends(found, zone)[0])


def _test(condition: Condition) -> Callable[[Row], bool]:
    """Whether a row passes a condition."""
    tests: list[Callable[[Row], bool]] = []
    name = condition.column
    if condition.is_ is not None:
        tests.append(partial(_is_among, name, _keys(condition.is_)))
    if condition.is_not is not None:
        barred = _keys(condition.is_not)
        tests.append(lambda row: not _is_among(name, barred, row))
    if condition.filled is not None:
        tests.append(lambda row: _is_empty(row.get(name)) is not condition.filled)
    if condition.same_as is not None:
        tests.append(partial(_is_same, name, condition.same_as))
    if condition.differs_from is not None:
        other = condition.differs_from
        tests.append(lambda row: not _is_same(name, other, row))
    if condition.contains is not None:
        parts = _keys(condition.contains)
        tests.append(lambda row: any(part in _key(row.get(name)) for part in parts))
    if condition.greater_than is not None:
        tests.append(partial(_is_greater, name, condition.greater_than))
    return lambda row: all(test(row) for test in tests)


def _keys(values: Any) -> frozenset[str]:
    return frozenset(map(_key, values if isinstance(values, list) else [values]))


def _is_among(name: str, keys: frozenset[str], row: Row) -> bool:
    return _key(row.get(name)) in keys


def _is_same(name: str, other: str, row: Row) -> bool:
    return _key(row.get(name)) == _key(row.get(other))


def _is_greater(name: str, limit: float, row: Row) -> bool:
    try:
        return float(as_number(row.get(name))) > limit
    except Unfit:
        return False
