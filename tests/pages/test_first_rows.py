"""Lists whose first rows an index finds, held against every row sorted by hand: ties, gaps and pages included."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from operator_qos.db import ask_once, reading, unit_of_work
from operator_qos.disputes.queries import list_disputes
from operator_qos.disputes.rules import ENDED, IN_MEDIATION, OPEN_STATES
from operator_qos.models import Dispute, Marketplace, Scorecard, Seller, Shop
from operator_qos.sellers import today_queries
from operator_qos.sellers.league_queries import LeagueView, list_league_ids, select_judged_shops
from operator_qos.sellers.today_queries import count_disputes, find_heard
from operator_qos.standards.binding import list_in_use
from scoring.metrics import METRICS
from scoring.verdicts import Verdict

NOW = datetime(2026, 6, 18, 8, 0, tzinfo=UTC)
SHOPS, PAGE = 60, 7
RATES = (None, 0.0, 0.0, 0.25, 0.5, 1.0)
METRIC = "late_shipment_rate"  # lower is better
HIGHER = "on_time_delivery_rate"


def add_shops(session: Session) -> None:
    """Sixty shops of one company on two marketplaces."""
    for place in ("hf", "lo"):
        session.add(Marketplace(id=place, name=place, timezone="Europe/Paris", buyer_key="00"))
    session.add(Seller(id=1, code="company", name="Company"))
    session.flush()
    session.add_all(Shop(id=number, marketplace_id="hf" if number % 3 else "lo", code=f"s{number}", seller_id=1,
                         name=f"Shop {number % 5}", opened_ms=0, last_event_ms=number * 1_000)
                    for number in range(1, SHOPS + 1))
    session.flush()


def make_card(dice: random.Random, shop_id: int, metric: str) -> Scorecard:
    """A card with few different numbers, so that many are equal."""
    value, raw = dice.choice(RATES), dice.choice(RATES)
    return Scorecard(
        shop_id=shop_id, metric_code=METRICS[metric].code, as_of_ms=1, window_start_ms=0, bad=0,
        base=dice.choice((0, 30, 30, 90)), value=value, raw_bad=0, raw_base=0, raw_value=raw, buyers=0,
        verdict=dice.choice((*Verdict, None)), trend="")


@pytest.fixture(params=[1, 2, 3])
def ranked(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A reading session of a database in which most shops have a card of either metric."""
    dice = random.Random(request.param)
    with unit_of_work(engine) as session:
        add_shops(session)
        session.add_all(make_card(dice, shop_id, metric) for metric in (METRIC, HIGHER)
                        for shop_id in range(1, SHOPS + 1) if dice.random() < 0.8)
    with reading(engine) as session:
        yield session


def sort_by_raw(session: Session, metric: str, *, worst_first: bool) -> list[int]:
    """Every shop in the order of the league table; a database puts what has no rate at the end it likes."""
    falls, is_sqlite = worst_first != METRICS[metric].higher_is_better, session.get_bind().dialect.name == "sqlite"
    gaps_first = falls != is_sqlite
    cards = session.scalars(select(Scorecard).where(Scorecard.metric_code == METRICS[metric].code)).all()

    def place(card: Scorecard) -> tuple[object, ...]:
        rate = card.raw_value
        unranked = rate is None or card.verdict == "not_enough_data"
        gap = (rate is None) != gaps_first
        return unranked, gap, (-rate if falls else rate) if rate is not None else 0, -card.base, card.shop_id

    scored = [card.shop_id for card in sorted(cards, key=place)]
    others = sorted(set(range(1, SHOPS + 1)) - set(scored), key=lambda shop: (f"Shop {shop % 5}", shop))
    return [*scored, *others]


@pytest.mark.parametrize("metric", [METRIC, HIGHER])
@pytest.mark.parametrize("worst_first", [True, False])
def test_the_pages_of_the_league_table_are_every_shop_sorted(
    ranked: Session, metric: str, worst_first: bool
) -> None:
    wanted = sort_by_raw(ranked, metric, worst_first=worst_first)
    view = LeagueView(metric=metric, worst_first=worst_first)
    pages = [list_league_ids(ranked, view, offset=offset, limit=PAGE) for offset in range(0, SHOPS, PAGE)]
    assert [shop for page in pages for shop in page] == wanted
    assert list_league_ids(ranked, view) == wanted  # the file has them all at once
    assert list_league_ids(ranked, view, offset=SHOPS, limit=PAGE) == []


def test_a_filter_leaves_the_order_as_it_is(ranked: Session) -> None:
    here = {shop for shop in range(1, SHOPS + 1) if shop % 3 == 0}
    found = list_league_ids(ranked, LeagueView(metric=METRIC, marketplace="lo"), limit=SHOPS)
    assert sorted(found) == sorted(here)
    ranks = sort_by_raw(ranked, METRIC, worst_first=True)
    assert found == [shop for shop in ranks if shop in here]


def test_shops_of_a_verdict_are_those_with_it_on_any_metric(ranked: Session) -> None:
    cards = ranked.scalars(select(Scorecard)).all()
    for verdicts in (("breached",), ("breached", "watch")):
        wanted = {card.shop_id for card in cards if card.verdict in verdicts}
        assert set(ranked.scalars(select_judged_shops(*verdicts))) == wanted != set()


def make_dispute(dice: random.Random, number: int, state: str) -> Dispute:
    """A dispute due within a few days, or never, by either deadline."""
    due = [None if dice.random() < 0.3 else NOW + timedelta(days=dice.randint(-2, 3)) for _ in range(2)]
    return Dispute(shop_id=dice.randint(1, SHOPS), case_ref=f"c{number}", kind="claim", currency="EUR", state=state,
                   holder="seller", opened_at=NOW, seller_due_at=due[0], decision_due_at=due[1])


def find_due(dispute: Dispute) -> datetime | None:
    return dispute.decision_due_at if dispute.state in IN_MEDIATION else dispute.seller_due_at


def list_paged(session: Session) -> Sequence[int]:
    pages = (list_disputes(session, limit=PAGE, offset=offset) for offset in range(0, 70, PAGE))
    return [row.dispute.id for page in pages for row in page]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_desk_has_every_open_dispute_by_due_time(engine: Engine, seed: int) -> None:
    dice = random.Random(seed)
    with unit_of_work(engine) as session:
        add_shops(session)
        states = [dice.choice(sorted(OPEN_STATES | ENDED)) for _ in range(90)]
        session.add_all(make_dispute(dice, number, state) for number, state in enumerate(states))
    with reading(engine) as session:
        disputes = [one for one in session.scalars(select(Dispute)) if one.state in OPEN_STATES]
        ordered = sorted(disputes, key=lambda one: (find_due(one) is None, find_due(one) or NOW, one.id))
        assert len(ordered) > 2 * PAGE
        assert list_paged(session) == [one.id for one in ordered]
        due = [one.decision_due_at or one.seller_due_at for one in disputes]
        late, near = sum(at is not None and at < NOW for at in due), NOW + timedelta(days=2)
        counts = count_disputes(session, now=NOW, within=timedelta(days=2))
        assert (counts.open, counts.late) == (len(ordered), late)
        assert counts.near == sum(at is not None and NOW <= at < near for at in due)


def test_what_was_heard_of_many_shops_is_kept_for_a_minute(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(at: datetime) -> int:
        with reading(engine) as session:
            return find_heard(session, now=at, limit=3).newest_ms["hf"]

    with unit_of_work(engine) as session:
        add_shops(session)
    assert find(NOW) == 59_000
    with unit_of_work(engine) as session:
        session.get_one(Shop, 59).last_event_ms = 70_000
    assert find(NOW) == 70_000  # of few shops nothing is kept
    monkeypatch.setattr(today_queries, "WORTH_KEEPING", SHOPS - 1)
    assert find(NOW) == 70_000
    with unit_of_work(engine) as session:
        session.get_one(Shop, 59).last_event_ms = 80_000
    assert find(NOW + timedelta(seconds=59)) == 70_000
    assert find(NOW + timedelta(seconds=60)) == 80_000


def test_a_page_asks_once_and_what_writes_asks_anew(engine: Engine) -> None:
    asked: list[int] = []

    def ask(_session: Session) -> int:
        asked.append(1)
        return len(asked)

    with reading(engine) as session:
        assert [ask_once(session, name, ask) for name in ("one", "one", "two")] == [1, 1, 2]
    with reading(engine) as session:
        assert ask_once(session, "one", ask) == 3
    with unit_of_work(engine) as session:
        assert [ask_once(session, "one", ask), ask_once(session, "one", ask)] == [4, 5]
        assert list_in_use(session, now=NOW)
