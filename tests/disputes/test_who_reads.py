"""Nobody reads what was not addressed to them: every side, every message, note and file, on every page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import Engine, select

from operator_qos.db import reading, unit_of_work
from operator_qos.disputes import service
from operator_qos.disputes.acting import Actor
from operator_qos.disputes.buyer.links import create_link, sign_link
from operator_qos.disputes.models import Dispute, DisputeAttachment
from operator_qos.disputes.thread import Address, mask_contacts, may_read, read_address, show_text
from operator_qos.files import FileError, FileStore, tell_type, tidy_name
from operator_qos.settings import Settings
from tests.disputes.test_pages import _event as event_of
from tests.disputes.test_pages import _in_french, _open_case, _tell
from tests.web.fixtures import (
    NOW,
    OTHER_SELLER,
    app,
    clock,
    engine,
    post,
    sign_in,
    site_settings,
    world,
)

__all__ = ["app", "clock", "engine", "site_settings", "world"]
HOUR = timedelta(hours=1)
SIDES = ("buyer", "seller", "staff")
BUYER = Actor("buyer", "buyer")
SELLER = Actor("seller", "claire@morvan.example")
OPERATOR = Actor("operator", "ines@operator.example")

sides = st.sampled_from(SIDES)
parties = st.lists(st.sampled_from(("buyer", "seller", "operator", "mediator", "system")), max_size=3)


@given(sides, st.frozensets(sides), st.booleans(), sides)
def test_the_rule_of_reading(author: str, to: frozenset[str], is_note: bool, reader: str) -> None:
    address = Address(author, frozenset() if is_note else to, is_note)
    allowed = may_read(address, reader)
    assert allowed or reader != author  # everybody reads their own
    if is_note:
        assert allowed == (reader == author)
    elif reader in {"buyer", "seller"}:
        assert allowed == (reader == author or reader in to)
    else:
        assert allowed


@given(st.sampled_from(("buyer", "seller", "operator", "system")), parties, sides)
def test_what_staff_and_one_party_say_stays_from_the_other(author: str, to: list[str], reader: str) -> None:
    address = read_address(author, to)
    if to and "seller" not in to and author != "seller":
        assert not may_read(address, "seller")
    if to and "buyer" not in to and author != "buyer":
        assert not may_read(address, "buyer")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Write to joe.bloggs@example.org please", "Write to […] please"),
        ("joe (at) example.org", "[…]"),
        ("Call 06 12 34 56 78 or +33 6 12 34 56 78.", "Call […] or […]."),
        ("See https://example.org/x?y=1 and www.example.org", "See […] and […]"),
        ("IBAN FR76 3000 6000 0112 3456 7890 189", "IBAN […]"),
        ("Order HF-102054, parcel 6A12345678901, 196.90 EUR, 22/11/2026", None),
        ("It took 14 days, 3 of 5 pots are broken.", None),
    ],
)
def test_contact_data_is_hidden_and_nothing_else(text: str, shown: str | None) -> None:
    assert mask_contacts(text) == (text if shown is None else shown)


def test_contact_data_is_hidden_from_the_other_party_only() -> None:
    address, text = read_address("buyer", ["seller"]), "joe@example.org"
    found = {reader: show_text(text, address, reader=reader, masks=True) for reader in SIDES}
    assert found == {"buyer": text, "seller": "[…]", "staff": text}
    assert show_text(text, address, reader="seller", masks=False) == text


def _picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(drawn, "PNG")
    return drawn.getvalue()


# name, action, who, to whom; its text is its name
SAID = (
    ("buyer-to-seller", "write", BUYER, ("seller",)),
    ("buyer-to-staff", "write", BUYER, ("staff",)),
    ("buyer-note", "note", BUYER, ()),
    ("seller-to-buyer", "write", SELLER, ("buyer",)),
    ("seller-to-staff", "write", SELLER, ("staff",)),
    ("seller-note", "note", SELLER, ()),
    ("staff-to-buyer", "write", OPERATOR, ("buyer",)),
    ("staff-to-seller", "write", OPERATOR, ("seller",)),
    ("staff-to-both", "write", OPERATOR, ("buyer", "seller")),
    ("staff-note", "note", OPERATOR, ()),
)
READS = {
    "buyer": {"buyer-to-seller", "buyer-to-staff", "buyer-note", "seller-to-buyer", "staff-to-buyer", "staff-to-both"},
    "seller": {"seller-to-buyer", "seller-to-staff", "seller-note", "buyer-to-seller", "staff-to-seller",
               "staff-to-both"},
    "staff": {name for name, *_ in SAID} - {"buyer-note", "seller-note"},
}


@dataclass(frozen=True)
class Told:
    """A dispute in which everybody said everything, each with a file of the same name."""

    id: int
    files: dict[str, int]
    link: str


@pytest.fixture
def told(app: Flask, engine: Engine, site_settings: Settings) -> Told:
    dispute_id = _open_case(engine, "D-9", 60)
    _tell(engine, event_of("case.escalated", "D-9", NOW - 50 * HOUR, "morvan-fr", {"by": "buyer"}))
    store = FileStore(site_settings.data_dir / "attachments")
    for number, (name, action, who, to) in enumerate(SAID):
        files = store.keep_all([(f"{name}.png", _picture())])
        at = NOW - 40 * HOUR + number * HOUR
        with unit_of_work(engine) as session:
            if action == "note":
                service.write_note(
                    session, dispute_id=dispute_id, text=name, token=name, actor=who, now=at, files=files)
            else:
                service.write_message(
                    session, dispute_id=dispute_id, text=name, to=to, token=name, actor=who, now=at, files=files)
    with unit_of_work(engine) as session:
        link = create_link(session, dispute_id=dispute_id, language="en", actor=OPERATOR, now=NOW)
        files_of = {row.name.removesuffix(".png"): row.id for row in session.scalars(select(DisputeAttachment))}
        return Told(dispute_id, files_of, sign_link(link.id, secret=str(app.config["SECRET_KEY"])))


def _find_read(page: str) -> set[str]:
    return {name for name, *_ in SAID if f">{name}</p>" in page}


def _find_files(client: FlaskClient, base: str, told: Told) -> set[str]:
    found = set()
    for name, number in told.files.items():
        for suffix in ("", "?preview=1"):
            answer = client.get(f"{base}/{number}{suffix}")
            assert answer.status_code in {200, 404}
            if answer.status_code == 200:
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "sandbox" in answer.headers["Content-Security-Policy"]
                assert suffix or answer.headers["Content-Disposition"].startswith("attachment")
                found.add(name)
    return found


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_side_reads_its_own_on_pages_and_in_downloads(app: Flask, told: Told) -> None:
    ways = (
        ("seller", sign_in(app, "seller_staff"), f"/seller/disputes/{told.id}", f"/seller/disputes/{told.id}/files"),
        ("staff", sign_in(app, "analyst"), f"/operator/disputes/{told.id}", f"/operator/disputes/{told.id}/files"),
        ("staff", sign_in(app, "mediator"), f"/mediator/cases/{told.id}", f"/mediator/cases/{told.id}/files"),
        ("buyer", app.test_client(), f"/b/{told.link}", f"/b/{told.link}/files"),
    )
    for side, client, page, files in ways:
        assert _find_read(client.get(page).text) == READS[side], page
        assert _find_files(client, files, told) == READS[side], files


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_order_and_conversation_pages_tell_a_seller_no_more(app: Flask, told: Told) -> None:
    client = sign_in(app, "seller_owner")
    pages = ("/seller/shops/halle-fr/morvan-fr/orders/O-D-9", "/seller/conversations/halle-fr/morvan-fr/D-9",
             "/seller/day", "/seller/notices")
    hidden = {name for name, *_ in SAID} - READS["seller"]
    for path in pages:
        text = client.get(path).text
        assert [name for name in hidden if f">{name}<" in text or f"{name} " in text] == [], path


@pytest.mark.parametrize("database", ["sqlite"])
def test_strangers_read_nothing(app: Flask, engine: Engine, told: Told) -> None:
    stranger, nobody = sign_in(app, email=OTHER_SELLER[0]), app.test_client()
    for name, number in told.files.items():
        assert stranger.get(f"/seller/disputes/{told.id}/files/{number}").status_code == 404, name
        assert nobody.get(f"/b/{told.link}x/files/{number}").status_code == 404
    assert stranger.get(f"/seller/disputes/{told.id}/decision.pdf").status_code == 404
    other = _open_case(engine, "D-10", 30)
    # A file of one dispute is no file of another, even for somebody who may read both.
    number = told.files["seller-to-buyer"]
    assert sign_in(app, "seller_owner").get(f"/seller/disputes/{other}/files/{number}").status_code == 404


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_link_opens_one_dispute_until_it_ends(app: Flask, engine: Engine, told: Told, clock: object) -> None:
    client = app.test_client()
    assert client.get(f"/b/{told.link}").status_code == 200
    operator = sign_in(app, "admin")
    page = operator.get(f"/operator/disputes/{told.id}").text
    assert "Take it back" in page
    post(operator, f"/operator/disputes/{told.id}/links/1/revoke", page=f"/operator/disputes/{told.id}")
    assert client.get(f"/b/{told.link}").status_code == 404
    missing = client.get("/b/nothing")
    assert client.get(f"/b/{told.link}").data == missing.data
    with unit_of_work(engine) as session:
        old = create_link(session, dispute_id=told.id, language="fr", actor=OPERATOR, now=NOW - timedelta(days=60))
        token = sign_link(old.id, secret=str(app.config["SECRET_KEY"]))
    assert client.get(f"/b/{token}").status_code == 404


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_buyer_takes_part_without_an_account(app: Flask, engine: Engine, told: Told) -> None:
    client = app.test_client()
    page = f"/b/{told.link}"
    form = {"text": "Here I am.", "to": "seller", "token": "ef" * 8}
    assert post(client, f"{page}/act/write", form, page=page).status_code == 303
    assert "Here I am." in client.get(page).text
    assert post(client, f"{page}/act/decide", {}, page=page).status_code == 400
    with reading(engine) as session:
        assert session.get_one(Dispute, told.id).state == "escalated"
    assert client.post(f"{page}/act/write", data=form).status_code == 400  # without the form's token
    assert post(client, f"{page}/act/withdraw", {"token": "a" * 8}, page=page).status_code == 303
    with reading(engine) as session:
        assert session.get_one(Dispute, told.id).state == "withdrawn"
    assert "Vous l’avez retiré." in client.get(f"{page}?lang=fr").text


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (_picture(), "image/png"), (b"%PDF-1.7\n", "application/pdf"), ("Zürich, 3 €\n".encode(), "text/plain"),
        (b"<html><script>alert(1)</script>", None), (b"MZ\x90\x00\x03", None), (b"\x89PNG\r\n\x1a\nbroken", None),
        (b"\xff\xd8\xff\xe0 not a picture", None), (b"PK\x03\x04", None),
        (b"  <svg xmlns='x'/>", None),
    ],
)
def test_what_a_file_is_is_told_by_its_content(content: bytes, media_type: str | None) -> None:
    assert tell_type(content) == media_type


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\y.pdf", "y.pdf"), ("a\r\nSet-Cookie: x", "a_Set-Cookie_ x"), ("", "file"),
     ("é à.png", "é à.png"), ("...", "file"), ("x" * 300, "x" * 120)],
)
def test_a_files_name_is_only_a_name(name: str, kept: str) -> None:
    assert tidy_name(name) == kept


def test_files_are_kept_all_or_none(tmp_path: object, site_settings: Settings) -> None:
    store = FileStore(site_settings.data_dir / "kept")
    with pytest.raises(FileError, match="is no PNG"):
        store.keep_all([("a.png", _picture()), ("b.png", b"\x00\x01")])
    assert list(store.folder.iterdir()) == []
    with pytest.raises(FileError, match="at most 5"):
        store.keep_all([("a.txt", b"x")] * 6)
    with pytest.raises(FileError, match="larger"):
        store.keep("a.txt", b"x" * (8 * 1024 * 1024 + 1))


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_decision_is_a_pdf_in_both_languages(app: Flask, engine: Engine, told: Told) -> None:
    mediator, path = sign_in(app, "mediator"), f"/mediator/cases/{told.id}"
    assert mediator.get(f"{path}/decision.pdf").status_code == 404
    post(mediator, f"{path}/take", page=path)
    form = {"fault": "carrier", "remedy": "refund", "amount": "196.90", "counts": "no", "grounds": "Perdu, désolé."}
    assert post(mediator, f"{path}/decision", form, page=path).status_code == 303
    seen = set()
    for language in ("en", "fr"):
        answer = mediator.get(f"{path}/decision.pdf?language={language}")
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        assert answer.data.startswith(b"%PDF-")
        seen.add(answer.data)
    assert len(seen) == 2
    buyer = app.test_client()
    assert buyer.get(f"/b/{told.link}/decision.pdf").status_code == 200
    assert "Décision du" in _in_french(sign_in(app, "seller_owner")).get(f"/seller/disputes/{told.id}").text
