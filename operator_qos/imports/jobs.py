"""Working off the imports that people started, outside any request."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from operator_qos.connectors.importing import import_rows
from operator_qos.connectors.mapping.applying import Applier
from operator_qos.connectors.mapping.reading import MappingError
from operator_qos.connectors.mapping.rows import map_rows
from operator_qos.connectors.rows import SourceLayoutError
from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import Counts
from operator_qos.imports import service
from operator_qos.imports.mappings import find_mapping, read_saved
from operator_qos.imports.quarantine.bulk import read_change, repair_alike
from operator_qos.imports.queries import Run
from operator_qos.imports.reading import open_for
from operator_qos.imports.store import ImportStore

log = logging.getLogger(__name__)
_GONE = "The file is no longer there. Upload it again."


def run_imports(engine: Engine, store: ImportStore, *, now: datetime) -> int:
    """Work off every import that waits, one after the other; how many there were. Commits as it goes."""
    done = 0
    while run := _claim(engine, now):
        _work(engine, store, run, now)
        done += 1
    return done


def _claim(engine: Engine, now: datetime) -> Run | None:
    with unit_of_work(engine) as session:
        return service.claim_run(session, now=now)


def _work(engine: Engine, store: ImportStore, run: Run, now: datetime) -> None:
    error = ""
    try:
        if run.kind == "repair":
            _repair(engine, run, now)
        else:
            _import(engine, store, run, now)
    except FileNotFoundError:
        error = _GONE
    except (SourceLayoutError, MappingError) as refused:
        error = str(refused)
    except Exception as unexpected:  # the next import must still run, and a person must see this one
        log.exception("import %s failed", run.id)
        error = f"It stopped unexpectedly ({type(unexpected).__name__}). What was taken in stays."
    with unit_of_work(engine) as session:
        service.end_run(session, run_id=run.id, state="failed" if error else "done", error=error, now=now)


def _import(engine: Engine, store: ImportStore, run: Run, now: datetime) -> None:
    with reading(engine) as session:
        saved = find_mapping(session, run.mapping_id or 0)
    if saved is None:
        raise FileNotFoundError
    mapping = read_saved(saved.text)
    table = open_for(store.path_of(run.stored_as), mapping)
    rows = map_rows(table, Applier(mapping, now=now, marketplace=run.marketplace), file=run.origin,
                    mapping_id=saved.id)
    import_rows(engine, rows, key=f"run:{run.id}", name=run.origin, now=now,
                on_batch=partial(_note, engine, run, now))


def _note(engine: Engine, run: Run, now: datetime, rows_done: int, counts: Counts) -> None:
    """What was counted before the run broke off is added."""
    total = Counts(
        run.counts.accepted + counts.accepted, run.counts.duplicate + counts.duplicate,
        run.counts.conflict + counts.conflict, run.counts.quarantined + counts.quarantined)
    with unit_of_work(engine) as session:
        service.note_progress(session, run_id=run.id, rows_done=rows_done, counts=total, now=now)


def _repair(engine: Engine, run: Run, now: datetime) -> None:
    chosen, change = read_change(run.change or {})
    repair_alike(engine, chosen=chosen, change=change, actor=run.created_by, now=now,
                 on_progress=partial(_note_repaired, engine, run, now))


def _note_repaired(engine: Engine, run: Run, now: datetime, looked_at: int, landed: int, refused: int) -> None:
    with unit_of_work(engine) as session:
        counts = Counts(accepted=landed, quarantined=refused)
        service.note_progress(session, run_id=run.id, rows_done=looked_at, counts=counts, now=now)


def drop_old_files(engine: Engine, store: ImportStore, *, now: datetime) -> int:
    """Take away the files of imports that ended a week ago; how many. Commits."""
    with unit_of_work(engine) as session:
        names = service.list_old_files(session, now=now)
        # Before it commits: what breaks off here is found again by the names that still stand.
        for name in names:
            store.discard(name)
    return len(names)
