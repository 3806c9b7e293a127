"""Which lines and branches a run goes through: a plugin of pytest, `-p tests.measuring`, read by `tests/gates.py`.

Probes within the measured code cost a twentieth of its time. Following every call of every library, as tracing does,
made the run more than twice as long.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".coverage"
PACKAGES = ("operator_qos", "scoring")
NEVER = 10**9  # taking a probe out again means looking for its function everywhere: it costs more than leaving it


class Measured:
    """Every module of the product that is imported from now on carries probes."""

    def __init__(self) -> None:
        # Not at the top: pytest wants to see what brings a plugin with it before anybody imports it.
        from slipcover import FileMatcher, ImportManager, Slipcover

        self._probes = Slipcover(branch=True, d_miss_threshold=NEVER)
        ImportManager(self._probes, FileMatcher(sources=[ROOT / name for name in PACKAGES])).__enter__()

    def pytest_unconfigure(self) -> None:
        """Leave what was seen in a file of this process's own."""
        seen = {file: sorted(places, key=str) for file, places in self._probes.newly_seen.items()}
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{uuid.uuid4().hex}.json").write_text(json.dumps(seen))


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any conftest imports what is measured."""
    early_config.pluginmanager.register(Measured())


def read_seen() -> dict[str, set[int | tuple[int, int]]]:
    """Lines, and branches as pairs of lines, that any process of the last run went through, by file."""
    found: dict[str, set[int | tuple[int, int]]] = defaultdict(set)
    for path in FOLDER.glob("*.json"):
        for file, places in json.loads(path.read_text()).items():
            found[file] |= {tuple(place) if isinstance(place, list) else place for place in places}
    return found
