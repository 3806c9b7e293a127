"""The same repair for many rows: a value in one column replaced, another mapping, or simply another try."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from operator_qos.db import reading, unit_of_work
from operator_qos.imports.quarantine.queries import Chosen, Held, list_held_after
from operator_qos.imports.quarantine.service import dismiss, repair, repair_together

CHUNK = 500
Progress = Callable[[int, int, int], None]  # rows looked at, landed, refused


@dataclass(frozen=True)
class Change:
    """What to do to each row; all empty: take it in once more as it is.

    `column` with `old` and `new`: only rows in which that column (or dotted field) has the old value are touched.
    """

    column: str = ""
    old: str = ""
    new: str = ""
    mapping_id: int | None = None
    dismiss: bool = False


@dataclass(frozen=True)
class Bulk:
    """How it went: rows that landed (or were given up), were refused again, or were not alike."""

    landed: int = 0
    refused: int = 0
    unlike: int = 0


_BECAME = {"landed": Bulk(landed=1), "refused": Bulk(refused=1), "gone": Bulk(unlike=1)}

def write_change(chosen: Chosen, change: Change) -> dict[str, Any]:
    """Both as a job keeps them."""
    return {"chosen": chosen.as_dict(), "change": asdict(change)}


def read_change(content: Mapping[str, Any]) -> tuple[Chosen, Change]:
    """What `write_change` wrote."""
    return Chosen(**content["chosen"]), Change(**content["change"])


def repair_alike(
    engine: Engine, *, chosen: Chosen, change: Change, actor: str, now: datetime,
    on_progress: Progress | None = None,
) -> Bulk:
    """Repair every row that is meant; those that fail do not keep others back. Commits some at a time."""
    done, after_id, looked_at = Bulk(), 0, 0
    while True:
        with reading(engine) as session:
            rows = list_held_after(session, chosen, after_id=after_id, limit=CHUNK)
        if not rows:
            return done
        done = _add(done, _repair_chunk(engine, rows, change, actor, now))
        after_id, looked_at = rows[-1].id, looked_at + len(rows)
        if on_progress is not None:
            on_progress(looked_at, done.landed, done.refused)


def _add(done: Bulk, more: Bulk) -> Bulk:
    return Bulk(done.landed + more.landed, done.refused + more.refused, done.unlike + more.unlike)


def _repair_chunk(engine: Engine, rows: Sequence[Held], change: Change, actor: str, now: datetime) -> Bulk:
    if change.dismiss:
        with unit_of_work(engine) as session:
            given_up = sum(dismiss(session, row_id=held.id, actor=actor, now=now) for held in rows)
        return Bulk(landed=given_up, unlike=len(rows) - given_up)
    alike: dict[str, list[tuple[Held, str]]] = {}
    unsure = 0
    for held in rows:
        raw = change_row(held.raw, change)
        if raw is None or (change.mapping_id is not None and held.mapping_id is None):
            continue
        # A row with a field too many or too few may have its values in the wrong columns: somebody has to look at it.
        if held.field == "row" and raw == held.raw:
            unsure += 1
        else:
            alike.setdefault(held.origin, []).append((held, raw))
    done = Bulk(refused=unsure, unlike=len(rows) - unsure - sum(map(len, alike.values())))
    for group in alike.values():
        done = _add(done, _repair_group(engine, group, change, actor, now))
    return done


def _repair_group(engine: Engine, group: Sequence[tuple[Held, str]], change: Change, actor: str, now: datetime) -> Bulk:
    """Rows of one origin in one transaction; where they do not land together, each half by itself."""
    with unit_of_work(engine) as session:
        if len(group) == 1:
            return _BECAME[_repair_one(session, group[0], change, actor, now)]
        landed = repair_together(session, group, actor=actor, now=now, mapping_id=change.mapping_id)
    if landed is not None:
        return Bulk(landed, len(group) - landed)
    half = len(group) // 2
    return _add(_repair_group(engine, group[:half], change, actor, now),
                _repair_group(engine, group[half:], change, actor, now))


def _repair_one(session: Session, row: tuple[Held, str], change: Change, actor: str, now: datetime) -> str:
    held, raw = row
    return repair(session, row_id=held.id, raw=raw, actor=actor, now=now, mapping_id=change.mapping_id).state


def change_row(raw: str, change: Change) -> str | None:
    """The row with the value replaced; None when the column has another value, or the row cannot be taken apart."""
    if not change.column:
        return raw
    try:
        content = json.loads(raw)
    except ValueError:
        return None
    place = _find_place(content, change.column)
    if place is None or _text(place[0][place[1]]) != change.old.strip():
        return None
    holder, name = place
    holder[name] = _like(holder[name], change.new)
    return json.dumps(content, ensure_ascii=False)


def _find_place(content: Any, column: str) -> tuple[dict[str, Any], str] | None:
    """Where a column stands: by its whole name, else step by step through the objects."""
    if not isinstance(content, dict):
        return None
    if column in content:
        return content, column
    first, _, rest = column.partition(".")
    return _find_place(content.get(first), rest) if rest else None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else json.dumps(value)


def _like(old: Any, new: str) -> Any:
    """A number stays a number, yes or no stays one; else it is text."""
    if isinstance(old, bool | int | float):
        try:
            return json.loads(new)
        except ValueError:
            return new
    return new
