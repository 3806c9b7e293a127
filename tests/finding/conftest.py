"""The site with its people and companies, for every test of a page."""

from __future__ import annotations

from tests.web.fixtures import app, client, clock, engine, login_as, site_settings, world

__all__ = ["app", "client", "clock", "engine", "login_as", "site_settings", "world"]
