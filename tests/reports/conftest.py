"""The site with its people and companies."""

from __future__ import annotations

from tests.web.fixtures import app, client, clock, engine, login_as, site_settings, world

__all__ = ["app", "client", "clock", "engine", "login_as", "site_settings", "world"]
