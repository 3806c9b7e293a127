"""Versions tried on history, outside any request: asked for, worked off by a job, kept for a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from operator_qos.evaluation.queries import list_marketplaces
from operator_qos.standards.binding import list_in_use
from operator_qos.standards.comparison import Backtest
from operator_qos.standards.following import list_uncountable
from operator_qos.standards.models import StandardTry
from operator_qos.standards.rules import Kept
from scoring.standards import StandardError

KEPT_FOR = timedelta(days=30)
# After this long without a sign of life its process is taken for lost.
LOST_AFTER = timedelta(hours=2)
UNDER_WAY = ("waiting", "running")
BROKEN_OFF = "broken_off"
_RESULT = TypeAdapter(Backtest)


class TryRefused(ValueError):
    """A version cannot be tried; `flaws` say what of it nothing is kept for, none where there is no marketplace."""

    def __init__(self, flaws: list[StandardError]) -> None:
        super().__init__("; ".join(map(str, flaws)) or "there is no marketplace")
        self.flaws = flaws


@dataclass(frozen=True)
class Try:
    """One try. `state` is waiting, running, done or failed; `error` says why it failed, in words or as a code."""

    id: int
    standard_id: str
    version: int
    text: str
    first_on: date
    last_on: date
    state: str
    steps: int
    steps_done: int
    error: str
    created_at: datetime
    created_by: str
    changed_at: datetime

    @property
    def is_under_way(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in UNDER_WAY


class TryMissing(LookupError):
    """There is no such try."""


def require_triable(session: Session, kept: Kept, *, now: datetime) -> None:
    """Raises TryRefused for a version that cannot be counted from history, or where there is no marketplace."""
    flaws = list_uncountable(kept.standard, list_in_use(session, now=now)[0])
    if flaws or not list_marketplaces(session):
        raise TryRefused(flaws)


def ask_try(
    session: Session, kept: Kept, *, first: date, last: date, actor: str, now: datetime,
) -> int:
    """Ask for a try; one that waits or runs for the same text and dates is returned instead. Does not commit.

    Raises TryRefused.
    """
    require_triable(session, kept, now=now)
    same = session.scalar(select(StandardTry.id).where(
        StandardTry.standard_id == kept.standard.id, StandardTry.version == kept.standard.version,
        StandardTry.text == kept.text, StandardTry.first_on == first, StandardTry.last_on == last,
        StandardTry.state.in_(UNDER_WAY)))
    if same is not None:
        return same
    row = StandardTry(
        standard_id=kept.standard.id, version=kept.standard.version, text=kept.text, first_on=first, last_on=last,
        state="waiting", steps=0, steps_done=0, error="", created_at=now, created_by=actor, changed_at=now)
    session.add(row)
    session.flush()
    return row.id


def claim_try(session: Session, *, now: datetime) -> Try | None:
    """The next try to work on; None when there is none. Of two claims one gets it. Lost ones are over."""
    session.execute(update(StandardTry).where(
        StandardTry.state == "running", StandardTry.changed_at < now - LOST_AFTER,
    ).values(state="failed", error=BROKEN_OFF, changed_at=now))
    for try_id in session.scalars(select(StandardTry.id).where(StandardTry.state == "waiting").order_by(
            StandardTry.id)):
        claimed = session.execute(
            update(StandardTry).where(StandardTry.id == try_id, StandardTry.state == "waiting")
            .values(state="running", changed_at=now).returning(StandardTry.id)).scalar()
        if claimed is not None:
            return get_try(session, claimed)
    return None


def note_step(session: Session, *, try_id: int, done: int, steps: int, now: datetime) -> None:
    """How far a try is. Does not commit."""
    session.execute(update(StandardTry).where(StandardTry.id == try_id).values(
        steps_done=done, steps=steps, changed_at=now))


def end_try(session: Session, *, try_id: int, found: Backtest | None, error: str = "", now: datetime) -> None:
    """Keep what a try found, or why it failed. Does not commit."""
    result = None if found is None else _RESULT.dump_json(found).decode()
    session.execute(update(StandardTry).where(StandardTry.id == try_id).values(
        state="failed" if found is None else "done", error=error[:1000], result=result, changed_at=now))


def forget_old_tries(session: Session, *, now: datetime) -> None:
    """Take away what was tried a month ago. Does not commit."""
    session.execute(delete(StandardTry).where(StandardTry.changed_at < now - KEPT_FOR))


def get_try(session: Session, try_id: int) -> Try:
    """One try. Raises TryMissing."""
    row = session.execute(_select().where(StandardTry.id == try_id)).one_or_none()
    if row is None:
        raise TryMissing(try_id)
    return Try(*row)


def list_tries(session: Session, standard_id: str, version: int, *, limit: int = 10) -> list[Try]:
    """The tries of a version, the latest first."""
    rows = session.execute(_select().where(
        StandardTry.standard_id == standard_id, StandardTry.version == version,
    ).order_by(StandardTry.id.desc()).limit(limit))
    return [Try(*row) for row in rows]


def count_before(session: Session, try_id: int) -> int:
    """How many tries are worked off before one that waits."""
    return session.scalar(select(func.count()).select_from(StandardTry).where(
        StandardTry.state.in_(UNDER_WAY), StandardTry.id < try_id)) or 0


def find_result(session: Session, try_id: int) -> Backtest | None:
    """What a try found; None before it is done."""
    text = session.scalar(select(StandardTry.result).where(StandardTry.id == try_id))
    return None if text is None else _RESULT.validate_json(text)


def _select() -> Select[Any]:
    return select(*(getattr(StandardTry, name) for name in Try.__dataclass_fields__))
