"""A small lab, made once, and a client that calls it without a network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from operator_qos.lab.chaos import Chaos
from operator_qos.lab.lab import Lab, open_lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE, create_mirakl
from operator_qos.lab.plan import LabPlan

KEY = {"Authorization": "lab-key"}
Get = Callable[..., Any]


@pytest.fixture(scope="package")
def made_lab() -> Lab:
    return open_lab(LabPlan(6, 40, date(2026, 3, 2)), calls_per_minute=CALLS_PER_MINUTE)


@pytest.fixture
def lab(made_lab: Lab) -> Lab:
    """The lab at the end of its history, as if nobody had called it before."""
    made_lab.reset(at=made_lab.world.last_at, chaos=Chaos())
    return made_lab


@pytest.fixture
def client(lab: Lab) -> FlaskClient:
    return create_mirakl(lab).test_client()


@pytest.fixture
def get(client: FlaskClient, lab: Lab) -> Get:
    def read(path: str, status: int = 200, **query: Any) -> Any:
        lab.gate.clock.skip(1)
        answer = client.get(path, query_string=query, headers=KEY)
        assert answer.status_code == status, answer.text
        return answer.get_json()
    return read
