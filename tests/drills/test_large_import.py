"""A million rows, one in a hundred bad: memory stays small, good rows land, every bad one waits with its reason.

QOS_DRILL_ROWS takes another number of rows.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from benchmarks.imports import MAPPING
from operator_qos.connectors.importing import BATCH
from operator_qos.db import Base, create_database_engine, reading, unit_of_work
from operator_qos.events.models import Event
from operator_qos.imports.mappings import save_mapping
from operator_qos.imports.quarantine import queries
from operator_qos.imports.quarantine.bulk import Change, repair_alike
from operator_qos.imports.quarantine.queries import Chosen
from tests.drills import importing
from tests.drills.importing import BAD, NOW
from tests.pipeline.loading import snapshot

pytestmark = pytest.mark.slow
ROWS = int(os.environ.get("QOS_DRILL_ROWS", "1000000"))
MOST_MB = 1_024
PAGE = 50


def count_orders(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(Event).where(Event.source == "/bench")) or 0


def test_a_million_rows_with_bad_ones_among_them(engine: Engine, database_url: str, tmp_path: Path) -> None:
    path, bad = tmp_path / "t.csv", ROWS // 100
    importing.write_table(path, ROWS)
    importing.prepare(engine)
    done = importing.finish(importing.start(database_url, path))
    assert (done["accepted"], done["quarantined"], done["stuck"]) == (ROWS - bad, bad, 0)
    assert done["peak_mb"] <= MOST_MB
    alike = bad // len(BAD)
    with reading(engine) as session:
        fields = Counter({group.field: group.count for group in queries.list_groups(session, Chosen())})
        first = queries.list_held(session, Chosen(), offset=0, limit=1)[0]
        last = queries.list_held(session, Chosen(), offset=bad - PAGE, limit=PAGE)
        assert queries.count_held(session, Chosen(text='"soon"')) == alike
    assert fields == {"at": 5 * alike, "by": alike, "total": 2 * alike, "row": 2 * alike}
    assert (first.origin, len(last), last[-1].row) == ("t.csv", PAGE, 101)
    # All of them at once: by value, by another mapping, and given up.
    replaced = Change("at", "soon", "01/03/2026 10:00")
    assert repair_alike(engine, chosen=Chosen(), change=replaced, actor="ines", now=NOW).landed == alike
    with unit_of_work(engine) as session:
        other = MAPPING.replace(", amount_minor: {column: total, decimals: 2}", "")  # asks for no money
        mapping = save_mapping(session, text=other, actor="ines", now=NOW)
    mapped = repair_alike(engine, chosen=Chosen(field="total"), change=Change(mapping_id=mapping.id), actor="ines",
                          now=NOW)
    assert mapped.landed == 2 * alike
    assert repair_alike(engine, chosen=Chosen(), change=Change(), actor="ines", now=NOW).landed == 0
    assert count_orders(engine) == ROWS - bad + 3 * alike
    given_up = repair_alike(engine, chosen=Chosen(), change=Change(dismiss=True), actor="ines", now=NOW)
    assert given_up.landed == 7 * alike
    with reading(engine) as session:
        assert queries.count_held(session, Chosen()) == 0
        assert "soon" in json.dumps([held.raw for held in queries.list_held(
            session, Chosen(settled=True, text='"soon"'), offset=0, limit=1)])


def test_an_import_killed_in_the_middle_ends_as_one_that_ran_through(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    path, rows = tmp_path / "t.csv", max(ROWS // 10, 3 * BATCH)
    importing.write_table(path, rows)
    importing.prepare(engine)
    running, before = importing.start(database_url, path), 0
    while before < BATCH and running.poll() is None:
        time.sleep(0.05)
        before = importing.read_progress(engine)
    running.kill()
    running.communicate()
    assert running.returncode < 0, "it was done before it could be killed"
    done = importing.finish(importing.start(database_url, path))
    assert BATCH <= done["resumed_after"] < rows
    assert done["rows"] == rows - done["resumed_after"]
    url = f"sqlite:///{tmp_path / 'clean.db'}"
    clean = create_database_engine(url)
    Base.metadata.create_all(clean)
    importing.prepare(clean)
    importing.finish(importing.start(url, path))
    assert count_orders(engine) == count_orders(clean) == rows - rows // 100
    assert snapshot(engine) == snapshot(clean)
    with reading(engine) as here, reading(clean) as there:
        assert queries.count_held(here, Chosen()) == queries.count_held(there, Chosen()) == rows // 100
    clean.dispose()
