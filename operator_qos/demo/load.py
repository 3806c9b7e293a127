"""Loading the demo: migrate, accounts, events, official runs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Engine, select

from operator_qos import migrate
from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.accounts.models import User
from operator_qos.accounts.service import NewUser, add_user
from operator_qos.clock import to_ms
from operator_qos.connectors.importing import import_rows
from operator_qos.connectors.rows import EventRow
from operator_qos.db import reading, unit_of_work
from operator_qos.demo.accounts import DEMO_ACCOUNTS
from operator_qos.demo.generator import generate_events
from operator_qos.demo.plan import DemoPlan, demo_plan
from operator_qos.evaluation.service import evaluate_due
from operator_qos.events.models import ImportProgress
from operator_qos.exclusions.jobs import find_shared_faults
from operator_qos.ledger.service import count_events
from operator_qos.sellers.service import add_marketplace, count_shops, find_or_add_seller
from scoring.events import moment_ms

Show = Callable[..., AbstractContextManager[Callable[[int], None]]]
KEY = "demo"


@dataclass(frozen=True)
class DemoReport:
    """What is there now, and whether this run loaded it."""

    loaded: bool
    events: int
    shops: int
    dates: int


def load_demo(engine: Engine, *, now: datetime, scale: float, show: Show) -> DemoReport:
    """Make the demo marketplace unless it is there; commits as it goes and goes on where it broke off."""
    migrate.upgrade(engine)
    if _is_loaded(engine):
        return _report(engine, loaded=False, dates=0)
    plan = demo_plan(now.date())
    _add_places(engine, plan)
    with show("Generating and taking in events") as on_progress, _without_collector():
        rows = (EventRow("demo", row, event) for row, event in enumerate(list_past_events(now, scale=scale), 1))
        import_rows(engine, rows, key=KEY, name="demo", now=now, on_progress=on_progress)
    with show("Judging every day") as on_progress, _without_collector():
        reports = evaluate_due(engine, now=now, on_progress=lambda done, _total: on_progress(done))
    with show("Searching for faults that sellers share"):
        find_shared_faults(engine, now=now)
    _add_people(engine, now)
    return _report(engine, loaded=True, dates=len(reports))


def list_past_events(now: datetime, *, scale: float) -> Iterator[dict[str, Any]]:
    """The demo's events up to now, in time order: the generator works until the morning of the day."""
    until = to_ms(now)
    events = generate_events(demo_plan(now.astimezone(UTC).date()), scale=scale)
    return takewhile(lambda event: moment_ms(event["time"]) <= until, events)


@contextmanager
def _without_collector() -> Iterator[None]:
    """A bulk load makes millions of objects and no cycles; looking for some takes a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _is_loaded(engine: Engine) -> bool:
    """The accounts come last, so where they are the rest is."""
    with reading(engine) as session:
        broken_off = session.get(ImportProgress, KEY) is not None
        return not broken_off and session.scalar(
            select(User.id).where(User.email == DEMO_ACCOUNTS[-1].email)) is not None


def _add_places(engine: Engine, plan: DemoPlan) -> None:
    with unit_of_work(engine) as session:
        for place in plan.marketplaces:
            add_marketplace(session, marketplace_id=place.id, timezone=place.timezone, name=place.name,
                            currency=place.currency, country=place.country, language=place.language)
        for company in plan.sellers:
            seller = find_or_add_seller(session, company.id, name=company.name, country=company.country)
            seller.language = company.language if company.language in {"fr", "en"} else "en"


def _add_people(engine: Engine, now: datetime) -> None:
    with unit_of_work(engine) as session:
        for account in DEMO_ACCOUNTS:
            add_user(session, NewUser(account.email, account.password, account.name, account.role, account.language,
                                      account.seller_id), actor=COMMAND_LINE, now=now)


def _report(engine: Engine, *, loaded: bool, dates: int) -> DemoReport:
    with reading(engine) as session:
        return DemoReport(loaded, count_events(session), count_shops(session), dates)
