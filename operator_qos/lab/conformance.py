"""What every connector must pass: against the lab it ends with the same log whatever goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from operator_qos.connectors.contract import (
    Access,
    ActingConnector,
    Batch,
    Connect,
    Connector,
    Remembered,
    ShopWish,
    SourceUnavailable,
    Unreadable,
)
from operator_qos.lab.chaos import SWITCHES, Chaos, switch_on
from operator_qos.lab.comparing import compare_logs, compare_with_truth, name_affected
from operator_qos.lab.lab import Lab, open_lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE, create_mirakl
from operator_qos.lab.mirakl.shops import PROTECTED
from operator_qos.lab.plan import LabPlan
from operator_qos.lab.server import serve_beside
from operator_qos.lab.truths import list_claims

ATTEMPTS = 30
BROKEN_OFF_AFTER = (0, 2, 6)  # batches, at each tick; then the pull may end
SHOWN = 5
PERSONAL = ("Durand", "rue du Test", "@example.com", "+331", "Camille")
RUNS = ("clean", *SWITCHES, "all", "broken off", "writes")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, and how it went."""

    name: str
    passed: bool
    told: str


@dataclass
class Book:
    """A memory and a log, as a driver keeps them: a batch is stored whole or not at all."""

    events: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def find_cursor(self, stream: str) -> str | None:
        """How far the stream was read."""
        return self.cursors.get(stream)

    def find_seen(self, stream: str, keys: Sequence[str]) -> Mapping[str, Remembered]:
        """What is remembered of these things."""
        return {key: json.loads(self.seen[stream, key]) for key in keys if (stream, key) in self.seen}

    def store(self, batch: Batch) -> None:
        """Take a batch in; the first of two events of one id stands."""
        for event in batch.events:
            name = (str(event["source"]), str(event["id"]))
            if self.events.setdefault(name, event) != event:
                self.conflicts.append(name[1])
        self.unreadable += batch.unreadable
        for key, remembered in batch.seen.items():
            self.seen[batch.stream, key] = json.dumps(remembered)
            if remembered is None:
                del self.seen[batch.stream, key]
        if batch.cursor is not None:
            self.cursors[batch.stream] = batch.cursor


@dataclass
class Stage:
    """A served lab, the connector to try, and the moments at which it pulls."""

    lab: Lab
    address: str
    connect: Connect
    ticks: Sequence[datetime]

    def connector(self, *, with_key: bool = False) -> Connector:
        """A new connector, by key or by client and secret."""
        gate, world = self.lab.gate, self.lab.world
        place = {"address": self.address, "source": "/lab", "marketplace": "lab", "timezone": world.timezone,
                 "currency": world.currency, "country": world.country}
        access = Access(**place, api_key=gate.api_key) if with_key else Access(
            **place, token_address=f"{self.address}/oauth/token", client_id=gate.client_id,
            client_secret=gate.client_secret)
        return self.connect(access, pause=gate.clock.skip)

    @property
    def seconds(self) -> list[int]:
        """The moments of the pulls [epoch s]."""
        return [int(tick.timestamp()) for tick in self.ticks]


@contextmanager
def open_stage(connect: Connect, plan: LabPlan, *, step_hours: int) -> Iterator[Stage]:
    """Serve a lab while the block runs."""
    lab = open_lab(plan, calls_per_minute=CALLS_PER_MINUTE)
    first, last = (datetime.fromtimestamp(at, UTC) for at in (lab.world.first_at, lab.world.last_at))
    step = timedelta(hours=step_hours)
    ticks = [first + number * step for number in range(1, int((last - first) / step) + 1)]
    with serve_beside(create_mirakl(lab)) as address:
        yield Stage(lab, address, connect, ticks)


def play(stage: Stage, chaos: Chaos, *, breaks_off: bool = False, with_key: bool = False) -> Book:
    """Pull at every tick until the pull ends, with everything that goes wrong on the way; gives what was stored."""
    stage.lab.reset(at=int(stage.ticks[0].timestamp()), chaos=chaos)
    book = Book()
    connector = stage.connector(with_key=with_key)
    for tick in stage.ticks:
        stage.lab.clock.set(int(tick.timestamp()))
        for stop_after in (*(BROKEN_OFF_AFTER if breaks_off else ()), *(None,) * ATTEMPTS):
            if breaks_off:
                connector = stage.connector(with_key=with_key)
            if _pull(stage, connector, book, tick, stop_after=stop_after):
                break
        else:
            book.troubles.append(f"the pull of {tick:%d %B %H:%M} did not end in {ATTEMPTS} attempts")
            break
    return book


def _pull(stage: Stage, connector: Connector, book: Book, now: datetime, *, stop_after: int | None) -> bool:
    """One attempt; False when it has to be made again. The batch it is stopped after was made but is not stored."""
    try:
        for number, batch in enumerate(connector.pull(book, now=now)):
            if number == stop_after:
                return False
            book.store(batch)
    except SourceUnavailable as gone:
        if not book.troubles:
            book.troubles.append(str(gone))
        stage.lab.gate.clock.skip(gone.retry_after_seconds or 60.0)
        return False
    return True


def check_connector(
    connect: Connect, plan: LabPlan, *, step_hours: int = 24, runs: Sequence[str] = RUNS, slow_seconds: float = 0.01
) -> list[Check]:
    """Try a connector on a lab of that size: a clean run, then those of `runs` (RUNS lists them all)."""
    with open_stage(connect, plan, step_hours=step_hours) as stage:
        clean = play(stage, Chaos(), with_key=True)
        checks = [*_check_clean(stage, clean)]
        for name in runs:
            if name == "broken off":
                checks.append(_compare(stage, name, clean, play(stage, Chaos(), breaks_off=True)))
            elif name == "writes":
                checks += _check_writes(stage)
            elif name != "clean":
                chaos = switch_on([name], slow_seconds=slow_seconds)
                checks.append(_compare(stage, name, clean, play(stage, chaos)))
        return checks


def _verdict(name: str, faults: Sequence[str], well: str) -> Check:
    told = well if not faults else f"{len(faults)} differ: " + "; ".join(faults[:SHOWN])
    return Check(name, not faults, told)


def _check_clean(stage: Stage, clean: Book) -> Iterator[Check]:
    lab, ticks = stage.lab, stage.seconds
    faults = compare_with_truth(lab.world, clean.events, list_claims(lab.world, ticks[-1]), ticks)
    faults = [*clean.troubles[-1:], *faults]
    yield _verdict("understands", faults, f"{len(clean.events)} events tell what was so")
    yield _verdict("ids", clean.conflicts, "no id stands for two contents")
    yield _verdict("limits", [f"{name} {count} times" for name, count in lab.gate.refused.items()],
                   f"{sum(lab.gate.calls.values())} calls, none too often")
    text = json.dumps(list(clean.events.values()), default=str, ensure_ascii=False)
    yield _verdict("personal data", [word for word in PERSONAL if word in text], "no name, address or mail in an event")


def _compare(stage: Stage, name: str, clean: Book, other: Book) -> Check:
    """The same log as the clean run's, things apart that were reported as unreadable; and no hurry."""
    aside = name_affected(stage.lab.world, other.unreadable)
    faults = compare_logs(clean.events, other.events, aside=aside)
    faults = [*other.troubles[-1:], *faults] if faults else []
    faults += [f"id for two contents: {conflict}" for conflict in other.conflicts]
    faults += [f"called {operation} before its Retry-After" for operation in +stage.lab.gate.hurried]
    if stage.lab.surprises and not other.unreadable:
        faults.append("values nobody announced were reported nowhere")
    if len(aside) > (len(stage.lab.world.orders) + len(stage.lab.world.threads)) // 2:
        faults.append(f"{len(aside)} things could not be read")
    told = f"the same {len(other.events)} events" + (f", {len(aside)} things set aside" if aside else "")
    return _verdict(name, faults, told)


def _check_writes(stage: Stage) -> Iterator[Check]:
    stage.lab.reset(at=stage.seconds[-1], chaos=Chaos())
    connector, now = stage.connector(), stage.ticks[-1]
    if not isinstance(connector, ActingConnector):
        return
    shops = sorted(stage.lab.world.shops)
    wishes = [ShopWish(shops[0], "suspended", "test"), ShopWish(shops[0], "open"), ShopWish(shops[0], "premium"),
              ShopWish(shops[0], "not_premium"), ShopWish(shops[0], "immune", until_at=now + timedelta(days=9))]
    faults = [fault for wish in wishes for fault in _try_wish(connector, wish, now)]
    yield _verdict("writes", faults, "every wish is asked for, twice without harm, and read back")
    lost = (ShopWish(shops[min(PROTECTED, len(shops) - 1)], "suspended", "test"),
            ShopWish(shops[0], "immune", until_at=now - timedelta(days=1)), ShopWish("1", "open"))
    refused = [f"{wish.state} of {wish.shop} was {answer.state}" for wish in lost
               if (answer := connector.ask(wish, now=now)).state != "failed" or not answer.error]
    yield _verdict("refused writes", refused, "a refusal is failed, with the platform's reason")


def _try_wish(connector: ActingConnector, wish: ShopWish, now: datetime) -> Iterator[str]:
    for _ in range(2):
        asked = connector.ask(wish, now=now)
        if asked.state == "failed":
            yield f"{wish.state}: {asked.error}"
    read = connector.read_back(wish, now=now)
    if read.state != "in_force":
        yield f"{wish.state}: read back as {read.state} {read.error}"
