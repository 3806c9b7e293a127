"""Scorecards held against what writing every one of them whole would leave, and against the units behind them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import create_session, reading
from operator_qos.ledger.card_lines import COLUMNS
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.queries import ScorecardRow, list_scorecards, list_units
from operator_qos.ledger.scorecards import refresh_scorecards
from operator_qos.sellers.models import Shop
from scoring.metrics import METRICS, SLOW_CODES

Cards = dict[tuple[int, str], ScorecardRow]


def read_cards(session: Session, *, slow: bool, bare: bool = False) -> Cards:
    """Every scorecard of the metrics measured now and then, or of the others; `bare`: without as of when."""
    found = list_scorecards(session, list(session.scalars(select(Shop.id))))
    return {(shop, name): replace(row, as_of_ms=0) if bare else row for shop, rows in found.items()
            for name, row in rows.items() if METRICS[name].is_slow is slow}


def list_stored(session: Session) -> list[tuple[object, ...]]:
    """The rows of scorecards that follow each event, to the last digit; but for as of when."""
    columns = [getattr(Scorecard, name) for name in COLUMNS if name != "as_of_ms"]
    return [tuple(row) for row in session.execute(select(*columns).where(
        Scorecard.metric_code.not_in(SLOW_CODES)).order_by(Scorecard.shop_id, Scorecard.metric_code))]


def assert_cards_are_whole(engine: Engine, *, brought_up_at: datetime | None = None) -> None:
    """Every scorecard is as if all were written anew, as of each shop's own instant.

    Once all were brought up to a moment they are so as of that moment, with the metrics measured now and then.
    """
    session = create_session(engine)  # what is written here is taken back
    shops = list(session.scalars(select(Shop.id).where(Shop.cells_ms > 0)))
    written, stored = read_cards(session, slow=False), list_stored(session)
    refresh_scorecards(session, shops, now_ms=0)
    assert read_cards(session, slow=False) == written
    assert list_stored(session) == stored
    if brought_up_at is not None:
        numbers = [read_cards(session, slow=slow, bare=True) for slow in (False, True)]
        refresh_scorecards(session, shops, now_ms=to_ms(brought_up_at), slow=True)
        assert [read_cards(session, slow=slow, bare=True) for slow in (False, True)] == numbers
    session.rollback()
    session.close()


def assert_units_are_behind(engine: Engine) -> None:
    """The units listed behind each share are what it says."""
    with reading(engine) as session:
        for (shop, name), row in read_cards(session, slow=False).items():
            if METRICS[name].kind != "share":
                continue
            units = [unit for unit in list_units(
                session, shop, metric=name, window_start_ms=row.window_start_ms, as_of_ms=row.as_of_ms) if unit.base]
            assert (row.raw_base, row.raw_bad) == (len(units), sum(bool(unit.bad) for unit in units)), name
            assert (row.base, row.bad) == (
                sum(bool(unit.official_base) for unit in units), sum(bool(unit.official_bad) for unit in units)), name
