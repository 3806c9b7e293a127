"""A small marketplace for the browser: counted orders, things owed, disputes, one official run, two people a role."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Engine, select

from operator_qos.accounts.models import User
from operator_qos.acts.service import Intended, propose_act
from operator_qos.db import unit_of_work
from operator_qos.disputes.jobs import escalate_due
from operator_qos.evaluation.service import evaluate_marketplace
from operator_qos.exclusions import service as requests
from operator_qos.exclusions.incidents import service as incidents
from operator_qos.exclusions.incidents.queries import list_places
from operator_qos.exclusions.incidents.service import Group
from operator_qos.exclusions.service import Plea
from operator_qos.sellers.company_queries import find_seller_id
from operator_qos.sellers.models import Shop
from operator_qos.sellers.queries import find_shop_card
from operator_qos.standards import service as standards
from operator_qos.standards.queries import get_version
from operator_qos.standards.rules import renumber
from operator_qos.standards.tries import service as tries
from operator_qos.standards.tries.jobs import run_tries
from operator_qos.statements.content import make_public_id
from operator_qos.statements.facts import Issuer, StatementAct
from operator_qos.statements.queries import find_id
from operator_qos.statements.service import issue_statement
from scoring.standards import read_preset
from tests.connections.world import add_failing
from tests.pages import operator_world, seller_world
from tests.web.fixtures import NOW, PASSWORD, add_companies, hash_password

LANGUAGES = ("en", "fr")
ROLES = {"operator": ("admin", None), "seller": ("seller_owner", "morvan"), "mediator": ("mediator", None)}
SHOP = "halle-fr/morvan-fr"
OLD_CASE = "C-7"
REASONS = [{"code": "breached", "metric": "late_shipment_rate", "limit": "0.04", "since": "2026-06-17",
            "until": "2026-06-17"}, {"code": "too_few_orders", "base": 12, "needed": 50}]


@dataclass(frozen=True)
class Person:
    """Somebody who signs in: "operator", "seller" or "mediator", reading a language from the first page on."""

    role: str
    language: str

    @property
    def email(self) -> str:
        """The address they sign in with."""
        return f"{self.role}-{self.language}@people.example"


PEOPLE = tuple(Person(role, language) for role in ROLES for language in LANGUAGES)


def _add_people(engine: Engine, people: Iterable[Person]) -> None:
    with unit_of_work(engine) as session:
        for person in people:
            role, company = ROLES[person.role]
            session.add(User(
                email=person.email, password_hash=hash_password(), name=f"{person.role.title()} {person.language}",
                role=role, language=person.language, created_at=NOW,
                seller_id=find_seller_id(session, company) if company else None,
            ))  # fmt: skip
            session.flush()


def _open_old_case(engine: Engine) -> None:
    """A case the seller let lapse, so that it waits for a mediator."""
    place = seller_world.HALLE
    seller_world.send(
        engine,
        seller_world.event(place, "case.opened", OLD_CASE, "2026-06-08T09:00:00Z", order=operator_world.TALKED_ABOUT,
                           kind="claim", reason="not_received", amount_minor=1990),
    )  # fmt: skip
    assert escalate_due(engine, now=NOW) >= 1


def _judge(engine: Engine) -> None:
    """The official run of the day before."""
    with unit_of_work(engine) as session:
        for marketplace in ("halle-fr", "lonja-es"):
            report = evaluate_marketplace(session, marketplace, on=date(2026, 6, 17), now=NOW)
            assert not report.dry_run


def _contest(engine: Engine) -> None:
    """A request that waits, one that was refused, and a fault proposed as shared."""
    claire, ines = "claire@morvan.example", "ines@operator.example"
    with unit_of_work(engine) as session:
        card = find_shop_card(session, *SHOP.split("/"))
        assert card is not None
        for number in (2, 3):
            plea = Plea([("ship", f"morvan-fr-{number}")], "platform_fault", "The site was down.", f"contest-{number}")
            requests.ask(session, shop=card, plea=plea, actor=claire, now=NOW)
        requests.decide(session, request_id=2, granted=(), why="The log shows no error.", actor=ines, now=NOW)
        place = next(place for place in list_places(session) if place.id == card.marketplace_id)
        group = Group("late_shipment_rate", "carrier", "colisnord", date(2026, 6, 1), date(2026, 6, 15))
        incidents.propose_incident(session, place, group, cause="carrier_outage", actor=ines, now=NOW)


def _write_standards(engine: Engine) -> None:
    """A version announced to every company, and the draft of another standard."""
    who = PEOPLE[0].email

    def write(version: int, days: int) -> str:
        return renumber(read_preset("ours"), version=version, effective_from=NOW.date() + timedelta(days=days))

    with unit_of_work(engine) as session:
        stricter = write(2, 20).replace("<= 4 %", "<= 3 %")
        standards.save_draft(session, text=stricter, actor=who, now=NOW)
        standards.publish(session, standard_id="ours", version=2, why="Parcels came late.", actor=who, now=NOW)
        another = write(1, 60).replace("id: ours", "id: another")
        standards.save_draft(session, text=another, actor=who, now=NOW)


def _try_standards(engine: Engine) -> None:
    """A version tried on three days, and another try that waits."""
    for last in (date(2026, 6, 17), date(2026, 6, 16)):
        with unit_of_work(engine) as session:
            tries.ask_try(session, get_version(session, "ours", 2), first=date(2026, 6, 15), last=last,
                          actor=PEOPLE[0].email, now=NOW)
        if last.day == 17:
            assert run_tries(engine, now=NOW) == 1


STATED = [StatementAct(
    act_id=900 + place, kind=kind, subject=subject, before=before, after=after, reasons=REASONS, standard_id="ours",
    standard_version=1, on_date=date(2026, 6, 17), effective_at=NOW, until_at=until)
    for place, (kind, subject, before, after, until) in enumerate((
        ("level", "level", "in_standard", "below", None),
        ("ranking", "ranking", None, None, NOW + timedelta(days=14))))]
ISSUER = Issuer("", ("CMAP, Paris", "CEDR, London"))
STATEMENT = make_public_id(1, STATED, NOW, "Europe/Paris")


def _decide(engine: Engine) -> None:
    """A limit in force and a suspension that waits for a second person."""
    with unit_of_work(engine) as session:
        shop_id = session.scalars(select(Shop.id).where(Shop.code == "morvan-fr")).one()
        for kind in ("order_cap", "suspension"):
            propose_act(session, Intended(kind, "Parcels were held back.", days=7, cap=20), shop_id=shop_id,
                        actor="somebody@operator.example", now=NOW)


def _state_reasons(engine: Engine) -> None:
    """A statement of reasons for the first shop."""
    with unit_of_work(engine) as session:
        shop_id = session.scalars(select(Shop.id).where(Shop.code == "morvan-fr")).one()
        issue_statement(session, shop_id=shop_id, acts=STATED, now=NOW, issuer=ISSUER)
        assert find_id(session, STATEMENT) is not None


def fill(engine: Engine) -> None:
    """Everything the pages show, always the same."""
    add_companies(engine)
    _add_people(engine, PEOPLE)
    operator_world.fill_world(engine)
    seller_world.fill(engine)
    _open_old_case(engine)
    _judge(engine)
    _contest(engine)
    _write_standards(engine)
    _try_standards(engine)
    _state_reasons(engine)
    _decide(engine)
    add_failing(engine, now=NOW)


def sign_in_fields(person: Person) -> dict[str, str]:
    """What they write into the form."""
    return {"email": person.email, "password": PASSWORD}
