"""The shell with the account pages alone."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine

from operator_qos.settings import Settings
from operator_qos.shell import build_app
from tests.web.fixtures import Clock, clock, site_settings, world

__all__ = ["account_app", "clock", "site_settings", "world"]


@pytest.fixture
def account_app(world: Engine, site_settings: Settings, clock: Clock) -> Flask:
    made = build_app(("operator_qos.accounts.views",), settings=site_settings, engine=world, clock=clock)
    made.testing = True
    return made
