"""A first draft of a mapping, from the names of columns and what stands in their first rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import PurePath

from operator_qos.connectors.formats.records import Layout, Record
from operator_qos.connectors.mapping.column_names import NAMES, TIMES, plain_name, score
from operator_qos.connectors.mapping.values import EPOCH, EPOCH_MS, ISO, Unfit, as_number, as_text, read_time

UNUSED = ""
PARTS = tuple(NAMES)
_FORMATS = (
    ISO, "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y",
    "%m/%d/%Y %I:%M %p", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%d/%m/%y %H:%M", "%d/%m/%y",
    "%a %b %d %H:%M:%S %z %Y", "%d %b %Y %H:%M", "%b %d, %Y %I:%M %p")
_MOST = 0.6  # the others are mistakes to be repaired
_BEGINNINGS = frozenset({"placed_at", "asked_at", "opened_at", "sent_at"})
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ .]*")
_AUTHORS = {
    "buyer": "buyer customer client acheteur kunde käufer comprador cliente acquirente end-user requester",
    "seller": "seller shop agent vendor merchant vendeur boutique verkäufer händler vendedor venditore tienda loja",
    "operator": "operator support opérateur betreiber operador operatore", "system": "system bot automatic système"}


@dataclass(frozen=True)
class Proposal:
    """A mapping as text, and what each column was taken for (empty: not used)."""

    text: str
    parts: Mapping[str, str]


def guess_parts(layout: Layout, sample: Sequence[Record]) -> dict[str, str]:
    """What each column is taken for: by its name first, times only where times stand."""
    ranked = sorted(
        ((score(column, part), part, column) for column in layout.columns for part in PARTS),
        key=lambda found: (-found[0], PARTS.index(found[1]), layout.columns.index(found[2])))
    holds_times = cache(lambda column: find_format(_cells(column, sample)) is not None)
    found: dict[str, str] = {}
    for points, part, column in ranked:
        is_free = points and column not in found and part not in found.values()
        if is_free and (part not in TIMES or holds_times(column)):  # last: every cell is tried in every format
            found[column] = part
    _guess_plain_date(layout, sample, found)
    return {column: found.get(column, UNUSED) for column in layout.columns}


def _guess_plain_date(layout: Layout, sample: Sequence[Record], found: dict[str, str]) -> None:
    """A lone "created" or "date" column is the beginning of whatever the rows are about."""
    begins = {"order": "placed_at", "conversation": "asked_at", "case": "opened_at", "review": "rated_at"}
    wanted = next((begin for thing, begin in begins.items()
                   if thing in found.values() and begin not in found.values()), None)
    for column in layout.columns:
        words = plain_name(column).split()
        named = {"date", "created", "time", "datum", "fecha", "data", "cree", "creation", "erstellt"} & set(words)
        if wanted and column not in found and named and find_format(_cells(column, sample)) is not None:
            found[column] = wanted
            return


def _cells(column: str, sample: Sequence[Record]) -> list[object]:
    return [value for record in sample if as_text(value := record.values.get(column)) != ""]


def find_format(cells: Sequence[object]) -> str | None:
    """How most of the times in these cells are written, None when they are none; of two readings the day is first."""
    if not cells:
        return ISO
    if sum(isinstance(cell, datetime | date) for cell in cells) >= _MOST * len(cells):
        return ISO
    if all(as_text(cell).replace(".", "", 1).isdigit() for cell in cells):
        return _find_epoch(cells)
    fitting = {form: sum(_fits(cell, form) for cell in cells) for form in _FORMATS}
    best = max(_FORMATS, key=lambda form: fitting[form])
    return best if fitting[best] >= _MOST * len(cells) else None


def _find_epoch(cells: Sequence[object]) -> str | None:
    numbers = [float(as_text(cell)) for cell in cells]
    if all(946_684_800 <= number < 4_102_444_800 for number in numbers):
        return EPOCH
    return EPOCH_MS if all(946_684_800_000 <= number < 4_102_444_800_000 for number in numbers) else None


def _fits(cell: object, form: str) -> bool:
    try:
        read_time(cell, (form,))
    except Unfit:
        return False
    return True


def propose(
    layout: Layout, sample: Sequence[Record], *, name: str = "", marketplace: str = "", timezone: str = "",
    parts: Mapping[str, str] | None = None,
) -> Proposal:
    """A draft that a person checks; `parts` are what a person says columns are, else they are guessed."""
    taken = dict(parts) if parts is not None else guess_parts(layout, sample)
    return Proposal(_Draft(layout, sample, taken).write(name or "new-table", marketplace, timezone), taken)


def name_of(file: str) -> str:
    """A name for the mapping of a file: its own name without what changes from one export to the next."""
    stem = PurePath(file).name.split(".")[0]
    words = [word for word in plain_name(stem).split() if not word.isdigit()]
    return "-".join(words)[:80] or "new-table"


class _Draft:
    """The text of a draft, event by event."""

    def __init__(self, layout: Layout, sample: Sequence[Record], parts: Mapping[str, str]) -> None:
        self._layout, self._sample = layout, sample
        self._column = {part: column for column, part in parts.items() if part != UNUSED}

    def write(self, name: str, marketplace: str, timezone: str) -> str:
        """The YAML."""
        events = self._events()
        head = [f"mapping: {name}", f"source: /{name}", *self._file()]
        place = self._text("marketplace") if "marketplace" in self._column else _scalar(marketplace)
        head += [f"marketplace: {place}"] if "marketplace" in self._column or marketplace else []
        head += [f"timezone: {_scalar(timezone or 'UTC')}"]
        head += [f"shop: {self._text('shop')}"] if "shop" in self._column else ["shop: main"]
        return "\n".join([*head, "events:", *events, ""])

    def _file(self) -> list[str]:
        if not self._layout.is_guessed:
            return []
        return ["file:", f"  encoding: {self._layout.encoding}"]

    def _events(self) -> list[str]:
        found = [*self._order_events(), *self._talk_events(), *self._case_events(), *self._review_events()]
        if found:
            return found
        # Nothing was recognised: an example a person can correct, with the table's own first column.
        first = self._layout.columns[0]
        return self._event("order.placed", "placed", first, first, {})

    def _order_events(self) -> list[str]:
        order = self._column.get("order")
        if order is None:
            return []
        placed = self._data("ship_by", "deliver_by", "country", "channel", "currency", "buyer")
        shipped = self._data("carrier", "tracking") | ({"trackable": "true"} if "tracking" in self._column else {})
        found = self._once("placed_at", "order.placed", order, placed, lines=self._line())
        found += self._once("accepted_at", "order.accepted", order, {})
        found += self._once("shipped_at", "order.shipped", order, shipped)
        found += self._once("delivered_at", "order.delivered", order, {})
        found += self._once("cancelled_at", "order.cancelled", order, self._cancelled())
        return found + self._once("refunded_at", "order.refunded", order, self._money("refund"))

    def _cancelled(self) -> dict[str, str]:
        column = self._column.get("cancelled_by")
        if column is None:
            return {}
        return {"by": f"{{column: {_scalar(column)}, map: {self._words_map(column)}, default: unknown}}"}

    def _talk_events(self) -> list[str]:
        talk = self._column.get("conversation")
        if talk is None:
            return []
        order = self._data("order")
        found = self._once("asked_at", "message.sent", talk, {"author": "buyer", "to": "[seller]", **order}, "question")
        answer = {"author": "seller", "to": "[buyer]", **order}
        found += self._once("answered_at", "message.sent", talk, answer, "answer")
        if "sent_at" in self._column and "author" in self._column:
            author = self._column["author"]
            said = {"author": f"{{column: {_scalar(author)}, map: {self._words_map(author)}}}", **order}
            number = self._column.get("message", self._column["sent_at"])
            found += self._event("message.sent", "message", talk, self._column["sent_at"], said, number=number)
        return found

    def _case_events(self) -> list[str]:
        case = self._column.get("case")
        if case is None:
            return []
        found = self._once("opened_at", "case.opened", case, self._data("order", "reason"))
        found += self._once("resolved_at", "case.resolved", case, {})
        return found + self._once("closed_at", "case.closed", case, {})

    def _review_events(self) -> list[str]:
        thing = self._column.get("review", self._column.get("order"))
        if thing is None or "rating" not in self._column:
            return []
        return self._once("rated_at", "review.posted", thing, self._data("order", "rating"))

    def _once(
        self, part: str, kind: str, thing: str, data: Mapping[str, str], what: str = "", *, lines: Sequence[str] = ()
    ) -> list[str]:
        """An event that is told by its time being filled in; nothing where the table has no such column."""
        time = self._column.get(part)
        if time is None:
            return []
        return self._event(kind, what or kind.partition(".")[2], thing, time, data, lines=lines)

    def _event(  # the parts of an event, in its order
        self, kind: str, what: str, thing: str, time: str, data: Mapping[str, str], *, lines: Sequence[str] = (),
        number: str = "",
    ) -> list[str]:
        name = f"{{{thing}}}:{{{number}}}" if number else f"{{{thing}}}:{what}"
        found = [f"  - type: {kind}"]
        if not self._is_told_by_every_row(time):
            found += ["    when:", f"      - {{column: {_scalar(time)}, filled: true}}"]
        found += [f"    id: {_quoted(name)}", f"    time: {self._time(time)}"]
        found += [f"    subject: {_quoted(f'{{{thing}}}')}"]
        found += ["    data:", *(f"      {field}: {value}" for field, value in data.items())] if data else []
        return [*found, *lines]

    def _is_told_by_every_row(self, column: str) -> bool:
        """A row without the time it begins with is a mistake; a row without a later time is not that far yet."""
        begins = any(self._column.get(part) == column for part in _BEGINNINGS)
        return begins or all(as_text(record.values.get(column)) for record in self._sample)

    def _data(self, *parts: str) -> dict[str, str]:
        return {part: self._time(self._column[part]) if part in TIMES else self._text(part)
                for part in parts if part in self._column}

    def _text(self, part: str) -> str:
        return _quoted(f"{{{self._column[part]}}}")

    def _time(self, column: str) -> str:
        form = find_format(_cells(column, self._sample))
        if form in {None, ISO}:
            return f"{{column: {_scalar(column)}}}"
        return f"{{column: {_scalar(column)}, format: {_quoted(str(form))}}}"

    def _money(self, part: str) -> dict[str, str]:
        column = self._column.get(part)
        return {"amount_minor": f"{{column: {_scalar(column)}, decimals: 2}}"} if column is not None else {}

    def _line(self) -> list[str]:
        if not {"category", "amount"} & set(self._column):
            return []
        found = ['    lines:', '      - line: "1"']
        found += [f"        category: {self._text('category')}"] if "category" in self._column else []
        amount = self._column.get("amount")
        is_money = amount is not None and all(_is_number(cell) for cell in _cells(amount, self._sample))
        return found + ([f"        amount_minor: {self._money('amount')['amount_minor']}"] if is_money else [])

    def _words_map(self, column: str) -> str:
        """What the words of a column mean, as far as they are known."""
        words = dict.fromkeys(as_text(cell) for cell in _cells(column, self._sample))
        pairs = [f"{_quoted(word)}: {_meaning(word)}" for word in list(words)[:20]]
        return f"{{{', '.join(pairs)}}}"


def _meaning(word: str) -> str:
    return next((party for party, known in _AUTHORS.items() if word.lower() in known.split()), "buyer")


def _is_number(cell: object) -> bool:
    try:
        as_number(cell)
    except Unfit:
        return False
    return True


def _scalar(text: str) -> str:
    """A name as YAML reads it back as the same text, in quotes where it must be."""
    odd = text.lower() in {"yes", "no", "on", "off", "true", "false", "null", "y", "n"} or text != text.strip()
    return text if _PLAIN.fullmatch(text) and not odd else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
