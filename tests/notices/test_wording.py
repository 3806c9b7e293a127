"""The operator's own words: checked, tried, kept version by version, never code, and ours when they fail."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from operator_qos.db import reading, unit_of_work
from operator_qos.notices.mail import LANGUAGES, list_topics, read_our_words
from operator_qos.notices.models import MailText, OutboxMail
from operator_qos.notices.service import announce
from operator_qos.notices.wording import (
    WordingError,
    check_wording,
    give_ours_back,
    list_placeholders,
    list_wordings,
    save_wording,
)
from tests.notices.test_outbox import people
from tests.web.fixtures import NOW, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "people", "site_settings", "world"]
OWN = "About {{ case }}\n\nDear {{ name }}, {% if by == 'buyer' %}the buyer wrote{% else %}news{% endif %}: {{ url }}"
TOPIC = "dispute_message"


def save(engine: Engine, text: str = OWN, topic: str = TOPIC, language: str = "en") -> int:
    with unit_of_work(engine) as session:
        return save_wording(session, topic=topic, language=language, text=text, actor="ines", now=NOW)


def tell(engine: Engine, key: str) -> dict[str, tuple[str, str]]:
    with unit_of_work(engine) as session:
        announce(session, key=key, seller_id=1, shop_id=None, topic=TOPIC, data={"case": "C-7", "shop": "Halle"},
                 link="/seller/disputes/7", now=NOW)
        rows = session.execute(select(OutboxMail.recipient, OutboxMail.subject, OutboxMail.body)
                               .where(OutboxMail.key.startswith(f"{key}:")))
        return {row.recipient: (row.subject, row.body) for row in rows}


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_ours_could_have_been_written_on_the_page(engine: Engine, language: str) -> None:
    for topic in list_topics(language):
        text = read_our_words(topic, language)
        try:
            check_wording(topic, language, text, example={})
        except WordingError as error:
            assert error.code == "fill", topic  # ours may need a real notice


def test_own_words_are_said_in_their_language_from_the_next_mail_on(people: Engine) -> None:
    before = tell(people, "k1")
    assert save(people) == 1
    after = tell(people, "k2")
    assert after["bob@s1.example"] == ("About C-7", "Dear bob, news: {base_url}/seller/disputes/7\n")
    assert after["anne@s1.example"] == before["anne@s1.example"]  # she reads French
    assert save(people, OWN.replace("About", "On")) == 2
    assert tell(people, "k3")["bob@s1.example"][0] == "On C-7"
    with unit_of_work(people) as session:
        assert give_ours_back(session, topic=TOPIC, language="en", actor="ines", now=NOW) == 3
    assert tell(people, "k4")["bob@s1.example"] == before["bob@s1.example"]
    with reading(people) as session:
        kept = session.scalars(select(MailText.text).order_by(MailText.version)).all()
        assert [bool(text) for text in kept] == [True, True, False]
        row = next(row for row in list_wordings(session) if (row.topic, row.language) == (TOPIC, "en"))
    assert (row.version, row.is_own) == (3, False)


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(("text", "code", "line"), [
    ("Hello\n\n{{ passwort }}", "placeholder", 3),
    ("Hello\n\n{{ case", "syntax", 3),
    ("Hello\n\n{% include 'en/generic.txt' %}", "syntax", 3),
    ("Hello\n\n{{ range(3) }}", "placeholder", 3),
    ("Hello\n\n{{ lipsum() }}", "placeholder", 3),
    ("Hello\n\n{{ name.__class__.__mro__[1].__subclasses__() }}", "fill", None),
    ("Hello\n\n{{ ''.join.__globals__ }}", "empty", None),
    ("Hello\n\n{{ 1 / 0 }}", "fill", None),
    ("Only a subject", "empty", None),
    ("\n\n", "empty", None),
    ("x" * 20_001, "long", None),
])
def test_what_cannot_be_said_is_refused_with_its_line(engine: Engine, text: str, code: str, line: int | None) -> None:
    with pytest.raises(WordingError) as refused:
        save(engine, text)
    assert (refused.value.code, refused.value.line) == (code, line)


@pytest.mark.parametrize("database", ["sqlite"])
def test_ours_is_said_where_own_words_fail_later(people: Engine) -> None:
    ours = tell(people, "k1")
    with unit_of_work(people) as session:
        session.add(MailText(topic=TOPIC, language="en", version=1, text="A\n\n{{ 1 / 0 }}", saved_at=NOW,
                             saved_by="x"))
    assert tell(people, "k2") == ours


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_text_may_name_what_ours_names(engine: Engine) -> None:
    assert {"case", "name", "url"} <= set(list_placeholders(TOPIC))
    with pytest.raises(WordingError):
        save(engine, topic="weather")


def test_the_pages_try_keep_and_give_back(app: Flask, engine: Engine) -> None:
    admin, path = sign_in(app, "admin"), f"/operator/texts/mails/{TOPIC}/en"
    assert "dispute message" in admin.get("/operator/texts/mails").text
    tried = post(admin, path, {"text": OWN, "do": "try"})
    assert (tried.status_code, "Dear Inès Caron" in tried.text) == (200, True)
    wrong = post(admin, path, {"text": "A\n\n{{ wrong }}", "do": "save"})
    assert wrong.status_code == 422
    assert "Line 3" in wrong.text
    assert "{{ wrong }}" in wrong.text
    with reading(engine) as session:
        assert session.scalars(select(MailText)).all() == []
    assert post(admin, path, {"text": OWN, "do": "save"}).status_code == 303
    assert "Said in your words, version 1" in admin.get(path).text
    assert post(admin, f"{path}/ours").status_code == 303
    assert "Said in our words" in admin.get(path).text
    assert "Dear {{ name }}" in admin.get(f"{path}?version=1").text
    assert "Dear {{ name }}" not in admin.get(f"{path}?version=0").text
    assert admin.get("/operator/texts/mails/weather/en").status_code == 404
    assert post(sign_in(app, "analyst"), path, {"text": OWN, "do": "save"}).status_code == 404
