"""Running an import: batches in, bad rows to quarantine, resumable, idempotent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from operator_qos.connectors.rows import BadRow, EventRow, MarketplaceSeed
from operator_qos.db import unit_of_work
from operator_qos.events.log import insert_quarantined
from operator_qos.events.models import ImportProgress
from operator_qos.events.quarantine import ingest_guarded
from operator_qos.events.service import Counts, Intake, Receipt
from operator_qos.ledger.bulk import finish_bulk
from operator_qos.sellers.service import add_marketplace
from scoring.events import Problem

BATCH = 20_000
EXAMPLES = 10
Progress = Callable[[int], None]
Batches = Callable[[int, Counts], None]  # told after each batch: rows done, what became of the rows of this run


@dataclass(frozen=True)
class ImportReport:
    """How an import ended: rows read now, rows a broken-off run had done before, and what became of the events."""

    rows: int
    resumed_after: int
    counts: Counts
    examples: tuple[str, ...] = ()
    stuck: int = 0  # dossiers that could not be worked out; doctor tells what to do


@dataclass
class _Run:
    engine: Engine
    key: str
    name: str
    now: datetime
    counts: Counts = field(default_factory=Counts)
    examples: list[str] = field(default_factory=list)
    rows: int = 0


def add_seeds(engine: Engine, seeds: Sequence[MarketplaceSeed]) -> None:
    """Create the marketplaces an import needs; commits."""
    with unit_of_work(engine) as session:
        for seed in seeds:
            add_marketplace(
                session, marketplace_id=seed.id, timezone=seed.timezone, name=seed.name, currency=seed.currency,
                country=seed.country, language=seed.language)


def key_of(kind: str, paths: Sequence[Path]) -> str:
    """A name for these very files: kind, sizes and first bytes."""
    digest = hashlib.blake2b(kind.encode(), digest_size=16)
    for path in paths:
        digest.update(f"{path.name}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
    return digest.hexdigest()


def import_rows(
    engine: Engine, rows: Iterator[EventRow | BadRow], *, key: str, name: str, now: datetime,
    on_progress: Progress | None = None, on_batch: Batches | None = None,
) -> ImportReport:
    """Take in every row, a batch at a time, then bring the kept numbers up to date; commits as it goes.

    A run that broke off goes on where it stood; a finished one may run again and finds duplicates.
    """
    run = _Run(engine, key, name, now)
    done = _read_progress(engine, key)
    rows = islice(rows, done, None)
    while batch := list(islice(rows, BATCH)):
        _take_batch(run, batch)
        run.rows += len(batch)
        _write_progress(run, done + run.rows)
        if on_progress is not None:
            on_progress(done + run.rows)
        if on_batch is not None:
            on_batch(done + run.rows, run.counts)
    stuck = finish_bulk(engine, now=now)
    _write_progress(run, None)
    return ImportReport(run.rows, done, run.counts, tuple(run.examples), len(stuck))


def _take_batch(run: _Run, batch: Sequence[EventRow | BadRow]) -> None:
    bad = [row for row in batch if isinstance(row, BadRow)]
    if bad:
        with unit_of_work(run.engine) as session:
            for row in bad:
                insert_quarantined(session, row.raw, Problem(row.field, row.reason), origin=row.file, now=run.now,
                                   row=row.row, marketplace=row.marketplace, shop=row.shop, mapping_id=row.mapping_id)
        run.counts = replace(run.counts, quarantined=run.counts.quarantined + len(bad))
        _keep_examples(run, [f"{row.file} row {row.row}, {row.field}: {row.reason}" for row in bad])
    by_file: dict[str, list[EventRow]] = {}
    for good in (row for row in batch if isinstance(row, EventRow)):
        by_file.setdefault(good.file, []).append(good)
    for file, found in by_file.items():
        intake = Intake(run.now, file, open_shops=True, rows=[row.row for row in found], live=False)
        _count(run, found, ingest_guarded(run.engine, [row.event for row in found], intake=intake))


def _count(run: _Run, rows: Sequence[EventRow], receipts: Sequence[Receipt]) -> None:
    run.counts = run.counts.plus(receipts)
    _keep_examples(run, [f"{row.file} row {row.row}, {receipt.field}: {receipt.reason}"
                         for row, receipt in zip(rows, receipts, strict=True) if receipt.reason])


def _keep_examples(run: _Run, found: Sequence[str]) -> None:
    run.examples += found[: EXAMPLES - len(run.examples)]


def _read_progress(engine: Engine, key: str) -> int:
    with unit_of_work(engine) as session:
        found = session.get(ImportProgress, key)
        return found.rows_done if found is not None else 0


def _write_progress(run: _Run, rows_done: int | None) -> None:
    """Remember how far the import came; None: it is finished."""
    with unit_of_work(run.engine) as session:
        found = session.get(ImportProgress, run.key)
        if found is not None:
            session.delete(found)
            session.flush()
        if rows_done is not None:
            session.add(ImportProgress(id=run.key, name=run.name[:300], rows_done=rows_done, updated_at=run.now))
