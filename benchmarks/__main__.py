"""`python -m benchmarks [DATABASE] [--small]`: every figure, one JSON line each.

DATABASE is a filled SQLite file, else the demo's; it is only copied. With --small everything runs at a size that says
whether it runs, not how fast it is. Each benchmark is a process of its own: one that fails is named at the end, and the
others are measured all the same.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import copy_database

DEMO = Path("var/operator-qos.db")
COPY = "COPY"  # stands for the address of a copy of the database that the benchmark may write to
FILE = "FILE"  # the database itself, which the benchmark copies
# Benchmark -> its arguments, and those when it only has to run.
RUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ingest": ((COPY,), (COPY, "--rounds", "2")),
    "imports": ((), ("2000", "--read-only")),
    "pages": ((COPY,), (COPY, "--users", "2", "--minutes", "0.1", "--ingest", "0")),
    "disputes": ((FILE,), (FILE, "300")),
    "clock": ((), ("20000",)),
    "evaluation": ((), ("20000", "200")),
    "backtest": ((), ("20000", "200", "30")),
    "shared_fault": ((), ("5",)),
    "alarms": ((), ("50",)),
    "rebuild": ((), ("20000", "200")),
    "lake": ((), ("1", "0.01")),
}


def run(name: str, arguments: Sequence[str], database: Path) -> bool:
    """Run one benchmark; whether it came to its end."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        if COPY in arguments:
            copy_database(database, copy).dispose()
        known = {COPY: f"sqlite:///{copy}", FILE: str(database)}
        given = [known.get(argument, argument) for argument in arguments]
        return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *given], check=False).returncode == 0


def main(arguments: Sequence[str]) -> int:
    """Run them one after the other; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Every figure, one JSON line each.")
    parser.add_argument("database", nargs="?", type=Path, default=DEMO, help="a filled SQLite one; default: the demo's")
    parser.add_argument("--small", action="store_true", help="at sizes that say whether it runs, not how fast")
    asked = parser.parse_args(arguments)
    if not asked.database.is_file():
        parser.error(f"{asked.database} is not there; fill it with: operator-qos demo --no-serve")
    if importlib.util.find_spec("pyspark") is None:
        print("lake: left out, Spark is not installed; pip install 'operator-qos[bench]'", file=sys.stderr)
    names = [name for name in RUNS if name != "lake" or importlib.util.find_spec("pyspark")]
    failed = [name for name in names if not run(name, RUNS[name][asked.small], asked.database)]
    if failed:
        print(f"these came to no end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
