"""What standards that are not plain say of shops now, and of their next date: kept with each hour for the pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation import queries
from operator_qos.evaluation.bench import Bench, open_bench
from operator_qos.evaluation.foretelling import Ahead, are_levels_told, freeze, list_untold, look_ahead
from operator_qos.evaluation.general import CourseJudge
from operator_qos.evaluation.rules import ShopResult
from operator_qos.standing.queries import list_standings
from operator_qos.standing.service import forget_live, store_live
from scoring.plain import is_plain
from scoring.standards import Standard
from scoring.windows import local_day

LONGEST_GAP_DAYS = 400


def refresh_live(engine: Engine, *, now: datetime) -> int:
    """Judge every shop under a standard that is not plain as of now; commits per marketplace. Returns their number."""
    with reading(engine) as session:
        marketplaces = queries.list_marketplaces(session)
    found = 0
    for marketplace in marketplaces:
        with unit_of_work(engine) as session:
            found += refresh_marketplace(session, marketplace, now=now)
    return found


def refresh_marketplace(session: Session, marketplace: queries.MarketplaceRow, *, now: datetime) -> int:
    """Write what its shops under standards that are not plain would be judged as. Does not commit."""
    bench, today = open_bench(session, marketplace), local_day(to_ms(now), marketplace.zone)
    forget_live(session, [shop.id for shop in bench.shops])
    found = 0
    for standard in bench.list_standards(today):
        shops = [] if is_plain(standard) else [
            shop for shop in bench.shops if bench.bindings[shop.id].on(today) == standard]
        if shops:
            found += _write(session, _Seat(bench, standard, shops, now), untold=sorted(list_untold(standard)))
    return found


@dataclass(frozen=True)
class _Outcome:
    """What a judge said of shops: results by shop and rule, levels by shop."""

    results: Mapping[int, Mapping[str, ShopResult]]
    levels: Mapping[int, str]

    def find(self, shop_id: int, rule: str) -> ShopResult | None:
        return self.results.get(shop_id, {}).get(rule)


NOTHING = _Outcome({}, {})


@dataclass(frozen=True)
class _Seat:
    """Shops under one standard as of now."""

    bench: Bench
    standard: Standard
    shops: Sequence[queries.ShopRow]
    now: datetime

    @property
    def ids(self) -> list[int]:
        return [shop.id for shop in self.shops]

    @property
    def today(self) -> date:
        return local_day(to_ms(self.now), self.bench.place(self.standard).zone)

    def find_next(self) -> date | None:
        """The next official date, today included, unless another version or standard holds by then."""
        days = (self.today + timedelta(days=number) for number in range(LONGEST_GAP_DAYS))
        found = next((on for on in days if self.standard.is_official(on)), None)
        if found is None or any(self.bench.bindings[shop.id].on(found) != self.standard for shop in self.shops):
            return None
        return found

    def load_rows(self, session: Session, last: date) -> pd.DataFrame:
        return queries.load_wide_outcomes(session, self.ids, standard=self.standard, first_on=self.today,
                                          until_ms=self.bench.place(self.standard).end_ms(last))

    def judge(self, session: Session, rows: pd.DataFrame, on: date) -> _Outcome:
        """What a date would be decided as from these rows, going on from what was decided last."""
        before = {shop_id: row.as_decided() for shop_id, row in list_standings(session, self.ids).items()}
        texts = {shop_id: self.bench.bindings[shop_id].attributes_on(on) for shop_id in self.ids}
        judge = CourseJudge(self.bench.place(self.standard), self.standard, self.shops, rows, before, texts,
                            self.bench.shelters)
        day = next(iter(judge.judge([on])))
        return _Outcome({shop.shop_id: {result.metric: result for result in shop.results} for shop in day.shops},
                        {standing.shop_id: standing.level for standing in judge.list_decided()})


def _write(session: Session, seat: _Seat, *, untold: Sequence[str]) -> int:
    next_on, now_ms = seat.find_next(), to_ms(seat.now)
    rows = seat.load_rows(session, next_on or seat.today)
    live = seat.judge(session, freeze(rows, now_ms), seat.today)
    ahead = None if next_on is None else look_ahead(rows, now_ms, seat.bench.place(seat.standard).end_ms(next_on))
    kept, missed = NOTHING, NOTHING
    if ahead is not None and next_on is not None:
        kept, missed = (seat.judge(session, found, next_on) for found in (ahead.kept, ahead.missed))
    told = are_levels_told(seat.standard)
    standings = [
        (shop_id, seat.standard.id, seat.standard.version, now_ms, level, next_on, _count_open(ahead, shop_id),
         *(found.levels.get(shop_id) if told else None for found in (kept, missed)), json.dumps(untold))
        for shop_id, level in live.levels.items()]
    store_live(session, standings, list(_list_rules(live, (kept, missed), untold)))
    return len(live.levels)


def _count_open(ahead: Ahead | None, shop_id: int) -> int:
    return 0 if ahead is None else ahead.open_counts.get(shop_id, 0)


def _list_rules(
    live: _Outcome, ahead: tuple[_Outcome, _Outcome], untold: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """A row per shop and rule; of what nobody can foretell only what it is now."""
    for shop_id in live.levels:
        for name, result in live.results.get(shop_id, {}).items():
            is_untold = name.partition("|")[0] in untold
            then = (None if is_untold else found.find(shop_id, name) for found in ahead)
            yield (shop_id, name, result.bad, result.base, result.value, result.verdict,
                   *(part for one in then for part in ((one.value, one.verdict) if one else (None, None))))
