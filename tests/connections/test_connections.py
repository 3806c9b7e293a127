"""A connection against the lab, over HTTP and on both databases: read, broken off, refused, asked and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from operator_qos.acts.adapters import ADAPTERS, Request
from operator_qos.acts.queries import ActRow
from operator_qos.clock import to_ms
from operator_qos.connections import jobs, queries, service
from operator_qos.connections.models import Connection, ConnectionThing
from operator_qos.connections.sealing import SealError, open_key, seal_key
from operator_qos.connections.service import ConnectionRefused, NewConnection
from operator_qos.connectors.contract import Batch
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import Event, Quarantined
from operator_qos.events.service import Intake
from operator_qos.lab.chaos import switch_on
from operator_qos.lab.lab import Lab, open_lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.sellers.service import add_marketplace
from tests.connections.world import PLAN, SECRET, LabWorld, open_lab_world


@pytest.fixture(scope="module")
def lab() -> Lab:
    return open_lab(PLAN, calls_per_minute=CALLS_PER_MINUTE)


@pytest.fixture
def world(engine: Engine, tmp_path: Path, lab: Lab) -> Iterator[LabWorld]:
    with open_lab_world(engine, tmp_path, lab=lab) as made:
        yield made


def read_log(engine: Engine, name: str = "lab") -> dict[str, tuple[int, int | None, str]]:
    """Every event of a connection by its id: its time, the other one, and what it says."""
    columns = (Event.event_id, Event.at_ms, Event.other_ms, Event.data)
    with reading(engine) as session:
        rows = session.execute(select(*columns).where(Event.source == f"/connections/{name}")).all()
    return {row.event_id: (row.at_ms, row.other_ms, str(sorted(_without_names(row.data)))) for row in rows}


def _without_names(data: Mapping[str, object]) -> list[tuple[str, str]]:
    """What an event says, but for what is named after its connection."""
    return [(name, str(value)) for name, value in data.items() if name not in {"buyer", "source"}]


def test_a_platform_is_read_into_the_log_once_and_things_are_remembered(world: LabWorld) -> None:
    first = world.sync(6)
    assert first.error == ""
    assert first.counts.accepted > 40
    assert first.counts.quarantined == first.counts.conflict == 0
    assert world.sync(6).counts.accepted == 0
    assert world.sync(6.01).counts.accepted < 10
    card = world.card
    assert (card.state, card.error, card.failures, card.read_at) == ("reading", "", 0, world.at(6.01))
    with reading(world.engine) as session:
        assert len(list_shop_cards(session)) == PLAN.shops
        assert {row.source for row in session.execute(select(Event.source))} == {"/connections/lab"}
        assert [run.accepted > 0 for run in queries.list_runs(session, card.id)][-1]
        orders = select(func.count()).select_from(ConnectionThing).where(ConnectionThing.stream == "orders")
        assert session.scalar(orders) == len([order for order in world.lab.world.orders.values()
                                              if max(order.steps[0].at, order.shown_from) <= world.lab.clock.now()])


@pytest.mark.parametrize("database", ["sqlite"])
def test_whatever_goes_wrong_on_the_way_the_log_is_the_same(world: LabWorld) -> None:
    for day in (3, 6, 9):
        world.sync(day)
    clean = read_log(world.engine)
    world.lab.reset(at=world.lab.world.first_at, chaos=switch_on(
        ["rate_limited", "errors", "broken", "expired", "shifted", "repeated", "shuffled"]))
    with unit_of_work(world.engine) as session:
        second = _add_second(session, world)
    for day in (3, 6, 9):
        now = world.at(day)
        for _ in range(20):
            done = jobs.sync_connection(world.engine, second, tools=world.tools, now=now, due_only=False)
            assert done is not None
            if not done.error:
                break
    assert len(clean) > 150
    assert read_log(world.engine, "second") == clean
    with reading(world.engine) as session:
        assert session.scalar(select(func.count()).select_from(Quarantined)) == 0


def _add_second(session: Session, world: LabWorld) -> queries.Card:
    add_marketplace(session, marketplace_id="es", timezone="Europe/Paris", name="Lonja")
    service.add_connection(session, NewConnection(
        "second", "mirakl", "es", world.address, key=world.lab.gate.client_secret, client_id=world.lab.gate.client_id,
        token_address=f"{world.address}/oauth/token", reasons=world.card.reasons),
        secret=SECRET, actor="ines", now=world.first)
    return queries.get_connection_named(session, "second")


def test_a_batch_is_stored_with_its_cursor_or_not_at_all(world: LabWorld) -> None:
    now = world.at(1)
    with unit_of_work(world.engine) as session:
        claim = service.claim_connection(session, world.card, now=now)
        assert claim is not None
        assert service.claim_connection(session, world.card, now=now) is None  # one reader at a time
    event = {"specversion": "1.0", "type": "qos.order.placed", "source": "/connections/lab", "id": "1",
             "time": "2026-03-02T08:00:00Z", "subject": "O1", "marketplace": "fr", "shop": "S9", "data": {}}
    memory = queries.StoredMemory(world.engine, world.card.id)
    intake = Intake(now, "connection lab", open_shops=True, marketplace="fr")
    until = now + timedelta(minutes=30)
    batch = Batch("orders", (event,), seen={"O1": {"u": "1"}}, cursor="c1")
    assert service.store_batch(world.engine, claim, batch, intake=intake, until=until).accepted == 1
    assert memory.find_cursor("orders") == "c1"
    assert memory.find_seen("orders", ["O1", "O2"]) == {"O1": {"u": "1"}}
    again = replace(batch, seen={"O1": None}, cursor="c2")
    assert service.store_batch(world.engine, claim, again, intake=intake, until=until).duplicate == 1
    assert memory.find_seen("orders", ["O1"]) == {}
    with unit_of_work(world.engine) as session:  # a worker that thinks this one is dead
        assert service.claim_connection(session, world.card, now=now + timedelta(hours=2)) is not None
    lost = Batch("orders", ({**event, "id": "2"},), cursor="c3")
    with pytest.raises(ConnectionRefused, match="another worker"):
        service.store_batch(world.engine, claim, lost, intake=intake, until=until)
    assert memory.find_cursor("orders") == "c2"
    assert set(read_log(world.engine)) == {"1"}


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_has_not_changed_for_long_is_forgotten(world: LabWorld) -> None:
    world.sync(3)
    with unit_of_work(world.engine) as session:
        service.prune(session, connection_id=world.card.id, now=world.at(3) + service.FORGOTTEN_AFTER * 2)
        kept = set(session.scalars(select(ConnectionThing.stream)))
    assert kept == {"shops", "hours"}


@pytest.mark.parametrize("database", ["sqlite"])
def test_values_nobody_announced_are_set_aside_by_name_and_the_rest_goes_on(world: LabWorld) -> None:
    world.lab.chaos = switch_on(["unknown"])
    done = world.sync(9)
    assert done.error == ""
    assert done.counts.quarantined > 0
    with reading(world.engine) as session:
        row = session.scalars(select(Quarantined).where(Quarantined.field.like("%state"))).first()
        assert row is not None
        assert (row.origin, row.marketplace) == ("connection lab", "fr")
        assert row.shop in world.lab.world.shops  # a difference of its figures is explained by it
        assert json.loads(row.raw)["raw"] in {"IN_PREPARATION", "PROBATION", "ON_HOLD"}


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_refused_key_is_said_with_what_to_do_and_tried_less_and_less_often(world: LabWorld) -> None:
    world.lab.gate.client_secret = "changed"
    try:
        waits = []
        for _ in range(3):
            done, card = world.sync(1), world.card
            waits.append(card.next_at - world.at(1))
        assert "401" in done.error
        assert done.what_to_do == "Check the client's id and secret."
        assert (card.state, card.failures, card.error, card.what_to_do) == (
            "failing", 3, done.error, done.what_to_do)
        assert waits == [timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2)]
    finally:
        world.lab.gate.client_secret = "lab-secret"
    assert world.sync(1).error == ""
    assert (world.card.state, world.card.failures) == ("reading", 0)


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_scheduler_reads_what_is_due_and_nothing_that_is_paused(world: LabWorld, engine: Engine) -> None:
    now = world.at(1)
    assert [done.error for done in jobs.sync_connections(engine, world.settings, now=now)] == [""]
    assert jobs.sync_connections(engine, world.settings, now=now + timedelta(minutes=14)) == []
    with unit_of_work(engine) as session:
        service.pause_connection(session, connection_id=world.card.id, paused=True, actor="ines", now=now)
    assert jobs.sync_connections(engine, world.settings, now=now + timedelta(days=1)) == []
    assert world.card.state == "paused"
    with unit_of_work(engine) as session:
        service.pause_connection(session, connection_id=world.card.id, paused=False, actor="ines", now=now)
    assert len(jobs.sync_connections(engine, world.settings, now=now)) == 1


def carry_out(world: LabWorld, days: float) -> dict[str, int]:
    return dict(jobs._carry_out(world.engine, world.tools, now=world.at(days)))


def test_a_suspension_is_asked_read_back_and_ended_and_asking_twice_is_asking_once(world: LabWorld) -> None:
    world.sync(1)
    shop = sorted(world.lab.world.shops)[0]
    with reading(world.engine) as session:
        place = next(card for card in list_shop_cards(session) if card.code == shop)
    request = Request(_act(place.id, "suspension"), place)
    for _ in range(2):
        with unit_of_work(world.engine) as session:
            assert ADAPTERS["mirakl"].ask(session, request, now=world.at(1)).state == "asked"
    assert carry_out(world, 1) == {"asked": 1}
    assert carry_out(world, 1) == {}
    assert carry_out(world, 1.1) == {"in_force": 1}
    with reading(world.engine) as session:
        assert ADAPTERS["mirakl"].read_back(session, request, now=world.at(1.1)).state == "in_force"
    assert [write.value for write in world.lab.writes] == ["SUSPENDED"]
    end = replace(request, ends=True)
    with unit_of_work(world.engine) as session:
        assert ADAPTERS["mirakl"].ask(session, end, now=world.at(2)).state == "asked"
    assert (carry_out(world, 2), carry_out(world, 2.1)) == ({"asked": 1}, {"in_force": 1})
    assert [write.value for write in world.lab.writes] == ["SUSPENDED", "OPEN"]


def _act(shop_id: int, kind: str) -> ActRow:
    empty = dict.fromkeys(ActRow.__dataclass_fields__)
    return ActRow(**{**empty, "id": 7, "shop_id": shop_id, "kind": kind})  # type: ignore[arg-type]


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_wish_the_platform_refuses_has_failed_with_its_words_and_can_be_made_again(world: LabWorld) -> None:
    locked = sorted(world.lab.world.shops)[2]
    wish = {"marketplace_id": "fr", "shop": locked, "wanted": "suspended", "key": "k"}
    with unit_of_work(world.engine) as session:
        service.queue_wish(session, **wish, now=world.at(1))  # type: ignore[arg-type]
    assert carry_out(world, 1) == {"failed": 1}
    with unit_of_work(world.engine) as session:
        found = service.find_wish_of(session, marketplace_id="fr", key="k")
        assert found is not None
        assert "SHOP_STATE_LOCKED" in found.error
        again = service.queue_wish(session, **wish, now=world.at(2))  # type: ignore[arg-type]
        assert again is not None
        assert (again.state, again.error) == ("waiting", "")
    with unit_of_work(world.engine) as session:
        assert service.queue_wish(session, marketplace_id="nowhere", shop="1", wanted="open", key="x",
                                  now=world.at(2)) is None


@pytest.mark.parametrize("database", ["sqlite"])
def test_premium_and_immunity_are_wished_for_and_stand(world: LabWorld) -> None:
    shop = sorted(world.lab.world.shops)[0]
    for wanted, until in (("premium", None), ("immune", world.at(1) + timedelta(days=30))):
        with unit_of_work(world.engine) as session:
            service.queue_wish_at(session, world.card.id, shop=shop, wanted=wanted, key=wanted, until_at=until,
                                  now=world.at(1))
    for day in (1, 1.2):  # one after the other
        assert carry_out(world, day) == {"asked": 1}
        assert carry_out(world, day + 0.1) == {"in_force": 1}


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_end_that_is_wished_for_before_its_beginning_was_asked_comes_after_it(world: LabWorld) -> None:
    """The platform does not answer; meanwhile the suspension is taken back. The shop must end up open."""
    shop = sorted(world.lab.world.shops)[0]
    world.lab.gate.client_secret = "changed"
    try:
        _wish(world, shop, "suspended", day=1)
        assert carry_out(world, 1) == {"waiting": 1}
        _wish(world, shop, "open", day=1)
        assert carry_out(world, 1) == {}
    finally:
        world.lab.gate.client_secret = "lab-secret"
    done = [carry_out(world, 1 + step / 10) for step in range(1, 6)]
    assert done == [{"asked": 1}, {"in_force": 1}, {"asked": 1}, {"in_force": 1}, {}]
    assert [write.value for write in world.lab.writes] == ["SUSPENDED", "OPEN"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_nothing_is_asked_over_a_connection_that_is_paused(world: LabWorld) -> None:
    _wish(world, sorted(world.lab.world.shops)[0], "suspended", day=1)
    for paused, expected in ((True, {}), (False, {"asked": 1})):
        with unit_of_work(world.engine) as session:
            service.pause_connection(
                session, connection_id=world.card.id, paused=paused, actor="ines", now=world.at(1))
        assert carry_out(world, 1) == expected


def _wish(world: LabWorld, shop: str, wanted: str, *, day: float) -> None:
    with unit_of_work(world.engine) as session:
        service.queue_wish(session, marketplace_id="fr", shop=shop, wanted=wanted, key=wanted, now=world.at(day))


@pytest.mark.parametrize("database", ["sqlite"])
def test_figures_agree_and_each_difference_has_its_cause(world: LabWorld) -> None:
    for day in (4, 8, 11.3):
        world.sync(day)
    compared = jobs.compare_connection(world.engine, world.card, tools=world.tools, now=world.at(11.3))
    causes = [row.cause for found in compared.values() for row in found.differences]
    assert len(compared) == PLAN.shops
    assert sum(found.compared for found in compared.values()) > 60
    assert "unexplained" not in causes
    world.lab.chaos = switch_on(["stale"])
    stale = jobs.compare_connection(world.engine, world.card, tools=world.tools, now=world.at(11.3))
    with reading(world.engine) as session:
        day, = queries.list_counts(session, world.card.id)
        kept = queries.list_differences(session, world.card.id, day.on_date)
    assert day.compared == sum(found.compared for found in stale.values())
    assert len(kept) == day.compared - day.equal
    assert not jobs.compare_connections(world.engine, world.settings, now=world.at(11.3))  # the day is done


@pytest.mark.parametrize(("change", "says"), [
    ({"name": "a b"}, "name"), ({"name": "lab"}, "already"), ({"kind": "sap"}, "kind"),
    ({"marketplace_id": "xx"}, "marketplace add"), ({"address": "ftp://x"}, "address"), ({"key": ""}, "key"),
    ({"key_variable": "X"}, "key"), ({"client_id": "c"}, "client_id"), ({"interval_seconds": 5}, "interval"),
    ({"address": "https://["}, "address"), ({"address": "https://x/é"}, "address"),
    ({"key": "", "key_variable": "X" * 101}, "key"), ({"key": "", "key_variable": "OPERATOR_QOS_SECRET_KEY"}, "own"),
    ({"client_id": "c" * 201, "token_address": "https://x"}, "client_id")])
@pytest.mark.parametrize("database", ["sqlite"])
def test_a_connection_that_cannot_work_is_refused_by_the_field(
    world: LabWorld, change: dict[str, object], says: str
) -> None:
    new = replace(NewConnection("new", "mirakl", "fr", "https://x.example", key="k"), **change)  # type: ignore[arg-type]
    with unit_of_work(world.engine) as session, pytest.raises(ConnectionRefused, match=says):
        service.add_connection(session, new, secret=SECRET, actor="ines", now=world.first)


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_key_is_stored_sealed_or_named_and_never_plain(
    world: LabWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(world.engine) as session:
        stored = session.scalars(select(Connection)).one()
        assert "lab-secret" not in stored.sealed_key
        assert service.make_access(session, world.card, secret=SECRET).client_secret == "lab-secret"
        assert "lab-secret" not in repr(service.make_access(session, world.card, secret=SECRET))
    with pytest.raises(SealError, match="another secret"):
        open_key(seal_key("k", "one"), "", "two")
    with pytest.raises(SealError, match="PLATFORM_KEY is empty"):
        open_key("", "PLATFORM_KEY", "two")
    monkeypatch.setenv("PLATFORM_KEY", "from outside\n")
    assert open_key("", "PLATFORM_KEY", "two") == "from outside"
    assert to_ms(world.first) == world.lab.world.first_at * 1000
