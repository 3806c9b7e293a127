"""A year of a marketplace played day by day: every planted story ends as it should, every mail arrives once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from operator_qos.accounts.models import User
from operator_qos.acts.jobs import carry_out_due
from operator_qos.acts.queries import ActRow, list_acts
from operator_qos.acts.service import release_acts
from operator_qos.connectors.importing import import_rows
from operator_qos.connectors.rows import EventRow
from operator_qos.db import reading, unit_of_work
from operator_qos.demo.generator import generate_events
from operator_qos.demo.plan import DemoPlan, demo_plan
from operator_qos.evaluation.service import evaluate_due
from operator_qos.exclusions.incidents.service import approve_incident
from operator_qos.exclusions.jobs import find_shared_faults
from operator_qos.exclusions.models import FaultIncident
from operator_qos.models import OutboxMail, Shop, StandingChange
from operator_qos.notices.jobs import deliver_outbox
from operator_qos.recourse import plans, service
from operator_qos.recourse.effects import Ruling
from operator_qos.recourse.jobs import move_recourse
from operator_qos.recourse.models import ActionPlan
from operator_qos.recourse.plan_rules import Terms
from operator_qos.sellers.service import add_marketplace, find_or_add_seller
from operator_qos.standing.queries import get_standing
from operator_qos.statements.service import check_statements
from scoring.acts import ActState
from scoring.events import moment_ms
from tests.notices.test_outbox import Mailbox, serve

pytestmark = pytest.mark.slow
STORIES = {"carrier_strike", "declining", "tiny_noisy", "excellent"}
PLACE, DECLINING, TINY = "halle-fr", "hf-le-jardin-clos", ("hf-faience-co", "hf-maison-lumbre")
UNTIL = date(2026, 11, 22)
LATE_DAYS = 2
ANNE, BEA = "anne@operator.example", "bea@operator.example"
OPERATORS, SELLER = (ANNE, BEA), "owner@shop.example"
WHY = "The feed is whole again, and the orders are as they are."
QUIET = {ActState.HELD, ActState.REFUSED, ActState.DROPPED}


@dataclass
class Year:
    """The marketplace as its days go by; what people did is noted."""

    engine: Engine
    plan: DemoPlan
    shops: dict[str, int] = field(default_factory=dict)
    held: list[ActRow] = field(default_factory=list)
    appeal_id: int | None = None
    contested: ActRow | None = None
    incident_id: int | None = None
    plan_id: int | None = None

    @property
    def late(self) -> tuple[date, date]:
        """The days whose events of the declining shop come two days late."""
        return self.plan.until - timedelta(days=112), self.plan.until - timedelta(days=62)

    def acts(self, shop: str) -> list[ActRow]:
        """A shop's acts, the first one first."""
        with reading(self.engine) as session:
            return list_acts(session, shop_ids=[self.shops[shop]])[::-1]


def _plan() -> DemoPlan:
    plan = demo_plan(UNTIL)
    shops = tuple(shop for shop in plan.shops if shop.marketplace == PLACE and shop.story in STORIES)
    return replace(plan, shops=shops, strike_excluded=frozenset())  # nobody has asked for anything yet


def _list_days(plan: DemoPlan) -> Iterator[tuple[date, list[dict[str, Any]]]]:
    """The events by the day on which they arrive: those of the declining shop late for a while."""
    first, last = plan.until - timedelta(days=112), plan.until - timedelta(days=62)
    arriving: dict[date, list[dict[str, Any]]] = {}
    for event in generate_events(plan):
        on = datetime.fromtimestamp(moment_ms(event["time"]) / 1000, UTC).date()
        waits = event["shop"] == DECLINING and first <= on < last
        arriving.setdefault(on + timedelta(days=LATE_DAYS if waits else 0), []).append(event)
    days = (plan.start + timedelta(days=number) for number in range((plan.until - plan.start).days + 1))
    return ((on, arriving.get(on, [])) for on in days)


def _open(engine: Engine, plan: DemoPlan) -> None:
    place = plan.get_marketplace(PLACE)
    with unit_of_work(engine) as session:
        add_marketplace(session, marketplace_id=place.id, timezone=place.timezone, name=place.name,
                        currency=place.currency, country=place.country, language=place.language)
        ids = {company.id: find_or_add_seller(session, company.id, name=company.name, country=company.country).id
               for company in plan.sellers}
        for email in OPERATORS:
            session.add(_person(email, "admin", None, plan))
        for company in sorted({shop.seller_id for shop in plan.shops}):
            session.add(_person(f"owner@{company}.example", "seller_owner", ids[company], plan))


def _person(email: str, role: str, seller_id: int | None, plan: DemoPlan) -> User:
    return User(email=email, password_hash="x", name=email, role=role, language="fr", seller_id=seller_id,
                created_at=datetime.combine(plan.start, time(), UTC))


def _play(year: Year) -> None:
    """Every day: its events arrive, the day before is judged once it has settled, the jobs run, people look."""
    for on, events in _list_days(year.plan):
        evening = datetime.combine(on, time(23, 59), UTC)
        rows = (EventRow("year", number, event) for number, event in enumerate(events, 1))
        import_rows(year.engine, rows, key=f"day-{on}", name="year", now=evening)
        morning = evening + timedelta(hours=7)
        evaluate_due(year.engine, now=morning)
        find_shared_faults(year.engine, now=morning)
        carry_out_due(year.engine, now=morning)
        move_recourse(year.engine, now=morning)
        if not year.shops:
            with reading(year.engine) as session:
                year.shops = {row.code: row.id for row in session.execute(select(Shop.code, Shop.id))}
        _look(year, on, morning)


def _look(year: Year, on: date, now: datetime) -> None:
    """What the operator's and the sellers' people do."""
    if on == year.late[1] + timedelta(days=LATE_DAYS):
        _release_late(year, now)
    if on == year.plan.strike_until + timedelta(days=10):
        _approve_strike(year, now)
    if on == year.plan.strike_until + timedelta(days=11):
        _contest(year, now)
    if on == year.late[1] + timedelta(days=LATE_DAYS + 1):
        _agree_on_a_plan(year, now)


def _release_late(year: Year, now: datetime) -> None:
    year.held = [act for act in year.acts(DECLINING) if act.state == ActState.HELD]
    with unit_of_work(year.engine) as session:
        release_acts(session, act_ids=[act.id for act in year.held], why=WHY, actor=ANNE, now=now)


def _approve_strike(year: Year, now: datetime) -> None:
    with unit_of_work(year.engine) as session:
        incident = session.scalars(select(FaultIncident).where(
            FaultIncident.dimension == "carrier", FaultIncident.state == "proposed")).first()
        assert incident is not None
        year.incident_id = incident.id
        approve_incident(session, incident_id=incident.id, cause="carrier_strike", why="The carrier’s letter.",
                         actor=ANNE, now=now)


def _contest(year: Year, now: datetime) -> None:
    """A struck shop contests the first thing the strike cost it; another person decides, and it falls."""
    struck = [shop.id for shop in year.plan.shops if shop.story == "carrier_strike"]
    costs = [act for shop in struck for act in year.acts(shop)
             if act.is_adverse and act.state == ActState.IN_FORCE and act.on_date >= year.plan.strike_from]
    if not costs:
        return
    year.contested = min(costs, key=lambda act: act.id)
    with unit_of_work(year.engine) as session:
        filing = service.Filing(year.contested.shop_id, "not_our_fault", "The carrier was on strike.",
                                act_id=year.contested.id)
        year.appeal_id = service.file_appeal(session, filing, actor=SELLER, now=now)
        service.admit(session, appeal_id=year.appeal_id, actor=ANNE, now=now)
        service.assign(session, appeal_id=year.appeal_id, to=BEA, actor=ANNE, now=now)
        changes = [year.contested.change_id] if year.contested.change_id is not None else []
        service.decide(session, Ruling("reversed", "It rests on the strike alone.", changes),
                       appeal_id=year.appeal_id, actor=BEA, now=now)


def _agree_on_a_plan(year: Year, now: datetime) -> None:
    terms = Terms("late_shipment_rate", "0.04", "One packer left in August.", "A second packer and an earlier pick-up.",
                  (now + timedelta(days=30)).date())
    with unit_of_work(year.engine) as session:
        year.plan_id = plans.propose_plan(
            session, terms, shop_id=year.shops[DECLINING], side="operator", actor=ANNE, now=now)
        plans.agree_plan(session, plan_id=year.plan_id, side="seller", actor=SELLER, now=now)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    from operator_qos.db import create_database_engine
    from operator_qos.models import Base

    engine = create_database_engine(f"sqlite:///{tmp_path_factory.mktemp('year') / 'year.db'}")
    Base.metadata.create_all(engine)
    played = Year(engine, _plan())
    _open(engine, played.plan)
    _play(played)
    yield played
    engine.dispose()


@pytest.mark.parametrize("shop", TINY)
def test_the_noisy_tiny_seller_is_never_sanctioned_on_noise(year: Year, shop: str) -> None:
    assert [act for act in year.acts(shop) if act.is_adverse and act.kind != "badge"] == []


def test_a_late_feed_holds_every_sanction_of_its_shop_until_people_release_it(year: Year) -> None:
    assert year.held
    assert {hold["guard"] for act in year.held for hold in act.holds} == {"feed"}
    within = [act for act in year.acts(DECLINING)
              if act.is_adverse and year.late[0] + timedelta(days=LATE_DAYS) <= act.on_date < year.late[1]]
    assert within
    assert all(act.approved_by == ANNE or act.state in QUIET for act in within)


def test_the_declining_seller_is_warned_planned_and_judged(year: Year) -> None:
    found = year.acts(DECLINING)
    assert any(act.subject == "warning:late_shipment_rate" and act.statement_id is not None for act in found)
    with reading(year.engine) as session:
        (plan,) = session.execute(select(ActionPlan.state, ActionPlan.start_on, ActionPlan.ended_on)).all()
    assert plan.state in {"reached", "missed"}
    within = [act for act in found if act.kind == "level" and act.is_adverse
              and plan.start_on <= act.on_date < plan.ended_on and act.state not in QUIET]
    assert within == []  # immune while it ran


def test_the_carrier_strike_is_found_and_forgiven_in_every_shop_it_hit(year: Year) -> None:
    with reading(year.engine) as session:
        incident = session.get_one(FaultIncident, year.incident_id)
        assert incident.value == "colisnord"
        assert incident.first_on <= year.plan.strike_until
        assert incident.last_on >= year.plan.strike_from
        assert incident.state == "approved"


def test_what_the_strike_cost_is_restored_as_of_its_date(year: Year) -> None:
    if year.contested is None:
        pytest.fail("the strike cost nobody anything: plant a harder one")
    with reading(year.engine) as session:
        acts = {act.id: act.state for act in list_acts(session, shop_ids=[year.contested.shop_id])}
        changes = session.execute(select(StandingChange.effective_at, StandingChange.automated).where(
            StandingChange.shop_id == year.contested.shop_id, StandingChange.automated.is_(False))).all()
        assert get_standing(session, year.contested.shop_id).warning == 0
    assert acts[year.contested.id] == ActState.UNDONE
    assert all(change.effective_at <= year.contested.effective_at for change in changes)


def test_every_restriction_has_its_statement_and_none_was_touched(year: Year) -> None:
    with reading(year.engine) as session:
        adverse = [act for act in list_acts(session) if act.is_adverse and act.state not in QUIET]
        report = check_statements(session)
    assert adverse
    assert all(act.statement_id is not None for act in adverse)
    assert report.count == len({act.statement_id for act in adverse})
    assert not report.broken


def test_every_mail_arrives_once(year: Year) -> None:
    mailbox = Mailbox()
    with reading(year.engine) as session:
        waiting = Counter(session.scalars(select(OutboxMail.recipient)))
    later = datetime.combine(UNTIL + timedelta(days=3), time(12), UTC)
    with serve(mailbox) as settings:
        for _ in range(2 + sum(waiting.values()) // 200):
            deliver_outbox(year.engine, settings, now=later)
    assert Counter(mail["To"] for mail in mailbox.mails) == waiting
