"""The same repair for many rows: a value in one column replaced, another mapping, or simply another try."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from operator_qos.db import reading, unit_of_work
from operator_qos.imports.quarantine.queries import Chosen, Held, list_held_after
from operator_qos.imports.quarantine.service import dismiss, repair

CHUNK = 50
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
    """Repair every row that is meant, each by itself; commits each."""
    done, after_id, looked_at = Bulk(), 0, 0
    while True:
        with reading(engine) as session:
            rows = list_held_after(session, chosen, after_id=after_id, limit=CHUNK)
        for held in rows:
            # A transaction each: writers take the locks of shops in order, which many rows in one would not.
            with unit_of_work(engine) as session:
                done = _add(done, _repair_one(session, held, change, actor, now))
        if not rows:
            return done
        after_id, looked_at = rows[-1].id, looked_at + len(rows)
        if on_progress is not None:
            on_progress(looked_at, done.landed, done.refused)


def _add(done: Bulk, state: str) -> Bulk:
    return Bulk(done.landed + (state == "landed"), done.refused + (state == "refused"),
                done.unlike + (state in {"unlike", "gone"}))


def _repair_one(session: Session, held: Held, change: Change, actor: str, now: datetime) -> str:
    if change.dismiss:
        return "landed" if dismiss(session, row_id=held.id, actor=actor, now=now) else "gone"
    raw = change_row(held.raw, change)
    if raw is None or (change.mapping_id is not None and held.mapping_id is None):
        return "unlike"
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
