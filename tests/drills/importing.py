"""An import in a process of its own, which can be killed and tells how much memory it and its helpers took.

`python -m tests.drills.importing DATABASE_URL TABLE` takes the table in by its saved mapping.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from benchmarks.imports import MAPPING
from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.importing import import_rows
from operator_qos.connectors.mapping.applying import Applier
from operator_qos.connectors.mapping.rows import map_rows
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.events.models import ImportProgress
from operator_qos.imports.mappings import find_newest, read_saved, save_mapping
from tests.pipeline.loading import add_places

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BAD = (  # time, to ship by, total: what stands in the bad rows, each in a tenth of a percent
    ("soon", "20/05/2026", "5"), ("", "20/05/2026", "5"), ("31/02/2026 10:00", "20/05/2026", "5"),
    ("01/01/1999 10:00", "20/05/2026", "5"), ("01/01/2031 10:00", "20/05/2026", "5"),
    ("01/03/2026 10:00", "later", "5"), ("01/03/2026 10:00", "20/05/2026", "five"),
    ("01/03/2026 10:00", "20/05/2026", "-5"), ("01/03/2026 10:00", "20/05/2026", '"5'),
    ("01/03/2026 10:00", "20/05/2026", "5,6,7"))


def write_table(path: Path, rows: int) -> None:
    """One row in a hundred is bad, in turn in each of ten ways."""
    with path.open("w") as file:
        file.write("no,at,by,shop,buyer,total\n")
        for row in range(rows):
            kind = row // 100 % len(BAD) if row % 100 == 99 else None
            at, by, total = BAD[kind] if kind is not None else ("01/03/2026 10:00", "20/05/2026", "12.50")
            file.write(f"N{row},{at},{by},s{row % 200},b{row % 9_973},{total}\n")


def prepare(engine: Engine) -> None:
    """A marketplace, whose buyers are named alike in every database, and the mapping."""
    add_places(engine, {"fr": "Europe/Paris"})
    with unit_of_work(engine) as session:
        save_mapping(session, text=MAPPING, actor="ines", now=NOW)


def start(url: str, path: Path) -> subprocess.Popen[str]:
    """Begin the import, or go on with it."""
    return subprocess.Popen([sys.executable, "-m", __spec__.name, url, str(path)], stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the import says when it ends."""
    said, _ = process.communicate()
    assert process.returncode == 0
    return dict(json.loads(said))


def read_progress(engine: Engine) -> int:
    """How many rows are done."""
    with reading(engine) as session:
        return session.scalar(select(func.max(ImportProgress.rows_done))) or 0


def _read_peak_mb(pid: int | str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def _list_helpers() -> list[str]:
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return mine.read_text().split()


def main(url: str, path: Path) -> None:
    """Take the table in and say how it went."""
    engine = create_database_engine(url)
    with reading(engine) as session:
        saved = find_newest(session, "bench")
    assert saved is not None
    rows = map_rows(open_records(path), Applier(read_saved(saved.text), now=NOW), file="t.csv", mapping_id=saved.id)
    done = import_rows(engine, rows, key="t", name="t", now=NOW)
    peaks = [_read_peak_mb(pid) for pid in ("self", *_list_helpers())]
    print(json.dumps({"accepted": done.counts.accepted, "quarantined": done.counts.quarantined, "rows": done.rows,
                      "resumed_after": done.resumed_after, "stuck": done.stuck, "peak_mb": sum(peaks)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
