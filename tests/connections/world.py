"""A lab that is served, and a connection to it in a database of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from operator_qos.connections import queries, service
from operator_qos.connections.figures import Figure
from operator_qos.connections.jobs import Synced, Tools, sync_connection
from operator_qos.connections.queries import Card, get_connection_named
from operator_qos.connections.rules import Compared, Difference
from operator_qos.connections.service import NewConnection, add_connection
from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import Counts
from operator_qos.lab.chaos import Chaos
from operator_qos.lab.lab import Lab, open_lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE, create_mirakl
from operator_qos.lab.plan import LabPlan
from operator_qos.lab.server import serve_beside
from operator_qos.sellers.service import add_marketplace
from operator_qos.settings import Settings, read_secret

PLAN = LabPlan(3, 12, date(2026, 3, 2))
SECRET = "a secret of this installation, long enough"


@dataclass
class LabWorld:
    """A served lab, our database, and a connection named lab between them."""

    lab: Lab
    address: str
    engine: Engine
    settings: Settings
    first: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.first = datetime.fromtimestamp(self.lab.world.first_at, UTC)

    def at(self, days: float) -> datetime:
        """So many days after the lab's first moment; the lab's clock is put there."""
        moment = self.first + timedelta(days=days)
        self.lab.clock.set(int(moment.timestamp()))
        return moment

    @property
    def tools(self) -> Tools:
        return Tools(self.settings, pause=self.lab.gate.clock.skip, clock=lambda: self.first)

    @property
    def card(self) -> Card:
        with reading(self.engine) as session:
            return get_connection_named(session, "lab")

    def sync(self, days: float) -> Synced:
        done = sync_connection(self.engine, self.card, tools=self.tools, now=self.at(days), due_only=False)
        assert done is not None
        return done


@contextmanager
def open_lab_world(
    engine: Engine, folder: Path, *, plan: LabPlan = PLAN, chaos: Chaos | None = None, lab: Lab | None = None
) -> Iterator[LabWorld]:
    """Serve a lab and connect to it while the block runs; a lab given is begun again."""
    used = lab or open_lab(plan, calls_per_minute=CALLS_PER_MINUTE)
    used.reset(at=used.world.first_at, chaos=chaos or Chaos())
    with serve_beside(create_mirakl(used)) as address:
        world = LabWorld(used, address, engine, Settings(data_dir=folder, secret_key=SECRET))
        with unit_of_work(engine) as session:
            add_marketplace(session, marketplace_id="fr", timezone=used.world.timezone, name="Halle")
            add_connection(session, NewConnection(
                "lab", "mirakl", "fr", address, key=used.gate.client_secret, client_id=used.gate.client_id,
                token_address=f"{address}/oauth/token",
                reasons={"CANCELATION:42": "buyer/buyer_request", "CANCELATION:41": "seller/out_of_stock"}),
                secret=read_secret(world.settings), actor="ines", now=world.first)
        yield world


def add_failing(engine: Engine, *, now: datetime) -> int:
    """A connection that failed last, a wish that was refused, and a day of figures with one difference unexplained."""
    with unit_of_work(engine) as session:
        new = NewConnection("mirakl-fr", "mirakl", "halle-fr", "https://x.example", key="k")
        added = service.add_connection(session, new, secret="s", actor="ines", now=now)
        claim = service.claim_connection(session, queries.get_connection(session, added), now=now)
        assert claim is not None
        service.finish_run(session, claim, started_at=now, counts=Counts(12, 3, 0, 2), now=now,
                           error=("OR11: the platform answered 403.", "Check that the key is right."))
        service.queue_wish_at(session, added, shop="morvan-fr", wanted="immune", key="k", now=now,
                              until_at=now + timedelta(days=30))
        differences = (Difference("incident_rate", "LAST_MONTH", 0.05, Figure(1, 40), "unexplained"),
                       Difference("approval_delay", "LAST_YEAR", 7200.0, Figure(9000, 2), "late_events", 3),
                       Difference("orders_count", "LAST_MONTH", 41.0, Figure(40, 1), "set_aside", 2))
        service.keep_figures(session, connection_id=added, on=now.date(),
                             compared={"morvan-fr": Compared(40, 37, differences)})
        service.keep_figures(session, connection_id=added, on=now.date() - timedelta(days=1),
                             compared={"morvan-fr": Compared(40, 40, ())})
        return added
