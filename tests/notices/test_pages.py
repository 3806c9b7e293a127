"""People choose how they are told; the operator sees what could not be delivered and sends it again."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from operator_qos.audit.models import AuditRow
from operator_qos.db import reading, unit_of_work
from operator_qos.notices.models import NoticePreference, OutboxMail
from tests.web.fixtures import NOW, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
CHOICE = {"way_standing": "digest", "way_disputes": "now", "way_recourse": "feed", "way_other": "now",
          "digest": "09:15", "quiet_from": "22:00", "quiet_to": "07:00", "zone": "Europe/Madrid"}


def test_a_choice_is_kept_and_shown_again(app: Flask, engine: Engine) -> None:
    seller = sign_in(app, "seller_staff")
    assert '<option selected>Europe/Paris' in seller.get("/account/notices").text
    assert post(seller, "/account/notices", CHOICE).status_code == 303
    page = seller.get("/account/notices").text
    assert 'value="09:15"' in page
    assert '<option selected>Europe/Madrid' in page
    with reading(engine) as session:
        row = session.scalars(select(NoticePreference)).one()
        kept = (row.ways, row.digest_minute, row.quiet_from, row.quiet_to)
    assert kept == ({"standing": "digest", "recourse": "feed"}, 555, 1320, 420)
    assert post(seller, "/account/notices", {**CHOICE, "quiet_from": "", "quiet_to": ""}).status_code == 303


@pytest.mark.parametrize("change", [{"digest": ""}, {"quiet_to": ""}, {"quiet_to": "25:00"}, {"zone": "Paris"},
                                    {"way_other": "never"}])
def test_a_mistake_is_said_and_nothing_is_kept(app: Flask, engine: Engine, change: dict[str, str]) -> None:
    answer = post(sign_in(app, "admin"), "/account/notices", {**CHOICE, **change})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    with reading(engine) as session:
        assert session.scalars(select(NoticePreference)).all() == []


def test_a_mail_given_up_is_sent_again_by_a_person(app: Flask, engine: Engine) -> None:
    analyst = sign_in(app, "analyst")
    assert "Every mail was delivered" in analyst.get("/operator/mails").text
    with unit_of_work(engine) as session:
        mail = OutboxMail(key="k", recipient="gone@example.org", subject="A <level>", body="x", state="dead",
                          attempts=6, next_attempt_at=NOW, error="550 no such user")
        session.add(mail)
        session.flush()
        mail_id = mail.id
    page = analyst.get("/operator/mails").text
    assert "550 no such user" in page
    assert "A &lt;level&gt;" in page
    assert post(analyst, f"/operator/mails/{mail_id}/again").status_code == 303
    assert post(analyst, f"/operator/mails/{mail_id}/again").status_code == 303
    with reading(engine) as session:
        assert session.get_one(OutboxMail, mail_id).state == "waiting"
        assert session.scalars(select(AuditRow.action)).all() == ["mail.requeued"]
    assert sign_in(app, "seller_owner").get("/operator/mails").status_code == 404
