"""What companies are told of a standard: whom it binds, in both languages, once; and the record the operator sees."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from operator_qos.accounts.models import User
from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import ingest_events
from operator_qos.notices.jobs import deliver_outbox
from operator_qos.notices.mail import render_notice
from operator_qos.notices.models import Notice, OutboxMail
from operator_qos.notices.queries import Reader, list_notices
from operator_qos.notices.service import mark_all_read
from operator_qos.sellers.models import Seller, Shop, ShopTraits
from operator_qos.settings import Settings
from operator_qos.standards import queries, service, telling
from operator_qos.standards.jobs import tell_newcomers_due
from operator_qos.standards.rules import renumber
from scoring.standards import read_preset
from tests.web.fixtures import NOW, PEOPLE, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
SOON = NOW.date() + timedelta(days=20)
NEXT = renumber(read_preset("ours"), version=2, effective_from=SOON).replace("<= 4 %", "<= 2.5 %")
FIRST = renumber(read_preset("ours"), version=1, effective_from=SOON).replace("id: ours", "id: strict")
WHO = {"standard_id": "ours", "version": 2, "actor": "ines@operator.example"}
CLAIRE = PEOPLE["seller_owner"][0]


def publish(engine: Engine, text: str = NEXT, *, standard_id: str = "ours", version: int = 2) -> None:
    with unit_of_work(engine) as session:
        service.save_draft(session, text=text, actor="ines", now=NOW)
        service.publish(session, standard_id=standard_id, version=version, why="Parcels came late", actor="ines",
                        now=NOW)


def speak(engine: Engine, email: str, language: str) -> None:
    with unit_of_work(engine) as session:
        session.scalars(select(User).where(User.email == email)).one().language = language


def list_mails(engine: Engine) -> dict[str, tuple[str, str]]:
    """Subject and body by address."""
    with reading(engine) as session:
        return {mail.recipient: (mail.subject, mail.body) for mail in session.scalars(select(OutboxMail))}


def count(engine: Engine, model: type[Notice] | type[OutboxMail]) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_every_person_of_every_company_is_told_in_their_language(world: Engine) -> None:
    speak(world, CLAIRE, "fr")
    publish(world)
    mails = list_mails(world)
    assert set(mails) == {CLAIRE, "yann@morvan.example", "lucia@norte.example"}
    subject, body = mails["lucia@norte.example"]
    assert subject == "Our own standard, version 2: from 8 July 2026 on"
    assert "holds in version 2 for Bazar." in body
    assert "Why: Parcels came late" in body
    assert "What changes against version 1:\n- " in body
    assert "- Rule “Late shipments”: the limit changes from <= 4 % to <= 2.5 %." in body
    assert "{base_url}/standards/ours/2" in body
    subject, body = mails[CLAIRE]
    assert subject == "Notre standard, version 2 : à partir du 8 juillet 2026"
    assert "pour Morvan-Es, Morvan-Fr." in body
    assert "- Règle « Expéditions en retard » : la limite passe de <= 4 % à <= 2.5 %." in body
    assert "Pourquoi : Parcels came late" in body


def test_nobody_is_told_twice(world: Engine) -> None:
    publish(world)
    before = count(world, Notice), count(world, OutboxMail)
    with unit_of_work(world) as session:
        kept = queries.get_version(session, "ours", 2)
        assert telling.tell_published(session, kept, now=NOW + timedelta(days=1)) == 0
    assert before == (count(world, Notice), count(world, OutboxMail)) == (2, 3)


@pytest.mark.parametrize(("scope", "told"), [
    ("{marketplace: [halle-fr]}", {CLAIRE, "yann@morvan.example"}), ("{country: [ES]}", {"lucia@norte.example"}),
    ("{marketplace: [lonja-es], country: [DE]}", set()), ("{category: [kitchen]}", {"lucia@norte.example"}),
])
def test_only_companies_in_its_scope_are_told(world: Engine, scope: str, told: set[str]) -> None:
    with unit_of_work(world) as session:
        for shop in session.scalars(select(Shop)):
            shop.country = "ES" if shop.code == "bazar" else "FR"
            traits = {"category": "kitchen" if shop.code == "bazar" else "books"}
            session.add(ShopTraits(shop_id=shop.id, from_on=date(2020, 1, 1), traits=traits))
    publish(world, FIRST.replace("evaluated:", f"scope: {{priority: 5, {scope[1:]}\nevaluated:"), standard_id="strict",
            version=1)
    assert set(list_mails(world)) == told
    assert all("It is the first version of this standard." in body for _subject, body in list_mails(world).values())


def test_a_shorter_notice_names_its_ground(world: Engine) -> None:
    with unit_of_work(world) as session:
        early = NEXT.replace(str(SOON), str(NOW.date() + timedelta(days=2)))
        service.save_draft(session, text=early, actor="ines", now=NOW)
        service.publish(session, **WHO, why="Fraud", now=NOW, legal_ground="imminent_danger")
    assert "because of an unforeseen danger at hand, like fraud." in list_mails(world)["lucia@norte.example"][1]


def test_what_is_taken_back_is_told_with_what_holds_again(world: Engine) -> None:
    publish(world)
    with unit_of_work(world) as session:
        service.retire(session, **WHO, why="It was too strict", now=NOW + timedelta(days=1))
    with reading(world) as session:
        last = session.scalars(select(Notice).where(Notice.topic == "standard_retired")).first()
        assert last is not None
        text = render_notice(last.topic, last.data, language="en", link=last.link)
        french = render_notice(last.topic, last.data, language="fr", link=last.link)
    assert "announced for 8 July 2026, will not take effect" in text.body
    assert "Version 1 goes on." in text.body
    assert "What changes back" not in text.body
    assert "La version 1 continue de valoir." in french.body
    assert "It was too strict" in text.body


def test_one_that_was_in_force_tells_what_changes_back(world: Engine) -> None:
    publish(world)
    with unit_of_work(world) as session:
        service.retire(session, **WHO, why="It was too strict", now=NOW + timedelta(days=30))
    with reading(world) as session:
        last = session.scalars(select(Notice).where(Notice.topic == "standard_retired")).first()
        assert last is not None
        body = render_notice(last.topic, last.data, language="en", link=last.link).body
    assert "no longer holds for" in body
    assert "Version 1 holds again." in body
    assert "changes from <= 2.5 % to <= 4 %" in body


def test_sellers_read_it_in_their_feed_without_a_mark_of_the_workshop(app: Flask, world: Engine) -> None:
    publish(world)
    page = sign_in(app, "seller_owner").get("/seller/notices").text
    assert "Our own standard, version 2: from 8 July 2026 on" in page
    assert "/standards/ours/2" in page


def test_the_operator_sees_who_was_told_when_and_what_became_of_each_mail(
    app: Flask, world: Engine, site_settings: Settings
) -> None:
    publish(world)
    client: FlaskClient = sign_in(app, "analyst")
    told = "/operator/standards/ours/2/told"
    assert told in client.get("/operator/standards/ours/2").text
    assert client.get(told).text.count("waiting to be sent") == 3
    deliver_outbox(world, site_settings, now=NOW)
    with unit_of_work(world) as session:
        claire = session.scalars(select(User).where(User.email == CLAIRE)).one()
        reader = Reader(claire.id, claire.role, claire.seller_id)
        assert [notice.topic for notice in list_notices(session, reader)] == ["standard_published"]
        assert mark_all_read(session, reader, now=NOW) == 1
    page = client.get(told).text
    assert "waiting to be sent" not in page
    assert " ".join(page.split()).count(": sent, 18 June 2026, 07:40") == 3
    assert "Claire Morvan" in page
    assert "Nobody was told" in client.get(f"{told}?of=retired").text
    assert client.get("/operator/standards/ours/3/told").status_code == 404


def test_publishing_by_the_form_tells_too(app: Flask, world: Engine) -> None:
    admin = sign_in(app, "admin")
    assert post(admin, "/operator/standards/edit", {"text": NEXT}).status_code == 303
    assert post(admin, "/operator/standards/ours/2/publish", {"why": "Parcels came late"}).status_code == 303
    assert len(list_mails(world)) == 3


def open_shop(engine: Engine, code: str, *, seller: str, at: str = "2026-06-19T08:00:00Z") -> None:
    told = {"specversion": "1.0", "type": "qos.shop.opened", "source": "/t", "id": code, "time": at, "subject": code,
            "marketplace": "halle-fr", "shop": code, "data": {"seller": seller, "name": code.title(), "country": "FR"}}
    with unit_of_work(engine) as session:
        receipts = ingest_events(session, [told], now=NOW + timedelta(days=1), origin="test", open_shops=True)
    assert [one.status for one in receipts] == ["accepted"]


def tell_newcomers(engine: Engine, days: int) -> list[tuple[str, list[str]]]:
    """What was told some days after the announcement: company and shops of each notice."""
    at = NOW + timedelta(days=days)
    number = tell_newcomers_due(engine, now=at)
    with reading(engine) as session:
        rows = session.execute(select(Seller.code, Notice.data).join(Seller, Seller.id == Notice.seller_id).where(
            Notice.created_at == at).order_by(Notice.id)).all()
    assert number == len(rows)
    return [(code, data["shops"]) for code, data in rows]


def test_who_opens_before_its_first_day_is_told_once_of_the_standard_to_come(app: Flask, world: Engine) -> None:
    """A company of its own as a whole, one that was told before of its new shop alone."""
    publish(world)
    assert tell_newcomers(world, 1) == []
    with reading(world) as session:
        known = session.scalars(select(Seller.code).order_by(Seller.id)).first()
    open_shop(world, "atelier", seller="new-company")
    open_shop(world, "annexe", seller=str(known))
    assert sorted(tell_newcomers(world, 2)) == sorted([("new-company", ["Atelier"]), (str(known), ["Annexe"])])
    assert tell_newcomers(world, 3) == []
    page = " ".join(sign_in(app, "analyst").get("/operator/standards/ours/2/told").text.split())
    assert page.count("20 June 2026") == 2 and "nobody of the company has an account" in page
    with reading(world) as session:
        bodies = list(session.scalars(select(OutboxMail.body).where(OutboxMail.key.contains(":ours:2:"))))
    assert sum("holds in version 2 for Annexe." in body for body in bodies) == 2  # the two people of that company


def test_what_is_in_force_or_taken_back_is_told_to_no_newcomer(world: Engine) -> None:
    publish(world)
    open_shop(world, "atelier", seller="new-company")
    assert tell_newcomers(world, 20) == []
    with unit_of_work(world) as session:
        service.retire(session, **WHO, why="It was too strict", now=NOW + timedelta(days=1))
    assert tell_newcomers(world, 2) == []
