"""Bulk loads: everything derived once at the end, and nothing lost when one breaks off."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from sqlalchemy import Engine, func, select, update

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.disputes.models import Dispute
from operator_qos.events.models import Event, ImportProgress
from operator_qos.ledger import workers
from operator_qos.ledger.bulk import finish_abandoned, finish_bulk
from operator_qos.ledger.cells import BY_GROUP, Contribution, Deltas, Unit, list_cells, recount, sum_cells
from operator_qos.ledger.models import OrderFact, PendingDossier, Scorecard
from operator_qos.ledger.pending import Waiting, count_pending
from operator_qos.ledger.rebuild import rebuild
from operator_qos.sellers.models import Shop
from scoring.events import RANKS
from scoring.metrics import GROUP_CODES, METRICS
from scoring.windows import local_ordinal
from tests.databases import wipe
from tests.histories import ZONES, history_of
from tests.pipeline.loading import NOW, add_places, feed, snapshot
from tests.pipeline.test_any_order import RELAXED, SEEDS, batches, distinct, load

Json = dict[str, Any]


def order(number: int, day: int = 1) -> list[Json]:
    """An order placed, and sent the day after."""
    common = {"specversion": "1.0", "source": "/shops/a", "marketplace": "m-paris", "shop": "a",
              "subject": f"order-{number}"}
    return [
        {**common, "id": f"{number}-placed", "type": "qos.order.placed", "time": f"2027-03-{day:02}T10:00:00Z",
         "data": {"ship_by": "2027-03-09", "buyer": f"b{number}"}},
        {**common, "id": f"{number}-shipped", "type": "qos.order.shipped", "time": f"2027-03-{day + 1:02}T10:00:00Z",
         "data": {}},
    ]


@pytest.fixture
def place(engine: Engine) -> Engine:
    wipe(engine)
    add_places(engine, {"m-paris": "Europe/Paris"})
    return engine


def assert_cells_are_true(engine: Engine) -> None:
    with reading(engine) as session:
        shops = list(session.scalars(select(Shop.id)))
        assert list_cells(session, shops) == recount(session, shops) == recount(session, shops, rows_at_once=3) != {}


@RELAXED
@given(seed=SEEDS)
def test_bulk_and_live_batches_in_any_mixture_end_as_live_ones_alone(engine: Engine, seed: int) -> None:
    draw = random.Random(seed)
    events = distinct(history_of(draw.randrange))
    load(engine, [events])
    expected = snapshot(engine)
    wipe(engine)
    add_places(engine, ZONES)
    for part in batches(events, seed):
        feed(engine, part, live=draw.random() < 0.5)
    finish_bulk(engine, now=NOW)
    assert snapshot(engine) == expected
    assert count_pending(engine) == Waiting(0, 0)


def test_many_dossiers_are_derived_by_other_processes_with_the_same_result(
    place: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event for number in range(60) for event in order(number, day=1 + number % 9)]
    feed(place, events)
    expected = snapshot(place)
    monkeypatch.setattr(workers, "WORTH_IT", 1)
    monkeypatch.setattr(workers, "PIECE", 7)
    monkeypatch.setattr(workers.os, "cpu_count", lambda: 2)
    rebuild(place, now=NOW)
    assert snapshot(place) == expected


def test_a_load_moves_the_scorecards_of_the_shops_it_touches_alone(place: Engine) -> None:
    other = [{**event, "shop": "b", "source": "/shops/b"} for event in order(2)]
    feed(place, [*order(1), *other], live=False)
    finish_bulk(place, now=NOW)
    feed(place, order(3), live=False)
    later = NOW + timedelta(days=1)
    finish_bulk(place, now=later)
    with reading(place) as session:
        moved = session.execute(select(Shop.code, func.max(Scorecard.as_of_ms)).join(
            Scorecard, Scorecard.shop_id == Shop.id).group_by(Shop.code).order_by(Shop.code)).all()
    assert [tuple(row) for row in moved] == [("a", to_ms(later)), ("b", to_ms(NOW))]
    assert_cells_are_true(place)


def test_a_load_that_takes_a_case_back_takes_its_dispute_away(place: Engine) -> None:
    common = {"specversion": "1.0", "source": "/shops/a", "marketplace": "m-paris", "shop": "a"}
    opened = {**common, "id": "c1", "type": "qos.case.opened", "time": "2027-03-20T10:00:00Z", "subject": "C1",
              "data": {"order": "order-1"}}
    feed(place, [*order(1), opened], live=False)
    finish_bulk(place, now=NOW)
    with reading(place) as session:
        assert session.scalars(select(Dispute.case_ref)).all() == ["C1"]
    feed(place, [{**common, "id": "r1", "type": "qos.event.retracted", "time": "2027-03-21T10:00:00Z", "subject": "C1",
                  "data": {"source": "/shops/a", "id": "c1"}}], live=False)
    finish_bulk(place, now=NOW)
    with reading(place) as session:
        assert session.scalars(select(Dispute.case_ref)).all() == []


def test_a_load_that_broke_off_is_finished_once_nobody_goes_on_with_it(place: Engine) -> None:
    feed(place, order(1), live=False)
    with unit_of_work(place) as session:
        session.add(ImportProgress(id="k", name="orders.jsonl", rows_done=2, updated_at=NOW))
    assert finish_abandoned(place, now=NOW + timedelta(minutes=29)) == 0
    assert count_pending(place) == Waiting(1, 0)
    assert finish_abandoned(place, now=NOW + timedelta(minutes=31)) == 1
    assert count_pending(place) == Waiting(0, 0)
    assert_cells_are_true(place)


def test_a_dossier_that_cannot_be_derived_is_told_and_the_others_go_on(place: Engine) -> None:
    feed(place, [*order(1), *order(2)], live=False)
    broken = (Event.subject == "order-1") & (Event.type_rank == RANKS["order.placed"])
    with unit_of_work(place) as session:
        whole = session.scalars(select(Event.data).where(broken)).one()
        session.execute(update(Event).where(broken).values(data={"ship_by": [2027]}))
    (flaw,) = finish_bulk(place, now=NOW).values()
    assert "TypeError" in flaw or "AttributeError" in flaw
    assert count_pending(place) == Waiting(0, 1)
    with unit_of_work(place) as session:
        assert list(session.scalars(select(OrderFact.order_ref))) == ["order-2"]
        session.execute(update(Event).where(broken).values(data=whole))
    assert finish_bulk(place, now=NOW) == {}
    assert count_pending(place) == Waiting(0, 0)
    with reading(place) as session:
        assert session.scalar(select(func.count()).select_from(OrderFact)) == 2
    assert_cells_are_true(place)


def test_a_rebuild_keeps_what_could_not_be_derived_in_sight(place: Engine) -> None:
    feed(place, [*order(1), *order(2)])
    broken = (Event.subject == "order-1") & (Event.type_rank == RANKS["order.placed"])
    with unit_of_work(place) as session:
        whole = session.scalars(select(Event.data).where(broken)).one()
        session.execute(update(Event).where(broken).values(data={"ship_by": [2027]}))
    rebuild(place, now=NOW)
    with unit_of_work(place) as session:
        assert session.scalar(select(PendingDossier.flaw)) is not None
        assert list(session.scalars(select(OrderFact.order_ref))) == ["order-2"]
        session.execute(update(Event).where(broken).values(data=whole))
    rebuild(place, now=NOW)
    assert count_pending(place) == Waiting(0, 0)


NOBODY = Unit("order-1", None, None, None)


def test_what_comes_back_as_it_went_has_changed_nothing() -> None:
    late = Contribution(1, GROUP_CODES["ship"], to_ms(NOW), 1, 1, 1, 1, 0)
    kept = late._replace(bad=0, official_bad=0)
    code = {METRICS["late_shipment_rate"].code}
    for before, after, changed in (
        ((late, NOBODY), (late, NOBODY), {}),
        ((late, NOBODY), (kept, NOBODY), {1: code}),
        ((late, NOBODY), (late, NOBODY._replace(buyer="b")), {1: code}),  # breaches ask how many buyers there are
        ((kept, NOBODY), (kept, NOBODY._replace(buyer="b")), {}),
    ):
        deltas = Deltas({1: "Europe/Paris"})
        deltas.add(*before, -1)
        deltas.add(*after, 1)
        assert deltas.list_changed().codes == changed


def test_times_that_differ_with_equal_sums_have_changed() -> None:
    deltas = Deltas({1: "Europe/Paris"})
    answer = Contribution(1, GROUP_CODES["turn"], to_ms(NOW), 1, 0, 1, 0, 0)
    for sign, amounts in ((-1, (1, 5, 6)), (1, (2, 3, 7))):  # both 12, their squares both 62
        for amount in amounts:
            deltas.add(answer._replace(amount=amount), NOBODY, sign)
    assert deltas.list_changed().codes == {1: {METRICS["first_response_time"].code}}


def test_whole_columns_sum_to_the_same_cells_as_one_by_one() -> None:
    draw = random.Random(7)
    zones = {1: "Europe/Paris", 2: "Asia/Kolkata", 3: "Europe/Paris"}
    change = to_ms(NOW)  # midnights and a change of clocks included
    rows = [
        Contribution(draw.randint(1, 3), draw.choice(list(BY_GROUP)), change - draw.randrange(0, 400) * 43_200_000,
                     *(draw.randrange(1024) for _ in range(4)), draw.choice([0, 1, 5, 30_000_000]))
        for _ in range(3_000)
    ]
    one_by_one = _sum_one_by_one(rows, [1] * len(rows), zones)
    assert sum_cells(np.array(rows, dtype=np.int64), zones) == one_by_one
    # What comes in and goes out again leaves nothing behind.
    gone = Deltas(zones)
    gone.add_all([(*row, *NOBODY) for row in rows], 1)
    gone.add_all([(*row, *NOBODY) for row in rows[1_000:]], -1)
    assert by_key(gone) == _sum_one_by_one(rows[:1_000], [1] * 1_000, zones)
    signs = [draw.choice((1, -1)) for _ in rows]
    mixed = Deltas(zones)
    for row, sign in zip(rows, signs, strict=True):
        mixed.add(row, NOBODY, sign)
    assert by_key(mixed) == {key: sums for key, sums in _sum_one_by_one(rows, signs, zones).items() if any(sums)}


def by_key(deltas: Deltas) -> dict[tuple[int, int, int], tuple[int, ...]]:
    """By how much each cell changes; the rows come in the order of the table."""
    rows = deltas.sum().tolist()
    assert rows == sorted(rows)
    return {(shop, code, day): tuple(sums) for shop, code, day, *sums in rows}


def _sum_one_by_one(
    rows: Sequence[Contribution], signs: Sequence[int], zones: Mapping[int, str],
) -> dict[tuple[int, int, int], tuple[int, ...]]:
    """The cells of outcomes, each added to every metric it counts in."""
    cells: dict[tuple[int, int, int], list[int]] = {}
    for row, sign in zip(rows, signs, strict=True):
        for metric in BY_GROUP[row.group_code]:
            if row.base & metric.flag:
                measured = row.amount if metric.kind != "share" else 0
                official = 1 if row.official_base & metric.flag else 0
                key = (row.shop_id, metric.code, local_ordinal(row.anchor_ms, zones[row.shop_id]))
                added = (
                    1 if row.bad & metric.flag else 0, 1, 1 if row.official_bad & metric.flag else 0, official,
                    measured, measured**2, measured * official, measured**2 * official)
                sums = cells.setdefault(key, [0] * 8)
                sums[:] = [before + sign * value for before, value in zip(sums, added, strict=True)]
    return {key: tuple(sums) for key, sums in cells.items()}
