"""Faults that sellers share: found once, forgiven in every shop by a person, dismissed for good, ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, func, select

from operator_qos.accounts.models import User
from operator_qos.audit.models import AuditRow
from operator_qos.clock import from_ms, to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import Event
from operator_qos.exclusions import queries
from operator_qos.exclusions.effects import list_effects
from operator_qos.exclusions.incidents import queries as incidents
from operator_qos.exclusions.incidents import service
from operator_qos.exclusions.incidents.queries import IncidentRow, MarketPlace
from operator_qos.exclusions.incidents.service import Group
from operator_qos.exclusions.jobs import find_shared_faults
from operator_qos.exclusions.registry.queries import count_sellers, read_register
from operator_qos.exclusions.service import RequestRefused
from operator_qos.ledger.models import OrderFact, OutcomeRow
from operator_qos.notices.models import Notice
from operator_qos.sellers.models import Shop
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.sellers.service import add_marketplace
from scoring.events import RANKS
from scoring.metrics import GROUP_CODES, METRICS
from tests.exclusions.world import INES, JANA, NOW, score, send

PLACE = MarketPlace("halle-fr", "Halle FR", "Europe/Paris")
SELLERS = 6
NEXT = NOW + timedelta(days=1)


def event(shop: int, name: str, subject: str, at: str, /, **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "source": "/test", "id": f"{name}:{subject}:{at}", "type": f"qos.{name}", "time": at,
            "subject": subject, "marketplace": PLACE.id, "shop": f"s{shop}", "data": data}


def deliver(shop: int, order: str, carrier: str, due: date, *, late: bool) -> Iterator[dict[str, Any]]:
    """An order shipped in time, delivered a day before or two days after it was due."""
    arrived = due + timedelta(days=2 if late else -1)
    yield event(shop, "order.placed", order, f"{due - timedelta(days=6)}T08:00:00Z", buyer=f"b-{order}",
                deliver_by=due.isoformat(), country="FR", lines=[{"line": "1", "sku": "pot", "category": "home"}])
    yield event(shop, "order.shipped", order, f"{due - timedelta(days=5)}T08:00:00Z", carrier=carrier)
    yield event(shop, "order.delivered", order, f"{arrived}T10:00:00Z", known_by="carrier")


def orders_of(shop: int) -> Iterator[dict[str, Any]]:
    """All well in May; from 12 to 15 June every parcel of one carrier is late, and none of the other."""
    for number in range(12):
        on = date(2026, 5, 4) + timedelta(days=2 * number)
        yield from deliver(shop, f"B-{shop}-{number}", "nord", on, late=False)
    for number in range(5):
        yield from deliver(shop, f"S-{shop}-{number}", "sud", date(2026, 5, 5) + timedelta(days=4 * number), late=False)
    for number in range(4):
        on = date(2026, 6, 12) + timedelta(days=number)
        yield from deliver(shop, f"N-{shop}-{number}", "nord", on, late=True)
        yield from deliver(shop, f"T-{shop}-{number}", "sud", on, late=False)


@pytest.fixture
def world(engine: Engine) -> Engine:
    """Six companies with a shop each."""
    with unit_of_work(engine) as session:
        add_marketplace(session, marketplace_id=PLACE.id, timezone=PLACE.zone, name=PLACE.name, currency="EUR")
        session.add(User(email=INES, password_hash="x", name="Ines", role="admin", language="en", created_at=NOW))
    send(engine, *(event(n, "shop.opened", f"s{n}", "2026-01-01T08:00:00Z", seller=f"c{n}", name=f"Shop {n}")
                   for n in range(SELLERS)))
    send(engine, *(said for n in range(SELLERS) for said in orders_of(n)))
    return engine


def list_found(engine: Engine) -> list[IncidentRow]:
    with reading(engine) as session:
        return incidents.list_incidents(session)


def count(engine: Engine, table: type, **where: Any) -> int:
    query = select(func.count()).select_from(table)
    for name, value in where.items():
        query = query.where(getattr(table, name) == value)
    with reading(engine) as session:
        return session.scalar(query) or 0


def rates(engine: Engine) -> list[tuple[int, int, int, int]]:
    with reading(engine) as session:
        cards = list_shop_cards(session, marketplace_id=PLACE.id)
    found = [score(engine, card, "on_time_delivery_rate") for card in cards]
    return [(row.bad, row.base, row.raw_bad, row.raw_base) for row in found]


def touch(engine: Engine, moment: str) -> None:
    """An event later on brings every shop's numbers up to date."""
    send(engine, *(event(n, "order.placed", f"Z-{n}-{moment}", moment, lines=[]) for n in range(SELLERS)),
         now=NOW + timedelta(days=9))


def test_a_carrier_that_fails_everybody_is_proposed_once_and_forgiven_everywhere(world: Engine) -> None:
    assert find_shared_faults(world, now=NOW) == 1
    row, = list_found(world)
    assert (row.dimension, row.value, row.metric, row.state) == ("carrier", "nord", "on_time_delivery_rate", "proposed")
    assert (row.first_on, row.last_on) == (date(2026, 6, 12), date(2026, 6, 15))
    assert row.numbers is not None
    assert (row.numbers["worse"], row.numbers["bad"], row.numbers["rest_bad"]) == (6, 24, 0)
    assert (row.things, row.shops) == (48, 6)  # each late parcel as a promise and as a defect

    assert find_shared_faults(world, now=NOW) == 0
    assert find_shared_faults(world, now=NEXT) == 1
    assert [found.id for found in list_found(world)] == [row.id]
    assert count(world, Notice, topic="fault_found") == 1

    with reading(world) as session:
        preview = list_effects(session, queries.list_items(session, incident_id=row.id), now=NEXT)
    with unit_of_work(world) as session:
        moved = service.approve_incident(session, incident_id=row.id, cause="carrier_strike", actor=INES, now=NEXT,
                                         why="The carrier wrote: strike from 12 to 15 June.")
    touch(world, "2026-06-19T09:00:00Z")
    assert rates(world) == [(0, 21, 4, 25)] * SELLERS
    assert moved == preview
    in_time = [effect for effect in moved if effect.metric == "on_time_delivery_rate"]
    assert [(e.bad, e.base, e.bad_after, e.base_after) for e in in_time] == [(4, 25, 0, 21)] * SELLERS
    assert count(world, Notice, topic="incident_forgiven") == SELLERS
    with reading(world) as session:
        register = read_register(session, now=NEXT)
        assert [(found.value, found.cause) for found in register.incidents] == [("nord", "carrier_strike")]
        assert count_sellers(session, [row.id]) == {row.id: SELLERS}
    with pytest.raises(RequestRefused, match="decided"), unit_of_work(world) as session:
        service.dismiss_incident(session, incident_id=row.id, why="No.", actor=JANA, now=NEXT)
    assert find_shared_faults(world, now=NOW + timedelta(days=2)) == 0

    with unit_of_work(world) as session:
        assert service.end_incident(session, incident_id=row.id, why="The letter was forged.", actor=JANA,
                                    now=NOW + timedelta(days=3)) == 48
    touch(world, "2026-06-22T09:00:00Z")
    assert rates(world) == [(4, 25, 4, 25)] * SELLERS
    for action in ("proposed", "approved", "ended"):
        assert count(world, AuditRow, action=f"incident.{action}") == 1


def test_what_was_dismissed_is_not_proposed_again_and_people_propose_by_hand(world: Engine) -> None:
    find_shared_faults(world, now=NOW)
    row, = list_found(world)
    with unit_of_work(world) as session:
        service.dismiss_incident(session, incident_id=row.id, why="They chose this carrier.", actor=INES, now=NOW)
    assert find_shared_faults(world, now=NEXT) == 0
    assert rates(world) == [(4, 25, 4, 25)] * SELLERS

    group = Group("on_time_delivery_rate", "carrier", "nord", date(2026, 6, 13), date(2026, 6, 13))
    with reading(world) as session:
        chosen = [card.id for card in list_shop_cards(session, marketplace_id=PLACE.id)][:2]
    with unit_of_work(world) as session:
        made = service.propose_incident(session, PLACE, group, cause="carrier_outage", actor=JANA, now=NEXT,
                                        shop_ids=chosen)
        found = incidents.get_incident(session, made)
    assert (found.things, found.shops, found.made_by, found.numbers) == (4, 2, JANA, None)
    for cause, code in (("spam", "kind"), ("bad_mood", "cause")):
        with pytest.raises(RequestRefused, match=code), unit_of_work(world) as session:
            service.propose_incident(session, PLACE, group, cause=cause, actor=JANA, now=NEXT)
    quiet = Group("on_time_delivery_rate", "carrier", "sud", date(2026, 6, 1), date(2026, 6, 17))
    with pytest.raises(RequestRefused, match="nothing"), unit_of_work(world) as session:
        service.propose_incident(session, PLACE, quiet, cause="carrier_outage", actor=JANA, now=NEXT)
    with unit_of_work(world) as session:
        service.approve_incident(session, incident_id=made, cause="carrier_outage", why="Depot shut.", actor=INES,
                                 now=NEXT)
    touch(world, "2026-06-19T09:00:00Z")
    assert sorted(rates(world)) == [(3, 24, 4, 25)] * 2 + [(4, 25, 4, 25)] * 4


def test_nothing_is_searched_twice_and_nothing_that_does_not_exist_is_found(engine: Engine) -> None:
    assert find_shared_faults(engine, now=NOW) == 0
    with reading(engine) as session, pytest.raises(incidents.IncidentMissing):
        incidents.get_incident(session, 1)


def read_singly(engine: Engine, metric: str, first: date, last: date) -> list[tuple[object, ...]]:
    """The slow second method: every unit as an object, its order and the event that placed it looked up one by one."""
    defined, found = METRICS[metric], []
    zone, at = ZoneInfo(PLACE.zone), to_ms(NOW)
    with reading(engine) as session:
        for row in session.scalars(select(OutcomeRow).where(OutcomeRow.group_code == GROUP_CODES[defined.group])):
            on = from_ms(row.anchor_ms).astimezone(zone).date()
            counts = row.official_base & defined.flag and row.from_ms < at <= row.until_ms
            if not counts or not first <= on <= last:
                continue
            fact = session.scalar(select(OrderFact).where(OrderFact.order_ref == row.order_ref))
            source = session.scalar(select(Event.source).where(
                Event.subject == row.order_ref, Event.type_rank == RANKS["order.placed"]))
            groups = (fact.carrier, fact.country, fact.category) if fact else (None, None, None)
            seller = session.get_one(Shop, row.shop_id).seller_id
            found.append((row.row_id, on, seller, bool(row.official_bad & defined.flag), *groups, source))
    return sorted(found)


def test_units_read_in_parts_are_those_read_one_by_one(world: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "PART_ROWS", 7)
    first, last = date(2026, 5, 10), date(2026, 6, 14)
    for metric, size in (("on_time_delivery_rate", 108), ("late_shipment_rate", 0), ("response_within_rate", 0)):
        with reading(world) as session:
            units = incidents.read_units(session, PLACE, metric, first=first, last=last, now=NOW)
        assert units.row.size == size, "the days cut some of them off"
        columns = [[units.names[name][code] if code >= 0 else None for code in units.codes[name].tolist()]
                   for name in ("carrier", "country", "category", "source")]
        days = [date.fromordinal(day) for day in units.day.tolist()]
        read = zip(units.row.tolist(), days, units.seller.tolist(), units.bad.tolist(), *columns, strict=True)
        assert sorted(read) == read_singly(world, metric, first, last)
        assert set(units.codes["marketplace"].tolist()) <= {0}


def test_weeks_of_units_are_read_only_where_enough_sellers_failed(
    world: Engine, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six sellers failed from 12 to 15 June and none before; what was looked at in vain leaves no trace."""
    with reading(world) as session:
        def count(first: int, last: int) -> int:
            return incidents.count_failing_sellers(
                session, PLACE, "on_time_delivery_rate", first=date(2026, 6, first), last=date(2026, 6, last), now=NOW)

        assert [count(*days) for days in ((1, 11), (1, 12), (15, 15), (16, 17))] == [0, 6, 6, 0]
    read: list[str] = []
    whole = incidents.read_units
    monkeypatch.setattr(incidents, "read_units", lambda session, place, metric, **how: (
        read.append(metric), whole(session, place, metric, **how))[1])
    assert find_shared_faults(world, now=datetime(2026, 6, 12, 8, tzinfo=UTC)) == 0
    assert read == []
    assert find_shared_faults(world, now=NOW) == 1
    assert read == ["on_time_delivery_rate"]
