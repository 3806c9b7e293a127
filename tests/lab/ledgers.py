"""A marketplace of the lab read twice, on a good day and with everything going wrong: the ledgers that follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from operator_qos.connectors.contract import find_connect
from operator_qos.lab.chaos import Chaos, switch_on
from operator_qos.lab.comparing import Log, compare_logs, compare_with_truth, name_affected, name_cases, set_aside
from operator_qos.lab.conformance import Book, Stage, open_stage, play
from operator_qos.lab.plan import LabPlan
from operator_qos.lab.truths import list_claims
from tests.databases import fill, opened
from tests.pipeline.loading import add_places, feed, snapshot

BATCH = 5_000
Ledger = dict[str, list[str]]


@dataclass(frozen=True)
class Twice:
    """Both readings of the same marketplace; `aside` was reported as unreadable in the second."""

    stage: Stage
    clean: Book
    chaotic: Book
    aside: frozenset[str]

    def list_misread(self) -> list[str]:
        """What the good day's log says that was not so, or does not say."""
        ticks, world = self.stage.seconds, self.stage.lab.world
        return compare_with_truth(world, self.clean.events, list_claims(world, ticks[-1]), ticks)

    def list_differences(self) -> list[str]:
        """Where the two logs differ, apart from what was reported."""
        return compare_logs(self.clean.events, self.chaotic.events, aside=self.aside)

    def read_ledgers(self, folder: Path) -> tuple[Ledger, Ledger]:
        """The ledgers of both logs, as they arrived, without what was reported."""
        cases = name_cases(self.clean.events)
        logs = [set_aside(book.events, self.aside, cases) for book in (self.clean, self.chaotic)]
        first, second = (_derive(folder / f"{number}.db", log) for number, log in enumerate(logs))
        return first, second


@contextmanager
def read_twice(plan: LabPlan, *, step_hours: int) -> Iterator[Twice]:
    """Read the marketplace to its end, without and with every switch."""
    connect = find_connect("mirakl")
    assert connect is not None
    with open_stage(connect, plan, step_hours=step_hours) as stage:
        clean = play(stage, Chaos())
        chaotic = play(stage, switch_on(["all"], slow_seconds=0.01))
        yield Twice(stage, clean, chaotic, name_affected(stage.lab.world, chaotic.unreadable))


def _derive(path: Path, log: Log) -> Ledger:
    url = f"sqlite:///{path}"
    fill(url)
    with opened(url) as engine:
        add_places(engine, {"lab": "Europe/Paris"})
        events = iter(log.values())
        while batch := list(islice(events, BATCH)):
            receipts = feed(engine, batch)
            assert {receipt.status for receipt in receipts} == {"accepted"}, [
                (receipt.field, receipt.reason) for receipt in receipts if receipt.reason][:5]
        return snapshot(engine)
