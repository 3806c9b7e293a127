"""The site for the pages of a shop whose rows are in the lake."""

from __future__ import annotations

from tests.web.fixtures import app, client, clock, engine, login_as, site_settings
from tests.web.fixtures import world as site_world

__all__ = ["app", "client", "clock", "engine", "login_as", "site_settings", "site_world"]
