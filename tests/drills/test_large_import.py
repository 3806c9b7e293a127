"""A million rows, one in a hundred bad: memory stays small, good rows land, every bad one waits with its reason."""

from __future__ import annotations

import json
import resource
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from benchmarks.imports import MAPPING
from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.importing import ImportReport, import_rows
from operator_qos.connectors.mapping.applying import Applier
from operator_qos.connectors.mapping.rows import map_rows
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import Event
from operator_qos.imports.mappings import read_saved, save_mapping
from operator_qos.imports.quarantine import queries
from operator_qos.imports.quarantine.bulk import Change, repair_alike
from operator_qos.imports.quarantine.queries import Chosen
from operator_qos.sellers.service import add_marketplace

pytestmark = pytest.mark.slow
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = 1_000_000
MOST_MB = 1_024
BAD = (  # time, to ship by, total: what stands in the bad rows, each in a tenth of a percent
    ("soon", "20/05/2026", "5"), ("", "20/05/2026", "5"), ("31/02/2026 10:00", "20/05/2026", "5"),
    ("01/01/1999 10:00", "20/05/2026", "5"), ("01/01/2031 10:00", "20/05/2026", "5"),
    ("01/03/2026 10:00", "later", "5"), ("01/03/2026 10:00", "20/05/2026", "five"),
    ("01/03/2026 10:00", "20/05/2026", "-5"), ("01/03/2026 10:00", "20/05/2026", '"5'),
    ("01/03/2026 10:00", "20/05/2026", "5,6,7"))


def write_table(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write("no,at,by,shop,buyer,total\n")
        for row in range(rows):
            kind = row // 100 % len(BAD) if row % 100 == 99 else None
            at, by, total = BAD[kind] if kind is not None else ("01/03/2026 10:00", "20/05/2026", "12.50")
            file.write(f"N{row},{at},{by},s{row % 200},b{row % 9_973},{total}\n")


def import_table(engine: Engine, path: Path) -> ImportReport:
    with unit_of_work(engine) as session:
        add_marketplace(session, marketplace_id="fr", timezone="Europe/Paris")
        saved = save_mapping(session, text=MAPPING, actor="ines", now=NOW)
    applier = Applier(read_saved(saved.text), now=NOW)
    rows = map_rows(open_records(path), applier, file="t.csv", mapping_id=saved.id)
    return import_rows(engine, rows, key="t", name="t", now=NOW)


def test_a_million_rows_with_bad_ones_among_them(engine: Engine, tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ROWS)
    done = import_table(engine, tmp_path / "t.csv")
    bad = ROWS // 100
    assert (done.counts.accepted, done.counts.quarantined) == (ROWS - bad, bad)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 <= MOST_MB
    with reading(engine) as session:
        fields = Counter({group.field: group.count for group in queries.list_groups(session, Chosen())})
        first = queries.list_held(session, Chosen(), offset=0, limit=1)[0]
    assert sum(fields.values()) == bad
    assert fields["at"] == bad // 2
    assert first.origin == "t.csv"
    done_again = repair_alike(engine, chosen=Chosen(text='"soon"'), change=Change("at", "soon", "01/03/2026 10:00"),
                              actor="ines", now=NOW)
    assert done_again.landed == bad // len(BAD)
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(Event).where(Event.source == "/bench")) == (
            ROWS - bad + bad // len(BAD))
        assert "soon" in json.dumps([held.raw for held in queries.list_held(
            session, Chosen(settled=True), offset=0, limit=1)])
