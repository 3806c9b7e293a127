"""P8: a large CSV by a mapping, with its peak memory; reading and mapping alone, then everything.

`python -m benchmarks.imports [ROWS] [--read-only]` writes the table, then reads it in a process of its own, so that
the peak is its own. Each row gives one event; one in a hundred is bad.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import report

ROWS = 200_000
MAPPING = """mapping: bench
source: /bench
marketplace: fr
timezone: Europe/Paris
shop: "{shop}"
events:
  - type: order.placed
    id: "{no}"
    time: {column: at, format: "%d/%m/%Y %H:%M"}
    subject: "{no}"
    data: {ship_by: {column: by, format: "%d/%m/%Y"}, buyer: "{buyer}"}
    lines: [{line: "1", amount_minor: {column: total, decimals: 2}}]
"""
WORK = """
import json, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.importing import import_rows
from operator_qos.connectors.mapping.applying import Applier
from operator_qos.connectors.mapping.reading import parse_mapping
from operator_qos.connectors.mapping.rows import map_rows
from operator_qos.db import create_database_engine, unit_of_work
from operator_qos.models import Base
from operator_qos.sellers.service import add_marketplace
folder, all_of_it = Path(sys.argv[1]), sys.argv[2] == "all"
now = datetime(2026, 6, 1, tzinfo=UTC)
applier = Applier(parse_mapping((folder / "m.yaml").read_text()), now=now)
rows = map_rows(open_records(folder / "t.csv"), applier, file="t.csv", mapping_id=None)
began = time.perf_counter()
if all_of_it:
    engine = create_database_engine(f"sqlite:///{folder / 'qos.db'}")
    Base.metadata.create_all(engine)
    with unit_of_work(engine) as session:
        add_marketplace(session, marketplace_id="fr", timezone="Europe/Paris")
    done = import_rows(engine, rows, key="b", name="b", now=now)
    counted = [done.counts.accepted, done.counts.quarantined]
else:
    bad = total = 0
    for row in rows:
        total += 1
        bad += hasattr(row, "reason")
    counted = [total - bad, bad]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"seconds": time.perf_counter() - began, "peak_mb": peak, "events": counted[0], "bad": counted[1]}))
"""


def write_table(folder: Path, rows: int) -> None:
    """The table and its mapping."""
    (folder / "m.yaml").write_text(MAPPING)
    with (folder / "t.csv").open("w") as file:
        file.write("no,at,by,shop,buyer,total\n")
        for row in range(rows):
            at = "soon" if row % 100 == 99 else f"{row % 28 + 1:02}/{row % 4 + 1:02}/2026 {row % 24:02}:{row % 60:02}"
            file.write(f"N{row},{at},20/05/2026,s{row % 500},b{row % 9_973},{row % 900}.50\n")


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    rows = next((int(given) for given in arguments if given.isdigit()), ROWS)
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        write_table(Path(name), rows)
        written = time.perf_counter() - began
        for what in ("read",) if "--read-only" in arguments else ("read", "all"):
            command = [sys.executable, "-c", WORK, name, what]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(answer.stdout)
            report("P8", work="CSV by a mapping" + (", taken in" if what == "all" else ", read"), rows=rows,
                   seconds=round(found["seconds"], 1), rows_per_second=round(rows / found["seconds"]),
                   peak_mb=found["peak_mb"], events=found["events"], bad=found["bad"],
                   times_writing_it=round(found["seconds"] / written, 1))


if __name__ == "__main__":
    main(sys.argv[1:])
