"""Writers killed while they write: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from operator_qos.db import Base, create_database_engine
from operator_qos.ledger.rebuild import rebuild
from tests.pipeline.kills import list_logged, load_cleanly, make_events, read_ledger, write_under_kills
from tests.pipeline.loading import NOW

EVENTS, KILLS, WRITERS, LARGEST = 450, 1, 1, 150


def check_kills(engine: Engine, url: str, folder: Path, *, events: int, kills: int, writers: int, largest: int) -> None:
    """Take events in under kills; the ledger equals a clean run's and a rebuild's."""
    made = make_events(events)
    acknowledged = write_under_kills(engine, url, made, writers=writers, kills=kills, largest=largest)
    assert acknowledged == {event["id"] for event in made}
    assert list_logged(engine) == sorted(acknowledged)
    written = read_ledger(engine)
    clean = create_database_engine(f"sqlite:///{folder / 'clean.db'}")
    Base.metadata.create_all(clean)
    load_cleanly(clean, made)
    assert read_ledger(clean) == written
    clean.dispose()
    rebuild(engine, now=NOW)
    assert read_ledger(engine) == written


def test_killed_writers_lose_nothing_and_count_nothing_twice(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    check_kills(engine, database_url, tmp_path, events=EVENTS, kills=KILLS, writers=WRITERS, largest=LARGEST)
