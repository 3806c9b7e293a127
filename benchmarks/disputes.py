"""P4 for mediators: the queue, a case and the lists with 10,000 open disputes, on a copy of a filled SQLite database.

`python -m benchmarks.disputes [DATABASE] [OPEN]` copies the open and decided disputes of the database until 10,000 wait
(or so many) and three times as many were decided, signs in as the demo's people and asks for each page 40 times; the
timers' look at what is due and the load of the mediators are measured beside it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, select

from benchmarks.common import copy_database, percentile, report
from benchmarks.pages import sign_in
from operator_qos import create_app
from operator_qos.accounts.models import User
from operator_qos.clock import utc_now
from operator_qos.db import reading, unit_of_work
from operator_qos.disputes import queries
from operator_qos.disputes.models import Dispute
from operator_qos.disputes.rules import IN_MEDIATION, OPEN_STATES
from operator_qos.settings import Settings

OPEN, ROUNDS, PART = 10_000, 40, 2_000
PAGES = (("mediator", "/mediator/queue"), ("mediator", "/mediator/queue?page=40"),
         ("mediator", "/mediator/cases/{case}"), ("mediator", "/mediator/figures"), ("admin", "/operator/disputes"),
         ("admin", "/operator/disputes/{case}"), ("admin", "/operator/today"))


def _list_templates(engine: Engine, *, is_open: bool) -> list[dict[str, Any]]:
    columns = [column for column in Dispute.__table__.columns if column.name != "id"]
    kept = Dispute.state.in_(OPEN_STATES) if is_open else Dispute.closed_at.is_not(None)
    with reading(engine) as session:
        return [dict(row._mapping) for row in session.execute(select(*columns).where(kept))]


def _multiply(
    engine: Engine, templates: list[dict[str, Any]], count: int, *, is_open: bool, mediators: list[int]
) -> None:
    """Copies of real disputes under new names, their deadlines spread over two weeks around now."""
    now = utc_now()
    rows = []
    for number in range(count):
        row = {**templates[number % len(templates)], "case_ref": f"bench-{is_open}-{number}"}
        if is_open:  # three in four wait for a mediator; an open talk keeps what it is
            row |= {"state": "assigned", "holder": "mediator", "mediator_id": mediators[number % len(mediators)],
                    "escalated_at": now - timedelta(hours=number % 300), "timer_at": None,
                    "decision_due_at": now + timedelta(minutes=number * 2 - 10_000)} if number % 4 else {}
        else:
            ended = {"state": "closed", "holder": "nobody", "fault": ("seller", "carrier")[number % 3 == 0],
                     "remedy": "refund", "refund_minor": row["amount_minor"], "counts": True, "timer_at": None}
            row |= {**ended, "decided_by": mediators[number % len(mediators)],
                    "decided_at": now - timedelta(minutes=number * 16)}
        rows.append(row)
    with unit_of_work(engine) as session:
        for start in range(0, count, PART):
            session.execute(insert(Dispute), rows[start : start + PART])


def fill(engine: Engine, waiting: int) -> int:
    """So many open disputes, three times as many decided ones; the id of a real one that waits for a mediator."""
    with reading(engine) as session:
        mediators = list(session.scalars(select(User.id).where(User.role == "mediator")))
        real = session.scalar(select(Dispute.id).where(Dispute.state.in_(IN_MEDIATION)).order_by(Dispute.id))
    for is_open, count in ((True, waiting), (False, 3 * waiting)):
        templates = _list_templates(engine, is_open=is_open)
        _multiply(engine, templates, max(0, count - len(templates)), is_open=is_open, mediators=mediators)
    assert real is not None, "the database has no dispute that waits for a mediator"
    return real


def measure(doing: Callable[[], object]) -> dict[str, float]:
    """Server time of 40 rounds after two that warm up."""
    seconds = []
    for _ in range(ROUNDS + 2):
        started = time.perf_counter()
        doing()
        seconds.append(time.perf_counter() - started)
    return {"p50_ms": round(percentile(seconds[2:], 0.5) * 1000, 1),
            "p95_ms": round(percentile(seconds[2:], 0.95) * 1000, 1)}


def _look_at_due(engine: Engine) -> None:
    with reading(engine) as session:
        queries.list_due_ids(session, now=utc_now(), limit=200)
        queries.list_expired_offers(session, now=utc_now(), limit=200)


def _find_mediator(engine: Engine) -> None:
    with reading(engine) as session:
        dispute = session.scalars(select(Dispute).where(Dispute.state.in_(IN_MEDIATION)).limit(1)).one()
        queries.find_least_loaded_mediator(session, dispute)


def main() -> None:
    """Ask for every page and print a figure for each."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "var/operator-qos.db")
    with tempfile.TemporaryDirectory() as name:
        engine = copy_database(source, Path(name) / "copy.db")
        case = fill(engine, int(sys.argv[2]) if len(sys.argv) > 2 else OPEN)
        with reading(engine) as session:
            waiting, decided = (session.scalar(select(func.count(Dispute.id)).where(which)) for which in (
                Dispute.state.in_(OPEN_STATES), Dispute.closed_at.is_not(None)))
        app = create_app(Settings(data_dir=Path(name)), engine=engine)
        for role, template in PAGES:
            client, page = app.test_client(), template.format(case=case)
            sign_in(client, role)
            assert client.get(page).status_code == 200, page
            figures = measure(lambda client=client, page=page: client.get(page))  # type: ignore[misc]
            report(f"P4 {template}", open_disputes=waiting, decided=decided, **figures)
        for figure, doing in (("due queue", _look_at_due), ("assignment by load", _find_mediator)):
            report(f"P4 {figure}", open_disputes=waiting, **measure(lambda doing=doing: doing(engine)))  # type: ignore[misc]


if __name__ == "__main__":
    main()
