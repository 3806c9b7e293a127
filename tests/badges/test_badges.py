"""A public badge is genuine, short-lived, and tells at once when it is taken back."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jws
from joserfc.jwk import KeySet
from sqlalchemy import Engine, select

from operator_qos.audit.models import AuditRow
from operator_qos.badges.keys import FILE, read_keys
from operator_qos.badges.rules import read_signed
from operator_qos.cli import main
from operator_qos.cli_support import Context
from operator_qos.db import reading, unit_of_work
from operator_qos.sellers.models import Shop
from operator_qos.settings import Settings
from operator_qos.standing.models import EvaluationResult, EvaluationRun, ShopStanding, StandingChange
from tests.web.fixtures import NOW, Clock, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
DOCUMENT, PICTURE = "/badges/halle-fr/morvan-fr.json", "/badges/halle-fr/morvan-fr.svg"
AWARDED = date(2026, 5, 20)
PARIS_MIDNIGHT_MS = 1_776_376_800_000  # 17 April 2026, 00:00 in Paris


def change(run: int, kind: str, badge: str, on: date) -> StandingChange:
    before, after = (badge, None) if kind == "badge_withdrawn" else (None, badge)
    return StandingChange(shop_id=1, run_id=run, on_date=on, kind=kind, metric=None, before=before, after=after,
                          reasons=[], standard_id="ours", standard_version=1, effective_at=NOW, created_at=NOW,
                          state="in_force")


def award(engine: Engine, *badges: str) -> None:
    """A shop judged on 17 June, with badges since 20 May, counted from 17 April on."""
    with unit_of_work(engine) as session:
        shop_id = session.scalars(select(Shop.id).where(Shop.code == "morvan-fr")).one()
        assert shop_id == 1
        run = EvaluationRun(marketplace_id="halle-fr", on_date=date(2026, 6, 17), as_of_ms=0, known_at_ms=0,
                            standard_id="ours", standard_version=1, shops=1, ran_at=NOW)
        session.add(run)
        session.flush()
        for metric, base in (("late_shipment_rate", 412), ("response_within_rate", 57)):
            session.add(EvaluationResult(
                run_id=run.id, shop_id=1, metric=metric, window_start_ms=PARIS_MIDNIGHT_MS, bad=1, base=base, raw_bad=1,
                raw_base=base, buyers=1, value=0.0, verdict="kept", units=[]))
        session.add_all(change(run.id, "badge_awarded", badge, AWARDED) for badge in badges)
        session.add(ShopStanding(
            shop_id=1, level="top", badges=list(badges), episodes=[], warning=0, since_on=AWARDED,
            decided_on=date(2026, 6, 17), standard_id="ours", standard_version=1))


def withdraw(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        run = session.scalars(select(EvaluationRun.id)).one()
        row = session.get_one(ShopStanding, 1)
        session.add_all(change(run, "badge_withdrawn", badge, date(2026, 6, 18)) for badge in row.badges)
        row.badges = []


def switch(app: Flask, show: str = "yes") -> None:
    assert post(sign_in(app, "seller_owner"), "/seller/badge/halle-fr/morvan-fr", {"show": show}).status_code == 303


def verify(client: FlaskClient, asked: str) -> str:
    return client.get(f"/badges/verify?q={quote(asked, safe='')}").text.replace("\xa0", " ")


def test_nobody_learns_of_a_badge_that_its_seller_does_not_show(app: Flask, engine: Engine) -> None:
    stranger = app.test_client()
    missing = stranger.get("/badges/halle-fr/nobody.json")
    award(engine, "top_seller")
    assert (stranger.get(DOCUMENT).status_code, stranger.get(DOCUMENT).data) == (404, missing.data)
    switch(app)
    assert stranger.get(DOCUMENT).status_code == 200
    switch(app, "no")
    assert stranger.get(DOCUMENT).status_code == stranger.get(PICTURE).status_code == 404


def test_the_document_says_what_was_counted_and_anybody_can_check_it(app: Flask, engine: Engine) -> None:
    award(engine, "top_seller", "fast_replies")
    switch(app)
    stranger = app.test_client()
    answer = stranger.get(DOCUMENT)
    told = answer.json
    assert told["status"] == "valid"
    assert [(badge["id"], badge["since"]) for badge in told["badges"]] == [
        ("top_seller", "2026-05-20"), ("fast_replies", "2026-05-20")]
    assert (told["period"], told["base"]) == ({"from": "2026-04-17", "to": "2026-06-17"}, 412)
    assert (told["standard"]["id"], told["standard"]["version"]) == ("ours", 1)
    assert stranger.get(told["standard"]["url"].removeprefix("http://127.0.0.1:8000")).status_code == 200
    assert "claire" not in answer.text.lower()
    assert "@" not in answer.text
    keys = KeySet.import_key_set(stranger.get("/.well-known/jwks.json").json)
    claims = json.loads(jws.deserialize_compact(told["jws"], keys, algorithms=["ES256"]).payload)
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert {name: claims[name] for name in told if name != "jws"} == {n: v for n, v in told.items() if n != "jws"}
    assert '"d"' not in stranger.get("/.well-known/jwks.json").text


def test_caches_must_ask_and_are_answered_shortly_while_nothing_changed(app: Flask, engine: Engine) -> None:
    award(engine, "top_seller")
    switch(app)
    stranger = app.test_client()
    for path in (DOCUMENT, PICTURE, "/.well-known/jwks.json"):
        first = stranger.get(path)
        assert first.headers["Cache-Control"] == "public, no-cache"
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        assert stranger.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    tag = stranger.get(DOCUMENT).headers["ETag"]
    withdraw(engine)
    assert stranger.get(DOCUMENT, headers={"If-None-Match": tag}).json["status"] == "withdrawn"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_picture_reads_aloud_and_needs_nothing_from_elsewhere(app: Flask, engine: Engine, language: str) -> None:
    with unit_of_work(engine) as session:
        session.get_one(Shop, 1).name = "Fish & <Chips>"
    award(engine, "top_seller")
    switch(app)
    answer = app.test_client().get(f"{PICTURE}?lang={language}")
    assert answer.mimetype == "image/svg+xml"
    picture = ET.fromstring(answer.text)  # noqa: S314  # our own
    title, desc = picture[0], picture[1]
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-labelledby"] == f"{title.attrib['id']} {desc.attrib['id']}"
    assert "Fish & <Chips>" in (title.text or "")
    assert "412" in (desc.text or "")
    assert all(mark not in answer.text for mark in ("href", "url(", "style=", "<script", "@import"))
    withdraw(engine)
    gone = app.test_client().get(f"{PICTURE}?lang={language}").text
    assert {"en": "Badge withdrawn", "fr": "Badge retiré"}[language] in gone


def test_a_signed_text_is_valid_for_a_day_and_never_outlives_the_badge(
    app: Flask, engine: Engine, clock: Clock
) -> None:
    award(engine, "top_seller")
    switch(app)
    stranger = app.test_client()
    token = stranger.get(DOCUMENT).json["jws"]
    page = verify(stranger, token)
    assert "<h2 id=\"h-answer\">Valid" in page
    assert "/standards/ours/1" in page
    assert "17 April 2026 to 17 June 2026" in page
    clock.now = NOW + timedelta(hours=24)
    assert "<h2 id=\"h-answer\">Expired" in verify(stranger, token)
    withdraw(engine)
    clock.now = NOW
    page = verify(stranger, token)
    assert "<h2 id=\"h-answer\">Withdrawn" in page
    assert "no badge since 18 June 2026" in page


def test_what_we_did_not_sign_is_not_genuine(app: Flask, engine: Engine, tmp_path: Path) -> None:
    award(engine, "top_seller")
    switch(app)
    stranger = app.test_client()
    token = stranger.get(DOCUMENT).json["jws"]
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "base": 9999}).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    foreign = read_keys(Settings(data_dir=tmp_path / "elsewhere"), now=NOW)
    for wrong in (f"{head}.{forged}.{signature}", f"{unsigned}.{body}.", token[:-4], "hello", "a.b.c", "x" * 9_000,
                  f"{head}.{base64.urlsafe_b64encode(b'[]').decode()}.{signature}"):
        assert "Not genuine" in verify(stranger, wrong), wrong[:40]
    assert read_signed(token, foreign) is None


def test_a_link_is_checked_without_asking_any_other_site(app: Flask, engine: Engine) -> None:
    award(engine, "top_seller")
    switch(app)
    stranger = app.test_client()
    for link in (f"https://qos.example{DOCUMENT}", PICTURE, f"http://127.0.0.1:9{PICTURE}?lang=fr"):
        assert "<h2 id=\"h-answer\">Valid" in verify(stranger, link)
    assert "Not genuine" in verify(stranger, "https://qos.example/badges/halle-fr/nobody.json")


def test_the_operator_revokes_and_gives_back_with_a_reason(app: Flask, engine: Engine) -> None:
    award(engine, "top_seller")
    switch(app)
    admin, stranger = sign_in(app, "admin"), app.test_client()
    token = stranger.get(DOCUMENT).json["jws"]
    path = "/operator/badges/halle-fr/morvan-fr"
    post(admin, f"{path}/revoke", {"why": "  "})
    assert stranger.get(DOCUMENT).json["status"] == "valid"
    post(admin, f"{path}/revoke", {"why": "Shown for goods of another shop."})
    post(admin, f"{path}/revoke", {"why": "again"})
    assert stranger.get(DOCUMENT).json == {**stranger.get(DOCUMENT).json, "status": "revoked", "since": "2026-06-18"}
    assert "jws" not in stranger.get(DOCUMENT).json
    assert "<h2 id=\"h-answer\">Revoked" in verify(stranger, token)
    assert "Shown for goods of another shop." in sign_in(app, "seller_owner").get("/seller/badge").text
    assert "Shown for goods of another shop." in admin.get("/operator/badges").text
    post(admin, f"{path}/restore", {"why": "The goods are gone."})
    assert stranger.get(DOCUMENT).json["status"] == "valid"
    with reading(engine) as session:
        trail = session.execute(select(AuditRow.action, AuditRow.why).order_by(AuditRow.id)).all()
    assert [tuple(row) for row in trail] == [
        ("badge.switched_on", ""), ("badge.revoke", "Shown for goods of another shop."),
        ("badge.restore", "The goods are gone.")]


def test_sellers_show_their_own_badges_only_and_get_the_html(app: Flask, engine: Engine) -> None:
    seller = sign_in(app, "seller_owner")
    assert "can be shown once one is awarded" in seller.get("/seller/badge").text
    switch(app)  # there is none to show
    award(engine, "top_seller")
    assert app.test_client().get(DOCUMENT).status_code == 404
    switch(app)
    page = seller.get("/seller/badge").text
    assert "&lt;img src=&#34;http://127.0.0.1:8000/badges/halle-fr/morvan-fr.svg?lang=en" in page
    assert post(seller, "/seller/badge/lonja-es/bazar", {"show": "yes"}).status_code == 404
    assert sign_in(app, "seller_owner").get("/operator/badges").status_code == 404


def test_the_key_is_made_once_and_old_badges_survive_a_new_one(
    app: Flask, engine: Engine, site_settings: Settings
) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: read_keys(site_settings, now=NOW).keys[0].kid, range(8)))
    assert len(set(made)) == 1
    assert (site_settings.data_dir / FILE).stat().st_mode & 0o077 == 0
    award(engine, "top_seller")
    switch(app)
    stranger = app.test_client()
    old = stranger.get(DOCUMENT).json["jws"]
    context = Context(site_settings, engine, lambda: NOW + timedelta(days=1))
    said = CliRunner().invoke(main, ["badge", "rotate-key", "--json"], obj=context)
    kid = json.loads(said.stdout)["kid"]
    new = stranger.get(DOCUMENT).json["jws"]
    assert json.loads(base64.urlsafe_b64decode(new.split(".")[0] + "=="))["kid"] == kid != made[0]
    assert [key["kid"] for key in stranger.get("/.well-known/jwks.json").json["keys"]] == [kid, made[0]]
    for token in (old, new):
        assert "<h2 id=\"h-answer\">Valid" in verify(stranger, token)
