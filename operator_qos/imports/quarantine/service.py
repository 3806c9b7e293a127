"""Repairing what could not be read. Nothing here commits."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.connectors.cloudevents_jsonl import LineFault, parse_line
from operator_qos.connectors.files import Line
from operator_qos.connectors.formats.json_lines import flatten
from operator_qos.connectors.mapping.applying import Applier, RowRefused
from operator_qos.events.quarantine import BAD_VALUES, settle_quarantined
from operator_qos.events.service import DATABASE_ERRORS, Intake, Receipt, take_in
from operator_qos.imports.mappings import find_mapping, read_saved
from operator_qos.imports.quarantine.queries import Held, find_held
from scoring.events import Problem

MAX_RAW_CHARACTERS = 1_000_000
FROM_KEYS = "key "
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repair:
    """What became of a repair: it landed, was refused for a problem, or somebody else was quicker ("gone")."""

    state: Literal["landed", "refused", "gone"]
    events: int = 0
    problem: Problem | None = None


class _Refused(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(field, reason)


def repair(
    session: Session, *, row_id: int, raw: str, actor: str, now: datetime, retention_days: int = 540,
    mapping_id: int | None = None,
) -> Repair:
    """Take a row in as it is written now, by another mapping where one is given. Refused, it changes nothing.

    Of two repairs of a row one lands; what is in the log already is not counted twice.
    """
    held = find_held(session, row_id)
    if held is None or held.settled_at is not None:
        return Repair("gone")
    try:
        with session.begin_nested():
            if not _settle(session, held, "landed", actor=actor, now=now, raw=raw, mapping_id=mapping_id):
                return Repair("gone")
            documents = _Reader(session, now).read(held, raw, mapping_id or held.mapping_id)
            return Repair("landed", _land(session, held, documents, _intake(held, now, retention_days)))
    except _Refused as refused:
        return Repair("refused", problem=refused.problem)


def repair_together(
    session: Session, rows: Sequence[tuple[Held, str]], *, actor: str, now: datetime, retention_days: int = 540,
    mapping_id: int | None = None,
) -> int | None:
    """Take many rows of one origin in at once, as they are written now; how many landed: those left out are refused.

    None: one was settled meanwhile, or is refused together with the log. Nothing was changed then.
    """
    readable = _read_all(session, rows, mapping_id, now)
    try:
        with session.begin_nested():
            for held, raw, _ in readable:
                if not _settle(session, held, "landed", actor=actor, now=now, raw=raw, mapping_id=mapping_id):
                    raise _Refused("row", "gone")
            documents = [document for *_, found in readable for document in found]
            if readable:
                _land(session, readable[0][0], documents, _intake(readable[0][0], now, retention_days))
    except _Refused:
        return None
    return len(readable)


def _read_all(
    session: Session, rows: Sequence[tuple[Held, str]], mapping_id: int | None, now: datetime
) -> list[tuple[Held, str, Sequence[Mapping[str, object]]]]:
    """The events of every row that can be read by itself."""
    reader = _Reader(session, now)
    found: list[tuple[Held, str, Sequence[Mapping[str, object]]]] = []
    for held, raw in rows:
        with suppress(_Refused):
            documents = reader.read(held, raw, mapping_id or held.mapping_id)
            for document in documents:
                _check_place(held, document)
            found.append((held, raw, documents))
    return found


def dismiss(session: Session, *, row_id: int, actor: str, now: datetime) -> bool:
    """Give a row up: it stays on record and never counts. False: it is settled already."""
    held = find_held(session, row_id)
    return held is not None and _settle(session, held, "dismissed", actor=actor, now=now)


def _settle(
    session: Session, held: Held, outcome: str, *, actor: str, now: datetime, raw: str | None = None,
    mapping_id: int | None = None,
) -> bool:
    changed = raw is not None and raw != held.raw
    if not settle_quarantined(session, row_id=held.id, outcome=outcome, actor=actor, now=now,
                              repaired=raw if changed else None, mapping_id=mapping_id):
        return False
    append_audit(session, actor=actor, now=now, action=f"quarantine.{outcome}", subject=f"quarantine:{held.id}",
                 before={"field": held.field, "origin": held.origin, "row": held.row}, after={"changed": changed})
    return True


def _intake(held: Held, now: datetime, retention_days: int) -> Intake:
    # A program must open its shops itself; files name shops that nobody announces.
    return Intake(now, held.origin, open_shops=not held.origin.startswith(FROM_KEYS), retention_days=retention_days)


def _land(session: Session, held: Held, documents: Sequence[Mapping[str, object]], intake: Intake) -> int:
    """Take the events in, all or none; how many. Raises _Refused."""
    for document in documents:
        _check_place(held, document)
    try:
        receipts = take_in(session, documents, intake=intake)
    except Exception as error:
        if isinstance(error, (SQLAlchemyError, *DATABASE_ERRORS)) and not isinstance(error, BAD_VALUES):
            raise
        log.exception("row %s set aside could not be worked out", held.id)
        raise _Refused("event", f"cannot be worked out together with what is known of its shop ({error})") from error
    wrong = _find_wrong(receipts)
    if wrong is not None:
        raise _Refused(wrong.field, wrong.reason)
    return len(receipts)


def _find_wrong(receipts: Sequence[Receipt]) -> Receipt | None:
    return next((receipt for receipt in receipts if receipt.status in {"quarantined", "conflict"}), None)


def _check_place(held: Held, document: Mapping[str, object]) -> None:
    """What one marketplace sent must not land on another by the way."""
    given = document.get("marketplace")
    if held.marketplace and held.field != "marketplace" and given != held.marketplace:
        raise _Refused("marketplace", f"was {held.marketplace!r} and was not what was wrong; leave it as it was")


class _Reader:
    """Reads rows by their mappings, each of which is made ready once."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now
        self._ready: dict[tuple[int, str], Applier] = {}

    def read(self, held: Held, raw: str, mapping_id: int | None) -> list[Mapping[str, object]]:
        """The events of the text. Raises _Refused."""
        content = _parse(raw)
        if mapping_id is None:
            return content
        applier = self._find_applier(mapping_id, held.marketplace)
        try:
            events = [event for row in content for event in applier.events(flatten(row))]
        except RowRefused as refused:
            raise _Refused(refused.field, refused.reason) from None
        if not events:
            reason = "gives no event: no condition of the mapping holds for it. Correct it, or give it up."
            raise _Refused("row", reason)
        return list(events)

    def _find_applier(self, mapping_id: int, marketplace: str) -> Applier:
        key = (mapping_id, marketplace)
        if key not in self._ready:
            saved = find_mapping(self._session, mapping_id)
            if saved is None:
                raise _Refused("mapping", "the mapping that read this row is gone; choose another")
            self._ready[key] = Applier(read_saved(saved.text), now=self._now, marketplace=marketplace)
        return self._ready[key]


def _parse(raw: str) -> list[Mapping[str, object]]:
    if len(raw) > MAX_RAW_CHARACTERS:
        raise _Refused("row", f"is longer than {MAX_RAW_CHARACTERS:,} characters; shorten it")
    try:
        content = parse_line(Line(1, raw.encode("utf-8", "surrogatepass"), False))
    except LineFault as fault:
        raise _Refused(fault.field, fault.reason) from None
    found: list[Any] = content if isinstance(content, list) else [content]
    if not found or not all(isinstance(item, dict) for item in found):
        raise _Refused("row", "is no JSON object. Write one, with a field per column.")
    return found


def read_fields(held: Held, raw: str) -> dict[str, str] | None:
    """The columns of a row that a form can show one by one; None where only the text as a whole can be shown."""
    if held.mapping_id is None:
        return None
    try:
        content = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(content, dict) or any(isinstance(value, dict | list) for value in content.values()):
        return None
    return {name: _shown(value) for name, value in content.items()}


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def write_fields(held: Held, fields: Mapping[str, str]) -> str:
    """The row with what a form says of its columns; what was not changed keeps its kind."""
    before = json.loads(held.raw)
    after = {name: value if _shown(value) == fields.get(name, _shown(value)) else fields[name]
             for name, value in before.items()}
    return json.dumps(after, ensure_ascii=False)
