"""The shell around endpoints made for the purpose."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine

from operator_qos.settings import Settings
from operator_qos.shell import build_app
from tests.web.fixtures import Clock, clock, engine, site_settings, world

__all__ = ["clock", "engine", "probe_app", "site_settings", "world"]

MODULES = ("operator_qos.accounts.views", "operator_qos.nowhere.views", "tests.web.probe")


@pytest.fixture
def probe_app(world: Engine, site_settings: Settings, clock: Clock) -> Flask:
    made = build_app(MODULES, settings=site_settings, engine=world, clock=clock)
    made.testing = True
    return made
