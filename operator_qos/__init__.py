"""Keeps third-party sellers' service at the promised standard, fairly: explained, appealable and fast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from operator_qos.clock import utc_now

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy import Engine

    from operator_qos.settings import Settings

# Every module of pages or API that the site is made of. A module that does not exist is left out; one that
# does exposes `blueprint` and `PERMISSIONS`, which names every endpoint of it (see permissions.py).
BLUEPRINTS: tuple[str, ...] = (
    "operator_qos.accounts.views",
    "operator_qos.accounts.keys.views",
    "operator_qos.accounts.people.views",
    "operator_qos.accounts.people.door.views",
    "operator_qos.acts.views",
    "operator_qos.acts.api",
    "operator_qos.sellers.views",
    "operator_qos.sellers.seller_views",
    "operator_qos.standing.views",
    "operator_qos.ledger.views",
    "operator_qos.ledger.clocks.views",
    "operator_qos.disputes.views",
    "operator_qos.disputes.buyer.views",
    "operator_qos.disputes.office.views",
    "operator_qos.disputes.start.views",
    "operator_qos.disputes.api",
    "operator_qos.sources.views",
    "operator_qos.contract.views",
    "operator_qos.standards.views",
    "operator_qos.standards.author.views",
    "operator_qos.standards.tries.views",
    "operator_qos.standards.api",
    "operator_qos.trials.views",
    "operator_qos.calendars.views",
    "operator_qos.exclusions.views",
    "operator_qos.exclusions.incidents.views",
    "operator_qos.exclusions.registry.views",
    "operator_qos.finding.views",
    "operator_qos.notebook.views",
    "operator_qos.notices.views",
    "operator_qos.hooks.views",
    "operator_qos.imports.views",
    "operator_qos.imports.quarantine.views",
    "operator_qos.me.views",
    "operator_qos.me.api",
    "operator_qos.badges.views",
    "operator_qos.audit.views",
    "operator_qos.connections.views",
    "operator_qos.events.views",
    "operator_qos.events.api",
    "operator_qos.evaluation.views",
    "operator_qos.evaluation.api",
    "operator_qos.receiving.api",
    "operator_qos.recourse.views",
    "operator_qos.recourse.planning.views",
    "operator_qos.recourse.reporting.views",
    "operator_qos.statements.views",
    "operator_qos.reports.views",
    "operator_qos.reports.api",
    "operator_qos.operations.views",
)


def create_app(
    settings: Settings | None = None, *, engine: Engine | None = None, clock: Callable[[], datetime] = utc_now
) -> Flask:
    """The web application; settings come from the environment unless given."""
    # Imported here so that `import operator_qos` stays fast for commands that serve nothing.
    from operator_qos.db import get_engine
    from operator_qos.settings import read_settings
    from operator_qos.shell import build_app

    chosen = settings or read_settings()
    return build_app(BLUEPRINTS, settings=chosen, engine=engine or get_engine(chosen.url, chosen.pool), clock=clock)
