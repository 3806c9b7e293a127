"""What every benchmark shares: the machine, percentiles, one JSON line per figure."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from operator_qos.db import create_database_engine


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, int(-(-share * len(ordered) // 1)) - 1)]


def report(figure: str, **numbers: object) -> None:
    """Print one figure with the machine it was taken on."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version,
               "load": round(os.getloadavg()[0], 2)}
    print(json.dumps({"figure": figure, **numbers, "machine": machine}))


def open_database(url: str | None, folder: Path) -> Engine:
    """An engine on the database asked for, else on a copy of the demo's in a folder."""
    return create_database_engine(url) if url else copy_database(Path("var/operator-qos.db"), folder / "copy.db")


def copy_database(source: Path, target: Path) -> Engine:
    """An engine on a copy of a SQLite database, so that a benchmark leaves no trace."""
    with sqlite3.connect(source) as held:
        held.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(source, target)
    return create_database_engine(f"sqlite:///{target}")
