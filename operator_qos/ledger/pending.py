"""What a bulk load appended and nobody derived yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.db import among, chunks, lock_shops, reading, unit_of_work
from operator_qos.ledger.cells import Changed
from operator_qos.ledger.models import PendingDossier
from operator_qos.ledger.service import derive_stored

AT_ONCE = 25_000  # dossiers of one transaction


def mark_pending(session: Session, dossiers: Mapping[int, int]) -> None:
    """Remember dossiers (id -> shop) to be derived. Does not commit."""
    build = postgresql.insert if session.connection().dialect.name == "postgresql" else sqlite.insert
    statement = build(PendingDossier).on_conflict_do_nothing()
    rows = [{"dossier_id": dossier, "shop_id": shop} for dossier, shop in sorted(dossiers.items())]
    for part in chunks(rows, 5_000):
        session.connection().execute(statement, list(part))


@dataclass(frozen=True)
class Waiting:
    """How many dossiers wait: those nobody tried yet, and those that could not be derived."""

    derivable: int
    flawed: int


def count_pending(engine: Engine) -> Waiting:
    """How many dossiers wait to be derived."""
    with reading(engine) as session:
        waiting, flawed = session.execute(select(func.count(), func.count(PendingDossier.flaw))).one()
        return Waiting(waiting - flawed, flawed)


def is_backlogged(engine: Engine, *, limit: int) -> bool:
    """Whether more dossiers than that wait to be derived; looks at no more of them than it needs to."""
    with reading(engine) as session:
        waiting = select(PendingDossier.dossier_id).where(PendingDossier.flaw.is_(None))
        return session.scalar(waiting.offset(limit).limit(1)) is not None


def forget_pending(session: Session, shop_id: int) -> None:
    """Nothing of this shop waits: everything is derived anew. Does not commit."""
    session.connection().execute(delete(PendingDossier).where(PendingDossier.shop_id == shop_id))


def keep_flaws(session: Session, shop_id: int, flaws: Mapping[int, str]) -> None:
    """Remember that dossiers of a shop could not be derived, and why. Does not commit."""
    mark_pending(session, dict.fromkeys(flaws, shop_id))
    _note(session, flaws)


def derive_pending(
    engine: Engine, *, on_progress: Callable[[int], None] | None = None,
    on_derived: Callable[[Session, Mapping[int, int], Changed], None] | None = None,
) -> dict[int, str]:
    """Derive every dossier that waits; commits as it goes. Returns why some could not be: they go on waiting.

    `on_derived` is told the dossiers (id -> shop) of each transaction while it is open, and what changed in cells.
    """
    flaws: dict[int, str] = {}
    done, after = 0, (-1, -1)
    while True:
        with unit_of_work(engine) as session:
            batch = _take(session, after)
            if not batch:
                return flaws
            found = derive_stored(session, batch)
            _settle(session, batch, found.flaws)
            if on_derived is not None:
                on_derived(session, batch, found.changed)
        after, flaws, done = _place(batch), flaws | dict(found.flaws), done + len(batch)
        if on_progress is not None:
            on_progress(done)


def _take(session: Session, after: tuple[int, int]) -> dict[int, int]:
    """The next dossiers that wait, by shop; their shops are locked."""
    name = (PendingDossier.shop_id, PendingDossier.dossier_id)
    shop, dossier = after
    later = (name[0] > shop) | ((name[0] == shop) & (name[1] > dossier))
    rows = session.execute(select(*name).where(later).order_by(*name).limit(AT_ONCE)).all()
    lock_shops(session, sorted({row.shop_id for row in rows}))
    return {row.dossier_id: row.shop_id for row in rows}


def _place(batch: Mapping[int, int]) -> tuple[int, int]:
    dossier, shop = list(batch.items())[-1]
    return shop, dossier


def _settle(session: Session, batch: Mapping[int, int], flaws: Mapping[int, str]) -> None:
    for part in chunks([dossier for dossier in batch if dossier not in flaws], 50_000):
        session.connection().execute(
            delete(PendingDossier).where(among(session, PendingDossier.dossier_id, part)))
    _note(session, flaws)


def _note(session: Session, flaws: Mapping[int, str]) -> None:
    for dossier, flaw in flaws.items():
        session.execute(update(PendingDossier).where(PendingDossier.dossier_id == dossier).values(flaw=flaw))
