"""What a card says is moved by what changed: its weeks, its window, its last unit, and rows of the version before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, update

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work, write_array
from operator_qos.ledger.card_lines import Added, find_rates
from operator_qos.ledger.card_numbers import WEEKS, lay_out_weeks, list_trend, move_week, rate
from operator_qos.ledger.card_sums import Batch
from operator_qos.ledger.kept_cards import Kept, move_sums
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.queries import list_scorecards
from operator_qos.sellers.models import Shop
from operator_qos.standards.binding import get_shipped_standard
from scoring.metrics import METRICS, METRICS_BY_CODE
from scoring.windows import local_ordinal
from tests.databases import wipe
from tests.pipeline.cards import assert_cards_are_whole
from tests.pipeline.loading import add_places, feed

NOON = datetime(2027, 3, 20, 12, 0, tzinfo=UTC)
FAST = sorted(name for name, metric in METRICS.items() if not metric.is_slow)
LATE, RETURNS, GOOD, REFUNDS = (METRICS[name].code for name in (
    "late_shipment_rate", "return_rate", "acceptance_rate", "refund_rate"))


@pytest.mark.parametrize(("told", "weeks"), [
    (None, ""),
    ("", ""),
    ("0:1/4", ",,,,,,,,,,,1/4"),
    ("11:0/9,0:1/4,3:2/2", "0/9,,,,,,,,2/2,,,1/4"),
])
def test_weeks_are_laid_out_oldest_first(told: str | None, weeks: str) -> None:
    assert lay_out_weeks(told) == weeks


def test_a_trend_is_the_value_of_each_week_to_five_digits() -> None:
    weeks = lay_out_weeks("11:0/9,3:2/2,0:1/3")
    empty = (None,) * 7
    assert list_trend(LATE, weeks) == (0.0, *empty, 1.0, None, None, 0.33333)
    assert list_trend(GOOD, weeks) == (1.0, *empty, 0.0, None, None, 0.66667)
    assert list_trend(LATE, "") == ()


@given(moves=st.lists(st.tuples(st.integers(0, WEEKS - 1), st.integers(0, 3), st.integers(1, 3)), max_size=12),
       gone=st.integers(0, 12))
def test_weeks_that_are_moved_are_those_that_are_laid_out(moves: list[tuple[int, int, int]], gone: int) -> None:
    kept = moves[gone:]
    sums = {ago: (sum(m[1] for m in kept if m[0] == ago), sum(m[2] for m in kept if m[0] == ago)) for ago, _, _ in kept}
    weeks = ""
    for ago, amount, base in moves:
        weeks = move_week(weeks, ago, amount=amount, base=base)
    for ago, amount, base in moves[:gone]:
        weeks = move_week(weeks, ago, amount=-amount, base=-base)
    told = ",".join(f"{ago}:{amount}/{base}" for ago, (amount, base) in sums.items() if base)
    assert weeks == lay_out_weeks(told)


def test_an_array_is_written_as_postgresql_reads_it(engine: Engine) -> None:
    values = [0.1, None, 1e-300, 1 / 3, float("nan"), 123456789012.0]
    assert write_array(["0/9,,1/4", "", "kept", None]) == '{"0/9,,1/4","","kept",null}'
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            asked = connection.exec_driver_sql("SELECT CAST(%s AS float8[]), CAST(%s AS text[])", (
                write_array(values), write_array(["0/9,,1/4", "", None]))).one()
        assert asked[0] == [0.1, None, 1e-300, 1 / 3, None, 123456789012.0]
        assert asked[1] == ["0/9,,1/4", "", None]


@contextmanager
def heard(engine: Engine) -> Iterator[list[str]]:
    """Every statement sent meanwhile."""
    said: list[str] = []

    def hear(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    yield said
    event.remove(engine, "before_cursor_execute", hear)


def tell(kind: str, number: int, at: datetime, **data: object) -> dict[str, object]:
    """An event of an order of the shop."""
    return {"specversion": "1.0", "source": "/a", "marketplace": "m", "shop": "a", "id": f"{kind}-{number}",
            "type": f"qos.order.{kind}", "time": at.isoformat(), "subject": f"o{number}", "data": data}


def place_orders(*days_ago: int) -> list[dict[str, object]]:
    """Orders placed so many days ago, each shipped an hour later."""
    found = []
    for number, days in enumerate(days_ago):
        at = NOON - timedelta(days=days, hours=6)
        found += [tell("placed", number, at, ship_by=(at + timedelta(days=2)).isoformat(), buyer=f"b{number}"),
                  tell("shipped", number, at + timedelta(hours=1), trackable=False)]
    return found


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A shop with orders on days inside and outside of the window of 30 days, and of the weeks."""
    wipe(engine)
    add_places(engine, {"m": "Europe/Paris"})
    feed(engine, place_orders(0, 1, 8, 29, 30, 83, 84), now=NOON)
    return engine


def test_a_batch_of_the_same_day_adds_nothing_up_anew(shop: Engine) -> None:
    more = [tell("placed", 50 + days, NOON - timedelta(days=days, hours=7), buyer="b", ship_by=NOON.isoformat())
            for days in (0, 7, 29, 30, 83, 84)]
    with heard(shop) as said:
        feed(shop, more, now=NOON + timedelta(hours=1))
    assert any("UPDATE scorecards" in statement for statement in said)
    assert not any("FROM metric_days" in statement or "JOIN metric_days" in statement for statement in said)
    assert_cards_are_whole(shop)
    with reading(shop) as session:
        placed = session.scalars(select(Scorecard).where(Scorecard.metric_code == REFUNDS)).one()
        # Over 30 days: of the days above and of the orders there were up to 29 days ago; in weeks up to 83.
        assert (placed.raw_base, placed.base, placed.weeks) == (7, 7, "0/2,,,,,,,0/4,,,0/2,0/3")


def test_a_number_without_its_last_unit_leaves_the_card_unless_it_is_judged(shop: Engine) -> None:
    back = {**tell("placed", 90, NOON), "id": "review", "type": "qos.review.posted", "subject": "o1",
            "data": {"order": "o1", "rating": 1}, "time": (NOON - timedelta(hours=1)).isoformat()}
    feed(shop, [back], now=NOON + timedelta(hours=1))
    assert "average_rating" in read_names(shop)
    gone = {**back, "id": "gone", "type": "qos.event.retracted", "data": {"source": "/a", "id": "review"},
            "time": NOON.isoformat()}
    feed(shop, [gone], now=NOON + timedelta(hours=2))
    assert "average_rating" not in read_names(shop)
    assert_cards_are_whole(shop)


def read_names(engine: Engine) -> set[str]:
    """The metrics on the card of the shop."""
    with reading(engine) as session:
        (cards,) = list_scorecards(session, list(session.scalars(select(Shop.id)))).values()
        return set(cards)


def test_rows_of_the_version_before_show_their_line_and_are_added_up_once(shop: Engine) -> None:
    with unit_of_work(shop) as session:
        session.execute(update(Scorecard).values(weeks=None, trend=",".join(["0.5"] + [""] * 10 + ["0.25"])))
    with reading(shop) as session:
        (cards,) = list_scorecards(session, list(session.scalars(select(Shop.id)))).values()
        assert cards["return_rate"].trend == (0.5, *[None] * 10, 0.25)
    feed(shop, [tell("placed", 70, NOON - timedelta(days=1), buyer="b", ship_by=NOON.isoformat())],
         now=NOON + timedelta(hours=1))
    with reading(shop) as session:
        rows = session.execute(select(Scorecard.metric_code, Scorecard.weeks)).all()
    asked = {code for code, weeks in rows if weeks is not None}
    assert METRICS["order_defect_rate"].code in asked
    assert RETURNS not in asked
    with unit_of_work(shop) as session:  # what nobody touched is written whole at midnight
        session.execute(update(Shop).values(cards_ms=None))
    feed(shop, [tell("placed", 71, NOON, buyer="b", ship_by=NOON.isoformat())], now=NOON + timedelta(hours=2))
    assert_cards_are_whole(shop)


@given(counted=st.lists(st.tuples(st.sampled_from(FAST), st.integers(0, 99), st.integers(0, 99)), max_size=9))
def test_many_rates_are_those_of_one_at_a_time(counted: list[tuple[str, int, int]]) -> None:
    fast = [(METRICS[name], bad, base) for name, bad, base in counted]
    columns = np.array([[metric.code, bad, base] for metric, bad, base in fast], dtype=np.int64).reshape(-1, 3).T
    found = [None if math.isnan(value) else value for value in find_rates(*columns).tolist()]
    assert found == [rate(metric, bad, base) for metric, bad, base in fast]


def ask(number: int, author: str, at: datetime) -> dict[str, object]:
    """A message in a talk of its own."""
    to = "buyer" if author == "seller" else "seller"
    return {**tell("placed", number, at, author=author, to=[to], channel="web"), "id": f"{author}{number}",
            "type": "qos.message.sent", "subject": f"T{number}"}


def test_a_median_follows_each_answer_of_the_day(shop: Engine) -> None:
    for number, minutes in enumerate((10, 30, 50)):
        asked = NOON + timedelta(hours=number)
        feed(shop, [ask(number, "buyer", asked), ask(number, "seller", asked + timedelta(minutes=minutes))],
             now=asked + timedelta(hours=1, milliseconds=1))
        assert_cards_are_whole(shop)
    with reading(shop) as session:
        row = session.scalars(select(Scorecard).where(Scorecard.metric_code == METRICS["response_time"].code)).one()
        assert (row.value, row.bad, row.base) == (1800.0, 5400, 3)


LAST = local_ordinal(to_ms(NOON) - 1, "Europe/Paris")
CODES = [METRICS[name].code for name in ("order_defect_rate", "return_rate", "average_rating")]
CELLS = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(CODES), st.integers(LAST - 90, LAST + 2),
                           st.integers(0, 2), st.integers(0, 2), st.integers(3, 9), st.integers(3, 9),
                           *[st.integers(0, 5)] * 4), max_size=12)


@given(cells=CELLS, kept=st.sets(st.tuples(st.integers(1, 3), st.sampled_from(CODES))))
def test_sums_move_by_the_cells_of_their_window_and_their_weeks(
    cells: list[tuple[int, ...]], kept: set[tuple[int, int]],
) -> None:
    zones = {1: "Europe/Paris", 2: "Europe/Paris", 3: "Asia/Kolkata"}  # noon in Paris is the same day in Kolkata
    batch = Batch(get_shipped_standard(), to_ms(NOON), zones)
    pairs = np.array(sorted(kept), dtype=np.int64).reshape(-1, 2)
    before = Kept(Added(pairs, np.full((len(pairs), 4), 100), ["1/9" + "," * 11] * len(pairs)), np.zeros(len(pairs)))
    moved = move_sums(batch, before, np.array(cells, dtype=np.int64).reshape(-1, 11)).by_pair()
    assert moved.keys() == kept
    windows = {shown.metric.code: shown.days for shown in batch.shown}
    for pair, sums in moved.items():
        mine = [(LAST - cell[2], pick(cell)) for cell in cells if cell[:2] == pair and cell[2] <= LAST]
        within = [more for ago, more in mine if ago < windows[pair[1]]]
        assert sums[:4] == tuple(100 + sum(more[place] for more in within) for place in range(4))
        weeks = [[sum(more[place] for ago, more in mine if ago // 7 == week) for place in (0, 1)]
                 for week in range(WEEKS)]
        weeks[-1] = [weeks[-1][0] + 1, weeks[-1][1] + 9]
        assert sums.weeks == ",".join(f"{amount}/{base}" if base else "" for amount, base in reversed(weeks))


def pick(cell: tuple[int, ...]) -> tuple[int, ...]:
    """Bad, base, raw bad, raw base of a cell: units of a share, else amounts."""
    bad, base, official_bad, official_base, total, _, official_total, _ = cell[3:]
    counted = METRICS_BY_CODE[cell[1]].kind == "share"
    return (official_bad, official_base, bad, base) if counted else (official_total, official_base, total, base)
