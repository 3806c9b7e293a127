"""A temporary database with one marketplace, and outcome rows as the ledger would write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

import operator_qos.models
from operator_qos.db import Base, create_database_engine

assert operator_qos.models  # the import fills the metadata


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_database_engine(f"sqlite:///{tmp_path / 'evaluation.db'}")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()
